"""Group commit: notes that come together become one transaction, in a thread, durable before any of them returns."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import anyio.to_thread

from masivo_stream.edges.journal.statements import Statement
from masivo_stream.model.errors import StorageError

PAUSE = 0.5
"""Seconds between two tries to write down an outcome."""

_TURNS = 4
"""Turns of the event loop an outcome waits for company: who waited for its answer comes two turns later."""


class Note:
    """What waits to be committed, and what came of it."""

    def __init__(
        self, own: list[Statement], progress: list[Statement], sync: Callable[[], None] | None, outcome_of: str
    ) -> None:
        """Note `own` and `progress`, after `sync`; `outcome_of` names the batch whose outcome this is, if it is one."""
        self.own, self.progress, self.sync, self.outcome_of = own, progress, sync, outcome_of
        self.failure: StorageError | None = None

    def refuse(self, failure: StorageError) -> None:
        """Tell who waits; what is left is what a later commit makes up for: what happened, not what was meant to.

        That commit brings its own `sync`, of the same file.
        """
        self.failure, self.sync = failure, None
        if not self.outcome_of:
            self.own = []


class _Round:
    """Notes that are committed together."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
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
        self._connection = connection
        self._sleep, self._patience = sleep, patience
        self._round: _Round | None = None
        """The one that is open to who comes."""
        self._owed: list[Note] = []
        """Could not be written: the next commit makes up for it."""
        self._failure: StorageError | None = None
        self._disk = anyio.Lock(fast_acquire=True)

    async def write(
        self,
        own: list[Statement],
        progress: list[Statement] | None = None,
        sync: Callable[[], None] | None = None,
        *,
        outcome_of: str = "",
    ) -> None:
        """Commit together with whatever else waits.

        Raises:
            StorageError: it could not be made durable. After that only outcomes are written.
        """
        note = Note(own, progress or [], sync, outcome_of)
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
        """Commit a round, for all who came to it: each leads its own, so that nobody works for the others for ever."""
        try:
            for _ in range(_TURNS):  # let the batch that waited for this outcome be noted in the same round
                if not all(note.outcome_of for note in mine.notes):
                    break
                await anyio.lowlevel.cancel_shielded_checkpoint()
            async with self._disk:
                self._round = None  # who comes now waits for the next one
                await self._commit_round(mine)
        except BaseException as error:  # a bug: nobody goes on, and nobody waits for ever
            self._fail(mine.notes, storage_error(error), len(self._owed))
            raise
        finally:
            if self._round is mine:
                self._round = None
            mine.done.set()

    async def _commit_round(self, current: _Round) -> None:
        """Commit; where an outcome is among the notes, try for a while."""
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
                    self._fail(notes, storage_error(error, outcomes), owed)
                    return
                await self._sleep(min(PAUSE, left))
                left -= PAUSE
            else:
                del self._owed[:owed]  # and not what has been refused meanwhile
                return

    def _fail(self, notes: list[Note], failure: StorageError, place: int) -> None:
        """Refuse notes, from now on all that are no outcomes; they are owed from `place` on."""
        self._failure = self._failure or failure
        for note in notes:
            note.refuse(failure)
        self._owed[place:place] = notes

    def commit(self, notes: list[Note]) -> None:
        """Make notes durable; called in a thread."""
        for sync in {note.sync for note in notes if note.sync is not None}:
            sync()  # what the commit speaks of stands on the disk before it
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for note in notes:
                for sql, parameters in (*note.own, *note.progress):
                    execute(sql, parameters)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


_SHORT = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_PRIMARY = 0xFF
"""The bits of a result code of SQLite that are not its details (SQLite docs, "Result and Error Codes")."""


def primary(error: sqlite3.Error) -> int:
    """Return SQLite's result code without details; 0 where the error is not of its making."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY


def is_short(error: sqlite3.Error) -> bool:
    """Return whether the disk is full or fails: no word on what stands in the file."""
    return primary(error) in _SHORT


def storage_error(error: BaseException, outcomes: Iterable[str] = ()) -> StorageError:
    """Return what to say when the journal cannot be written."""
    lost = ", ".join(outcomes)
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return StorageError(
        f"the journal cannot be written: {why}{f'; not noted is what became of {lost}' if lost else ''}",
        operation="write the journal",
        hint="free space or mend the permissions of the state directory, then start again",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Tell what SQLite cannot write as an error of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise storage_error(error) from error
