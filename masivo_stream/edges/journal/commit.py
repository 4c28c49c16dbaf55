"""Group commit: notes that come together become one transaction, in a thread, durable before any of them returns."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable

import anyio
import anyio.to_thread
from msgspec import Struct

from masivo_stream.core.statements import Statement
from masivo_stream.model.errors import StorageError

PAUSE = 0.5
"""Seconds between two tries to write down an outcome."""


class Note(Struct, frozen=True):
    """What waits to be committed."""

    own: list[Statement]
    progress: list[Statement]
    sync: Callable[[], None] | None
    outcome_of: str
    """The batch whose outcome this is; empty for everything that is not worth waiting for."""


class _Round:
    """Notes that are committed together."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.done = anyio.Event()
        self.failure: StorageError | None = None


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
        self._owed: list[Statement] = []
        """Progress of a commit that failed: the next one makes up for it."""
        self._failure: StorageError | None = None
        self._syncing = False

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
        if self._failure is not None and not outcome_of:
            raise self._failure
        if self._round is None:
            self._round = _Round()
        mine = self._round
        mine.notes.append(Note(own, progress or [], sync, outcome_of))
        with anyio.CancelScope(shield=True):
            if self._syncing:
                await mine.done.wait()
            else:
                await self._flush()
        if mine.failure is not None:
            raise mine.failure

    async def _flush(self) -> None:
        """Commit until nothing waits. Who comes meanwhile waits for the round after."""
        self._syncing = True
        current: _Round | None = None
        try:
            while self._round is not None:
                current, self._round = self._round, None
                await self._commit_round(current)
                current.done.set()
        finally:
            self._syncing = False
            for left in (current, self._round):  # left early, by a bug: nobody waits for ever
                if left is not None and not left.done.is_set():
                    left.failure = self._failure or storage_error(RuntimeError("left early"))
                    left.done.set()

    async def _commit_round(self, current: _Round) -> None:
        """Commit; where an outcome is among the notes, try for a while."""
        outcomes = [note.outcome_of for note in current.notes if note.outcome_of]
        left = self._patience if outcomes and self._failure is None else 0.0  # waited for once, not for each
        while True:
            try:
                await self._aside(self.commit, current.notes)
            except (sqlite3.Error, OSError) as error:
                if left <= 0:
                    self._failure = current.failure = storage_error(error, outcomes)
                    self._owed.extend(statement for note in current.notes for statement in note.progress)
                    return
                await self._sleep(min(PAUSE, left))
                left -= PAUSE
            else:
                self._owed = []
                return

    def commit(self, notes: list[Note]) -> None:
        """Make notes durable; called in a thread."""
        for sync in {note.sync for note in notes if note.sync is not None}:
            sync()  # what the commit speaks of stands on the disk before it
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for sql, parameters in self._owed:
                execute(sql, parameters)
            for note in notes:
                for sql, parameters in (*note.own, *note.progress):
                    execute(sql, parameters)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise


def storage_error(error: BaseException, outcomes: Iterable[str] = ()) -> StorageError:
    """Return what to say when the journal cannot be written."""
    lost = ", ".join(outcomes)
    return StorageError(
        f"the journal cannot be written: {error}{f'; not noted is what became of {lost}' if lost else ''}",
        operation="write the journal",
        hint="free space or mend the permissions of the state directory, then start again",
    )
