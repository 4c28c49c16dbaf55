"""Tables for people: the important figures, and no text from outside that a terminal would obey."""

import io

import msgspec
import pytest
from rich.console import Console

from masivo_stream.model.contract import Kind
from masivo_stream.model.examples import Example
from masivo_stream.model.findings import (
    MEANINGS,
    CheckName,
    CheckResult,
    ExportChecks,
    ExportFinding,
    FileTotals,
    severity,
    unit_of,
)
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.snapshot import KindSnapshot, RunSnapshot, Wait
from masivo_stream.model.status import Status
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.summary_table import MOST_REASONS, describe_end, print_summary

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
    """One line per figure, in the order of the closing equation."""
    figures = KindSummary(read=1000, accepted=900, dead=40, skipped=30, in_doubt=20, pending=7, blank=3)
    text = shown(print_summary, summary(kinds={"customers": figures, "events": KindSummary(read=5, accepted=5)}))
    found = rows(text)
    assert found[0] == ["customers", "events", "total"]
    assert found[2:9] == [
        ["records", "read", "1,000", "5", "1,005"],
        ["=", "accepted", "900", "5", "905"],
        ["+", "dead", "40", "0", "40"],
        ["+", "skipped", "30", "0", "30"],
        ["+", "in", "doubt", "20", "0", "20"],
        ["+", "pending", "7", "0", "7"],
        ["+", "blank", "3", "0", "3"],
    ]
    terms = "905 accepted + 40 dead + 30 skipped + 20 in doubt + 7 pending + 3 blank"
    assert f"adds up: 1,005 records read = {terms}" in shown(
        print_summary, summary(kinds={"customers": figures, "events": KindSummary(read=5, accepted=5)}), width=200
    )


def test_figures_that_do_not_add_up_are_obvious():
    """A person must never overlook this."""
    assert "DOES NOT ADD UP: 0 records read" in shown(print_summary, summary(closes=False))


def test_requests_are_shown_if_there_were_any():
    """With the least number that was needed."""
    figures = KindSummary(
        items_accepted=1_500, requests=3, requests_lower_bound=2, throttled=1, bytes_sent=2_340_000, seconds=65.0
    )
    found = rows(shown(print_summary, summary(kinds={"events": figures})))
    for row in (
        ["requests", "3"],
        ["at", "least", "2"],
        ["429s", "1"],
        ["MB", "sent", "2.3"],
        ["time", "1", "min", "5", "s"],
    ):
        assert row in found
    assert "requests" not in shown(print_summary, summary())


def test_reasons_come_with_their_remedies():
    """The most frequent first; a few are shown, and the number of the others."""
    counts = {reason.value: count for count, reason in enumerate(list(Reason)[: MOST_REASONS + 2], start=1)}
    figures = KindSummary(reasons=counts, skip_reasons={"deleted_customer": 1234})
    text = shown(print_summary, summary(kinds={"events": figures}), width=200)
    told = [line for line in text.splitlines() if " dead letters (" in line]
    most = sorted(counts, key=counts.__getitem__, reverse=True)[:MOST_REASONS]
    assert told == [f"events: {counts[name]} dead letters ({name}): {REMEDIES[Reason(name)]}" for name in most]
    assert "events: and 2 more reasons, see --json" in text
    assert "events: 1,234 skipped (deleted_customer)" in text


def test_every_reason_has_a_remedy():
    """Every reason can be shown in the summary."""
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
def test_the_end_of_the_run_is_described(outcome, words):
    """With the message and the hint, if any."""
    message = "the API says no" if outcome == "stopped" else ""
    found = summary(outcome=outcome, message=message, kinds={"events": KindSummary(read=1, accepted=1)})
    lines = shown(print_summary, msgspec.structs.replace(found, hint="ask again")).splitlines()
    assert lines[-2:] == [words, "  hint: ask again"]
    assert shown(print_summary, found).splitlines()[-1] == words


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({}, "there is no record"),
        ({"read": 3, "blank": 3}, "there is no record"),
        ({"read": 3, "dead": 3}, "every record is a dead letter"),
        ({"read": 3, "skipped": 3}, "every record is skipped"),
        ({"read": 3, "dead": 1, "skipped": 1, "blank": 1}, "every record is a dead letter or skipped"),
    ],
)
def test_an_end_without_an_accepted_record_is_described(figures, words):
    """A dry run sends nothing, and a run may have nothing to send: neither says that records are accepted."""
    outcome = "dead_letters" if "dead" in figures else "complete"
    for target, done in (("", "validated, nothing to send"), ("http://a", "complete, nothing sent")):
        found = summary(outcome=outcome, target=target, kinds={"events": KindSummary(**figures)})
        assert describe_end(found) == f"{done}: {words}"


@pytest.mark.parametrize("width", [80, 120])
def test_the_largest_figures_fit_the_width(width):
    """No line is wider, no figure is cut, and no line ends with blanks."""
    most = KindSummary(
        read=987_654_321,
        accepted=987_000_000,
        dead=654_321,
        requests=987_654,
        seconds=1e6,
        reasons={"missing_field": 9},
    )
    example = Example(
        kind="transactions",
        reason="missing_field",
        letters=9,
        file="exports/" + "x" * 70,
        line=123_456_789,
        offset=123_456_789_012,
        field="transactions[999].issued_at",
        remedy="add the field",
    )
    kinds = dict.fromkeys(("customers", "events", "transactions"), most)
    text = shown(print_summary, summary(kinds=kinds, examples=(example,)), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("987,654,321") >= 3
    assert "2,962,962,963" in text
    assert all(line == line.rstrip() for line in text.splitlines() if not line.startswith(" " * 14))


def test_a_reason_comes_with_a_place():
    """File, line, byte and field, under the reason; unknown ones are left out."""
    figures = KindSummary(reasons={"missing_field": 2, "refused": 1})
    example = Example(kind="events", reason="missing_field", letters=2, file="e.ndjson", line=7, remedy="add the field")
    whole = msgspec.structs.replace(example, offset=4_211, field="events[0].type")
    assert "for example e.ndjson:7\n" in shown(print_summary, summary(kinds={"events": figures}, examples=(example,)))
    text = shown(print_summary, summary(kinds={"events": figures}, examples=(whole,)))
    assert "for example e.ndjson:7, byte 4,211, events[0].type\n" in text
    assert text.count("for example") == 1


def test_a_run_shows_sent_records_that_may_be_wrong():
    """What it has held back is among the dead letters already. A validation shows all findings."""
    first = (ExportFinding(file="c.ndjson", line=7, offset=0),)
    results = tuple(
        CheckResult(check=check, severity=severity(check, "auto"), count=2, meaning=MEANINGS[check], first=first)
        for check in (CheckName.BALANCE_MISMATCH, CheckName.CUSTOMER_DELETED, CheckName.EMAIL_CASE)
    )
    totals = (FileTotals(kind="customers", file="c.ndjson", records=9, items=9),)
    checks = ExportChecks(results=results, totals=totals)
    of_run = shown(print_summary, summary(target="https://a.test", checks=checks))
    assert "2 email_case" in of_run
    assert "c.ndjson:7" in of_run
    assert not [word for word in ("balance_mismatch", "customer_deleted", "totals") if word in of_run]
    left = shown(print_summary, summary(target="https://a.test", checks=checks, unread={"events": 5}))
    assert "found before anything was sent" in left
    assert "error: 2 balance_mismatch" in left
    validated = shown(print_summary, summary(checks=checks))
    assert all(word in validated for word in ("2 balance_mismatch", "2 customer_deleted", "2 email_case"))


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("balance_mismatch", "2 balance_mismatch (counted in rewards of customers): "),
        ("no_transactions", "2 no_transactions (counted in rewards of customers): "),
        ("duplicate_event", "2 duplicate_event (counted in events): "),
        ("purchase_sent_before", "2 purchase_sent_before (counted in events): "),
        ("unknown_customer", "2 unknown_customer: "),
        ("future_date", "2 future_date: "),
    ],
)
def test_a_number_has_its_unit_unless_it_counts_records(check, words):
    """Beside it is a number of dead letters, which are records."""
    check = CheckName(check)
    first = (ExportFinding(file="c.ndjson", line=7, offset=0),)
    found = CheckResult(
        check=check, severity="error", count=2, unit=unit_of(check), meaning=MEANINGS[check], first=first
    )
    assert words in shown(print_summary, summary(checks=ExportChecks(results=(found,))), width=200)


def test_the_next_command_is_on_one_line():
    """On any width, since a person will paste it."""
    command = f"masivo-stream retry --state-dir {'x' * 200}"
    text = shown(
        print_summary, summary(next_steps=(NextStep(text="go on", command=command),), report="r.html"), width=80
    )
    assert "next: go on\n" in text
    assert f"\n  {command}\n" in text
    assert text.endswith("\nreport: r.html\n")


def test_a_warning_is_shown():
    """A problem beside the run."""
    assert "warning: no report" in shown(print_summary, summary(warnings=("no report",)))


def test_a_run_at_work_is_not_called_interrupted():
    """`status` shows it like any other run."""
    text = shown(print_summary, summary(outcome="interrupted", exit_code=0, message="at work: process 7 on host"))
    assert text.splitlines()[-1] == "at work: process 7 on host"


def harmless(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("field", ["message", "hint", "report"])
def test_a_servers_words_cannot_reach_the_terminal(terminal, field):
    """No markup, no escape, no second line; they are shown escaped."""
    text = shown(print_summary, summary(outcome="stopped", **{field: HOSTILE}), terminal=terminal, width=400)
    plain = shown(print_summary, summary(outcome="stopped", **{field: "x"}), terminal=terminal, width=400)
    assert len(text.splitlines()) == len(plain.splitlines())
    assert "x\\u000a[bold]no markup[/bold] \\u001b[31m" in text
    assert text.count("\x1b") == plain.count("\x1b")
    assert terminal or harmless(text)


EARLY = KindSummary(read=400, accepted=380, pending=10, in_doubt=10)


def test_a_run_that_has_not_ended_says_first_how_far_it_is():
    """In percent, and in records: what was not read yet is a row of its own, also of a kind that was not begun."""
    found = summary(
        outcome="interrupted",
        kinds={"customers": EARLY},
        target="https://a.test",
        share=0.38,
        unread={"customers": 100, "events": 500},
    )
    lines = shown(print_summary, found).splitlines()
    assert lines[0] == "38 % done; of about 1,000 records, about 600 not read yet, 10 pending and 10 in doubt"
    assert ["not", "read", "yet", "about", "100", "about", "500", "about", "600"] in [line.split() for line in lines]
    exact = msgspec.structs.replace(found, unread_exact=True)
    lines = shown(print_summary, exact).splitlines()
    assert lines[0] == "38 % done; of 1,000 records, 600 not read yet, 10 pending and 10 in doubt"


@pytest.mark.parametrize("changes", [{"target": ""}, {"share": None}, {"share": 1.0}])
def test_a_run_that_has_ended_says_nothing_of_that(changes):
    """Nor does a dry run, which sends nothing, nor one of which nothing is known."""
    found = summary(kinds={"customers": KindSummary(read=1, accepted=1)}, **({"target": "x", "share": 0.5} | changes))
    assert "% done" not in shown(print_summary, found)


@pytest.mark.parametrize(("figures", "green"), [(KindSummary(read=1, accepted=1), True), (EARLY, False)])
def test_figures_are_green_only_if_everything_has_its_outcome(figures, green):
    """Figures that add up are no success yet."""
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    print_summary(console, summary(kinds={"customers": figures}))
    line = next(line for line in console.file.getvalue().splitlines() if "adds up" in line)
    assert ("\x1b[32m" in line) is green


@pytest.mark.parametrize(
    ("age", "left", "slot", "since"),
    [
        (0.0, "10 min 0 s", "3.0 s", ""),
        (2.0, "9 min 58 s", "1.0 s", ""),
        (14.0, "9 min 46 s", "0.0 s", ""),
        (40.0, "10 min 0 s", "3.0 s", ", 40.0 s ago"),
    ],
)
def test_status_shows_what_a_run_at_work_shows(age, left, slot, since):
    """At the moment of the question, if the run is alive; figures are those of the journal, which are later."""
    phase = KindSnapshot(kind=Kind.CUSTOMERS, state="working", unread=900, exact=True)
    run = RunSnapshot(
        version="1",
        began=0.0,
        now=1_700_000_000.0,
        phases=(phase,),
        ends_at=1_700_000_600.0,
        share=0.1,
        unread=900,
        about=True,
        wait=Wait(what="slot", until=1_700_000_003.0, text="next slot"),
    )
    fields = {"outcome": "interrupted", "exit_code": 0, "closes": True, "target": "x", "owner": "process 1 on host"}
    figures = {"kinds": {"customers": EARLY}, "share": 0.38, "unread": {"customers": 600}}
    found = Status(**fields, **figures, run=run, asked_at=run.now + age)
    lines = shown(print_summary, found).splitlines()
    assert lines[0].startswith(f"38 % done, about {left} left, until ")
    assert lines[1] == "not read yet  600 records, 60 %"
    assert lines[2].startswith("as of ")
    assert lines[2].endswith(f"{since}: next slot in {slot}")
    assert (" ago" in lines[2]) is bool(since)


def test_what_waits_for_a_person_is_at_the_top_and_its_command_at_the_end():
    """The last lines are what is seen of a long summary; a warning does not come after them."""
    step = NextStep(text="decide", command="masivo-stream resolve")
    figures = KindSummary(in_doubt=1)
    found = summary(kinds={"events": figures}, target="x", next_steps=(step,), warnings=("odd",))
    lines = shown(print_summary, found).splitlines()
    assert lines[0] == "to do: 1 in doubt"
    assert lines[-4] == "warning: odd"
    assert lines[-2:] == ["next: decide", "  masivo-stream resolve"]
    assert "to do" not in shown(print_summary, msgspec.structs.replace(found, target=""))


def test_status_of_a_run_at_work_has_the_commands_for_later():
    """They are the run's own, with its flags."""
    phase = KindSnapshot(kind=Kind.EVENTS, state="working", figures=KindSummary(read=2, dead=2))
    steps = (NextStep(text="correct", command="masivo-stream retry --state-dir s"),)
    run = RunSnapshot(version="1", began=0.0, now=1_700_000_000.0, phases=(phase,), to_do=steps)
    fields = {"outcome": "interrupted", "exit_code": 0, "closes": True, "target": "x", "kinds": {}}
    lines = shown(print_summary, Status(**fields, run=run)).splitlines()
    at = lines.index("to do when the run has ended: 2 dead letters")
    assert lines[at + 1] == "  masivo-stream retry --state-dir s"
