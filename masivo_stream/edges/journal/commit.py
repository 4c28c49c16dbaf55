"""Group commit: notes that come together become one transaction, in a thread, durable before any of them returns.

1. The first writer of a round leads it: it hands the round over to the journal's thread. Writers that come before that
   join it; the next begins a new one.
2. The thread commits all rounds that wait for it, until none does, without a turn of the event loop in between.
3. An outcome (of a batch that was on the wire) that cannot be written is tried again for a while: it has happened.
4. When that fails, the journal takes no notes but outcomes any more, so that no batch leaves that it does not know.
5. What could not be written is owed: the next commit begins with it, in its order.
6. How far a kind has come is written once in a commit: what a later note of the kind says replaces what an earlier one
   says.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from msgspec import Struct

from masivo_stream.edges.journal.schema import Statement
from masivo_stream.edges.journal.short_disk import why_not
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

PAUSE = 0.5
"""Seconds between two tries to write an outcome."""

_TURNS = 4
"""Turns of the event loop that an outcome waits for company: the batch that waited for it is noted two turns later."""

_SHORT = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_PRIMARY = 0xFF
"""The bits of a result code of SQLite that are not its details (SQLite docs, "Result and Error Codes")."""


def primary(error: sqlite3.Error) -> int:
    """Return SQLite's result code without details; 0 if the error does not come from SQLite itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY


def is_short(error: sqlite3.Error) -> bool:
    """Return whether the disk is full or fails. Such an error says nothing about what is in the file."""
    return primary(error) in _SHORT


def path_of(connection: sqlite3.Connection) -> Path:
    """Return the file that a connection is to."""
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])


def storage_error(error: BaseException, path: Path, outcomes: Iterable[str] = ()) -> StorageError:
    """Return the error to raise if the journal at `path` cannot be written; `outcomes`: of batches, and not noted."""
    lost = ", ".join(outcomes)
    cause = error
    if isinstance(error, sqlite3.Error) and is_short(error):
        cause = why_not(path) or error
    why = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
    return StorageError(
        f"the journal cannot be written: {why}{f'; the outcome of these batches is not noted: {lost}' if lost else ''}",
        operation="write the journal",
        place=str(path),
        hint=remedy_of(
            cause, "free up disk space in the state directory, or correct its permissions, then start again"
        ),
    )


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Raise `StorageError` for what SQLite cannot write."""
    path = path_of(connection)
    try:
        yield
    except sqlite3.Error as error:
        raise storage_error(error, path) from error


class NotedProgress(Struct, frozen=True):
    """How far a kind has come, as statements."""

    kind: Kind
    reached: list[Statement]
    """Of two that are committed together, the later one's replace the earlier one's."""
    once: list[Statement]
    """What has happened since the progress before: none of it is left out."""


class PendingNote:
    """What waits to be committed, and its failure, if it fails."""

    def __init__(
        self, own: Iterable[Statement], progress: NotedProgress | None, sync: Callable[[], None] | None, outcome_of: str
    ) -> None:
        """Commit `own` and `progress`, after `sync`; `outcome_of` names the batch if this is a batch's outcome.

        `own` is iterated in the thread of the commit, once for each try.
        """
        from asyncio import get_running_loop  # noqa: PLC0415 - a reader of the journal needs no event loop

        self.own, self.progress, self.sync, self.outcome_of = own, progress, sync, outcome_of
        self.failure: BaseException | None = None
        self.loop = get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()

    def refuse(self, failure: StorageError) -> None:
        """Report the failure to the writer; keep for a later commit what happened, not what was meant to happen.

        That commit brings its own `sync`, of the same file.
        """
        self.failure, self.sync = failure, None
        if not self.outcome_of:
            self.own = ()


class GroupCommit:
    """The journal's only way to the disk."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        patience: float = 0.0,
        pause: Callable[[float], object] | None = None,
        begin: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        """Write to `connection`; an outcome that cannot be written is tried for `patience` seconds.

        `pause` waits between two tries, in the thread. `begin` begins work in it, and does not wait for its end.
        """
        self._connection, self._path, self._patience = connection, path_of(connection), patience
        self._closed = threading.Event()
        self._pause, self._begin = pause or self._closed.wait, begin or self._begin_in_thread
        self._thread: ThreadPoolExecutor | None = None
        self._round: list[PendingNote] = []
        """The one that new notes join."""
        self._lock = threading.Lock()
        self._waiting: list[PendingNote] = []
        """Was handed over to the thread."""
        self._at_work = False
        """Whether the thread will look at what waits once more."""
        # What follows is the thread's own.
        self._owed: list[PendingNote] = []
        """Could not be written: the next commit makes up for it."""
        self._failure: StorageError | None = None

    def close(self) -> None:
        """End the thread, after the commits that were begun. None of them waits for room on the disk any more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.shutdown()

    async def write(
        self,
        own: Iterable[Statement],
        progress: NotedProgress | None = None,
        sync: Callable[[], None] | None = None,
        *,
        outcome_of: str = "",
    ) -> None:
        """Commit together with whatever else waits; `own` is iterated in the thread of the commit.

        Raises:
            StorageError: it could not be made durable. After that only outcomes are written.
        """
        note = PendingNote(own, progress, sync, outcome_of)
        mine = self._round
        mine.append(note)
        with anyio.CancelScope(shield=True):
            if mine[0] is note:
                await self._lead(mine)
            await note.done
        if note.failure is not None:
            raise note.failure

    async def _lead(self, mine: list[PendingNote]) -> None:
        """Hand a round over, with all that joined it."""
        try:
            for _ in range(_TURNS):  # let the batch that waited for this outcome be noted in the same round
                if not all(note.outcome_of for note in mine):
                    break
                await anyio.lowlevel.cancel_shielded_checkpoint()
        finally:  # the event loop may cancel a task in spite of the shield: others wait for this round
            self._round = []  # later notes are of the next one
            with self._lock:
                self._waiting.extend(mine)
                is_at_work, self._at_work = self._at_work, True
            if not is_at_work:
                self._begin(self._work)

    def _begin_in_thread(self, work: Callable[[], None]) -> None:
        """Begin work; if no thread can do it, do it here, so that every writer learns what became of its note."""
        if self._closed.is_set():
            work()
            return
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a reader needs no thread

            self._thread = ThreadPoolExecutor(1, "journal")
        try:
            self._thread.submit(work)
        except RuntimeError:  # the system allows the process no further thread
            work()

    # In the thread.

    def _work(self) -> None:
        """Commit what waits, until nothing does. What was waiting together is committed together."""
        while notes := self._take():
            try:
                self._commit_round(notes)
            except BaseException as error:  # noqa: BLE001 - a bug: no writer goes on, and none waits for ever
                self._fail(notes, storage_error(error, self._path))
                notes[0].failure = error
            for loop, done in groupby(notes, key=attrgetter("loop")):  # a journal may outlive an event loop
                with suppress(RuntimeError):  # the loop has ended, and its writers with it
                    loop.call_soon_threadsafe(_report, list(done))

    def _take(self) -> list[PendingNote]:
        with self._lock:
            notes, self._waiting = self._waiting, []
            self._at_work = bool(notes)
        return notes

    def _commit_round(self, notes: list[PendingNote]) -> None:
        """Commit; if an outcome is among the notes, try for a while."""
        left = 0.0
        outcomes = [note.outcome_of for note in notes if note.outcome_of]
        if self._failure is not None:
            for note in notes:
                if not note.outcome_of:
                    note.refuse(self._failure)
            if not outcomes:
                self._owed.extend(notes)
                return
        elif outcomes:
            left = self._patience  # waited for once, not for each
        while True:
            try:
                self.commit([*self._owed, *notes])
            except (sqlite3.Error, OSError) as error:
                if left <= 0 or self._closed.is_set():
                    self._fail(notes, storage_error(error, self._path, outcomes))
                    return
                self._pause(min(PAUSE, left))
                left -= PAUSE
            else:
                self._owed.clear()
                return

    def _fail(self, notes: list[PendingNote], failure: StorageError) -> None:
        """Refuse notes, and from now on all that are no outcomes; they are owed."""
        self._failure = self._failure or failure
        for note in notes:
            note.refuse(failure)
        self._owed.extend(notes)

    def commit(self, notes: list[PendingNote]) -> None:
        """Make notes durable."""
        statements = list(_statements(notes))  # before the file is locked: it takes a while
        for sync in {note.sync for note in notes if note.sync is not None}:
            sync()  # what the commit counts is on the disk before it
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for sql, parameters in statements:
                execute(sql, parameters)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


def _report(notes: list[PendingNote]) -> None:
    """Let the writers of notes go on."""
    for note in notes:
        if not note.done.done():  # else the event loop has cancelled its writer
            note.done.set_result(None)


def _statements(notes: list[PendingNote]) -> Iterator[Statement]:
    """Yield the statements of notes, in their order."""
    latest = {note.progress.kind: note for note in notes if note.progress is not None}
    for note in notes:
        yield from note.own
        if note.progress is not None:
            if latest[note.progress.kind] is note:
                yield from note.progress.reached
            yield from note.progress.once
