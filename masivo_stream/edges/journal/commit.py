"""Group commit: notes that come together become one transaction, in a thread, durable before any of them returns.

1. The first writer of a round leads it. Writers that come before the commit begins join it; the next begins a new one.
2. An outcome (of a batch that was on the wire) that cannot be written is tried again for a while: it has happened.
3. When that fails, the journal takes no notes but outcomes any more, so that no batch leaves that it does not know.
4. What could not be written is owed: the next commit begins with it, in its order.
5. How far a kind has come is written once in a commit: what a later note of the kind says replaces what an earlier one
   says.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
from msgspec import Struct

from masivo_stream.edges.journal.schema import Statement
from masivo_stream.edges.journal.short_disk import why_not
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

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
        self.own, self.progress, self.sync, self.outcome_of = own, progress, sync, outcome_of
        self.failure: StorageError | None = None

    def refuse(self, failure: StorageError) -> None:
        """Report the failure to the writer; keep for a later commit what happened, not what was meant to happen.

        That commit brings its own `sync`, of the same file.
        """
        self.failure, self.sync = failure, None
        if not self.outcome_of:
            self.own = ()


class _Round:
    """Notes that are committed together."""

    def __init__(self) -> None:
        self.notes: list[PendingNote] = []
        self.done = anyio.Event()


class GroupCommit:
    """The journal's only way to the disk."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        patience: float = 0.0,
        aside: Callable[..., Awaitable[None]] = anyio.to_thread.run_sync,
    ) -> None:
        """Write to `connection`; an outcome that cannot be written is tried for `patience` seconds.

        `aside` runs a commit beside the event loop.
        """
        self._aside = aside
        self._connection, self._path = connection, path_of(connection)
        self._sleep, self._patience = sleep, patience
        self._round: _Round | None = None
        """The one that new notes join."""
        self._owed: list[PendingNote] = []
        """Could not be written: the next commit makes up for it."""
        self._failure: StorageError | None = None

    @cached_property
    def _disk(self) -> anyio.Lock:
        """Held while a round is committed. It is made for the first one: it imports what a mere reader does without."""
        return anyio.Lock(fast_acquire=True)

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
        if self._failure is not None and not outcome_of:
            note.refuse(self._failure)
            (self._owed if self._round is None else self._round.notes).append(note)
            raise self._failure
        leads = self._round is None
        if self._round is None:
            self._round = _Round()
        mine = self._round
        mine.notes.append(note)
        with anyio.CancelScope(shield=True):
            if leads:
                await self._lead(mine)
            else:
                await mine.done.wait()
        if note.failure is not None:
            raise note.failure

    async def _lead(self, mine: _Round) -> None:
        """Commit a round, for all that joined it. Each leads one round only, so no caller works for others for ever."""
        try:
            for _ in range(_TURNS):  # let the batch that waited for this outcome be noted in the same round
                if not all(note.outcome_of for note in mine.notes):
                    break
                await anyio.lowlevel.cancel_shielded_checkpoint()
            async with self._disk:
                self._round = None  # later notes wait for the next one
                await self._commit_round(mine)
        except BaseException as error:  # a bug: no writer goes on, and none waits for ever
            self._fail(mine.notes, storage_error(error, self._path), len(self._owed))
            raise
        finally:
            if self._round is mine:
                self._round = None
            mine.done.set()

    async def _commit_round(self, current: _Round) -> None:
        """Commit; if an outcome is among the notes, try for a while."""
        notes, owed, left = current.notes, len(self._owed), 0.0
        outcomes = [note.outcome_of for note in notes if note.outcome_of]
        if self._failure is not None:
            for note in notes:  # these came before it was known
                if not note.outcome_of:
                    note.refuse(self._failure)
            if not outcomes:
                self._owed.extend(notes)
                return
        elif outcomes:
            left = self._patience  # waited for once, not for each
        while True:
            try:
                await self._aside(self.commit, [*self._owed[:owed], *notes])
            except (sqlite3.Error, OSError) as error:
                if left <= 0:
                    self._fail(notes, storage_error(error, self._path, outcomes), owed)
                    return
                await self._sleep(min(PAUSE, left))
                left -= PAUSE
            else:
                del self._owed[:owed]  # and not what has been refused meanwhile
                return

    def _fail(self, notes: list[PendingNote], failure: StorageError, place: int) -> None:
        """Refuse notes, and from now on all that are no outcomes; they are owed from `place` on."""
        self._failure = self._failure or failure
        for note in notes:
            note.refuse(failure)
        self._owed[place:place] = notes

    def commit(self, notes: list[PendingNote]) -> None:
        """Make notes durable; called in a thread."""
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


def _statements(notes: list[PendingNote]) -> Iterator[Statement]:
    """Yield the statements of notes, in their order."""
    latest = {note.progress.kind: note for note in notes if note.progress is not None}
    for note in notes:
        yield from note.own
        if note.progress is not None:
            if latest[note.progress.kind] is note:
                yield from note.progress.reached
            yield from note.progress.once
