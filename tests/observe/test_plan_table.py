"""The plan for people: its figures, its times, its warnings, and no text from outside that a terminal would obey."""

import io
from datetime import UTC, datetime

import pytest
from msgspec import structs
from rich.console import Console

from masivo_stream.model.contract import Kind
from masivo_stream.model.fault_groups import FaultGroup, FaultGroups
from masivo_stream.model.plan import CanaryCost, DeadReason, KindPlan, Plan, PlannedCanary, QuotaLeft, WindowLeft
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.observe.plan_table import print_plan

HOSTILE = "x\n[bold]no markup[/bold] \x1b[31m\x1b]8;;http://evil\x07 \x9b1m \u202e\u2066 \x08 \r"
SECONDS = {"configured": 60.0, "prod": 49_995.0, "dev": 143_980.0}
TIMES = ["1", "min", "0", "s", "13", "h", "53", "min", "1", "day", "15", "h"]
WHEN = datetime(2024, 5, 2, 12, 30, tzinfo=UTC)


def kind(**changes):
    fields = {"records": 1_234, "items": 10_000_000, "requests": 10_000, "requests_lower_bound": 9_999}
    return KindPlan(**(fields | {"seconds": SECONDS, "finished_at": WHEN} | changes))


def dead(**changes):
    fields = {"reason": "missing_field", "records": 7, "file": "events.ndjson", "line": 17, "field": "events[3].type"}
    return DeadReason(**(fields | {"message": "required", "remedy": "add the field"} | changes))


def plan(kinds=None, **changes):
    kinds = kinds or {"events": kind()}
    figures = {name: KindSummary(read=1_300, dead=60, skipped=5, blank=1, pending=1_234) for name in kinds}
    fields = {
        "summary": Summary(outcome="dead_letters", exit_code=3, kinds=figures, closes=True, hint="mend them"),
        "kinds": kinds,
        "records": sum(each.records for each in kinds.values()),
        "items": sum(each.items for each in kinds.values()),
        "requests": sum(each.requests for each in kinds.values()),
        "requests_lower_bound": sum(each.requests_lower_bound for each in kinds.values()),
        "seconds": SECONDS,
        "windows": {"configured": ["1/5s"], "prod": ["1/5s", "1000/h"], "dev": ["1/5s", "250/h", "1000/d all"]},
        "quota": QuotaLeft(known=False),
        "starts_at": datetime(2024, 5, 1, 12, 30, tzinfo=UTC),
        "finished_at": WHEN,
        "warnings": [],
    }
    return Plan(**(fields | changes))


def shown(value, *, terminal=False, width=120):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, highlight=False, color_system=None)
    print_plan(console, value)
    return console.file.getvalue()


def rows(text):
    """Return the cells of each line."""
    return [line.replace("│", " ").split() for line in text.splitlines()]


def test_the_table_shows_records_requests_and_times():
    """Per kind, for three accounts, and when the migration would end."""
    text = shown(plan())
    assert ["events", "1,300", "5", "60", "1,234", "10,000,000"] in rows(text)
    assert ["events", "10,000", "9,999", *TIMES] in rows(text)
    assert "development: 1/5s, 250/h, 1000/d (all calls)" in text
    assert "first request: 2024-05-01 12:30 UTC, if the migration starts now" in text
    assert "last request: 2024-05-02 12:30 UTC, at the earliest" in text
    assert "validated, nothing sent: 1,234 records are ready to send" in text
    assert "total" not in text
    assert "warning" not in text


def test_several_kinds_are_summed_up():
    """The total has a line of its own."""
    text = shown(plan({"events": kind(), "transactions": kind()}))
    assert ["total", "2,600", "10", "120", "2,468", "20,000,000"] in rows(text)
    assert ["total", "20,000", "19,998", *TIMES] in rows(text)


def test_the_largest_figures_fit_a_small_terminal():
    """No figure is cut or wrapped in 80 columns."""
    figures = KindSummary(read=12_345_678, dead=12_345_678, pending=12_345_678)
    large = kind(records=12_345_678, items=12_345_678, requests=100_000, requests_lower_bound=100_000)
    summary = Summary(outcome="complete", exit_code=0, kinds={"transactions": figures}, closes=True)
    text = shown(plan({"transactions": large}, summary=summary), width=80)
    assert ["transactions", "12,345,678", "0", *["12,345,678"] * 3] in rows(text)
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        (QuotaLeft(known=False), "quota: no API key is given, assumed to be unused"),
        (QuotaLeft(known=False, unreadable="it is torn"), "quota: it cannot be read, assumed to be unused"),
        (QuotaLeft(known=True), "quota used, as far as this machine knows: none"),
        (
            QuotaLeft(
                known=True,
                windows=[
                    WindowLeft(scope="migration", window="1000/h", used=12),
                    WindowLeft(scope="general", window="1000/d", used=1_000),
                ],
                held_seconds=90.0,
            ),
            "12 of 1000/h, 1,000 of 1000/d (all calls), the server asked us to wait 1 min 30 s",
        ),
        (
            QuotaLeft(known=True, windows=[WindowLeft(scope="migration", window="22:00-06:00 pause", used=0)]),
            "quota used, as far as this machine knows: 22:00-06:00 pause",
        ),
    ],
)
def test_the_known_quota_is_shown(quota, words):
    """Also if nothing is known."""
    assert words in " ".join(shown(plan(quota=quota)).split())


def test_skipped_records_are_shown():
    """Skipped by reason, and blank lines."""
    figures = KindSummary(read=5, blank=2, skipped=3, skip_reasons={"deleted_customer": 3})
    text = shown(plan(summary=Summary(outcome="complete", exit_code=0, kinds={"events": figures}, closes=True)))
    assert "events: 3 skipped (deleted_customer)\nevents: 2 blank lines\n" in text


def test_dead_letters_are_shown_in_groups():
    """With field, cause and first place."""
    group = FaultGroup(
        kind="events",
        reason="missing_field",
        field="events[].type",
        cause="required",
        records=7,
        file="events.ndjson",
        line=17,
        offset=4211,
        remedy="add the field",
    )
    groups = FaultGroups(listed=(group,), dead_letters={"events": 7})
    made = plan({"events": kind(dead_letters=[dead()])})
    text = shown(structs.replace(made, summary=structs.replace(made.summary, fault_groups=groups)))
    assert "events: 7 dead letters\n  7  events[].type: required (missing_field)\n" in text
    assert "first at events.ndjson:17, byte 4,211\n" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_text_from_outside_cannot_control_the_terminal(terminal):
    """Whatever a warning, a file name or a field quotes."""
    text = shown(plan(warnings=[HOSTILE, "second"]), terminal=terminal, width=400)
    assert "warning: x\\u000a[bold]no markup[/bold] \\u001b[31m" in text
    assert "warning: second" in text
    assert text.count("\x1b") == shown(plan(), terminal=terminal, width=400).count("\x1b")


def test_the_canary_and_its_cost_are_shown():
    """Which records go first if the plan has one; what it costs if the plan suggests one."""
    first = [PlannedCanary(kind=Kind.CUSTOMERS, file="customers.ndjson", line=7, items=1)]
    words = " ".join(shown(plan(canary=first)).split())
    assert "canary: 1 of these requests goes before all others, with customers.ndjson:7; about ten reads" in words
    both = [*first, PlannedCanary(kind=Kind.EVENTS, file=HOSTILE, line=9, items=1)]
    text = shown(plan(canary=both), terminal=True)
    assert "2 of these requests go before all others" in text
    assert "[bold]no markup" in text
    assert not set(text) & set("\x07\x08\u202e\u2066")
    cost = CanaryCost(requests=3, seconds={"configured": 15.0, "prod": 15.0, "dev": 15.0})
    words = " ".join(shown(plan(suggests_canary=True, canary_cost=cost)).split())
    assert "that costs at most 3 requests more (15.00 s at the configured limits), about ten reads" in words
    assert "canary" not in shown(plan())
