"""The progress and the tables of a fleet: what comes first, what is hidden, and that text from outside stays text."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.fleet import AccountResult, fail, join
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot, describe_fleet
from masivo_stream.model.snapshot import RunWarning
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.fleet_progress import FleetProgress, draw_fleet
from masivo_stream.observe.fleet_table import print_fleet

ROWS = (
    AccountRow(name="done", state="complete", ended=True, exit_code=0, accepted=9, requests=1, requests_needed=1),
    AccountRow(name="busy", state="events: next slot", accepted=2000, requests=2, requests_needed=40),
    AccountRow(name="ill", state="events: waits", accepted=1, in_doubt=7, attention="7 in \x1b[31mdoubt"),
)
FLEET = FleetSnapshot(version="1", began=0.0, now=100.0, accounts=ROWS, ends_at=400.0)


def console(width=80):
    return Console(file=io.StringIO(), width=width, height=20, force_terminal=False)


pytestmark = pytest.mark.usefixtures("central_european_time")


def lines_of(shown, **options):
    told = console(**options)
    told.print(shown)
    return [line.rstrip() for line in told.file.getvalue().splitlines()]


def test_accounts_that_need_a_person_come_first():
    """Then those at work, then those that have ended."""
    lines = lines_of(draw_fleet(FLEET, lines=20))
    names = [line.split()[0] for line in lines if line and line.split()[0] in {"done", "busy", "ill"}]
    assert names == ["ill", "busy", "done"]
    assert lines[-1] == "1 of 3 accounts have ended"
    assert "\x1b" not in "".join(lines)


def row(name, **fields):
    return AccountRow(name=name, state="customers: next slot", **fields)


def fleet(*rows, now=1_700_000_000.0):
    return describe_fleet(rows, version="1", began=now - 60, now=now)


def test_the_first_line_says_how_far_and_until_when():
    """For the whole fleet, and which account ends last; about, if one of them is estimated."""
    rows = (
        row("a", share=0.5, read=100, unread=100, ends_at=1_700_000_050.0),
        row("b", share=0.0, read=0, unread=200, ends_at=1_700_003_600.0, about=True),
        row("c", share=1.0, read=400, unread=0, ended=True, exit_code=0),
    )
    assert lines_of(draw_fleet(fleet(*rows), lines=20))[1:6] == [
        "62 % done, about 1 h 0 min left, until Wed 15 Nov 00:13:20 CET (b ends last)",
        "account   done       left  accepted",
        "a         50 %     50.0 s         0  customers: next slot",
        "b          0 %  1 h 0 min         0  customers: next slot",
        "c        100 %                    0  customers: next slot",
    ]


def test_the_answer_is_whole_on_a_narrow_terminal():
    """It is what a person looks for first."""
    rows = (row("north", share=0.5, read=100, unread=100, ends_at=1_700_000_050.0, about=True), row("new"))
    shown = lines_of(draw_fleet(fleet(*rows), lines=20, width=44), width=44)
    words = "50 % of what has begun is done, 1 account: about 50.0 s left, until 23:14:10 CET"
    assert " ".join(shown[1:3]) == words


def test_accounts_without_an_end_are_named_by_the_reason():
    """The others have theirs; what has not begun is not counted as done."""
    away = "no finishing time while the API does not answer"
    rows = [row(f"a{number}", share=0.1, read=10, unread=90, no_end=away) for number in range(7)]
    rows += [row("busy", share=0.1, read=10, unread=90, ends_at=1_700_000_010.0), row("new", no_end="not begun")]
    rows += [row("still", share=0.1, read=1, unread=9, no_end="paused", paused=True, command="masivo-stream resume s")]
    lines = lines_of(draw_fleet(fleet(*rows), lines=30))
    assert lines[1] == "10 % of what has begun is done, 1 account: 10.0 s left, until 23:13:30 CET"
    assert lines[2:4] == [f"a0, a1 and 5 more: {away}", "new: not begun"]
    assert lines[4:6] == ["still: customers: next slot", "  masivo-stream resume s"]


def test_a_cause_that_several_accounts_have_is_one_line():
    """With the next try of the first of them."""
    lasting = [
        RunWarning(first_at=1_700_000_000.0, at=1_700_000_000.0 + number, event="batch_waits", times=number + 1,
                   text="customers: refused", again_at=1_700_000_020.0 + number)
        for number in range(3)
    ]  # fmt: skip
    other = RunWarning(first_at=1.0, at=1_699_999_999.0, event="quota", text="slow")
    rows = [row(f"a{number}", warnings=(each,)) for number, each in enumerate(lasting)]
    shown = lines_of(draw_fleet(fleet(*rows, row("b", warnings=(other,))), lines=30))
    assert shown[-3:-1] == [
        "23:13:19 CET b: slow",
        "23:13:22 CET a0, a1 and a2: customers: refused, again in 20.0 s, 3rd time",
    ]


NAMES_OF_ROWS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=70)
MADE = st.builds(
    AccountRow,
    name=NAMES_OF_ROWS,
    state=NAMES_OF_ROWS,
    ended=st.booleans(),
    accepted=st.integers(0, 10**12),
    dead=st.integers(0, 10**7),
    in_doubt=st.integers(0, 10**7),
    read=st.integers(0, 10**9),
    unread=st.none() | st.integers(0, 10**9),
    share=st.none() | st.floats(0, 1),
    ends_at=st.none() | st.floats(1_700_000_000, 1_900_000_000),
    attention=st.just("") | NAMES_OF_ROWS,
    command=st.just("") | NAMES_OF_ROWS,
    no_end=st.sampled_from(["", "paused", "not begun", "x" * 90]),
)


@given(st.lists(MADE, min_size=1, max_size=20), st.integers(40, 130), st.integers(8, 50))
def test_it_fits_the_terminal(rows, width, lines):
    """Whatever the names and figures: no line is wrapped or too many, and each account is shown or counted."""
    shown = lines_of(draw_fleet(fleet(*rows), lines=lines, width=width), width=width)
    assert len(shown) <= lines
    assert max(map(cell_len, shown)) <= width
    assert shown[-1].startswith(f"{sum(each.ended for each in rows)} of {len(rows)} account")


@given(st.lists(MADE, max_size=9))
def test_a_fleet_is_done_only_if_every_account_is(rows):
    """A share of 1 means that; an end means that all accounts at work have one."""
    found = fleet(*rows)
    known = [each.share for each in rows if each.share is not None]
    assert (found.share == 1) == (bool(known) and all(share == 1 for share in known))
    at_work = [each.ends_at for each in rows if not each.ended]
    assert found.ends_at == (None if None in at_work or not at_work else max(at_work))


def test_what_does_not_fit_is_counted():
    """The terminal's lines are never exceeded."""
    many = FleetSnapshot(version="1", began=0.0, now=0.0, accounts=ROWS * 20)
    lines = lines_of(draw_fleet(many, lines=12))
    assert len(lines) <= 12
    assert "52 more accounts are not shown" in lines[-1]


def test_the_progress_is_removed_at_the_end():
    """It asks for a snapshot when it draws."""
    told, asked = Console(file=io.StringIO(), width=80, height=20, force_terminal=True), []

    def snapshot():
        asked.append(1)
        return FLEET

    with FleetProgress(told, snapshot):
        pass
    assert asked
    assert "accounts have ended" in told.file.getvalue()


def summary(outcome, code, **more):
    kinds = {"events": KindSummary(read=4, accepted=3, dead=1, requests=2)}
    return Summary(outcome=outcome, exit_code=code, kinds=kinds, closes=True, **more)


def test_a_table_has_totals_and_the_steps_of_those_that_need_one():
    """A complete account needs no further word; the steps of the others are below their name."""
    step = NextStep(text="correct it", command="masivo-stream retry --fleet f.toml:ill")
    wrong = ConfigurationError("no key \x1b[31m", operation="read", place="f.toml", hint="set it")
    fleet = join([
        AccountResult(name="well", exit_code=0, summary=summary("complete", 0)),
        AccountResult(name="ill", exit_code=3, summary=summary("dead_letters", 3, next_steps=(step,))),
        fail("new", wrong, command="masivo-stream fleet migrate f.toml --only new"),
    ])  # fmt: skip
    told = console()
    print_fleet(told, fleet)
    text = told.file.getvalue()
    assert "exit code 2" in text
    assert ["all", "6", "2", "0", "0", "4", "exit", "code", "2"] in [line.split() for line in text.splitlines()]
    assert "well:" not in text
    assert "ill: complete, but some records are dead letters\nnext: correct it\n  masivo-stream retry" in text
    assert "next: f.toml: set it\n  masivo-stream fleet migrate f.toml --only new" in text
    assert "\x1b" not in text
