"""What a run holds, and what is left of it, noted for a restart and `status`: from a sample, the checks or a plan."""

import gzip
import json
import sqlite3
from contextlib import closing
from itertools import accumulate
from operator import itemgetter

import pytest
from fakes import event, record
from hypothesis import given
from hypothesis import strategies as st
from when_done import Runs

from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.files.progress_file import PROGRESS, read_progress, write_progress
from masivo_stream.edges.files.state_dir import JOURNAL, owner_of_this_process
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.pipeline.expect import PLAN
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import (
    BatchWaits,
    ChecksEnded,
    ExportsMeasured,
    KindStarted,
    MinutePassed,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SecondPassed,
    SettingsReread,
    SlotAwaited,
    Stopping,
)
from masivo_stream.model.snapshot import Anomaly, RunSnapshot
from masivo_stream.model.summary import Summary
from masivo_stream.observe.progress_notes import AT_ONCE, ProgressNotes

C, E = Kind.CUSTOMERS, Kind.EVENTS
SMALL = {"max_body_bytes": 4096, "limit": "1/5s"}


def runs_of(path, *, customers=200, **flags):
    runs = Runs(path, **(SMALL | flags))
    runs.export(C, [record(C, number) for number in range(customers)])
    runs.export(E, [{"id": f"c{n}", "events": [event(f"{n}")]} for n in range(customers)])
    return runs


def measured(watch):
    return [notice.kinds for notice in watch.notices if isinstance(notice, ExportsMeasured)]


def test_the_sample_gives_way_to_the_checks(tmp_path):
    """Before the first request, all records are counted."""
    watch, _ = runs_of(tmp_path).live()
    first, second = measured(watch)
    assert {each.basis for each in first.values()} == {"sample"}
    assert {each.basis for each in second.values()} == {"checks"}
    assert [each.records for each in second.values()] == [200, 200]
    assert first[C].records == 200  # a small file is read completely


def test_what_the_checks_hold_back_is_not_sent(tmp_path):
    """Events of customers who are in no export."""
    runs = runs_of(tmp_path)
    runs.export(E, [{"id": f"c{n}", "events": [event(f"{n}")]} for n in range(100, 300)])
    watch, summary = runs.live()
    assert measured(watch)[-1][E].sendable == 100
    assert summary.kinds["events"].dead == 100


@pytest.mark.parametrize("change", ["nothing", "export", "settings", "damage"])
def test_a_plan_counts_for_the_same_exports_and_settings(tmp_path, change):
    """If anything has changed, or the file is damaged, it does not."""
    runs = runs_of(tmp_path)
    planned = runs.plan()
    if change == "export":
        runs.export(C, [record(C, number) for number in range(190)])
    if change == "settings":
        runs.settle(**(SMALL | {"max_body_bytes": 8192}))
    if change == "damage":
        (runs.state / PLAN).write_bytes(b'{"of": "x')
    watch, summary = runs.live()
    first = measured(watch)[0]
    if change != "nothing":
        assert {each.basis for each in first.values()} == {"sample"}
        return
    assert {each.basis for each in first.values()} == {"plan"}
    assert sum(each.requests for each in first.values()) == planned.requests
    assert sum(each.requests for each in summary.kinds.values()) == planned.requests


def test_an_interrupted_run_knows_its_share(tmp_path):
    """By its journal alone: summary and status say the same, and a restart does not sample again."""
    runs = runs_of(tmp_path)
    _, summary = runs.live(stop_after=8)
    assert summary.outcome == "interrupted"
    found = status(str(runs.state))
    figures = found.kinds["customers"]
    assert found.unread_exact
    assert found.unread == {"customers": 200 - figures.read, "events": 200}
    assert found.share == pytest.approx(figures.accepted / 400)
    watch, _ = runs.live()
    assert {each.basis for each in measured(watch)[0].values()} == {"checks"}
    assert status(str(runs.state)).share == 1.0


def test_what_an_earlier_process_has_sent_is_known_before_the_first_request(tmp_path):
    """The windows belong to the account: the first end that is said counts what is used of them."""
    runs = runs_of(tmp_path, limit="1/5s,100/h")
    _, summary = runs.live(stop_after=8)
    watch, _ = runs.live()
    shown = next(shown for _, shown in watch.said if shown.ends_at is not None)
    (hour,) = (use for use in shown.windows if use.limit == 100)
    assert hour.used == sum(each.requests for each in summary.kinds.values()) > 0


def test_a_packed_export_has_a_share_too(tmp_path):
    """Also without the checks: its text is measured by its beginning."""
    runs = runs_of(tmp_path, skip_checks="all")
    text = b"".join(json.dumps(record(C, number)).encode() + b"\n" for number in range(2000))
    (tmp_path / "customers.ndjson.gz").write_bytes(gzip.compress(text))
    runs.exports = {C: str(tmp_path / "customers.ndjson.gz")}
    runs.live(stop_after=8)
    found = status(str(runs.state))
    assert not found.unread_exact
    assert found.unread["customers"] == pytest.approx(2000 - found.kinds["customers"].read, rel=0.05)


def test_nothing_is_known_of_an_export_that_cannot_be_sampled(tmp_path):
    """The run itself reports what is wrong with it."""
    runs = runs_of(tmp_path, skip_checks="all")
    (tmp_path / "customers.ndjson.gz").write_bytes(b"\x1f\x8b" + b"\xff" * 2000)
    runs.exports = {C: str(tmp_path / "customers.ndjson.gz")}
    assert find_inputs([runs.exports[C]])
    watch, summary = runs.live()
    assert measured(watch) == [{}]
    assert summary.outcome == "stopped"


class At:
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds


SNAPSHOT = RunSnapshot(version="1", began=0, now=1, phases=(), anomalies=(Anomaly(at=0, event="x", text="a.ndjson"),))


ENDED = RunEnded(summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True))


def test_a_run_shows_itself_to_other_processes(tmp_path):
    """Only of its own process; without names of files; and no more when it has ended."""
    clock, seen = At(), []
    notes = ProgressNotes(lambda: seen.append(clock.seconds) or SNAPSHOT, str(tmp_path), clock)
    notes.notify(MinutePassed())
    assert not (tmp_path / PROGRESS).exists()
    notes.notify(RunStarted(kinds=()))
    found = read_progress(tmp_path, owner_of_this_process())
    assert (found.now, found.anomalies) == (1, ())
    assert read_progress(tmp_path, "process 1 on another") is None
    for clock.seconds in range(1, 25):  # nothing happens but time
        notes.notify(SecondPassed())
    assert seen == [0.0, 10, 20]
    notes.notify(ENDED)
    notes.notify(SecondPassed())
    assert not (tmp_path / PROGRESS).exists()


SOME = (SlotAwaited(seconds=1.0), BatchWaits(kind=C, batch="b", why="refused", seconds=9), Resumed(seconds=1.0))
MATTERS = (
    ExportsMeasured(kinds={}),
    ChecksEnded(findings={}, errors=0, seconds=1.0, known=False),
    KindStarted(kind=C, files=1, size=1),
    Paused(since=0.0, by="", command="resume"),
    SettingsReread(changed=(), left=()),
    Stopping(why="SIGINT", in_flight=0, drain_time=1.0),
)


@given(
    happens=st.lists(st.tuples(st.floats(0.0, 4.0), st.sampled_from((*SOME, *MATTERS))), max_size=30),
    late=st.floats(0.0, 0.1),
)
def test_what_is_shown_is_never_older_than_a_second(tmp_path_factory, happens, late):
    """Whenever something happens; what matters is shown at once. And a busy run does not write all the time."""
    clock, seen, changes = At(), [], []
    notes = ProgressNotes(lambda: seen.append(clock.seconds) or SNAPSHOT, str(tmp_path_factory.mktemp("state")), clock)
    notes.notify(RunStarted(kinds=()))
    moments = list(accumulate((gap for gap, _ in happens)))
    end = (moments[-1] if moments else 0.0) + 2.0
    ticks = [(number * (1.0 + late), SecondPassed()) for number in range(1, int(end) + 1)]
    what_happens = zip(moments, (notice for _, notice in happens), strict=True)
    for clock.seconds, notice in sorted([*what_happens, *ticks], key=itemgetter(0)):
        notes.notify(notice)
        if not isinstance(notice, SecondPassed):
            changes.append((clock.seconds, 0.0 if isinstance(notice, AT_ONCE) else 1.01 + late))
    for moment, at_most in changes:
        assert any(moment <= shown <= moment + at_most for shown in seen)
    assert len(seen) <= 1 + end + sum(isinstance(each, AT_ONCE) for _, each in happens)


def test_a_view_that_cannot_be_written_or_read_is_left_out(tmp_path):
    """A run does not depend on it."""
    write_progress(tmp_path / "gone", SNAPSHOT)
    (tmp_path / PROGRESS).write_bytes(b"{")
    assert read_progress(tmp_path, owner_of_this_process()) is None


def test_a_run_that_is_killed_between_two_kinds_is_not_complete(tmp_path):
    """All that was begun has its outcome, and of the next kind only the inputs are noted."""
    runs = runs_of(tmp_path)
    events = runs.exports.pop(E)
    runs.live()
    assert status(str(runs.state)).outcome == "complete"
    with closing(sqlite3.connect(runs.state / JOURNAL)) as journal, journal:
        journal.execute("UPDATE sources SET kind = 'events', path = ?, name = ?", (events.encode(), events))
    found = status(str(runs.state))
    assert (found.outcome, found.exit_code) == ("interrupted", 6)
    assert found.message == "the last process was killed"
