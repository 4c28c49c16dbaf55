"""What the journal is told. Coroutines return when it is durable."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from masivo_stream.edges.journal import statements as say
from masivo_stream.edges.journal.commit import GroupCommit, translated
from masivo_stream.edges.journal.history import JournalHistory
from masivo_stream.edges.journal.statements import (
    ACCEPTED,
    AWAITED,
    IN_DOUBT,
    RESENDING,
    SEEN,
    SENDING,
    UNANSWERED,
    Statement,
)
from masivo_stream.model.account import NotedAccount
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.progress import Figures, KnownSource, Progress, Resume
from masivo_stream.model.report import Facts


class Journal(JournalHistory):
    """An open journal, and its only writer."""

    def __init__(self, connection: sqlite3.Connection, wall: Callable[[], datetime], commit: GroupCommit) -> None:
        """Use `open_journal`."""
        super().__init__(connection)
        self._wall = wall
        self._commit = commit

    def resume(self, kind: Kind) -> Resume:
        """Return where `kind` stands. What a dead process left on the wire is named as `doubtful`: settle it first.

        Raises:
            StorageError: the journal cannot be written.
        """
        row = self._connection.execute(
            "SELECT frontier, checkpoint, figures, letters_bytes, letters_crc, visible, skipped_bytes, skipped_crc"
            " FROM progress WHERE kind = ?",
            (kind,),
        ).fetchone()
        if row is None:
            return Resume()
        checkpoint = say.read_place(row[1])
        with translated():
            doubtful = self._interrupted(kind)
        suspects = self.suspects(kind, self.covered(kind, checkpoint.source, checkpoint.line), checkpoint)
        held = [reference for found in suspects for reference in found.references]
        return Resume(
            start=checkpoint,
            read_position=say.read_place(row[0]),
            figures=say.read_figures(row[2]),
            covered=self.covered(kind, checkpoint.source, checkpoint.line, also=held),
            consumed=self.consumed(kind),
            letters_bytes=row[3],
            letters_crc=row[4],
            skipped_bytes=row[6],
            skipped_crc=row[7],
            visible=bool(row[5]),
            read_all=self.read_all(kind),
            doubtful=doubtful,
            unanswered=self.unanswered(kind),
            unanswered_at=self.unanswered_at(kind),
            suspects=tuple(suspects),
        )

    def _interrupted(self, kind: Kind) -> tuple[str, ...]:
        """Return the batches a dead process left on the wire; where a repeat is harmless they are unanswered."""
        execute = self._connection.execute
        execute("UPDATE batches SET state = ? WHERE kind = ? AND state = ?", (IN_DOUBT, kind, RESENDING))
        if CONTRACTS[kind].repeatable:
            # When the last of several attempts was sent, nobody noted: no later than now.
            later = "UPDATE batches SET settled_at = ? WHERE kind = ? AND state = ? AND attempts > 1"
            execute(later, (self._now(), kind, SENDING))
            execute("UPDATE batches SET state = ? WHERE kind = ? AND state = ?", (UNANSWERED, kind, SENDING))
            return ()
        rows = execute("SELECT id FROM batches WHERE kind = ? AND state = ? ORDER BY seq", (kind, SENDING))
        return tuple(row[0] for row in rows)

    async def _write(
        self,
        own: list[Statement],
        progress: list[Statement] | None = None,
        sync: Callable[[], None] | None = None,
        *,
        outcome_of: str = "",
    ) -> None:
        await self._commit.write(own, progress, sync, outcome_of=outcome_of)

    async def add_sources(self, kind: Kind, sources: Iterable[KnownSource]) -> None:
        """Note the inputs of a kind, or what they have become (an export that was appended to)."""
        await self._write([say.know_source(kind, source) for source in sources])

    async def find_sources(self, state_dir: str, sources: Iterable[tuple[Kind, KnownSource]]) -> None:
        """Note the inputs of all kinds, what they have become, and where they and the state directory are now."""
        await self._write([say.stand_in(state_dir), *(say.know_source(kind, source) for kind, source in sources)])

    async def begin_retry(self, copies: Iterable[tuple[Kind, KnownSource | None, Iterable[int]]], detail: str) -> None:
        """Note that dead letters (rows), copied to inputs, are to be read again, and their files are empty."""
        noted = [told for kind, source, rows in copies for told in say.begin_retry(kind, source, rows)]
        await self._write([*noted, say.take_note("retry", "", detail, self._now())])

    async def take_back(
        self, copies: Iterable[tuple[Kind, KnownSource, Figures, int, int]], what: str, detail: str
    ) -> None:
        """Note that accepted records (so many, and their items) were taken back and are to be read again, as inputs.

        `figures` are those of the kind without them; `what` and `detail` are noted beside it.
        """
        noted = [told for copy in copies for told in say.take_back(*copy)]
        await self._write([*noted, say.take_note(what, "", detail, self._now())])

    def note_accounts(self, accounts: Sequence[NotedAccount], *, word: tuple[str, str] | None = None) -> None:
        """Note which accounts the run belongs to, and the `word` of the person who says that they are one.

        Raises:
            StorageError: it cannot be written.
        """
        with translated():
            for sql, parameters in self._accounts(accounts, word):
                self._connection.execute(sql, parameters)

    async def learn_accounts(self, accounts: Sequence[NotedAccount], *, word: tuple[str, str] | None = None) -> None:
        """Note the same while the run is at work."""
        await self._write(self._accounts(accounts, word))

    def _accounts(self, accounts: Sequence[NotedAccount], word: tuple[str, str] | None) -> list[Statement]:
        noted = [] if word is None else [say.take_note(word[0], "", word[1], self._now())]
        return [*noted, ("INSERT OR REPLACE INTO meta VALUES ('accounts', ?)", (msgspec.json.encode(accounts),))]

    def describe(self, facts: Facts) -> None:
        """Note what this process was started with, in the place of the one before.

        Raises:
            StorageError: it cannot be written.
        """
        with translated():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('facts', ?)", (msgspec.json.encode(facts),))

    def rest(self) -> None:
        """Bring everything into the one file, which may be moved then."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def find_alive(self, customers: Sequence[int]) -> None:
        """Note which of the customers who are gone (hashes) are not: nobody is unsure any more."""
        await self._write(say.find_alive(customers))

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies."""
        await self._write([("INSERT OR REPLACE INTO meta VALUES ('max_body_bytes', ?)", (max_body_bytes,))])

    async def take_note(self, what: str, detail: str, *, batch: str = "") -> None:
        """Note what a person decided."""
        await self._write([say.take_note(what, batch, detail, self._now())])

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        own = [*say.send(batch, self._now()), (say.COUNT_SEND, ())]
        await self._write(own, say.progress(batch.kind, progress), sync)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        await self._write([say.send_again(batch), (say.COUNT_SEND, ())])

    async def settle(
        self,
        kind: Kind,
        batch: str,
        state: str | None,
        progress: Progress,
        sync: Callable[[], None],
        *,
        why: str = "",
        again: bool = False,
    ) -> None:
        """Note what came of an attempt; None where the batch certainly was not applied and may be sent again.

        `again`: an earlier attempt may have applied it, and this one has not.
        """
        own = say.settle(batch, state, self._now(), why, again=again)
        await self._write([own], say.progress(kind, progress), sync, outcome_of=batch)

    async def find(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
        """Note that records are there, as a batch of their own that was accepted."""
        now = self._now()
        own = [*say.send(batch, now), say.settle(batch.id, ACCEPTED, now, why)]
        await self._write(own, say.progress(batch.kind, progress), sync, outcome_of=batch.id)

    async def decide(
        self, kind: Kind, batch: str, state: str, progress: Progress, sync: Callable[[], None], *, what: str, why: str
    ) -> None:
        """Note what a person decided about a batch in doubt: `what`, and `why`."""
        now = self._now()
        own = [say.settle(batch, state, now, why), say.take_note(what, batch, why, now)]
        await self._write(own, say.progress(kind, progress), sync, outcome_of=batch)

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far a kind has come."""
        await self._write([], say.progress(kind, progress), sync)

    async def mark_visible(self, kind: Kind, *, visible: bool = True, seen: bool = True) -> None:
        """Note that its effects show, or that they do not yet; not `seen`: they were only given the time to."""
        await self._write([(say.MARK_VISIBLE, (visible * (SEEN if seen else AWAITED), kind))])

    def _now(self) -> str:
        return self._wall().isoformat(timespec="milliseconds")
