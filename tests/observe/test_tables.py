"""Tables for people: the figures that matter, and no foreign word that a terminal would obey."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from masivo_stream.model.plan import KindPlan, Plan
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.observe.tables import MOST_REASONS, duration, print_plan, print_summary

HOSTILE = "x\n[bold]no markup[/bold] \x1b[31m\x1b]8;;http://evil\x07 \x9b1m \u202e\u2066 \x08 \r"


def summary(**changes):
    fields = {"outcome": "complete", "exit_code": 0, "kinds": {"events": KindSummary()}, "closes": True}
    return Summary(**(fields | changes))


def plan(**changes):
    fields = {
        "summary": summary(),
        "kinds": {"events": KindPlan(records=1_234, items=10_000_000, requests=10_000, requests_lower_bound=9_999)},
        "requests": 10_000,
        "seconds": {"prod": 49_995.0, "dev": 143_980.0},
        "finished_at": datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
        "warnings": [],
    }
    return Plan(**(fields | changes))


def shown(printer, value, *, terminal=False, width=120):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False, color_system=None)
    printer(console, value)
    return console.file.getvalue()


def rows(text):
    """Return the cells of each line."""
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_every_record_is_accounted_for():
    """One line a kind, in the order of the closing equation."""
    figures = KindSummary(read=1000, accepted=900, dead=40, skipped=30, in_doubt=20, pending=7, blank=3)
    text = shown(print_summary, summary(kinds={"customers": figures, "events": KindSummary()}))
    assert ["customers", "1,000", "900", "40", "30", "20", "7", "3"] in rows(text)
    assert ["events", *["0"] * 7] in rows(text)
    assert "read = accepted + dead + skipped + in doubt + pending + blank: closes" in text


def test_figures_that_do_not_close_are_told_loudly():
    """It is the one thing that must never be overlooked."""
    assert "blank: DOES NOT CLOSE" in shown(print_summary, summary(closes=False))


def test_requests_are_told_where_there_were_any():
    """Beside the least that would have been needed."""
    figures = KindSummary(
        items_accepted=1_500, requests=3, requests_lower_bound=2, throttled=1, bytes_sent=2_340_000, seconds=65.0
    )
    text = shown(print_summary, summary(kinds={"events": figures}))
    assert ["events", "1,500", "3", "2", "1", "2.3", "1", "min", "5", "s"] in rows(text)
    assert "requests" not in shown(print_summary, summary())


def test_reasons_come_with_their_remedies():
    """The most frequent first, a few of them, and how many more."""
    counts = {reason.value: count for count, reason in enumerate(list(Reason)[: MOST_REASONS + 2], start=1)}
    figures = KindSummary(reasons=counts, skip_reasons={"deleted_customer": 1234})
    text = shown(print_summary, summary(kinds={"events": figures}), width=200)
    told = [line for line in text.splitlines() if " dead by " in line]
    most = sorted(counts, key=counts.__getitem__, reverse=True)[:MOST_REASONS]
    assert told == [f"events: {counts[name]} dead by {name}: {REMEDIES[Reason(name)]}" for name in most]
    assert "events: and 2 more reasons, see the dead-letter file" in text
    assert "events: 1,234 skipped as deleted_customer" in text


def test_every_reason_has_a_remedy():
    """None of them breaks the summary."""
    figures = KindSummary(reasons={reason.value: 1 for reason in Reason})
    assert shown(print_summary, summary(kinds={"events": figures}))
    assert set(REMEDIES) == set(Reason)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("complete", "complete: every record is accepted or skipped"),
        ("dead_letters", "complete, but some records are dead letters"),
        ("in_doubt", "some batches are in doubt: they may or may not have arrived"),
        ("interrupted", "interrupted"),
        ("stopped", "stopped: the API says no"),
    ],
)
def test_the_end_is_told_in_words(outcome, words):
    """With the message and the hint, where there are any."""
    message = "the API says no" if outcome == "stopped" else ""
    lines = shown(print_summary, summary(outcome=outcome, message=message, hint="ask again")).splitlines()
    assert lines[-2:] == [words, "  hint: ask again"]
    assert shown(print_summary, summary(outcome=outcome, message=message)).splitlines()[-1] == words


def harmless(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("field", ["message", "hint"])
def test_a_servers_words_cannot_reach_the_terminal(terminal, field):
    """No markup, no escape, no second line; they are shown as they are, escaped."""
    text = shown(print_summary, summary(outcome="stopped", **{field: HOSTILE}), terminal=terminal, width=400)
    plain = shown(print_summary, summary(outcome="stopped", **{field: "x"}), terminal=terminal, width=400)
    assert len(text.splitlines()) == len(plain.splitlines())
    assert "x\\u000a[bold]no markup[/bold] \\u001b[31m" in text
    assert text.count("\x1b") == plain.count("\x1b")
    assert terminal or harmless(text)


def test_a_plan_tells_requests_and_times():
    """Per kind and per account, and when it would be done."""
    text = shown(print_plan, plan())
    assert ["events", "1,234", "10,000,000", "10,000", "9,999"] in rows(text)
    assert "at the prod limits: 13 h 53 min" in text
    assert "at the dev limits: 1 day 15 h" in text
    assert "begun now, done at 2024-05-01 12:30 UTC at the configured limits" in text
    assert "warning" not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_plans_warning_cannot_reach_the_terminal(terminal):
    """Whatever it quotes."""
    text = shown(print_plan, plan(warnings=[HOSTILE, "second"]), terminal=terminal, width=400)
    assert "warning: x\\u000a[bold]no markup[/bold] \\u001b[31m" in text
    assert "warning: second" in text
    assert text.count("\x1b") == shown(print_plan, plan(), terminal=terminal, width=400).count("\x1b")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 s"),
        (0.4249, "0.42 s"),
        (59.994, "59.99 s"),
        (59.999, "1 min 0 s"),
        (60.0, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (49_995.0, "13 h 53 min"),
        (86_399.6, "1 day 0 h"),
        (90_000.0, "1 day 1 h"),
        (187_200.0, "2 days 4 h"),
    ],
)
def test_a_duration_is_written_for_people(seconds, words):
    """In the two largest units that matter."""
    assert duration(seconds) == words
