"""The report's page: it shows everything as text, needs no other file, and nothing in it can run."""

import base64
import hashlib
import html
import re
from collections import Counter
from html.parser import HTMLParser

import made_states
import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st
from made_report import FIGURES, made_report
from msgspec import structs

from masivo_stream.core.redact import printable
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.summary import KindSummary, NextStep
from masivo_stream.observe.dead_letter_rows import MOST_GROUPS
from masivo_stream.observe.report_page import draw_report

MARKUP = ["<script>alert(1)</script>.ndjson", "</style><img src=x onerror=alert(1)>", "'\"><b>&lt;", "{{ 7 * 7 }}"]


class Parsed(HTMLParser):
    """What a browser reads of a page: elements, attributes, text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = Counter(), [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def parsed(report=None):
    return Parsed(draw_report(report or made_report()))


def test_everything_is_shown():
    """What became of the records, why, where, who decided, from which files, with which settings."""
    text = " ".join(parsed().text.split())
    for words in (
        "Some batches are in doubt",
        "1,010 records read = 900 accepted + 70 dead + 20 skipped + 12 in doubt + 5 pending + 3 blank",
        "2,000 items read = 1,800 accepted + 100 dead + 60 skipped + 30 in doubt + 10 pending",
        "5 of at least 4, 1 more",
        "1 answered 429",
        "events.ndjson:7",
        "byte 4,211",
        "3f2a",
        "lines 3 to 14",
        "and 2 more",
        "2 of 3 confirmed",
        "balance mismatch",
        "9 rewards of customers · error",
        "events.ndjson:21, byte 5,013, with events.ndjson:22 and 1 more, reward events.ndjson: balance 10,",
        ": balance 10, transactions 12.5, difference 2.5",
        "and 6 more",
        "events.ndjson: 41 records, first at events.ndjson:98; the API knows balance[].amount",
        "and 1 more fields",
        "1,234.56-2001,034.561,034.5",
        "order value98,765.43",
        "first date2024-02-292024-02-29",
        "events.ndjson:9",
        "00c0ffee",
        "api.base_url",
        "0.1.0",
        "2026-01-01 00:00:00 UTC to 2026-01-01 00:01:05 UTC",
        "1 min 5 s",
    ):
        assert words in text, words


def test_dead_letters_are_in_groups():
    """A row for each of the largest ones, what to do about each reason once, and what is in no group."""
    fields = {"kind": "events", "reason": "wrong_type", "cause": "found a string", "records": 3, "remedy": "write it"}
    listed = tuple(
        FaultGroup(**fields, field="metrics" + ".lifetime" * n, file="e.ndjson", line=n, offset=n)
        for n in range(MOST_GROUPS + 4)
    )
    groups = FaultGroups(listed=listed, left_out=7, dead_letters={"events": 50})
    page = parsed(made_report(fault_groups=groups))
    text = " ".join(page.text.split())
    assert text.count("found a string wrong type") == MOST_GROUPS
    assert page.elements["table"] == parsed().elements["table"]
    assert "and 11 more groups, see report.json" in text
    assert "20 events are in no group" in text
    assert text.count("write it") == 1
    assert "customers.ndjson:7, byte 4,211" in text
    assert "events.ndjson:7" not in text


def test_reasons_are_rows_of_the_same_table_without_groups():
    """A run whose dead letters are all deleted from their file: a row for each reason, with what is known of it."""
    page = parsed(made_report(fault_groups=FaultGroups()))
    text = " ".join(page.text.split())
    for kind in ("events", "customers"):
        assert f"{kind}60idmissing field{kind}.ndjson:7, byte 4,211" in text
    assert page.elements["table"] == parsed().elements["table"]


def test_the_page_needs_nothing_else():
    """No script, no image, no fetched address, nothing inline that its policy forbids."""
    page = draw_report(made_report())
    found = Parsed(page)
    assert not set(found.elements) & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "a"}
    assert not [name for name, _ in found.attributes if name in {"src", "href", "style"} or name.startswith("on")]
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_the_policy_allows_only_the_style_of_the_page():
    """By the hash of the exact text between the tags."""
    page = draw_report(made_report())
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(value for name, value in Parsed(page).attributes if name == "content" and "default-src" in value)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("word", [*MARKUP, *HOSTILE])
def test_text_from_outside_stays_text(word):
    """They make no element and are shown unchanged; text that a terminal or a browser would obey is escaped."""
    found, harmless = parsed(made_report(word)), parsed()
    assert found.elements == harmless.elements
    assert Counter(name for name, _ in found.attributes) == Counter(name for name, _ in harmless.attributes)
    assert printable(word) in found.text
    assert printable(found.text.replace("\n", "")) == found.text.replace("\n", "")


def test_a_command_is_copied_as_it_is():
    """Its flags stay whole at the end of a line, and nothing is added to it."""
    command = "masivo-stream retry --state-dir 'a  --b' --drain-time 0.0"
    page = draw_report(made_report(next_steps=(NextStep(text="send", command=command),)))
    (shown,) = re.findall(r'<code class="command">(.*?)</code>', page)
    assert html.unescape(re.sub(r"<.*?>", "", shown)) == command
    assert shown.count("<span>") == 4


def test_an_empty_run_has_a_page():
    """Of a run that was stopped before it read anything."""
    empty = {"kinds": {}, "times": {}, "time_line": {}, "examples": (), "inputs": (), "doubts": (), "decisions": ()}
    assert "Stopped" in parsed(made_report(outcome="stopped", next_steps=(), **empty)).text
    assert parsed(made_report(kinds={"customers": KindSummary()}, time_line={}, times={})).elements["table"]


def test_an_interrupted_run_says_first_how_much_is_done():
    """The share, and what was not read yet as a row of its own, also of a kind that was not begun."""
    report = made_states.REPORTS["interrupted"]
    text = " ".join(parsed(report).text.split())
    assert "38 % done: interrupted Of about 2,123,600 records, about 1,311,600 not read yet, 3,000 pending" in text
    assert "not read yet, about0851,600460,0001,311,600" in text
    assert 'class="good"' not in draw_report(report)
    done = draw_report(made_states.REPORTS["done"])
    assert "% done" not in done
    assert '<b class="good">The figures add up' in done
    assert "not read yet" not in done
    assert "What you can do" in done
    text = text[text.index("migration report,") :]
    assert text.index("account 4f2a9c1e") < text.index("38 %") < text.index("What you must do")


def test_figures_that_do_not_add_up_are_obvious():
    """The page says that this is a bug."""
    assert "The figures do not add up" in parsed(made_report(closes=False)).text
    assert "The figures add up" in parsed().text


def test_a_run_at_work_is_not_called_interrupted():
    """The working process is named."""
    text = parsed(made_report(outcome="interrupted", owner="process 7 on host")).text
    assert "Run under way" in text
    assert "process 7 on host" in text


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_any_figures_make_a_page(requests, bound):
    """Bars stay within their frame."""
    figures = structs.replace(FIGURES, requests=requests, requests_lower_bound=bound)
    page = draw_report(made_report(kinds={"events": figures}, time_line={}))
    assert all(0 <= float(width) <= 100 for width in re.findall(r'<rect[^>]* width="([^"]+)" height="1"', page))
