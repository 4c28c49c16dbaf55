import asyncio
import sqlite3
import stat
import threading
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from msgspec import structs

from masivo_stream.edges.journal import open_journal
from masivo_stream.edges.journal.commit import GroupCommit
from masivo_stream.edges.journal.schema import pack
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.progress import START, DeadLetterNote, Figures, KnownSource, Progress, Resume, RetryCopy
from masivo_stream.model.results import Entry, Position
from masivo_stream.model.states import BatchOutcome, BatchState, Note, NoteKind

ACCEPTED, REFUSED, IN_DOUBT, UNANSWERED = map(
    BatchOutcome, (BatchState.ACCEPTED, BatchState.REFUSED, BatchState.IN_DOUBT, BatchState.UNANSWERED)
)


def wall():
    return datetime(2026, 1, 1, tzinfo=UTC)


def entry(line, items=1, of=None, indexes=None):
    where = {"file": "f", "line": line, "offset": line * 100, "length": 50}
    body = b'{"id":"c%d"}' % line
    return Entry(**where, body=body, customer=f"c{line}", items=items, record_items=of or items, indexes=indexes)


def progress(read_position=10, checkpoint=1, dead=(), dead_letters_bytes=0):
    return Progress(
        read_position=Position(0, read_position, read_position * 100),
        checkpoint=Position(0, checkpoint, checkpoint * 100),
        figures=Figures(read=read_position),
        consumed=((0, read_position * 100, 77, read_position),),
        dead_letters_bytes=dead_letters_bytes,
        dead=list(dead),
    )


def nothing():
    pass


def at_once(work):
    """Do a journal's work without a thread."""
    work()


def counting(commits):
    """Return a group commit that writes down how many notes each commit has."""

    class Counted(GroupCommit):
        def commit(self, notes):
            commits.append(len(notes))
            super().commit(notes)

    return Counted


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    opened = open_journal(path, wall)
    yield opened
    opened.close()


@pytest.fixture
def reopened():
    """Open a journal once more, as the next process does."""
    with ExitStack() as files:

        def reopen(path, **options):
            found = open_journal(path, wall, **options)
            files.callback(found.close)
            return found

        yield reopen


def ask(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_only_the_owner_can_read_the_journal(journal, path):
    """0600, its write-ahead log as well."""
    anyio.run(journal.note_sources, "", [(Kind.EVENTS, KnownSource(0, "f", 1, b""))])
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_commit_is_on_the_disk_when_it_returns(journal):
    """In WAL mode SQLite promises that for `synchronous = FULL` (2) only; a lost page cache shows nowhere else."""
    asked = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    }
    assert asked == {"journal_mode": "wal", "synchronous": 2}


def test_a_new_kind_begins_at_its_start(journal):
    """Nothing noted, nothing to take up."""
    assert journal.resume(Kind.EVENTS) == Resume()
    assert journal.read.figures(Kind.EVENTS) is None


async def test_progress_is_continued(journal, path, reopened):
    """The read position, the figures, and the length of the dead letters outlive the process."""
    await journal.note(Kind.EVENTS, progress(read_position=9, checkpoint=4, dead_letters_bytes=123), nothing)
    found = reopened(path).resume(Kind.EVENTS)
    assert (found.start, found.read_position) == (Position(0, 4, 400), Position(0, 9, 900))
    assert (found.figures.read, found.dead_letters_bytes, found.consumed) == (9, 123, {0: (900, 77, 9)})


@pytest.mark.parametrize(
    ("kind", "doubtful"), [(Kind.CUSTOMERS, False), (Kind.EVENTS, True), (Kind.TRANSACTIONS, True)]
)
async def test_a_batch_found_in_flight_is_in_doubt_unless_it_may_be_sent_again(journal, path, kind, doubtful, reopened):
    """Found `sending` by the next process, a batch is doubtful, or unanswered if a second attempt is harmless."""
    batch = make_batch(kind, [entry(3), entry(5)])
    await journal.send(batch, progress(), nothing)
    found = reopened(path).resume(kind)
    assert found.doubtful == ((batch.id,) if doubtful else ())
    assert found.unanswered == ({} if doubtful else {batch.id: {(0, 3), (0, 5)}})
    assert found.covered == ({(0, 3): None, (0, 5): None} if doubtful else {})


@pytest.mark.parametrize(("state", "covered"), [(ACCEPTED, True), (IN_DOUBT, True), (REFUSED, False), (None, False)])
async def test_settled_records_are_covered(journal, path, state, covered, reopened):
    """What was accepted or is in doubt is not taken up again; what was refused as a batch, or never applied, is."""
    batch = make_batch(Kind.EVENTS, [entry(3), entry(5, items=2, of=4, indexes=(1, 3))])
    await journal.send(batch, progress(), nothing)
    if state is None:
        await journal.remove(Kind.EVENTS, batch.id, progress(), nothing)
    else:
        await journal.settle(Kind.EVENTS, batch.id, state, progress(), nothing)
    found = reopened(path).resume(Kind.EVENTS)
    assert found.covered == ({(0, 3): None, (0, 5): frozenset({1, 3})} if covered else {})
    assert found.doubtful == ()


@pytest.mark.parametrize("deaths", [1, 2])
async def test_a_possibly_applied_batch_is_remembered_until_it_is_accepted(path, deaths, reopened):
    """Sent again by this process or another one: the records are looked for, should they be refused as being there."""
    batch = make_batch(Kind.CUSTOMERS, [entry(3), entry(5)])
    first = reopened(path)
    await first.send(batch, progress(), nothing)
    await first.settle(Kind.CUSTOMERS, batch.id, UNANSWERED, progress(), nothing)
    for _ in range(deaths):
        found = reopened(path)
        assert found.resume(Kind.CUSTOMERS).unanswered == {batch.id: {(0, 3), (0, 5)}}
        assert found.resume(Kind.CUSTOMERS).covered == {}
        await found.send(batch, progress(), nothing)
    await found.settle(Kind.CUSTOMERS, batch.id, ACCEPTED, progress(), nothing)
    assert reopened(path).resume(Kind.CUSTOMERS).unanswered == {}


async def test_dead_letters_are_covered_and_their_customers_missing(journal, path, reopened):
    """A dead record is not validated again; its customer, if known, is missing for the kinds to come."""
    dead = [
        DeadLetterNote(0, 6, None, "invalid_value", 42),
        DeadLetterNote(0, 7, (1,), "refused", -7),
        DeadLetterNote(0, 8, None, "x", None),
    ]
    await journal.note(Kind.CUSTOMERS, progress(dead=dead), nothing)
    found = reopened(path)
    assert found.resume(Kind.CUSTOMERS).covered == {(0, 6): None, (0, 7): frozenset({1}), (0, 8): None}
    assert list(found.read.missing_customers()) == [-7, 42]


async def test_positions_are_forgotten_when_they_are_not_needed_any_more(journal, path):
    """Behind the checkpoint a batch keeps its figures only; the one accepted last can still be read back."""
    for line in (1, 2, 3):
        batch = make_batch(Kind.EVENTS, [entry(line)])
        await journal.send(batch, progress(checkpoint=line), nothing)
        await journal.settle(Kind.EVENTS, batch.id, ACCEPTED, progress(checkpoint=line + 1), nothing)
    assert ask(path, "SELECT COUNT(refs), COUNT(*), SUM(items) FROM batches") == [(1, 3, 3)]
    references, _ = journal.read.last_accepted(Kind.EVENTS)
    assert [reference.line for reference in references] == [3]
    assert journal.read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 3}


async def test_a_second_attempt_counts_as_one(journal, path):
    """The same batch sent again is one row with two attempts."""
    batch = make_batch(Kind.CUSTOMERS, [entry(1)])
    for _ in range(2):
        await journal.send(batch, progress(), nothing)
    assert ask(path, "SELECT attempts FROM batches") == [(2,)]


async def test_counted_dead_letters_are_synced_before_their_commit(journal, path):
    """The dead letters are synced first: at that moment the journal does not yet speak of them."""
    seen = []

    def sync():
        seen.append(ask(path, "SELECT letters_bytes FROM progress"))

    await journal.note(Kind.EVENTS, progress(dead_letters_bytes=5), nothing)
    await journal.note(Kind.EVENTS, progress(dead_letters_bytes=99), sync)
    assert seen == [[(5,)]]


class Held:
    """A point in the journal's thread. It waits there until the test lets it go on."""

    def __init__(self, then=nothing):
        self._reached, self._open, self._then = threading.Event(), threading.Event(), then

    def __call__(self):
        self._reached.set()
        assert self._open.wait(100)
        self._then()

    async def reached(self):
        assert await anyio.to_thread.run_sync(self._reached.wait, 100)

    def open(self):
        self._open.set()


async def test_simultaneous_notes_are_one_commit(path):
    """While one commit is under way the next ones gather; each caller returns when its own is durable."""
    commits, held = [], Held()

    async def send(journal, batch):
        await journal.send(batch, progress(), nothing)
        assert (batch.id,) in ask(path, "SELECT id FROM batches")

    with closing(open_journal(path, wall, commit_by=counting(commits))) as journal:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.note, Kind.EVENTS, progress(), held)
            await held.reached()
            for line in range(1, 41):
                tasks.start_soon(send, journal, make_batch(Kind.EVENTS, [entry(line)]))
            await anyio.wait_all_tasks_blocked()
            held.open()
        assert journal.read.recount(Kind.EVENTS) == {"sending": 40}
    assert commits == [1, 40]


async def test_notes_that_are_committed_together_leave_what_single_ones_leave(tmp_path):
    """How far a kind has come is written once; what happened since is written for each note."""

    def dead(line):
        return DeadLetterNote(0, line, None, "refused", 7 * line, row=line)

    def notes(journal):
        yield journal.send(make_batch(Kind.CUSTOMERS, [entry(3)]), progress(5, 3, [dead(1)]), nothing)
        for line in range(1, 5):
            batch = make_batch(Kind.EVENTS, [entry(line)])
            made = structs.replace(progress(line + 1, line, [dead(line)]), retried=[line - 1], arrived=[7 * (line - 2)])
            yield journal.send(batch, progress(line, line), nothing)
            yield journal.settle(Kind.EVENTS, batch.id, ACCEPTED, made, nothing)
        yield journal.note(Kind.CUSTOMERS, progress(9, 4, [dead(6), dead(7)], dead_letters_bytes=8), nothing)

    commits, left = [], {}
    commit_by = partial(counting(commits), begin=asyncio.get_running_loop().call_soon)
    for at_once in (False, True):
        path = tmp_path / str(at_once)
        with closing(open_journal(path, wall, commit_by=commit_by)) as journal:
            async with anyio.create_task_group() as tasks:
                for note in notes(journal):
                    if at_once:
                        tasks.start_soon(lambda note=note: note)
                    else:
                        await note
        tables = ("batches", "progress", "dead")
        left[at_once] = [ask(path, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]  # noqa: S608
    assert left[True] == left[False]
    assert commits == [1] * 10 + [2, 8]


async def test_an_outcome_and_the_batch_that_waits_for_it_are_one_commit(path):
    commits = []
    commit_by = partial(counting(commits), begin=at_once)
    slot = anyio.Semaphore(0)

    async def follow():
        async with slot:
            await journal.send(make_batch(Kind.EVENTS, [entry(2)]), progress(), nothing)

    with closing(open_journal(path, wall, commit_by=commit_by)) as journal:
        first = make_batch(Kind.EVENTS, [entry(1)])
        await journal.send(first, progress(), nothing)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
            slot.release()
            await journal.settle(Kind.EVENTS, first.id, ACCEPTED, progress(), nothing)
        assert commits == [1, 2]
        await journal.settle(Kind.EVENTS, make_batch(Kind.EVENTS, [entry(2)]).id, ACCEPTED, progress(), nothing)
    assert commits == [1, 2, 1]


async def test_a_task_that_commits_for_others_continues_when_they_do(path):
    """There is always a task that waits for a commit, and no task is kept by the notes of the others."""
    written = dict.fromkeys(range(4), 0)
    begin = asyncio.get_running_loop().call_soon

    async def write_on(number):
        while max(written.values()) < 50:
            await journal.note(Kind.EVENTS, progress(), nothing)
            written[number] += 1

    with closing(open_journal(path, wall, commit_by=partial(GroupCommit, begin=begin))) as journal:
        async with anyio.create_task_group() as tasks:
            for number in written:
                tasks.start_soon(write_on, number)
                await anyio.lowlevel.checkpoint()
    assert min(written.values()) >= 45


async def test_what_comes_during_a_commit_is_the_next_one(path):
    """The thread begins it by itself: the event loop, which is busy here, needs no turn for that."""
    held, second = Held(), threading.Event()
    commits = []
    with closing(open_journal(path, wall, commit_by=counting(commits))) as journal:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.note, Kind.EVENTS, progress(), held)
            await held.reached()
            for sync in (second.set, nothing):
                tasks.start_soon(journal.note, Kind.EVENTS, progress(), sync)
            await anyio.wait_all_tasks_blocked()
            held.open()
            assert second.wait(100)
    assert commits == [1, 2]


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("journal")]


async def test_the_thread_ends_with_the_journal(path, reopened):
    """A command that leaves a thread behind would have to end without cleaning up."""
    with closing(open_journal(path, wall)) as journal:
        await journal.note(Kind.EVENTS, progress(), nothing)
        assert len(threads()) == 1
    assert not threads()
    assert reopened(path, writable=False).read.figures(Kind.EVENTS) is not None
    assert not threads()


@pytest.mark.parametrize("was_used", [False, True])
async def test_a_closed_journal_refuses_every_note(path, was_used):
    """No writer waits for ever, and no thread is left."""
    journal = open_journal(path, wall)
    if was_used:
        await journal.note(Kind.EVENTS, progress(), nothing)
    journal.close()

    async def note():
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(), nothing)

    with anyio.fail_after(100):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(note)
        await note()
    assert not threads()


async def test_without_a_thread_the_event_loop_commits(journal, path):
    """The system may allow the process no further thread: notes are durable even then, and no writer waits for ever."""
    await journal.note(Kind.EVENTS, progress(), nothing)
    journal._commit._thread.shutdown()  # from now on it refuses work, as where no thread can be started
    with anyio.fail_after(100):
        async with anyio.create_task_group() as tasks:
            for line in (1, 2, 3):
                tasks.start_soon(journal.send, make_batch(Kind.EVENTS, [entry(line)]), progress(line), nothing)
    assert ask(path, "SELECT COUNT(*) FROM batches") == [(3,)]


def full():
    raise OSError(28, "No space left on device")


async def test_only_outcomes_are_written_after_a_failure(journal):
    """A run whose journal missed a note begins nothing any more; and no task waits for ever."""

    async def note():
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(), full)
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(), nothing)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(note)
    with pytest.raises(StorageError):
        await journal.send(make_batch(Kind.EVENTS, [entry(1)]), progress(), nothing)
    assert journal.read.figures(Kind.EVENTS) is None


async def test_an_outcome_includes_what_could_not_be_written_before(journal, path, reopened):
    """The dead letters of a note that failed are in the commit of the outcome that comes after it."""
    flying, never = make_batch(Kind.EVENTS, [entry(1)]), make_batch(Kind.EVENTS, [entry(9)])
    await journal.send(flying, progress(), nothing)
    with pytest.raises(StorageError):
        await journal.send(never, progress(dead=[DeadLetterNote(0, 5, None, "refused", None)]), full)
    await journal.settle(Kind.EVENTS, flying.id, ACCEPTED, progress(read_position=12), nothing)
    found = reopened(path)
    assert found.resume(Kind.EVENTS).covered == {(0, 1): None, (0, 5): None}
    assert found.read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 1}  # and the one that never left is not there
    assert found.read.figures(Kind.EVENTS).read == 12


async def test_postponed_notes_keep_their_order(path, reopened):
    """What was refused beside an outcome, and while it was written, comes after it: later figures count."""
    held = Held()
    first, second, third = (make_batch(Kind.EVENTS, [entry(line)]) for line in (1, 2, 3))

    async def refused(note, *what):
        with pytest.raises(StorageError):
            await note(*what, nothing)

    with closing(open_journal(path, wall)) as journal:
        for batch in (first, second, third):
            await journal.send(batch, progress(), nothing)
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(), full)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(journal.settle, Kind.EVENTS, second.id, ACCEPTED, progress(read_position=20), held)
            tasks.start_soon(refused, journal.send, make_batch(Kind.EVENTS, [entry(9)]), progress(read_position=30))
            await held.reached()
            tasks.start_soon(
                refused,
                journal.note,
                Kind.EVENTS,
                progress(read_position=40, dead=[DeadLetterNote(0, 7, None, "x", None)]),
            )
            await anyio.wait_all_tasks_blocked()
            held.open()
        assert reopened(path).read.figures(Kind.EVENTS).read == 30
        await journal.settle(Kind.EVENTS, third.id, ACCEPTED, progress(read_position=50), nothing)
    found = reopened(path)
    assert found.read.recount(Kind.EVENTS)[BatchState.ACCEPTED] == 2
    assert (0, 7) in found.resume(Kind.EVENTS).covered
    assert found.read.figures(Kind.EVENTS).read == 50


async def test_the_note_of_a_cancelled_leader_is_written(path, reopened):
    """The event loop itself knows no shields. What happened is still noted, and so is what waits with it."""
    with closing(open_journal(path, wall)) as journal:
        batch = make_batch(Kind.EVENTS, [entry(1)])
        await journal.send(batch, progress(), nothing)
        leader = asyncio.create_task(journal.settle(Kind.EVENTS, batch.id, ACCEPTED, progress(), nothing))
        await asyncio.sleep(0)
        other = asyncio.create_task(journal.settle(Kind.EVENTS, "another", ACCEPTED, progress(), nothing))
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        with anyio.fail_after(20):
            await other
        await journal.note(Kind.EVENTS, progress(), nothing)
    assert reopened(path).read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 1}


async def test_an_outcome_that_was_given_up_is_noted_with_a_later_one(path, reopened):
    """Later there is room again, for another outcome: both are noted then, and so is what was noted in between."""
    first, second = make_batch(Kind.EVENTS, [entry(1)]), make_batch(Kind.EVENTS, [entry(2)])
    with closing(open_journal(path, wall)) as journal:
        for batch in (first, second):
            await journal.send(batch, progress(), nothing)
        with pytest.raises(StorageError):
            await journal.settle(Kind.EVENTS, first.id, ACCEPTED, progress(), full)
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(dead=[DeadLetterNote(0, 5, None, "refused", None)]), nothing)
        await journal.settle(Kind.EVENTS, second.id, ACCEPTED, progress(), nothing)
    found = reopened(path)
    assert found.read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 2}
    assert found.resume(Kind.EVENTS).doubtful == ()
    assert len(found.read.dead_at(Kind.EVENTS, 0, 5)) == 1


async def test_a_task_that_waits_behind_a_failure_gets_its_error(path):
    """Nothing goes on the wire for a note that came while the disk was full."""
    held = Held(full)
    with closing(open_journal(path, wall)) as journal:
        told = []

        async def send(line, sync):
            try:
                await journal.send(make_batch(Kind.EVENTS, [entry(line)]), progress(), sync)
            except StorageError:
                told.append(line)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, 1, held)
            await held.reached()
            tasks.start_soon(send, 2, nothing)
            await anyio.wait_all_tasks_blocked()
            held.open()
        assert sorted(told) == [1, 2]
        assert journal.read.recount(Kind.EVENTS) == {}


async def test_a_bug_in_a_commit_stops_everything(path):
    """Whatever it is: no task waits for ever, and nothing is written as if the bug had not happened."""

    class Broken(GroupCommit):
        def commit(self, notes):
            raise MemoryError

    with closing(open_journal(path, wall, commit_by=Broken)) as journal:
        with pytest.raises(MemoryError):
            await journal.note(Kind.EVENTS, progress(), nothing)
        with pytest.raises(StorageError):
            await journal.note(Kind.EVENTS, progress(), nothing)


async def test_the_first_moment_at_which_a_batch_may_have_arrived_is_remembered(path):
    """Sent again five hours later, it counts from its first attempt."""
    now = [wall()]
    with closing(open_journal(path, lambda: now[0])) as journal:
        batch = make_batch(Kind.CUSTOMERS, [entry(1)])
        await journal.send(batch, progress(), nothing)
        await journal.settle(Kind.CUSTOMERS, batch.id, UNANSWERED, progress(), nothing)
        now[0] += timedelta(hours=5)
        await journal.send(batch, progress(), nothing)
        await journal.settle(Kind.CUSTOMERS, batch.id, ACCEPTED, progress(), nothing)
        assert journal.read.sent() == [("customers", wall(), now[0], 1)]


async def test_the_moment_of_an_unanswered_attempt_is_remembered(path):
    """What is answered later does not move it.

    If a process died in an attempt, that is when it was sent, if it was the first; else the start of the next process.
    """
    now = [wall()]
    later = timedelta(minutes=1)
    with closing(open_journal(path, lambda: now[0])) as journal:
        lost, dead, died = (make_batch(Kind.CUSTOMERS, [entry(line)]) for line in (1, 2, 3))
        await journal.send(lost, progress(), nothing)
        now[0] += later
        await journal.settle(Kind.CUSTOMERS, lost.id, UNANSWERED, progress(), nothing)
        now[0] += later
        await journal.send(lost, progress(), nothing)
        refused = BatchOutcome(BatchState.UNANSWERED, 422, again=True)
        await journal.settle(Kind.CUSTOMERS, lost.id, refused, progress(), nothing)
        await journal.send(dead, progress(), nothing)
        await journal.settle(Kind.CUSTOMERS, dead.id, UNANSWERED, progress(), nothing)
        await journal.send(dead, progress(), nothing)
        await journal.send(died, progress(), nothing)
        now[0] += later
        found = journal.resume(Kind.CUSTOMERS).unanswered_at
        moments = {lost.id: wall() + later, dead.id: wall() + 3 * later, died.id: wall() + 2 * later}
        assert {batch: datetime.fromisoformat(at) for batch, at in found.items()} == moments
        assert next((first, last) for _, first, last, _ in journal.read.sent()) == (wall(), wall() + later)


async def test_the_batch_accepted_last_is_kept_for_reading_back(journal):
    """Whatever comes after it: refused ones, another kind's."""
    first, refused = make_batch(Kind.CUSTOMERS, [entry(1)]), make_batch(Kind.CUSTOMERS, [entry(2)])
    await journal.send(first, progress(), nothing)
    await journal.settle(Kind.CUSTOMERS, first.id, ACCEPTED, progress(), nothing)
    await journal.send(refused, progress(), nothing)
    await journal.settle(Kind.CUSTOMERS, refused.id, REFUSED, progress(checkpoint=9), nothing)
    await journal.send(make_batch(Kind.EVENTS, [entry(1)]), progress(), nothing)
    await journal.note(Kind.CUSTOMERS, progress(checkpoint=9), nothing)
    references, _ = journal.read.last_accepted(Kind.CUSTOMERS)
    assert [reference.line for reference in references] == [1]


async def test_a_retried_dead_letter_covers_its_line_until_the_checkpoint_passes_it(journal, path, reopened):
    """While the checkpoint is before it, a restart reads the line again: it must not be sent beside the dead letter."""
    dead = DeadLetterNote(0, 6, None, "refused", 42)
    await journal.note(Kind.EVENTS, progress(checkpoint=3, dead=[dead]), nothing)
    (row,) = journal.read.dead_at(Kind.EVENTS, 0, 6)
    taken = structs.replace(progress(checkpoint=3), retried=[row.row])
    await journal.note(Kind.EVENTS, taken, nothing)
    assert journal.read.dead_at(Kind.EVENTS, 0, 6) == []
    assert reopened(path).resume(Kind.EVENTS).covered == {(0, 6): None}
    assert not journal.read.missing_customers()
    await journal.note(Kind.EVENTS, progress(checkpoint=8), nothing)
    assert ask(path, "SELECT COUNT(*) FROM dead") == [(0,)]


async def test_a_note_that_fails_in_the_middle_changes_nothing(journal, path):
    """Figures without their dead letters would be worse than neither."""
    never = DeadLetterNote(0, 5, None, "refused", object())  # SQLite has no type for that
    with pytest.raises(StorageError):
        await journal.note(Kind.EVENTS, progress(dead=[never]), nothing)
    assert ask(path, "SELECT COUNT(*) FROM progress") == [(0,)]


async def test_an_outcome_waits_for_space(path):
    """It is tried until there is room again, and then it is noted as usual."""
    pauses = []

    def full_at_first():
        if len(pauses) < 3:
            full()

    with closing(open_journal(path, wall, patience=30, commit_by=partial(GroupCommit, pause=pauses.append))) as journal:
        batch = make_batch(Kind.EVENTS, [entry(1)])
        await journal.send(batch, progress(), nothing)
        await journal.settle(Kind.EVENTS, batch.id, ACCEPTED, progress(), full_at_first)
        assert journal.read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 1}
    assert pauses == [0.5] * 3


async def test_an_outcome_that_never_finds_space_is_named(path):
    """After the drain time the run ends, and says of which batches it could not note the outcome."""
    pauses = []
    with closing(open_journal(path, wall, patience=2, commit_by=partial(GroupCommit, pause=pauses.append))) as journal:
        batch = make_batch(Kind.EVENTS, [entry(1)])
        await journal.send(batch, progress(), nothing)
        with pytest.raises(StorageError, match=batch.id):
            await journal.settle(Kind.EVENTS, batch.id, ACCEPTED, progress(), full)
        assert sum(pauses) == 2
        with pytest.raises(StorageError):  # the time is up: no other outcome is waited for
            await journal.settle(Kind.EVENTS, "another", ACCEPTED, progress(), full)
    assert sum(pauses) == 2


async def test_a_journal_that_is_closed_waits_for_no_space(path):
    """A person who presses Ctrl-C twice does not wait for a full disk."""
    tries, held = [], Held(full)

    def full_disk():
        tries.append(1)
        held()

    journal = open_journal(path, wall, patience=1000)
    batch = make_batch(Kind.EVENTS, [entry(1)])
    await journal.send(batch, progress(), nothing)
    outcome = asyncio.create_task(journal.settle(Kind.EVENTS, batch.id, ACCEPTED, progress(), full_disk))
    await held.reached()
    held.open()
    journal.close()
    with pytest.raises(StorageError, match=batch.id):
        await outcome
    assert len(tries) <= 2


async def test_a_resent_batch_stays_in_doubt_until_it_is_accepted(journal, path, reopened):
    """On the wire by a person's word, it counts as in doubt, also for the process after a death."""
    batch = make_batch(Kind.EVENTS, [entry(3)])
    await journal.send(batch, progress(), nothing)
    await journal.settle(Kind.EVENTS, batch.id, structs.replace(IN_DOUBT, why="lost"), progress(), nothing)
    await journal.send_again(batch.id)
    assert journal.read.recount(Kind.EVENTS) == {BatchState.IN_DOUBT: 1}
    assert [doubt.batch for doubt in journal.read.in_doubt(Kind.EVENTS)] == [batch.id]
    found = reopened(path).resume(Kind.EVENTS)
    assert (found.doubtful, found.covered) == ((), {(0, 3): None})
    assert [(doubt.batch, doubt.attempts, doubt.why) for doubt in journal.read.in_doubt(Kind.EVENTS)] == [
        (batch.id, 2, "lost")
    ]


async def test_decisions_are_noted_with_time_and_reason(journal):
    """In the transaction that carries them out."""
    batch = make_batch(Kind.EVENTS, [entry(3)])
    await journal.send(batch, progress(), nothing)
    note = Note(NoteKind.ACCEPT, "seen in the dashboard", person="ana", batch=batch.id)
    await journal.decide(Kind.EVENTS, BatchState.ACCEPTED, note, progress(), nothing)
    assert journal.read.notes(NoteKind.ACCEPT) == [structs.replace(note, at="2026-01-01T00:00:00.000+00:00")]
    assert journal.read.recount(Kind.EVENTS) == {BatchState.ACCEPTED: 1}


async def test_a_retry_is_one_commit(path):
    """The copy becomes an input, and the dead-letter file empty, at the same moment."""
    commits = []

    rows = [DeadLetterNote(0, 6, None, "refused", None)]
    left = structs.replace(progress(dead_letters_bytes=77, dead=rows), dead_letters_crc=5)
    with closing(open_journal(path, wall, commit_by=counting(commits))) as journal:
        await journal.note(Kind.EVENTS, left, nothing)
        (dead,) = journal.read.dead_at(Kind.EVENTS, 0, 6)
        copy = KnownSource(1, "retry-1.events.ndjson", 5, b"", is_copy=True)
        commits.clear()
        await journal.begin_retry([RetryCopy(Kind.EVENTS, copy, {dead.row})], "again")
        assert commits == [1]
        assert journal.read.dead_at(Kind.EVENTS, 0, 6) == []
        assert journal.read.sources(Kind.EVENTS) == [copy]
        found = journal.resume(Kind.EVENTS)
        assert (found.dead_letters_bytes, found.dead_letters_crc) == (0, 0)


async def test_a_dead_letter_is_found_by_its_place_in_the_export(journal):
    """Also where it was read from a retry's copy; taken up again, it is gone."""
    dead = [
        DeadLetterNote(0, 6, None, "invalid_value", 42, digest=9),
        DeadLetterNote(1, 1, None, "refused", None, of=(0, 6, (1, 2)), whole=False, items=2, validated=False),
    ]
    await journal.note(Kind.EVENTS, progress(dead=dead), nothing)
    found = journal.read.dead_at(Kind.EVENTS, 0, 6)
    assert [(row.record, row.items, row.whole, row.validated, row.digest) for row in found] == [
        ((0, 6, None), 1, True, True, 9),
        ((0, 6, (1, 2)), 2, False, False, 0),
    ]
    again = structs.replace(progress(), retried=[found[1].row])
    await journal.note(Kind.EVENTS, again, nothing)
    assert len(journal.read.dead_at(Kind.EVENTS, 0, 6)) == 1


async def test_records_of_a_new_batch_are_not_visible_yet(journal):
    """However visible what came before it was."""
    await journal.note(Kind.EVENTS, progress(), nothing)
    await journal.mark_visible(Kind.EVENTS)
    assert journal.resume(Kind.EVENTS).visible
    await journal.send(make_batch(Kind.EVENTS, [entry(1)]), progress(), nothing)
    assert not journal.resume(Kind.EVENTS).visible


async def test_a_note_is_finished_although_its_caller_is_cancelled(journal):
    """Half a note would be worse than none."""
    with anyio.move_on_after(0):
        await journal.note(Kind.EVENTS, progress(read_position=3), nothing)
    assert journal.read.figures(Kind.EVENTS).read == 3


def test_a_journal_of_another_version_is_refused(journal, path, reopened):
    """No new journal is begun in its place."""
    ask(path, "PRAGMA user_version = 99")
    with pytest.raises(ConfigurationError, match="version 99"):
        reopened(path)


_VERSION_2 = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (
  kind TEXT, number INTEGER, name TEXT, size INTEGER, identity BLOB, letters INTEGER, line INTEGER,
  offset INTEGER, PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE progress (
  kind TEXT PRIMARY KEY, frontier BLOB, checkpoint BLOB, figures BLOB, consumed BLOB, letters_bytes INTEGER,
  letters_crc INTEGER, read_all INTEGER, visible INTEGER
) WITHOUT ROWID;
CREATE TABLE batches (
  seq INTEGER PRIMARY KEY, id TEXT, kind TEXT, state TEXT, records INTEGER, items INTEGER, bytes INTEGER,
  attempts INTEGER, refs BLOB, high_source INTEGER, high_line INTEGER, sent_at TEXT, settled_at TEXT, why TEXT
);
CREATE UNIQUE INDEX batches_id ON batches (id);
CREATE INDEX batches_refs ON batches (kind, state) WHERE refs IS NOT NULL;
CREATE INDEX batches_state ON batches (kind, state);
CREATE TABLE dead (
  id INTEGER PRIMARY KEY, kind TEXT, source INTEGER, line INTEGER, indexes BLOB, reason TEXT, customer INTEGER,
  items INTEGER, whole INTEGER, judged INTEGER, digest INTEGER, of_source INTEGER, of_line INTEGER, of_items BLOB,
  taken INTEGER
);
CREATE INDEX dead_place ON dead (kind, source, line);
CREATE INDEX dead_record ON dead (kind, of_source, of_line);
CREATE INDEX dead_customer ON dead (customer) WHERE customer IS NOT NULL;
CREATE TABLE notes (at TEXT, what TEXT, batch TEXT, detail TEXT);
PRAGMA user_version = 2;
"""
"""The tables as version 0.1.0 of the program made them."""

_VERSION_3 = """
ALTER TABLE sources ADD COLUMN path TEXT;
ALTER TABLE progress ADD COLUMN skipped_bytes INTEGER DEFAULT 0;
ALTER TABLE progress ADD COLUMN skipped_crc INTEGER DEFAULT 0;
ALTER TABLE batches ADD COLUMN spans BLOB;
CREATE TABLE skipped (customer INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE taken_back (kind TEXT PRIMARY KEY, records INTEGER, items INTEGER) WITHOUT ROWID;
PRAGMA user_version = 3;
"""
"""What version 3 had more."""

_SENT, _SETTLED = "2026-01-01T00:00:00.000+00:00", "2026-01-01T00:00:01.000+00:00"


def write_old(path, *scripts):
    """Write a journal of an earlier version: batches of all states, and notes of all kinds."""
    batches = [
        ("answered", "customers", "accepted", _SETTLED, ""),
        ("found", "customers", "accepted", _SENT, "applied by an attempt whose answer was lost"),
        ("decided", "events", "accepted", _SETTLED, "ana: seen: in the dashboard"),
        ("refused", "events", "refused", _SETTLED, "422"),
        ("large", "events", "refused", _SETTLED, "too large"),
        ("repeated", "customers", "unanswered", _SETTLED, "409"),
        ("doubt", "events", "in_doubt", _SETTLED, "timeout"),
        ("given up", "events", "discarded", _SETTLED, "ana: no reason given"),
        ("wire", "events", "sending", None, None),
    ]
    notes = [
        ("accept", "decided", "ana: seen: in the dashboard"),
        ("same account", "", "ana: the account of tokens x is y"),
        ("retry", "", "retry-1.events.ndjson"),
        ("revert begun", "", '{"start":"a","end":"b","whole":true}'),
        ("not reverted", "", '{"start":"a","end":"b","whole":true}'),
        ("made up in part", "", "10 records of events"),
    ]
    place = Position(0, 3, 30)
    reference = [0, 3, 30, 5, 1, 1, None]
    with closing(sqlite3.connect(path)) as connection:
        for script in scripts:
            connection.executescript(script)
        connection.execute("INSERT INTO meta VALUES ('salt', x'00')")
        connection.execute(
            "INSERT INTO sources (kind, number, name, size, identity, letters, line, offset)"
            " VALUES ('events', 0, 'f', 1, x'6964', 0, 1, 0)"
        )
        connection.execute(
            "INSERT INTO progress (kind, frontier, checkpoint, figures, consumed, letters_bytes, letters_crc, read_all,"
            " visible) VALUES ('events', ?, ?, ?, ?, 7, 8, 0, 1)",
            (pack(place), pack(place), pack(Figures(read=3)), pack([])),
        )
        connection.executemany(
            "INSERT INTO batches (id, kind, state, settled_at, why, sent_at, refs, records, items, bytes, attempts,"
            " high_source, high_line) VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1, 9, 1, 0, 3)",
            [(*row, _SENT, pack([reference])) for row in batches],
        )
        insert = "INSERT INTO notes (what, batch, detail, at) VALUES (?, ?, ?, ?)"
        connection.executemany(insert, [(*note, _SENT) for note in notes])
        connection.execute(
            "INSERT INTO dead (kind, source, line, customer, items, whole, judged, digest)"
            " VALUES ('customers', 0, 1, 1, 1, 1, 1, 0)"
        )
        connection.commit()


def tables(path):
    """Return the names of all columns and indexes by table."""
    names = sorted(name for (name,) in ask(path, "SELECT name FROM sqlite_master WHERE type = 'table'"))
    columns = {name: sorted(row[1] for row in ask(path, f"PRAGMA table_info({name})")) for name in names}
    return columns, sorted(ask(path, "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"))


@pytest.mark.parametrize("scripts", [(_VERSION_2,), (_VERSION_2, _VERSION_3)])
def test_a_journal_of_an_earlier_version_is_upgraded(tmp_path, scripts):
    """A run that an earlier version began goes on: the tables are those of a new journal, with what they held."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    write_old(old, *scripts)
    with pytest.raises(ConfigurationError, match="earlier version") as refused:
        open_journal(old, wall, writable=False)
    assert refused.value.hint == "start `migrate` once: it upgrades the journal"
    with closing(open_journal(old, wall)) as upgraded:
        assert upgraded.read.sources(Kind.EVENTS) == [KnownSource(0, "f", 1, b"id")]
        assert list(upgraded.read.missing_customers()) == [1]
        assert [doubt.why for doubt in upgraded.read.in_doubt(Kind.EVENTS)] == ["timeout"]
        assert [found for *_, found in upgraded.read.customers_sent()] == [False, True]
        resumed = upgraded.resume(Kind.EVENTS)
        assert (resumed.start, resumed.dead_letters_bytes, resumed.doubtful) == (Position(0, 3, 30), 7, ("wire",))
        assert upgraded.read.recount(Kind.EVENTS)[BatchState.REFUSED] == 2
    open_journal(new, wall).close()
    assert tables(old) == tables(new)
    assert ask(old, "PRAGMA user_version") == ask(new, "PRAGMA user_version")
    open_journal(old, wall, writable=False).close()


def test_an_upgrade_gives_every_fact_its_column(tmp_path):
    """In version 3 one text was a status, a sentence, or a person's words, and a person's name was part of these."""
    path = tmp_path / "journal.db"
    write_old(path, _VERSION_2, _VERSION_3)
    with closing(open_journal(path, wall)) as upgraded:
        reverts, (same,) = upgraded.read.reverts(), upgraded.read.notes(NoteKind.SAME_ACCOUNT)
        decisions, _ = upgraded.history.decisions(10)
    assert {name: facts for name, *facts in ask(path, "SELECT id, settled_by, status, why FROM batches")} == {
        "answered": ["answer", None, ""],
        "found": ["read_back", None, "applied by an attempt whose answer was lost"],
        "decided": ["person", None, "seen: in the dashboard"],
        "refused": ["answer", 422, ""],
        "large": ["answer", None, "too large"],
        "repeated": [None, 409, ""],
        "doubt": [None, None, "timeout"],
        "given up": ["person", None, "no reason given"],
        "wire": [None, None, None],
    }
    assert [note.kind for note in reverts] == [NoteKind.REVERT_BEGUN, NoteKind.NOT_REVERTED]
    assert (same.person, same.detail) == ("ana", "the account of tokens x is y")
    assert decisions[0].detail == "ana: seen: in the dashboard"


def test_an_upgrade_that_fails_leaves_the_old_journal(tmp_path):
    """All steps are one transaction: if a late one fails, nothing is changed."""
    path = tmp_path / "journal.db"
    write_old(path, _VERSION_2)
    ask(path, "ALTER TABLE notes ADD COLUMN person TEXT")  # which the upgrade of the next version adds
    before = tables(path)
    with pytest.raises(StorageError):
        open_journal(path, wall)
    assert (tables(path), ask(path, "PRAGMA user_version")) == (before, [(2,)])
    ask(path, "ALTER TABLE notes DROP COLUMN person")
    open_journal(path, wall).close()


@pytest.mark.parametrize("content", [b"rubbish " * 1000, b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_journal_is_refused(tmp_path, content):
    """What it knew cannot be guessed."""
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises((ConfigurationError, StorageError)):
        open_journal(path, wall)
    assert path.read_bytes() == content


def test_a_missing_journal_cannot_be_read(tmp_path):
    """Reading must not make one."""
    with pytest.raises((ConfigurationError, StorageError)):
        open_journal(tmp_path / "no.db", wall, writable=False)
    assert list(tmp_path.iterdir()) == []


def test_the_journal_can_be_read_while_a_run_is_at_work(journal, path, reopened):
    """A second reader sees what is committed."""
    anyio.run(journal.note_sources, "", [(Kind.EVENTS, KnownSource(0, "f", 1, b"id"))])
    looking = reopened(path, writable=False)
    assert looking.read.sources(Kind.EVENTS) == [KnownSource(0, "f", 1, b"id")]
    with pytest.raises(sqlite3.OperationalError):
        looking._connection.execute("DELETE FROM sources")


def test_the_journal_holds_no_personal_data(journal, path):
    """Neither ids nor bodies of records are in the file."""
    batch = make_batch(Kind.EVENTS, [entry(1)])
    anyio.run(journal.send, batch, progress(), nothing)
    journal.close()
    assert b"c1" not in b"".join(file.read_bytes() for file in path.parent.iterdir()).replace(b"c1\x00", b"")
    assert Position(0, 1, 0) == START


async def test_no_query_reads_all_finished_batches(journal):
    """What a restart asks, and what every commit forgets, costs the same however many batches there were."""
    few = await steps_of_a_restart(journal, settled=10)
    assert await steps_of_a_restart(journal, settled=2000) <= few + 10


async def steps_of_a_restart(journal, *, settled):
    """Return how many of its own steps SQLite takes to resume and to note progress, after `settled` more batches."""
    rows = ((f"{settled}-{number}", Kind.EVENTS, BatchState.ACCEPTED) for number in range(settled))
    journal._connection.executemany(
        "INSERT INTO batches (id, kind, state, items, high_source, high_line) VALUES (?, ?, ?, 1, 0, 1)", rows
    )
    await journal.note(Kind.EVENTS, progress(read_position=9, checkpoint=4), nothing)
    steps = []
    journal._connection.set_progress_handler(lambda: steps.append(1), 1)
    await journal.note(Kind.EVENTS, progress(read_position=9, checkpoint=4), nothing)
    journal.resume(Kind.EVENTS)
    journal.read.last_accepted(Kind.EVENTS)
    journal._connection.set_progress_handler(None, 1)
    return len(steps)
