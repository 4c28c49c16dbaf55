"""The snapshot: figures are the latest ones, moments are in wall time, and nothing grows without bound."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import (
    AccountShared,
    Ahead,
    BatchDeparted,
    BatchSent,
    BatchWaits,
    ChecksEnded,
    ChecksStarted,
    CustomersAsked,
    ExportOverlaps,
    ExportsMeasured,
    IdsUnreadable,
    KindEnded,
    KindStarted,
    LoopStalled,
    Progressed,
    QuotaUsed,
    ReadBack,
    ReadBackAwaited,
    RecordIsolated,
    RunEnded,
    RunStarted,
    ScopeUse,
    SlotAwaited,
    Stopping,
    Visible,
    WaitingVisible,
    WorkProgressed,
)
from masivo_stream.model.snapshot import Wait
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.model.window import Window
from masivo_stream.observe.end_lines import waiting_line
from masivo_stream.observe.snapshot_builder import MOST_ANOMALIES, SnapshotBuilder

C, E = Kind.CUSTOMERS, Kind.EVENTS
BEGAN = 1_700_000_000.0
"""The wall time at which the fake clock begins."""
PROD = (Window(1, 5.0), Window(1000, 3600.0))


def builder(*notices, clock=None):
    made = SnapshotBuilder(clock or FakeClock(), resident=lambda: 1)
    for notice in notices:
        made.notify(notice)
    return made


def started(**sizes):
    return RunStarted(kinds=tuple(Ahead(kind=Kind(kind), files=1, size=size) for kind, size in sizes.items()))


def sent(outcome="accepted", **fields):
    figures = {"kind": C, "batch": "b", "records": 1000, "items": 1000, "size": 90, "seconds": 0.5, "in_flight": 0}
    return BatchSent(outcome=outcome, **(figures | fields))


def used(*ages, windows=PROD, scope="migration", **fields):
    return QuotaUsed(scopes=(ScopeUse(scope=scope, windows=windows, ages=ages, foreign=(0,) * len(windows), **fields),))


def figures(requests, accepted, pending):
    return KindSummary(
        requests=requests, accepted=accepted, items_accepted=accepted, pending=pending, items_pending=pending
    )


def test_kinds_keep_their_order_and_go_through_their_states():
    """Not begun, working, waiting for effects, done; with the latest figures."""
    made = builder(started(customers=10, events=20))

    def states():
        return [(phase.kind, phase.state) for phase in made.snapshot().phases]

    assert states() == [(C, "ahead"), (E, "ahead")]
    made.notify(KindStarted(kind=C, files=1, size=10))
    made.notify(Progressed(kind=C, figures=figures(1, 1000, 500), bytes_read=5))
    assert made.snapshot().phases[0].figures.accepted == 1000
    assert states()[0] == (C, "working")
    made.notify(KindEnded(kind=C, figures=figures(3, 3000, 0)))
    made.notify(WaitingVisible(kind=C, seen=2, probes=5, next_probe=4.0))
    phase, wait = made.snapshot().phases[0], made.snapshot().wait
    assert (phase.state, phase.probes, wait.what, wait.until) == ("visible", (2, 5), "visible", BEGAN + 4.0)
    made.notify(Visible(kind=C, seconds=4.0, confirmed=True))
    made.notify(KindStarted(kind=E, files=1, size=20))
    assert states() == [(C, "done"), (E, "working")]
    made.notify(RunEnded(summary=Summary(outcome="stopped", exit_code=6, kinds={}, closes=True)))
    assert states() == [(C, "done"), (E, "left")]
    assert (made.snapshot().outcome, made.snapshot().wait.what) == ("stopped", "done")


def test_read_backs_that_wait_are_shown():
    """Their number, and when the first one ends; other waits of the uploaders come first."""
    clock = FakeClock()
    made = builder(started(customers=10), KindStarted(kind=C, files=1, size=10), clock=clock)
    for number, seconds in ((1, 60.0), (2, 40.0)):
        made.notify(ReadBackAwaited(kind=C, number=number, records=1000, seconds=seconds))
    wait = made.snapshot().wait
    assert (wait.what, wait.until) == ("read_back", BEGAN + 40.0)
    assert "2 refused requests" in wait.text
    made.notify(SlotAwaited(seconds=3.0))
    assert made.snapshot().wait.what == "slot"
    clock.advance(5.0)
    made.notify(ReadBack(kind=C, number=2, records=1000, found=0, seconds=5.0))
    assert "1 refused request " in made.snapshot().wait.text
    made.notify(ReadBack(kind=C, number=1, records=1000, found=1000, seconds=5.0))
    assert made.snapshot().wait.what == "nothing"


def test_a_wait_without_probes_is_the_settling_time():
    """There is no probe to read."""
    made = builder(started(customers=10), WaitingVisible(kind=C, seen=0, probes=0, next_probe=60.0))
    assert made.snapshot().wait.text == "customers becoming visible: settling time ends"


def test_a_canary_that_does_not_show_is_waited_for_until_it_stops_the_run():
    """It is read back again and again: when next says less than when last."""
    waits = WaitingVisible(kind=C, seen=0, probes=1, next_probe=1.0, canary=900.0)
    made = builder(started(customers=10), waits)
    assert waiting_line(made.snapshot()) == (
        "the canary's record of customers does not show yet: the run stops in 15 min 0 s"
    )


def test_customers_that_cannot_be_read_back_are_an_anomaly():
    """A person should know that the next kind begins anyway."""
    made = builder(started(customers=10), IdsUnreadable(kind=C, ids=3, seconds=60.0))
    (anomaly,) = made.snapshot().anomalies
    assert anomaly.event == "ids_unreadable"
    assert "need escaping" in anomaly.text


def test_a_kind_with_pending_records_is_not_done():
    """The state shows that there is more to do."""
    made = builder(started(customers=10), KindEnded(kind=C, figures=figures(1, 1000, 7)))
    assert made.snapshot().phases[0].state == "left"


def test_departures_leave_their_windows_with_time():
    """Without a new notice, a departure leaves a window when it is old enough."""
    clock = FakeClock()
    made = builder(used(3599.0, 2.0, 0.0), clock=clock)

    def windows():
        return [(use.limit, use.used, use.free_at) for use in made.snapshot().windows]

    assert windows() == [(1, 2, BEGAN + 5.0), (1000, 3, None)]
    clock.advance(4.0)
    assert windows() == [(1, 1, BEGAN + 5.0), (1000, 2, None)]
    clock.advance(2.0)
    assert windows() == [(1, 0, None), (1000, 2, None)]


def test_a_hold_leaves_no_slot_in_any_window():
    """The server asked for it, so no slot is free in any window."""
    made = builder(used(held=60.0))
    assert {use.free_at for use in made.snapshot().windows} == {BEGAN + 60.0}


def test_the_end_is_when_the_windows_have_room_for_the_rest():
    """3 of 5 requests are still to come, the last one has just left: one every 5 s."""
    made = builder(
        started(customers=50),
        KindStarted(kind=C, files=1, size=50),
        Progressed(kind=C, figures=figures(2, 2000, 3000), bytes_read=50),
        used(5.0, 0.0),
    )
    shown = made.snapshot()
    assert (shown.phases[0].requests_needed, shown.phases[0].ends_at, shown.ends_at) == (5, BEGAN + 15, BEGAN + 15)


def test_the_end_of_the_run_is_not_predicted_while_a_kind_is_unknown():
    """The end of the kind at work can be forecast."""
    made = builder(
        started(customers=50, events=50),
        KindStarted(kind=C, files=1, size=50),
        Progressed(kind=C, figures=figures(2, 2000, 3000), bytes_read=50),
        used(0.0),
    )
    shown = made.snapshot()
    assert (shown.phases[0].ends_at, shown.ends_at) == (BEGAN + 15, None)


CHECKED = ChecksEnded(findings={}, errors=0, seconds=1.0, known=False)


@pytest.mark.parametrize(
    ("notices", "what", "until"),
    [
        ([], "nothing", None),
        ([SlotAwaited(seconds=3.2)], "slot", 3.2),
        ([SlotAwaited(seconds=3.2), BatchDeparted(kind=C, batch="b", in_flight=1)], "slot", 3.2),
        ([BatchWaits(kind=C, batch="b", why="unreachable", seconds=8.0)], "retry", 8.0),
        ([CustomersAsked(asked=0, of=5, gone=0, wait=60.0)], "visible", 60.0),
        ([CustomersAsked(asked=3, of=5, gone=2)], "visible", None),
        ([CustomersAsked(asked=5, of=5, gone=2)], "nothing", None),
        ([CustomersAsked(asked=3, of=5, gone=2), started(customers=5)], "nothing", None),
        ([ChecksStarted(files=3, size=9)], "visible", None),
        (
            [ChecksStarted(files=3, size=9), ChecksEnded(findings={}, errors=0, seconds=1.0, known=False)],
            "nothing",
            None,
        ),
        ([SlotAwaited(seconds=3.2), Stopping(why="SIGINT", in_flight=1, drain_time=30.0)], "drain", 30.0),
    ],
)
def test_the_current_wait_is_named(notices, what, until):
    """And until when, at most."""
    wait = builder(*notices).snapshot().wait
    assert (wait.what, wait.until) == (what, until and BEGAN + until)


def test_work_beside_the_run_is_shown():
    """How far the checks are, and how far a compressed export is read again; then the next wait counts."""
    work = {"step": "reading the exports", "of": 200, "unit": "bytes"}
    checks = builder(ChecksStarted(files=3, size=200), WorkProgressed(done=76, **work))
    text = "checking 3 exports as a whole, before anything is sent: reading the exports 38 %"
    assert checks.snapshot().wait.text == text
    checks.notify(ChecksEnded(findings={}, errors=0, seconds=1.0, known=False))
    assert checks.snapshot().wait == Wait()
    back = builder(WorkProgressed(done=76, **work))
    assert back.snapshot().wait == Wait(text="reading the exports: 38 %")
    back.notify(WorkProgressed(done=200, **work))
    assert back.snapshot().wait == Wait()


def test_a_slot_that_is_free_is_not_a_wait():
    """Even before the next notice comes."""
    clock = FakeClock()
    made = builder(SlotAwaited(seconds=3.2), clock=clock)
    clock.advance(3.3)
    assert made.snapshot().wait.what == "nothing"


@given(st.lists(st.sampled_from(["accepted", "refused (422)", "throttled", "in doubt", "unreachable"]), max_size=200))
def test_anomalies_are_causes_that_are_counted(outcomes):
    """Each cause once, however often it came, without ids of batches. The log has all of them."""
    made = builder(*(sent(outcome, batch=f"b{n}") for n, outcome in enumerate(outcomes)))
    shown = made.snapshot()
    times = {
        words: outcomes.count(outcome)
        for outcome, words in (("refused (422)", "refuses"), ("in doubt", "may have arrived"))  # customers: sent again
    }
    assert len(shown.anomalies) == sum(count > 0 for count in times.values())
    for anomaly in shown.anomalies:
        count = next(count for words, count in times.items() if words in anomaly.text)
        assert anomaly.event == "batch_sent"
        assert anomaly.text.endswith(f", {count} times") is (count > 1)
        assert not re.search(r"\bb\d", anomaly.text)
    assert shown.throttled == outcomes.count("throttled")
    assert sum(point.items for point in shown.time_line) == 1000 * outcomes.count("accepted")


@given(st.integers(0, 120))
def test_only_the_last_anomalies_are_kept(number):
    """As many as a person may look at; the log has all of them."""
    made = builder(
        *(ExportOverlaps(kind=C, file=f"{n}.ndjson", other="x", lines=1, bytes=0) for n in range(number)),
        BatchWaits(kind=C, batch="b", why="unreachable", seconds=8.0),
    )
    shown = made.snapshot().anomalies
    assert len(shown) == min(number + 1, MOST_ANOMALIES)
    assert shown[-1].text == "customers: unreachable"
    kept = range(max(0, number + 1 - MOST_ANOMALIES), number)
    assert [f" {n}.ndjson" in f" {anomaly.text}" for n, anomaly in zip(kept, shown, strict=False)] == [True] * len(kept)


def test_text_from_outside_stays_on_one_line():
    """A file name or the text of a server cannot forge a line."""
    isolated = RecordIsolated(kind=C, batch="b", file="a\n\x1b[31m.ndjson", line=1, status=422)
    made = builder(isolated, sent("in doubt", remark="\u202e\r"), AccountShared())
    assert all(anomaly.text.isprintable() for anomaly in made.snapshot().anomalies)


def test_the_longest_stall_and_the_requests_in_flight_are_shown():
    """The longest stall, and the latest number of requests."""
    made = builder(LoopStalled(seconds=0.3), LoopStalled(seconds=0.2), BatchDeparted(kind=C, batch="b", in_flight=2))
    assert (made.snapshot().stall, made.snapshot().in_flight) == (0.3, 2)
    made.notify(sent(in_flight=1))
    assert made.snapshot().in_flight == 1


def test_what_a_person_must_do_has_the_run_s_own_commands():
    """By the figures of this moment, with the flags of the run; in the end, all steps of the summary."""
    about = RunStarted(
        kinds=(Ahead(kind=C, files=1, size=1), Ahead(kind=E, files=1, size=1)),
        options=("--state-dir", "s", "--limit", "1/5s"),
        state_dir="s",
    )
    made = builder(about)
    assert made.snapshot().to_do == ()
    made.notify(Progressed(kind=E, figures=KindSummary(read=3, in_doubt=1, dead=2), bytes_read=1))
    assert [step.command for step in made.snapshot().to_do] == [
        "masivo-stream resolve --state-dir s --limit 1/5s",
        "masivo-stream mend --state-dir s",
        "masivo-stream retry --state-dir s --limit 1/5s",
    ]
    go_on = NextStep(text="go on", command="again")
    ended = Summary(outcome="interrupted", exit_code=130, kinds={}, closes=True, next_steps=(go_on,))
    made.notify(RunEnded(summary=ended))
    assert made.snapshot().to_do == (go_on,)


def test_not_known_yet_is_not_the_same_as_never_known():
    """Until the exports are measured, a person waits for an answer; of a pipe there will be none."""
    made = builder(started(customers=0))
    assert made.snapshot().no_end == "no finishing time yet: a sample of the exports is being read"
    made.notify(ExportsMeasured(kinds={}))
    assert made.snapshot().no_end == "no finishing time: how much the exports hold is not known"
