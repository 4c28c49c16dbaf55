"""Tables for people: the figures that matter, and no foreign word that a terminal would obey."""

import io

import pytest
from rich.console import Console

from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.observe.tables import MOST_REASONS, print_summary

HOSTILE = "x\n[bold]no markup[/bold] \x1b[31m\x1b]8;;http://evil\x07 \x9b1m \u202e\u2066 \x08 \r"


def summary(**changes):
    fields = {"outcome": "complete", "exit_code": 0, "kinds": {"events": KindSummary()}, "closes": True}
    return Summary(**(fields | changes))


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
