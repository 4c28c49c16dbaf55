"""Notices as log events: which line, how often, at which level; text from outside stays in its field."""

import io
import json
import typing

import pytest

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.log import configure_log
from masivo_stream.model.contract import Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.mending import DeadLetterCounts
from masivo_stream.model.notices import (
    AccountKnown,
    AccountShared,
    AccountUnguarded,
    Ahead,
    BatchDeparted,
    BatchSent,
    BatchWaits,
    CanaryChosen,
    CanaryEnded,
    CanarySeen,
    ChecksEnded,
    ChecksStarted,
    CustomersAsked,
    DeadLettersTaken,
    ExportOverlaps,
    ExportsMeasured,
    IdsUnreadable,
    KindEnded,
    KindStarted,
    LimitLearned,
    LoopStalled,
    MinutePassed,
    MonitorFailed,
    MonitorListens,
    Notice,
    NotifyFailed,
    ObjectAwaited,
    OtherRuns,
    Paused,
    Progressed,
    ProxyUnused,
    PurchasesUnguarded,
    QuotaCorrected,
    QuotaUsed,
    ReadBack,
    ReadBackAwaited,
    RecordIsolated,
    Resumed,
    RetryPlanned,
    RunEnded,
    RunStarted,
    ScopeUse,
    SecondPassed,
    SettingChange,
    SettingsReread,
    SettingsUnread,
    SlotAwaited,
    Stopping,
    TakenBack,
    TotalsProgressed,
    TracingFailed,
    Visible,
    WaitingVisible,
    WorkProgressed,
)
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.model.window import Window
from masivo_stream.observe.log_observer import EVENTS, LogObserver
from masivo_stream.observe.snapshot_builder import SnapshotBuilder

EVENTS_KIND, CUSTOMERS_KIND = Kind.EVENTS, Kind.CUSTOMERS
FIGURES = KindSummary(
    read=10, blank=1, accepted=4, dead=1, skipped=1, in_doubt=1, pending=2, requests=3, throttled=1, seconds=61.23456
)
FIGURE_FIELDS = {
    "read": 10,
    "accepted": 4,
    "dead": 1,
    "skipped": 1,
    "in_doubt": 1,
    "pending": 2,
    "blank": 1,
    "requests": 3,
    "throttled": 1,
    "seconds": 61.235,
}


def sent(**changes):
    fields = {
        "kind": EVENTS_KIND,
        "batch": "b1",
        "records": 9,
        "items": 1000,
        "size": 12345,
        "outcome": "accepted",
        "seconds": 0.12345,
    }
    return BatchSent(**(fields | changes))


def lines(*notices, form="json"):
    stream = io.StringIO()
    observer = LogObserver(configure_log(level="debug", form=form, stream=stream))
    for notice in notices:
        observer.notify(notice)
    return stream.getvalue().splitlines()


def logged(*notices):
    found = [json.loads(line) for line in lines(*notices)]
    for line in found:
        del line["timestamp"]
    return found


CASES = [
    (
        RunStarted(kinds=(Ahead(kind=EVENTS_KIND, files=2, size=99),), target="https://a.test", account="3f9a2c1d"),
        {
            "event": "run_started",
            "level": "info",
            "kinds": ["events"],
            "target": "https://a.test",
            "account": "3f9a2c1d",
        },
    ),
    (AccountKnown(account="4f2a"), {"event": "account_known", "level": "debug", "account": "4f2a"}),
    (
        ExportsMeasured(
            kinds={
                EVENTS_KIND: Expected(basis="plan", records=900, sendable=800, items=1600, requests=2, size=0),
            }
        ),
        {
            "event": "exports_measured",
            "level": "info",
            "basis": {"events": "plan"},
            "records": {"events": 900},
            "requests": {"events": 2},
        },
    ),
    (
        ObjectAwaited(url="s3://exports/a.ndjson", why="503 SlowDown", seconds=1.23456),
        {
            "event": "object_awaited",
            "level": "warning",
            "url": "s3://exports/a.ndjson",
            "why": "503 SlowDown",
            "seconds": 1.235,
        },
    ),
    (
        ChecksStarted(files=3, size=99),
        {"event": "checks_started", "level": "info", "files": 3, "bytes": 99},
    ),
    (
        ChecksEnded(findings={"duplicate_id": 2}, errors=2, seconds=1.23456, known=False),
        {
            "event": "checks_ended",
            "level": "warning",
            "errors": 2,
            "findings": {"duplicate_id": 2},
            "seconds": 1.235,
            "known": False,
        },
    ),
    (
        KindStarted(kind=EVENTS_KIND, files=2, size=99),
        {"event": "phase_started", "level": "info", "kind": "events", "files": 2, "bytes": 99},
    ),
    (SlotAwaited(seconds=3.20049), {"event": "slot_awaited", "level": "debug", "seconds": 3.2}),
    (
        QuotaUsed(
            scopes=(
                ScopeUse(
                    scope="migration", windows=(Window(1, 5.0), Window(9, 3600.0)), ages=(7.0, 0.0), foreign=(0, 0)
                ),
            )
        ),
        {"event": "quota_used", "level": "debug", "windows": ["migration 1 of 1/5s", "migration 2 of 9/h"]},
    ),
    (
        BatchDeparted(kind=EVENTS_KIND, batch="b1", in_flight=2),
        {"event": "batch_departed", "level": "debug", "kind": "events", "batch": "b1", "in_flight": 2},
    ),
    (
        sent(),
        {
            "event": "batch_sent",
            "level": "info",
            "kind": "events",
            "batch": "b1",
            "records": 9,
            "items": 1000,
            "bytes": 12345,
            "outcome": "accepted",
            "seconds": 0.123,
        },
    ),
    (
        BatchWaits(kind=EVENTS_KIND, batch="b1", why="throttled", seconds=5.00049),
        {
            "event": "batch_waits",
            "level": "warning",
            "kind": "events",
            "batch": "b1",
            "why": "throttled",
            "seconds": 5.0,
        },
    ),
    (
        RecordIsolated(kind=EVENTS_KIND, batch="b1", file="e.ndjson", line=7, status=422),
        {
            "event": "record_isolated",
            "level": "warning",
            "kind": "events",
            "batch": "b1",
            "file": "e.ndjson",
            "line": 7,
            "status": 422,
        },
    ),
    (
        LimitLearned(kind=EVENTS_KIND, max_body_bytes=500),
        {"event": "limit_learned", "level": "warning", "kind": "events", "max_body_bytes": 500},
    ),
    (
        QuotaCorrected(seconds=600.04, foreign=7),
        {"event": "quota_corrected", "level": "warning", "seconds": 600.0, "foreign": 7},
    ),
    (
        CanaryChosen(places=((EVENTS_KIND, "events.ndjson", 3),)),
        {"event": "canary_chosen", "level": "info", "records": ["events events.ndjson:3"]},
    ),
    (
        CanarySeen(
            kind=EVENTS_KIND, file="a.ndjson", line=3, outcome="accepted", seen="different", different=("metrics",)
        ),
        {
            "event": "canary_seen",
            "level": "warning",
            "kind": "events",
            "file": "a.ndjson",
            "line": 3,
            "outcome": "accepted",
            "seen": "different",
            "different": ["metrics"],
        },
    ),
    (
        CanaryEnded(passed=True, learnt=("it arrived",)),
        {"event": "canary_ended", "level": "info", "passed": True, "learnt": ["it arrived"]},
    ),
    (
        WaitingVisible(kind=EVENTS_KIND, seen=1, probes=3, next_probe=4.04),
        {"event": "waiting_visible", "level": "info", "kind": "events", "seen": 1, "probes": 3, "next_probe": 4.0},
    ),
    (
        Visible(kind=EVENTS_KIND, seconds=9.87654, confirmed=True),
        {"event": "visible", "level": "info", "kind": "events", "seconds": 9.877, "confirmed": True},
    ),
    (
        IdsUnreadable(kind=CUSTOMERS_KIND, ids=3, seconds=60.0004),
        {"event": "ids_unreadable", "level": "warning", "kind": "customers", "ids": 3, "seconds": 60.0},
    ),
    (
        ReadBackAwaited(kind=CUSTOMERS_KIND, number=2, records=1000, seconds=54.32109),
        {
            "event": "read_back_awaited",
            "level": "info",
            "kind": "customers",
            "number": 2,
            "records": 1000,
            "seconds": 54.321,
        },
    ),
    (
        ReadBack(kind=CUSTOMERS_KIND, number=2, records=1000, found=990, seconds=60.5),
        {
            "event": "read_back",
            "level": "info",
            "kind": "customers",
            "number": 2,
            "records": 1000,
            "found": 990,
            "seconds": 60.5,
        },
    ),
    (
        KindEnded(kind=EVENTS_KIND, figures=FIGURES),
        {"event": "phase_ended", "level": "info", "kind": "events", **FIGURE_FIELDS},
    ),
    (
        Stopping(why="stopped by SIGTERM", in_flight=2, drain_time=30.0),
        {
            "event": "stopping",
            "level": "warning",
            "why": "stopped by SIGTERM",
            "in_flight": 2,
            "drain_time": 30.0,
        },
    ),
    (
        Paused(since=1_764_506_761.0, by="ana@shop", command="masivo-stream resume state", in_flight=1),
        {
            "event": "paused",
            "level": "warning",
            "by": "ana@shop",
            "resume_with": "masivo-stream resume state",
            "in_flight": 1,
        },
    ),
    (Resumed(seconds=5400.04), {"event": "resumed", "level": "warning", "seconds": 5400.0}),
    (
        SettingsReread(changed=(SettingChange(name="limit", old="1/5s", new="1/9s"),), left=("state_dir",)),
        {"event": "settings_reread", "level": "warning", "limit": "1/5s -> 1/9s", "left": ["state_dir"]},
    ),
    (
        SettingsUnread(why="it is not TOML", place="c.toml", hint="see config.example.toml"),
        {
            "event": "settings_unread",
            "level": "warning",
            "why": "it is not TOML",
            "place": "c.toml",
            "hint": "see config.example.toml",
        },
    ),
    (
        NotifyFailed(to="https://hooks.example", why="it answers 500"),
        {"event": "notify_failed", "level": "warning", "to": "https://hooks.example", "why": "it answers 500"},
    ),
    (
        TracingFailed(why="the collector has not taken all spans", spans=3),
        {
            "event": "tracing_failed",
            "level": "warning",
            "why": "the collector has not taken all spans",
            "spans": 3,
        },
    ),
    (AccountShared(), {"event": "account_shared", "level": "warning"}),
    (
        AccountUnguarded(shared_dir="/x", why="Permission denied"),
        {"event": "account_unguarded", "level": "warning", "shared_dir": "/x", "why": "Permission denied"},
    ),
    (
        ExportOverlaps(kind=EVENTS_KIND, file="b", other="/x/a", lines=3, bytes=70),
        {
            "event": "export_overlaps",
            "level": "warning",
            "kind": "events",
            "file": "b",
            "other": "/x/a",
            "lines": 3,
            "bytes": 70,
        },
    ),
    (
        PurchasesUnguarded(why="No space left on device"),
        {"event": "purchases_unguarded", "level": "warning", "why": "No space left on device"},
    ),
    (
        ProxyUnused(variable="HTTPS_PROXY", proxy="http://***@p:3128"),
        {"event": "proxy_unused", "level": "warning", "variable": "HTTPS_PROXY", "proxy": "http://***@p:3128"},
    ),
    (
        RetryPlanned(kind=EVENTS_KIND, counts=DeadLetterCounts(waiting=6, corrected=3, unchanged_sent=1, given_up=2)),
        {
            "event": "retry_planned",
            "level": "info",
            "kind": "events",
            "to_send": 4,
            "waiting": 6,
            "corrected": 3,
            "corrected_faulty": 0,
            "unchanged_sent": 1,
            "unchanged_faulty": 0,
            "unchanged_left": 0,
            "given_up": 2,
        },
    ),
    (
        DeadLettersTaken(kind=EVENTS_KIND, letters=3, mended=1, ignored="x"),
        {"event": "letters_taken", "level": "warning", "kind": "events", "letters": 3, "mended": 1, "ignored": "x"},
    ),
    (
        CustomersAsked(asked=7, of=30, gone=5, wait=0.04),
        {"event": "customers_asked", "level": "info", "asked": 7, "of": 30, "gone": 5, "wait_seconds": 0.0},
    ),
    (
        TakenBack(kind=EVENTS_KIND, records=3, items=9),
        {"event": "taken_back", "level": "info", "kind": "events", "records": 3, "items": 9},
    ),
    (
        TotalsProgressed(days=7, of=9, all_days=30, requests=8, requests_needed=10),
        {"event": "days_compared", "level": "info", "days": 7, "of": 9, "requests": 8, "requests_needed": 10},
    ),
    (LoopStalled(seconds=0.25049), {"event": "loop_stalled", "level": "info", "seconds": 0.25}),
    (
        RunEnded(summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True)),
        {"event": "run_ended", "level": "info", "outcome": "complete", "exit_code": 0},
    ),
    (
        MonitorListens(url="http://0.0.0.0:8080/", exposed=True),
        {"event": "monitor_listens", "level": "warning", "url": "http://0.0.0.0:8080/", "exposed": True},
    ),
    (
        MonitorFailed(path="/metrics", error="KeyError"),
        {"event": "monitor_failed", "level": "warning", "path": "/metrics", "error": "KeyError"},
    ),
]


@pytest.mark.parametrize(("notice", "line"), CASES, ids=[line["event"] for _, line in CASES])
def test_a_notice_is_one_line(notice, line):
    """A constant name and its fields; seconds to the millisecond."""
    assert logged(notice) == [line]


def test_every_notice_and_every_event_has_its_case():
    """The cases cover all notices and all events; progress has a test of its own, and work is not logged."""
    apart = {Progressed, MinutePassed, OtherRuns, SecondPassed, WorkProgressed}
    assert {type(notice) for notice, _ in CASES} == set(typing.get_args(Notice)) - apart
    assert logged(WorkProgressed(step="validating", done=1, of=2, unit="bytes")) == []
    assert [line["event"] for _, line in CASES] == [event for event in EVENTS if event != "progress"]


@pytest.mark.parametrize(
    ("outcome", "given", "shown"),
    [
        ("stopped", ("401: the token is not accepted", "check the key", "masivo-stream migrate"), 3),
        ("interrupted", ("stopped by SIGINT", "", "masivo-stream migrate"), 2),
        ("dead_letters", ("", "", ""), 0),
        ("complete", ("", "", "masivo-stream verify"), 0),
    ],
)
def test_the_end_says_why_and_what_to_do(outcome, given, shown):
    """As the notification does; nothing if the run is complete."""
    message, hint, command = given
    steps = (NextStep(text="look"), NextStep(text="go on", command=command))
    summary = Summary(outcome=outcome, exit_code=7, kinds={}, closes=True, message=message, hint=hint, next_steps=steps)
    (line,) = logged(RunEnded(summary=summary))
    words = [line[name] for name in ("message", "hint", "command") if name in line]
    assert words == [text for text in given if text][:shown]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "info"),
        ({"remark": "status 200 instead of 201"}, "warning"),
        ({"outcome": "refused (422)"}, "warning"),
        ({"outcome": "throttled"}, "warning"),
        ({"outcome": "in doubt", "remark": "no answer in time"}, "warning"),
        ({"outcome": "unreachable", "remark": "connection refused"}, "warning"),
    ],
)
def test_an_acceptance_with_a_remark_is_a_warning(changes, level):
    """Anomalies are found by their level; the remark gives the reason."""
    (line,) = logged(sent(**changes))
    assert (line["level"], line.get("remark", "")) == (level, changes.get("remark", ""))


def test_progress_is_one_line_per_minute_with_the_current_wait():
    """For the whole run: figures, requests used and needed, what it waits for, and the time left."""
    clock = FakeClock()
    builder = SnapshotBuilder(clock, resident=lambda: 1)
    stream = io.StringIO()
    log = LogObserver(configure_log(level="info", form="json", stream=stream), builder.snapshot)
    figures = KindSummary(requests=2, accepted=2000, items_accepted=2000, pending=3000, items_pending=3000, dead=1)
    windows = ScopeUse(scope="migration", windows=(Window(1, 5.0),), ages=(0.0,), foreign=(0,))
    for notice in (
        RunStarted(kinds=(Ahead(kind=EVENTS_KIND, files=1, size=9),)),
        KindStarted(kind=EVENTS_KIND, files=1, size=9),
        Progressed(kind=EVENTS_KIND, figures=figures, bytes_read=9),
        QuotaUsed(scopes=(windows,)),
        SlotAwaited(seconds=3.0),
        MinutePassed(),
    ):
        builder.notify(notice)
        log.notify(notice)
    line = [json.loads(line) for line in stream.getvalue().splitlines()][-1]
    del line["timestamp"]
    assert line == {
        "event": "progress",
        "level": "info",
        "states": {"events": "working"},
        "accepted": 2000,
        "dead": 1,
        "in_doubt": 0,
        "requests": 2,
        "requests_needed": 5,
        "throttled": 0,
        "in_flight": 0,
        "waits_for": "slot",
        "wait_seconds": 3.0,
        "seconds_left": 15,
        "ends_at": "2023-11-14T22:13:35+00:00",
        "share": round(2001 / 5001, 4),
        "records_unread": 0,
        "requests_left": 3,
    }


HOSTILE = "x\n{}\r\x1b[31m\x9b\u202e\u2028\ud800 outcome=accepted"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "notice",
    [
        sent(outcome=HOSTILE, remark=HOSTILE, batch=HOSTILE),
        BatchWaits(kind=EVENTS_KIND, batch="b", why=HOSTILE, seconds=1.0),
        RecordIsolated(kind=EVENTS_KIND, batch="b", file=HOSTILE, line=1, status=422),
        Stopping(why=HOSTILE, in_flight=0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_text_from_outside_cannot_forge_a_line(form, notice):
    """The name of a file or the text of a server is one value of one line."""
    (line,) = lines(notice, form=form)
    assert line.isprintable()
    if form == "json":
        assert set(json.loads(line)) >= {"event", "level", "timestamp"}
    else:
        assert "'x\\\\u000a" in line  # in quotes


def test_the_end_is_in_the_log_from_the_first_second():
    """As soon as the exports are measured, and the windows known: what is left, and when it is done, why it moved."""
    clock, stream = FakeClock(), io.StringIO()
    builder = SnapshotBuilder(clock, resident=lambda: 1)
    log = LogObserver(configure_log(level="info", form="json", stream=stream), builder.snapshot)
    windows = ScopeUse(scope="migration", windows=(Window(1, 5.0),), ages=(), foreign=(0,))

    def measured(requests):
        about = Expected(basis="checks", records=9000, sendable=9000, items=9000, requests=requests, size=9)
        return ExportsMeasured(kinds={EVENTS_KIND: about})

    for notice in (
        RunStarted(kinds=(Ahead(kind=EVENTS_KIND, files=1, size=9),)),
        QuotaUsed(scopes=(windows,)),
        measured(9),
        measured(30),
        MinutePassed(),
    ):
        builder.notify(notice)
        log.notify(notice)
    _, first, _, last = [json.loads(line) for line in stream.getvalue().splitlines()]
    left = {"share": 0.0, "records_unread": 9000, "requests_left": 9, "seconds_left": 40}
    assert {name: first[name] for name in left} == left
    assert first["ends_at"] == "2023-11-14T22:14:00+00:00"
    assert last["end_moved"] == "the exports take another number of requests than estimated"
