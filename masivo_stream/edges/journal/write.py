"""The open journal. Its coroutines return when what they note is durable.

The functions that return statements are pure; `Journal` runs the statements, in the commit of what has changed.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.accounting.spans import write_spans
from masivo_stream.edges.journal.commit import GroupCommit, NotedProgress, writing
from masivo_stream.edges.journal.history import JournalHistory
from masivo_stream.edges.journal.read import JournalReader, Query
from masivo_stream.edges.journal.schema import (
    IN_A_RETRY,
    TRIED_AGAIN,
    Statement,
    pack,
    read_figures,
    read_position,
    write_path,
)
from masivo_stream.model.account import NotedAccount
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.forecast import KnownExports
from masivo_stream.model.progress import (
    DeadLetterNote,
    KnownSource,
    Presence,
    Progress,
    Resume,
    RetryCopy,
    TakenBackCopy,
    refer,
)
from masivo_stream.model.report import Facts
from masivo_stream.model.states import BatchOutcome, BatchState, Note, NoteKind, SettledBy, Visibility

_SEND = """
INSERT INTO batches (id, kind, state, records, items, bytes, attempts, refs, high_source, high_line, sent_at, spans)
VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = attempts + 1
"""
_VISIBLE = "UPDATE progress SET visible = ? WHERE kind = ?"
_COUNT_SEND = "INSERT INTO meta VALUES ('sends', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
"""One more request with a batch. It is never taken back, whatever its outcome: an older copy of the journal, put back
in the place of this one, is recognised by the smaller number."""

_SETTLE = "UPDATE batches SET state = ?, settled_at = ?, settled_by = ?, status = ?, why = ? WHERE id = ?"
_SETTLE_AGAIN = "UPDATE batches SET state = ?, settled_by = NULL, status = ?, why = ? WHERE id = ?"
_SOURCE = """
INSERT OR REPLACE INTO sources (kind, number, name, size, identity, dead_letters, line, offset, path)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TAKEN_BACK = """
INSERT INTO taken_back (kind, records, items) VALUES (?, ?, ?)
ON CONFLICT (kind) DO UPDATE SET records = records + excluded.records, items = items + excluded.items
"""


class Journal:
    """An open journal, and its only writer; `read` and `history` answer questions to it."""

    def __init__(self, connection: sqlite3.Connection, wall: Callable[[], datetime], commit: GroupCommit) -> None:
        """Use `open_journal`."""
        self._connection = connection
        self._query = Query(connection)
        self.read, self.history = JournalReader(self._query), JournalHistory(self._query)
        self._wall = wall
        self._commit = commit

    # Before and after the work of a run.

    def resume(self, kind: Kind) -> Resume:
        """Return where `kind` is. `Resume.doubtful` names what a dead process left on the wire: settle it first.

        Raises:
            ConfigurationError: the file is damaged.
            StorageError: the journal cannot be written.
        """
        row = self._query.first(
            "SELECT read_position, checkpoint, figures, letters_bytes, letters_crc, visible, skipped_bytes, skipped_crc"
            " FROM progress WHERE kind = ?",
            kind,
        )
        if row is None:
            return Resume()
        checkpoint = read_position(row[1])
        with writing(self._connection):
            doubtful = self._settle_interrupted(kind)
        read, line = self.read, (checkpoint.source, checkpoint.line)
        suspects = read.suspects(kind, read.covered(kind, *line), checkpoint)
        held = [reference for found in suspects for reference in found.references]
        return Resume(
            start=checkpoint,
            read_position=read_position(row[0]),
            figures=read_figures(row[2]),
            covered=read.covered(kind, *line, also=held),
            consumed=read.consumed(kind),
            dead_letters_bytes=row[3],
            dead_letters_crc=row[4],
            skipped_bytes=row[6],
            skipped_crc=row[7],
            visible=bool(row[5]),
            read_all=read.read_all(kind),
            doubtful=doubtful,
            unanswered=read.unanswered(kind),
            unanswered_at=read.unanswered_at(kind),
            suspects=tuple(suspects),
            to_retry=read.to_retry(kind),
        )

    def _settle_interrupted(self, kind: Kind) -> tuple[str, ...]:
        """Change the state of batches that a dead process left on the wire; return those to be noted as in doubt.

        Those that may be sent twice become unanswered.
        """
        execute = self._connection.execute
        change = "UPDATE batches SET state = ? WHERE kind = ? AND state = ?"
        execute(change, (BatchState.IN_DOUBT, kind, BatchState.RESENDING))
        if CONTRACTS[kind].repeatable:
            # When the last of several attempts was sent is not noted: no later than now.
            later = "UPDATE batches SET settled_at = ? WHERE kind = ? AND state = ? AND attempts > 1"
            execute(later, (self._now(), kind, BatchState.SENDING))
            execute(change, (BatchState.UNANSWERED, kind, BatchState.SENDING))
            return ()
        interrupted = "SELECT id FROM batches WHERE kind = ? AND state = ? ORDER BY seq"
        return tuple(row[0] for row in execute(interrupted, (kind, BatchState.SENDING)))

    def describe(self, facts: Facts) -> None:
        """Note what this process was started with, in the place of the facts of the one before.

        Raises:
            StorageError: it cannot be written.
        """
        with writing(self._connection):
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('facts', ?)", (msgspec.json.encode(facts),))

    def note_expected(self, expected: Mapping[str, KnownExports]) -> None:
        """Note what is known of what the exports hold in all, by kind.

        Raises:
            StorageError: it cannot be written.
        """
        with writing(self._connection):
            value = msgspec.json.encode(expected)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('expected', ?)", (value,))

    def merge_wal(self) -> None:
        """Bring what is in the write-ahead log into the one file, which may be moved then.

        Raises:
            StorageError: the one file cannot grow.
        """
        with writing(self._connection):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file; what is noted is durable already."""
        self._commit.close()
        self._connection.close()

    # A batch: `send` before its first byte, then one of the others, in the commit that counts its records.

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        await self._write(_Sending(batch, self._now()), _note_progress(batch.kind, progress), sync)

    async def settle(
        self, kind: Kind, batch: str, outcome: BatchOutcome, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what came of an attempt."""
        own = _settle(batch, outcome, self._now())
        await self._write([own], _note_progress(kind, progress), sync, outcome_of=batch)

    async def remove(self, kind: Kind, batch: str, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that a batch was certainly not applied, and may be sent again: nothing of it is kept."""
        own = ("DELETE FROM batches WHERE id = ?", (batch,))
        await self._write([own], _note_progress(kind, progress), sync, outcome_of=batch)

    async def note_found(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
        """Note that records were found in the account, as a batch of their own that was accepted."""
        now = self._now()
        accepted = BatchOutcome(BatchState.ACCEPTED, why=why)
        own = [*send_statements(batch, now), _settle(batch.id, accepted, now, SettledBy.READ_BACK)]
        await self._write(own, _note_progress(batch.kind, progress), sync, outcome_of=batch.id)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        again = "UPDATE batches SET state = ?, attempts = attempts + 1 WHERE id = ?"  # `sent_at` stays the first one's
        await self._write([(again, (BatchState.RESENDING, batch)), (_COUNT_SEND, ())])

    async def decide(
        self, kind: Kind, state: BatchState, note: Note, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what a person decided about the batch in doubt that `note` names."""
        now = self._now()
        decided = BatchOutcome(state, why=note.detail)
        own = [_settle(note.batch, decided, now, SettledBy.PERSON), _note(note, now)]
        await self._write(own, _note_progress(kind, progress), sync, outcome_of=note.batch)

    # How far a kind has come.

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far a kind has come."""
        await self._write([], _note_progress(kind, progress), sync)

    async def mark_visible(self, kind: Kind, visible: Visibility = Visibility.SEEN) -> None:
        """Note whether the effects of what a kind has sent show."""
        await self._write([(_VISIBLE, (visible, kind))])

    async def note_alive(self, customers: Sequence[int]) -> None:
        """Note which of the customers that were skipped as deleted (hashes) are not deleted, after all were read."""
        await self._write(_alive_statements(customers))

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies."""
        await self._write([("INSERT OR REPLACE INTO meta VALUES ('max_body_bytes', ?)", (max_body_bytes,))])

    # Inputs.

    async def note_sources(self, state_dir: str, sources: Iterable[tuple[Kind, KnownSource]]) -> None:
        """Note the inputs of all kinds, what they have become, and where they and the state directory are now."""
        place = ("INSERT OR REPLACE INTO meta VALUES ('state_dir', ?)", (write_path(state_dir),))
        await self._write([place, *(_source(kind, source) for kind, source in sources)])

    async def begin_retry(self, copies: Iterable[RetryCopy], detail: str) -> None:
        """Note that dead letters, copied to inputs, are to be read again, and their files are empty."""
        noted = [statement for copy in copies for statement in _begin_retry(copy)]
        await self._write([*noted, _note(Note(NoteKind.RETRY, detail), self._now())])

    async def take_back(self, copies: Iterable[TakenBackCopy], note: Note) -> None:
        """Note that accepted records were taken back and are to be read again, as inputs; and add `note`."""
        noted = [statement for copy in copies for statement in _take_back(copy)]
        await self._write([*noted, _note(note, self._now())])

    # Notes, and the accounts they speak of.

    async def take_note(self, note: Note) -> None:
        """Note what a person decided, or a step of a revert."""
        await self._write([_note(note, self._now())])

    def note_accounts(self, accounts: Sequence[NotedAccount], *, confirmation: Note | None = None) -> None:
        """Note which accounts the run belongs to, and the person's `confirmation` that they are one.

        Raises:
            StorageError: it cannot be written.
        """
        with writing(self._connection):
            for sql, parameters in self._accounts(accounts, confirmation):
                self._connection.execute(sql, parameters)

    async def learn_accounts(self, accounts: Sequence[NotedAccount], *, confirmation: Note | None = None) -> None:
        """Note the same while the run is at work."""
        await self._write(self._accounts(accounts, confirmation))

    def _accounts(self, accounts: Sequence[NotedAccount], confirmation: Note | None) -> list[Statement]:
        noted = [] if confirmation is None else [_note(confirmation, self._now())]
        return [*noted, ("INSERT OR REPLACE INTO meta VALUES ('accounts', ?)", (msgspec.json.encode(accounts),))]

    async def _write(
        self,
        own: Iterable[Statement],
        progress: NotedProgress | None = None,
        sync: Callable[[], None] | None = None,
        *,
        outcome_of: str = "",
    ) -> None:
        await self._commit.write(own, progress, sync, outcome_of=outcome_of)

    def _now(self) -> str:
        return self._wall().isoformat(timespec="milliseconds")


class _Sending(Struct, frozen=True):
    """The statements of `Journal.send`, made when they are iterated.

    That is in the thread of the commit: hashing a body for the batch's id is a tenth of the work of a batch, and takes
    no time of the event loop there, since it needs no interpreter lock.
    """

    batch: Batch
    at: str

    def __iter__(self) -> Iterator[Statement]:
        """Yield them."""
        yield from send_statements(self.batch, self.at)
        yield (_COUNT_SEND, ())


def send_statements(batch: Batch, at: str) -> list[Statement]:
    """Note that the next thing that happens is the batch's first byte; what it brings is not visible yet."""
    references = [*chain.from_iterable(map(refer, batch.entries.parts))]
    facts = (batch.id, batch.kind, BatchState.SENDING, len(references), batch.items, len(batch.body))
    # A revert takes back customers by the time of their batch: so the lines of customers are never forgotten.
    spans = write_spans(batch.entries.parts) if batch.kind is Kind.CUSTOMERS else None
    return [
        (_SEND, (*facts, pack(references), *batch.entries.high, at, spans)),
        (_VISIBLE, (Visibility.UNKNOWN, batch.kind)),
    ]


_FINAL_BY_ANSWER = frozenset({BatchState.ACCEPTED, BatchState.REFUSED})


def _settle(batch: str, outcome: BatchOutcome, at: str, by: SettledBy = SettledBy.ANSWER) -> Statement:
    if outcome.again:
        return (_SETTLE_AGAIN, (outcome.state, outcome.status, outcome.why, batch))
    settled_by = None if by is SettledBy.ANSWER and outcome.state not in _FINAL_BY_ANSWER else by
    return (_SETTLE, (outcome.state, at, settled_by, outcome.status, outcome.why, batch))


def _source(kind: Kind, source: KnownSource) -> Statement:
    facts = (source.number, source.name, source.size, source.identity, source.is_copy, source.line, source.offset)
    return (_SOURCE, (kind, *facts, write_path(source.path)))


def _begin_retry(copy: RetryCopy) -> list[Statement]:
    empty = "UPDATE progress SET letters_bytes = 0, letters_crc = 0 WHERE kind = ?"
    taken = "UPDATE dead SET taken = ? WHERE id = ?"
    known = [] if copy.source is None else [_source(copy.kind, copy.source)]
    return [*known, (empty, (copy.kind,)), *((taken, (IN_A_RETRY, row)) for row in copy.rows)]


def _take_back(copy: TakenBackCopy) -> list[Statement]:
    return [
        _source(copy.kind, copy.source),
        ("UPDATE progress SET figures = ?, read_all = 0 WHERE kind = ?", (pack(copy.figures), copy.kind)),
        (_TAKEN_BACK, (copy.kind, copy.records, copy.items)),
    ]


def _note(note: Note, at: str) -> Statement:
    insert = "INSERT INTO notes (at, what, batch, person, detail) VALUES (?, ?, ?, ?, ?)"
    return (insert, (at, note.kind, note.batch, note.person, note.detail))


# How far a kind has come, as statements.

_PROGRESS = f"""
INSERT INTO progress (kind, read_position, checkpoint, figures, consumed, letters_bytes, letters_crc, read_all, visible,
  skipped_bytes, skipped_crc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, {Visibility.UNKNOWN:d}, ?, ?)
ON CONFLICT (kind) DO UPDATE SET
  read_position = excluded.read_position, checkpoint = excluded.checkpoint, figures = excluded.figures,
  consumed = excluded.consumed, letters_bytes = excluded.letters_bytes, letters_crc = excluded.letters_crc,
  read_all = excluded.read_all, skipped_bytes = excluded.skipped_bytes, skipped_crc = excluded.skipped_crc
"""  # noqa: S608 - a number, ours

# A restart does not read again what is before the checkpoint: of these batches the places are no longer needed, but
# for the kind's last accepted batch, which is read back. The same goes for dead letters that were tried again: until
# then they keep their line from being read a second time. Why INDEXED BY: see `_PLACES` in `read`.
_FORGET_PLACES = """
UPDATE batches INDEXED BY batches_refs SET refs = NULL
WHERE kind = ? AND refs IS NOT NULL AND state IN (?, ?, ?, ?) AND (high_source, high_line) < (?, ?)
  AND seq IS NOT (SELECT MAX(seq) FROM batches WHERE kind = ? AND state = ?)
"""
_FINAL = (BatchState.ACCEPTED, BatchState.REFUSED, BatchState.UNANSWERED, BatchState.DISCARDED)
_FORGET_LETTERS = f"DELETE FROM dead WHERE kind = ? AND taken = {TRIED_AGAIN} AND (source, line) < (?, ?)"  # noqa: S608 - a number, ours
_RETRIED = f"UPDATE dead SET taken = {TRIED_AGAIN}, customer = NULL WHERE id = ?"  # noqa: S608 - a number, ours
_DEAD = """
INSERT INTO dead (kind, source, line, indexes, reason, customer, items, whole, validated, digest,
  of_source, of_line, of_items)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ARRIVED = "UPDATE dead SET customer = NULL WHERE customer = ?"

# A skipped record is noted as a dead letter that was tried again: that only keeps its line from being read once more.
_SKIPPED = f"""
INSERT INTO dead (kind, source, line, reason, items, whole, validated, taken, of_source, of_line)
VALUES (?, ?, ?, 'skipped', 0, 1, 1, {TRIED_AGAIN}, ?, ?)
"""  # noqa: S608 - a number, ours

# Many customers in one statement; `json_each` knows whole numbers of 64 bits (SQLite docs, "The json_each() and
# json_tree() table-valued functions").
_GONE = "INSERT OR IGNORE INTO skipped SELECT value FROM json_each(?)"
_ALIVE = "DELETE FROM skipped WHERE customer IN (SELECT value FROM json_each(?))"
_UNSURE = "INSERT OR REPLACE INTO meta VALUES ('skipped_unsure', 1)"
_SURE = "DELETE FROM meta WHERE name = 'skipped_unsure'"

_encode = msgspec.json.Encoder().encode


def _note_progress(kind: Kind, progress: Progress) -> NotedProgress:
    """Note how far a kind has come."""
    checkpoint = progress.checkpoint
    passed = (checkpoint.source, checkpoint.line)
    places = (pack(progress.read_position), pack(checkpoint), pack(progress.figures), pack(progress.consumed))
    letters = (progress.dead_letters_bytes, progress.dead_letters_crc)
    reached: list[Statement] = [
        (_PROGRESS, (kind, *places, *letters, progress.read_all, progress.skipped_bytes, progress.skipped_crc)),
        (_FORGET_PLACES, (kind, *_FINAL, *passed, kind, BatchState.ACCEPTED)),
        (_FORGET_LETTERS, (kind, *passed)),
    ]
    once: list[Statement] = [(_RETRIED, (row,)) for row in progress.retried]
    once.extend((_DEAD, _dead(kind, row)) for row in progress.dead)
    once.extend((_ARRIVED, (customer,)) for customer in progress.arrived)
    once.extend((_SKIPPED, (kind, *place, *place)) for place in progress.presence.held if place >= passed)
    once.extend(_presence(progress.presence))
    return NotedProgress(kind, reached, once)


def _alive_statements(customers: Sequence[int]) -> list[Statement]:
    """Note which of the customers that were skipped as deleted are not deleted, after all records were read."""
    return [(_ALIVE, (_as_json(customers),)), (_SURE, ())]


def _presence(made: Presence) -> Iterator[Statement]:
    """Note which customers are deleted, and which are not: one record to be sent is enough, wherever it is."""
    if made.gone:
        yield (_GONE, (_as_json(made.gone),))
    if made.gone and made.unsure:
        yield (_UNSURE, ())
    if made.alive:
        yield (_ALIVE, (_as_json(made.alive),))


def _dead(kind: Kind, row: DeadLetterNote) -> tuple[Any, ...]:
    facts = (row.items, row.whole, row.validated, row.digest)
    own = (row.source, row.line, row.indexes and pack(row.indexes))
    source, line, items = row.of or own
    of_items = pack(items) if isinstance(items, tuple) else items
    return (kind, *own, row.reason, row.customer, *facts, source, line, of_items)


def _as_json(numbers: Sequence[int]) -> str:
    return _encode(list(numbers)).decode()
