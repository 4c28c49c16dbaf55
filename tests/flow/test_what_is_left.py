"""What a run holds, and what is left of it, noted for a restart and `status`: from a sample, the checks or a plan."""

import gzip
import json

import pytest
from fakes import event, record
from when_done import Runs

from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.files.progress_file import PROGRESS, read_progress, write_progress
from masivo_stream.edges.files.state_dir import owner_of_this_process
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.pipeline.expect import PLAN
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import ExportsMeasured
from masivo_stream.model.snapshot import Anomaly, RunSnapshot
from masivo_stream.observe.progress_notes import EVERY, ProgressNotes

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


def test_a_run_shows_itself_to_other_processes(tmp_path):
    """At once, then now and then; only of its own process; without names of files; and no more when it has ended."""
    from masivo_stream.model.notices import MinutePassed, RunEnded, RunStarted, SlotAwaited, TenSecondsPassed
    from masivo_stream.model.summary import Summary

    clock, seen = At(), []
    notes = ProgressNotes(lambda: seen.append(clock.seconds) or SNAPSHOT, str(tmp_path), clock)
    notes.notify(MinutePassed())
    assert not (tmp_path / PROGRESS).exists()
    notes.notify(RunStarted(kinds=()))
    found = read_progress(tmp_path, owner_of_this_process())
    assert (found.now, found.anomalies) == (1, ())
    assert read_progress(tmp_path, "process 1 on another") is None
    for clock.seconds in (1.0, EVERY - 0.1, EVERY, EVERY + 1):
        notes.notify(SlotAwaited(seconds=1.0))
    assert seen == [0.0, EVERY]
    clock.seconds = 2 * EVERY - 1  # nothing happens but time
    notes.notify(TenSecondsPassed())
    assert seen == [0.0, EVERY, 2 * EVERY - 1]
    notes.notify(RunEnded(summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True)))
    assert not (tmp_path / PROGRESS).exists()


def test_a_view_that_cannot_be_written_or_read_is_left_out(tmp_path):
    """A run does not depend on it."""
    write_progress(tmp_path / "gone", SNAPSHOT)
    (tmp_path / PROGRESS).write_bytes(b"{")
    assert read_progress(tmp_path, owner_of_this_process()) is None
