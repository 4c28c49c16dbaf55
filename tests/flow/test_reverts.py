"""What a revert leaves behind, whatever its outcome and that of earlier ones."""

import resource
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fakes import record

from masivo_stream.edges.api import Reply
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.files.state_dir import own_state_dir
from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.revert import RevertRequest, take_back
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.revert_state import leave_reverted
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, MasivoStreamError, StorageError
from masivo_stream.model.progress import Figures, Progress
from masivo_stream.model.results import Entry, Position
from masivo_stream.model.states import BatchOutcome, BatchState, Note, NoteKind

KEY = "9d7e3d8f-0000-4000-8000-000000000000"
YES, NO, LOST = Answer(status=200), Answer(status=403), Failure(cause=Cause.TIMEOUT, sent=True)
FIRST_DAY = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
SECOND_DAY = "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
BOTH_DAYS = FIRST_DAY[0], SECOND_DAY[1]


class Clock:
    """A wall clock that can be set."""

    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def wall(self):
        return self.moment


class Server:
    """Answers reverts, one after the other."""

    def __init__(self, answer):
        self.answer = answer

    async def revert(self, start, end):
        return Reply(self.answer)


def account_of(clock, key):
    settings = load_settings(flags={"base_url": "http://127.0.0.1:1"})
    return AccountBinding(settings, Credentials(api_key=Secret(key)), clock)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def state(tmp_path, clock):
    """A run that was at work on two days."""
    with own_state_dir(str(tmp_path / "state")) as opened:
        with closing(open_journal(opened.journal, clock.wall)) as journal:
            account_of(clock, KEY).enter(journal)
            for line in (1, 2):
                where = {"file": "f", "line": line, "offset": line, "length": 1}
                customer = record(Kind.CUSTOMERS, line)["id"]
                entry = Entry(**where, body=b"{}", customer=customer, items=1, record_items=1)
                batch = make_batch(Kind.CUSTOMERS, [entry])
                place = Position(0, line, line)
                made = Progress(
                    read_position=place, checkpoint=place, figures=Figures(), consumed=(), dead_letters_bytes=0, dead=[]
                )
                await journal.send(batch, made, lambda: None)
                await journal.settle(Kind.CUSTOMERS, batch.id, BatchOutcome(BatchState.ACCEPTED), made, lambda: None)
                clock.moment += timedelta(days=1)
        yield opened


async def revert(state, clock, period, answer):
    work = take_back(state, RevertRequest(*period), Server(answer), account_of(clock, KEY))
    if answer is YES:
        await work
    else:
        with pytest.raises(MasivoStreamError):
            await work


def may_go_on(state, clock):
    """Return whether a run may start: `goes on`, `afresh`, or what prevents it."""
    try:
        leave_reverted(state, clock)
    except (ConfigurationError, StorageError) as error:
        return str(error).split(":", 1)[0]
    return "goes on" if state.journal.exists() else "afresh"


@pytest.mark.parametrize(
    ("story", "end"),
    [
        ([], "goes on"),
        ([(BOTH_DAYS, NO)], "goes on"),
        ([(BOTH_DAYS, YES)], "afresh"),
        ([(FIRST_DAY, YES)], "part of this run was taken back"),
        ([(FIRST_DAY, YES), (SECOND_DAY, NO)], "part of this run was taken back"),
        ([(FIRST_DAY, YES), (SECOND_DAY, YES)], "afresh"),
        ([(BOTH_DAYS, LOST)], "a revert from 2026-01-01T00"),
        ([(BOTH_DAYS, LOST), (BOTH_DAYS, NO)], "a revert from 2026-01-01T00"),
        ([(BOTH_DAYS, LOST), (BOTH_DAYS, YES)], "afresh"),
        ([(FIRST_DAY, YES), (SECOND_DAY, LOST)], "a revert from 2026-01-02T00"),
        ([(BOTH_DAYS, NO), (FIRST_DAY, YES)], "part of this run was taken back"),
    ],
)
async def test_all_reverts_of_a_run_count(state, clock, story, end):
    """A refused revert does not undo an earlier one, and a revert that may have happened blocks the run."""
    for period, answer in story:
        await revert(state, clock, period, answer)
    assert may_go_on(state, clock) == end


@contextmanager
def file_size_limit(size):
    """Let no file grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("period", "end"), [(None, "goes on"), (BOTH_DAYS, "the journal cannot be written")])
async def test_a_disk_without_room_for_the_journal_in_one_file_is_a_storage_error(state, clock, period, end):
    """What a killed process left in the write-ahead log needs room only if the run is put aside."""
    if period is not None:
        await revert(state, clock, period, YES)
    with closing(open_journal(state.journal, clock.wall)) as journal:
        await journal.take_note(Note(NoteKind.RETRY, "x" * 100_000))
        left = {path: path.read_bytes() for path in (state.journal, state.path / "journal.db-wal")}
    for path, content in left.items():
        path.write_bytes(content)
    with file_size_limit(len(left[state.journal])):
        assert may_go_on(state, clock).startswith(end)
    assert may_go_on(state, clock) == ("goes on" if period is None else "afresh")


async def test_the_order_is_that_of_events_not_of_the_clock(state, clock):
    """If the clock is set back between two reverts, the second one still counts."""
    clock.moment += timedelta(days=100)
    await revert(state, clock, BOTH_DAYS, NO)
    clock.moment -= timedelta(days=200)
    await revert(state, clock, BOTH_DAYS, LOST)
    assert may_go_on(state, clock).startswith("a revert")


async def test_a_revert_of_another_account_is_refused(state, clock):
    """Nothing is sent, nothing noted."""
    await revert(state, clock, FIRST_DAY, NO)
    with pytest.raises(ConfigurationError, match=r"has sent to http://127.0.0.1:1 .* not to http://127.0.0.1:1 "):
        await take_back(state, RevertRequest(*BOTH_DAYS), Server(YES), account_of(clock, "another"))
    assert may_go_on(state, clock) == "goes on"


async def test_foreign_files_stay_where_they_are(state, clock):
    """Only the files of the run are put aside."""
    (state.path / "notes.txt").write_text("mine")
    (state.path / "dead-letter.events.ndjson").touch()
    await revert(state, clock, BOTH_DAYS, YES)
    assert may_go_on(state, clock) == "afresh"
    assert sorted(path.name for path in state.path.iterdir()) == ["lock", "notes.txt", "reverted-1"]
    assert {path.name for path in (state.path / "reverted-1").iterdir()} == {"journal.db", "dead-letter.events.ndjson"}
