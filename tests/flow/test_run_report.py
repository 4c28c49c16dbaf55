"""Reports show what happened. They change nothing of it, even if they cannot be written."""

import json
import stat
from contextlib import closing

import msgspec
import pytest

from masivo_stream.core.dead_letters import write_dead_letter
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.export.identity import Identity, encode_identity
from masivo_stream.edges.files.state_dir import is_owned, own_state_dir, owner_of_this_process
from masivo_stream.edges.journal import open_journal
from masivo_stream.flow.reporting import find_examples as examples
from masivo_stream.flow.reporting import group_faults
from masivo_stream.flow.reporting.find_examples import find_examples
from masivo_stream.flow.reporting.group_faults import find_fault_groups
from masivo_stream.flow.reporting.run_report import leave_report, read_report, read_stopped
from masivo_stream.flow.runtime import Reporting
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import START, DeadLetterNote, Figures, KnownSource, Progress
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.report import Facts, Report
from masivo_stream.model.results import Rejected
from masivo_stream.model.summary import Invocation, KindSummary, Summary

KINDS = {"events": KindSummary(read=3, accepted=1, dead=2, reasons={"missing_field": 1, "refused": 1})}
IDENTITY = encode_identity(Identity(9, 1_767_225_600_000_000_000, (), stream=False))
SUMMARY = Summary(outcome="dead_letters", exit_code=3, kinds=KINDS, closes=True)


@pytest.fixture
def state(tmp_path):
    with own_state_dir(str(tmp_path / "state")) as owned:
        yield owned


@pytest.fixture
async def journal(state):
    opened = open_journal(state.journal, FakeClock().wall)
    await opened.note_sources("", [(Kind.EVENTS, KnownSource(0, "e.ndjson", 9, IDENTITY))])
    yield opened
    opened.close()


def dead_letter(reason=Reason.MISSING_FIELD, line=7, field="events[0].type", raw=b'{"id": "maria@example.com"}'):
    where = {"file": "e.ndjson", "line": line, "offset": line * 100, "length": len(raw)}
    rejected = Rejected(
        **where, reason=reason, field=field, message="required: maria@example.com", raw=raw, item_count=1
    )
    return write_dead_letter(Kind.EVENTS, rejected, "2026-01-01T00:00:00Z")


async def to_dead_letter(state, journal, *letters, reasons=("missing_field", "refused")):
    """Let a file hold these dead letters, and the journal a row for each reason."""
    text = b"".join(letters)
    state.write("dead-letter.events.ndjson", text)
    dead = [DeadLetterNote(0, 40 + number, None, reason, None) for number, reason in enumerate(reasons)]
    progress = Progress(
        read_position=START, checkpoint=START, figures=Figures(), consumed=(), dead_letters_bytes=len(text), dead=dead
    )
    await journal.note(Kind.EVENTS, progress, lambda: None)


async def test_an_example_is_the_first_dead_letter_of_its_reason(state, journal):
    """With byte and field, from the file.

    If the beginning of the file holds none, file and line come from the journal.
    """
    await to_dead_letter(state, journal, dead_letter(line=7), dead_letter(line=8))
    found = {each.reason: each for each in find_examples(journal, state, KINDS)}
    first, other = found["missing_field"], found["refused"]
    assert (first.place, first.offset, first.field, first.letters) == ("e.ndjson:7", 700, "events[0].type", 1)
    assert (other.place, other.offset, other.field) == ("e.ndjson:41", None, "")
    assert first.remedy == REMEDIES[Reason.MISSING_FIELD]


async def test_only_the_head_of_the_file_is_read(state, journal):
    """The report does not read a million dead letters to find an example."""
    long = dead_letter(reason=Reason.TOO_DEEP, raw=b"x" * examples.HEAD_BYTES)
    await to_dead_letter(state, journal, long, dead_letter())
    found = {each.reason: each for each in find_examples(journal, state, KINDS)}
    assert found["missing_field"].place == "e.ndjson:40"


async def test_a_file_that_a_person_is_editing_does_no_harm(state, journal):
    """Lines that are not dead letters are skipped, and so is everything after the counted ones."""
    await to_dead_letter(state, journal, b"{\n", b"[" * 5000 + b"\n", b"\xff\n", dead_letter(line=9))
    state.write("dead-letter.events.ndjson", state.read("dead-letter.events.ndjson") + dead_letter(Reason.REFUSED, 10))
    found = {each.reason: each for each in find_examples(journal, state, KINDS)}
    assert (found["missing_field"].place, found["refused"].place) == ("e.ndjson:9", "e.ndjson:41")


async def test_a_field_that_the_api_does_not_define_is_not_shown(state, journal):
    """It may be anything."""
    await to_dead_letter(state, journal, dead_letter(field="maria@example.com"))
    assert [each.field for each in find_examples(journal, state, KINDS)] == ["", ""]


async def test_groups_are_read_from_the_dead_letter_file(state, journal):
    """All faults of each dead letter, in one of an earlier version the only one; any process finds the same."""
    both = json.loads(dead_letter(line=7)) | {
        "faults": [
            {"reason": "missing_field", "field": "events[0].type", "message": "required: a string"},
            {"reason": "wrong_type", "field": "id", "message": "expected a string, found a number"},
        ]
    }
    old = {name: value for name, value in json.loads(dead_letter(line=9)).items() if name != "faults"}
    await to_dead_letter(state, journal, *(json.dumps(each).encode() + b"\n" for each in (both, old)))
    groups = find_fault_groups(journal.read, state, KINDS)
    assert [(each.reason, each.field, each.cause, each.records, each.place) for each in groups.listed] == [
        ("missing_field", "events[].type", "required: a string", 1, "e.ndjson:7"),
        ("wrong_type", "id", "expected a string, found a number", 1, "e.ndjson:7"),
        ("missing_field", "events[].type", "required: …", 1, "e.ndjson:9"),
    ]
    assert groups.dead_letters == {"events": 2}


async def test_groups_are_read_from_a_file_that_a_person_is_editing(state, journal, monkeypatch):
    """What is no dead letter is left out, so is what is not counted, and what is far behind."""
    await to_dead_letter(
        state, journal, b"{\n", b"[" * 5000 + b"\n", b"\xff\n", dead_letter(line=9), dead_letter(line=10)
    )
    state.write("dead-letter.events.ndjson", state.read("dead-letter.events.ndjson") + dead_letter(Reason.REFUSED, 11))
    assert [each.records for each in find_fault_groups(journal.read, state, KINDS).listed] == [2]
    monkeypatch.setattr(group_faults, "MOST_READ", 1)
    assert find_fault_groups(journal.read, state, KINDS).dead_letters == {"events": 1}
    state.remove("dead-letter.events.ndjson")
    assert find_fault_groups(journal.read, state, KINDS).listed == ()


async def test_only_the_owner_can_read_both_forms(state, journal):
    """JSON and page, 0600, complete. The summary names the path of the page, and what to do."""
    await to_dead_letter(state, journal, dead_letter())
    journal.describe(Facts(invocation=Invocation(options=("--state-dir", "here"))))
    told = leave_report(journal, state, SUMMARY, Reporting(draw=lambda report: f"<p>{report.outcome}"), FakeClock())
    assert state.read("report.html") == b"<p>dead_letters"
    assert told.report == str(state.path / "report.html")
    assert [step.command for step in told.next_steps] == [
        "masivo-stream mend --state-dir here",
        "masivo-stream retry --state-dir here",
    ]
    for name in ("report.json", "report.html"):
        assert stat.S_IMODE((state.path / name).stat().st_mode) == 0o600
    report = msgspec.json.decode(state.read("report.json"), type=Report)
    assert (report.kinds, report.report, report.next_steps) == (KINDS, told.report, told.next_steps)
    assert read_report(state, KINDS) == told


async def test_a_report_has_the_keys_of_a_summary_and_more(state, journal):
    """A program that reads a summary can read a report."""
    leave_report(journal, state, SUMMARY, Reporting(), FakeClock())
    found, summary = json.loads(state.read("report.json")), json.loads(msgspec.json.encode(SUMMARY))
    assert list(found)[: len(summary)] == list(summary)
    assert {name: found[name] for name in ("schema", "outcome", "exit_code", "kinds", "closes")} == {
        name: summary[name] for name in ("schema", "outcome", "exit_code", "kinds", "closes")
    }


async def test_no_bytes_of_a_record_are_in_a_report(state, journal):
    """Neither `raw` nor the message of a dead letter."""
    await to_dead_letter(state, journal, dead_letter(field="maria@example.com"))
    leave_report(journal, state, SUMMARY, Reporting(), FakeClock())
    assert b"maria" not in state.read("report.json")


def fail(_report):
    raise ZeroDivisionError("maria@example.com")


async def test_a_page_that_cannot_be_made_is_a_warning(state, journal):
    """The outcome does not change, the JSON form is there, and the fault is named by its type alone."""
    told = leave_report(journal, state, SUMMARY, Reporting(draw=fail), FakeClock())
    assert (told.outcome, told.exit_code, told.report) == ("dead_letters", 3, "")
    assert told.warnings == ("the report is not written: a bug in masivo-stream, ZeroDivisionError",)
    assert read_report(state, KINDS) == told


@pytest.mark.parametrize("name", ["report.json", "report.html"])
async def test_a_report_that_cannot_be_written_is_a_warning(state, journal, name):
    """The exit code is the run's."""
    (state.path / name).mkdir()
    told = leave_report(journal, state, SUMMARY, Reporting(draw=lambda _: "page"), FakeClock())
    assert (told.outcome, told.exit_code, len(told.warnings)) == ("dead_letters", 3, 1)
    assert name in told.warnings[0]
    other = {"report.json": "report.html", "report.html": "report.json"}[name]
    assert state.read(other)


STOPPED = msgspec.structs.replace(SUMMARY, outcome="stopped", exit_code=6, message="the disk is full", hint="free it")


@pytest.mark.parametrize("summary", [STOPPED, SUMMARY])
async def test_what_stopped_a_run_is_known_although_its_report_has_no_room(tmp_path, summary):
    """It is in the lock file until a later process leaves a report. Of a run that has ended, the figures are enough."""
    place = str(tmp_path / "state")
    with own_state_dir(place) as state, closing(open_journal(state.journal, FakeClock().wall)) as journal:
        (state.path / "report.json").mkdir()
        leave_report(journal, state, summary, Reporting(), FakeClock())
        (state.path / "report.json").rmdir()
    with own_state_dir(place) as state:  # a process that leaves no report
        assert is_owned(state.path) == owner_of_this_process()
    found = read_stopped(state, KINDS, closes=True)
    if summary is SUMMARY:
        assert found is None
        return
    assert (found.outcome, found.exit_code, found.message, found.hint) == ("stopped", 6, "the disk is full", "free it")
    with own_state_dir(place) as state, closing(open_journal(state.journal, FakeClock().wall)) as journal:
        leave_report(journal, state, SUMMARY, Reporting(), FakeClock())
    assert read_stopped(state, KINDS, closes=True) is None


async def test_a_page_of_an_earlier_process_does_not_stay(state, journal):
    """It would show another state."""
    leave_report(journal, state, SUMMARY, Reporting(draw=lambda _: "page"), FakeClock())
    leave_report(journal, state, SUMMARY, Reporting(), FakeClock())
    assert not (state.path / "report.html").exists()
