"""What the journal knows: for the start of a run, for its end, and for `status` at any time.

All questions go through `Query`, which raises SQLite's failures as errors of this program.
"""

import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec

from masivo_stream.core.accounting.spans import cover, read_spans
from masivo_stream.core.isolation.restart import Culprit, RefusedBatch, suspects
from masivo_stream.edges.journal.commit import is_short, path_of, storage_error
from masivo_stream.edges.journal.schema import (
    IN_A_RETRY,
    read_consumed,
    read_figures,
    read_indexes,
    read_path,
    read_position,
    read_references,
)
from masivo_stream.model.account import NotedAccount
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.forecast import KnownExports
from masivo_stream.model.progress import Covered, DeadLetterNote, Doubt, Figures, KnownSource, Reference, Suspects
from masivo_stream.model.reason import Reason
from masivo_stream.model.report import Facts
from masivo_stream.model.results import Position
from masivo_stream.model.states import REVERT_NOTES, BatchState, Note, NoteKind, SettledBy, Visibility


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """Raise `ConfigurationError` for a file that is damaged, `StorageError` for a disk that is full or fails."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_short(error):
            raise storage_error(error, path_of(connection)) from error
        raise ConfigurationError(
            f"the journal is damaged: {error}",
            operation="read the journal",
            hint="do not start over without the journal: restore it from a copy, or find out what the account already"
            " has",
        ) from error


class Query:
    """Questions to an open journal. Each raises `ConfigurationError` if the file is damaged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with reading(self._connection):
            return self._connection.execute(sql, parameters).fetchall()

    def first(self, sql: str, *parameters: object) -> Sequence[Any] | None:
        """Return the first row, None if there is no row."""
        rows = self.all(sql, *parameters)
        return rows[0] if rows else None

    def one(self, sql: str, *parameters: object) -> Sequence[Any]:
        """Return the row that must be there."""
        row = self.first(sql, *parameters)
        if row is None:
            raise LookupError(sql)
        return row

    def numbers(self, sql: str, *parameters: object) -> "array[int]":
        """Return the first column, numbers of 64 bits, without a copy of the rows: there may be millions."""
        with reading(self._connection):
            return array("q", (row[0] for row in self._connection.execute(sql, parameters)))


# Few batches still have their places (`refs`), however many there were. SQLite by itself goes through all batches of a
# state, because it cannot know how much smaller the partial index is (SQLite docs, "Partial Indexes"). So every
# question for places names the index, as does the statement that forgets them (`_FORGET_PLACES` in `write`).
_PLACES = "FROM batches INDEXED BY batches_refs WHERE kind = ? AND state = ? AND refs IS NOT NULL"

NOTES = "SELECT what, COALESCE(detail, ''), COALESCE(person, ''), COALESCE(batch, ''), at FROM notes"


class JournalReader:
    """Questions to an open journal. Each raises `ConfigurationError` if the file is damaged."""

    def __init__(self, query: Query) -> None:
        """Use `open_journal`."""
        self._query = query

    # The run as a whole.

    def salt(self) -> bytes:
        """Return the salt of this journal's hashes."""
        return bytes(self._query.one("SELECT value FROM meta WHERE name = 'salt'")[0])

    def id(self) -> str:
        """Return a name that no other journal has; it stays when the file is moved or renamed."""
        return hashlib.blake2b(self.salt(), digest_size=12, person=b"journal").hexdigest()

    def accounts(self) -> list[NotedAccount]:
        """Return the accounts that the run belongs to, which a person says are one; the one used last comes last."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'accounts'")
        return [] if row is None else msgspec.json.decode(row[0], type=list[NotedAccount])

    def target(self) -> str:
        """Return the domain that version 0.1.0 of the program noted the run goes to; empty if it noted none."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'target'")
        return "" if row is None else str(row[0])

    def state_dir(self) -> str:
        """Return where the state directory was when the places of exports were noted; empty before that."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'state_dir'")
        return "" if row is None else read_path(row[0])

    def facts(self) -> Facts:
        """Return what the last process was started with; empty facts if an earlier version began the run."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'facts'")
        try:
            return Facts() if row is None else msgspec.json.decode(row[0], type=Facts)
        except ValueError:
            return Facts()

    def expected(self) -> dict[str, KnownExports]:
        """Return by kind what is known of what the exports hold in all; nothing if no process has noted it."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'expected'")
        try:
            return {} if row is None else msgspec.json.decode(row[0], type=dict[str, KnownExports])
        except ValueError:
            return {}

    def max_body_bytes(self) -> int | None:
        """Return the size of body that a 413 has taught, None if there was no 413."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'max_body_bytes'")
        return None if row is None else int(row[0])

    def sends(self) -> int:
        """Return how many requests with batches were about to leave, since the journal counts them: it only grows."""
        row = self._query.first("SELECT value FROM meta WHERE name = 'sends'")
        return 0 if row is None else int(row[0])

    def first_sent(self) -> str:
        """Return when the first batch was about to leave that may have arrived, or was refused; empty for none."""
        return str(self._query.one("SELECT COALESCE(MIN(sent_at), '') FROM batches")[0])

    # Inputs, and how far reading has come.

    def sources(self, kind: Kind) -> list[KnownSource]:
        """Return the inputs of `kind`, in reading order."""
        columns = "number, name, size, identity, dead_letters, line, offset, path"
        rows = self._query.all(f"SELECT {columns} FROM sources WHERE kind = ? ORDER BY number", kind)  # noqa: S608 - ours
        return [
            KnownSource(number, name, size, identity, bool(is_copy), line, offset, read_path(path))
            for number, name, size, identity, is_copy, line, offset, path in rows
        ]

    def has_sent_from(self, kind: Kind, source: int) -> bool:
        """Return whether a batch holds records of an input, or of one that is read after it."""
        question = "SELECT 1 FROM batches WHERE kind = ? AND high_source >= ? LIMIT 1"
        return self._query.first(question, kind, source) is not None

    def consumed(self, kind: Kind) -> dict[int, tuple[int, int, int]]:
        """Return by source how many plain bytes are read, their CRC-32, and the line after them."""
        row = self._query.first("SELECT consumed FROM progress WHERE kind = ?", kind)
        return {} if row is None else {number: (size, crc, line) for number, size, crc, line in read_consumed(row[0])}

    def read_all(self, kind: Kind) -> bool:
        """Return whether every input of a kind was read to its end."""
        row = self._query.first("SELECT read_all FROM progress WHERE kind = ?", kind)
        return row is not None and bool(row[0])

    def reached(self, kind: Kind) -> tuple[Position, bool] | None:
        """Return the checkpoint, and whether the kind's effects were seen to show; None if the kind was not begun."""
        row = self._query.first("SELECT checkpoint, visible FROM progress WHERE kind = ?", kind)
        return None if row is None else (read_position(row[0]), row[1] == Visibility.SEEN)

    def figures(self, kind: Kind) -> Figures | None:
        """Return the figures noted last, None if the kind was not begun."""
        row = self._query.first("SELECT figures FROM progress WHERE kind = ?", kind)
        return None if row is None else read_figures(row[0])

    def dead_letter_file(self, kind: Kind) -> tuple[int, int]:
        """Return how many bytes of a kind's dead-letter file are counted, and their CRC-32."""
        row = self._query.first("SELECT letters_bytes, letters_crc FROM progress WHERE kind = ?", kind)
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def skipped_file(self, kind: Kind) -> tuple[int, int]:
        """Return how many bytes of a kind's file of skipped records are counted, and their CRC-32."""
        row = self._query.first("SELECT skipped_bytes, skipped_crc FROM progress WHERE kind = ?", kind)
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    # Batches.

    def sent(self) -> list[tuple[str, datetime, datetime, int]]:
        """Return of each batch that may have been applied the kind, when it was sent and settled, and its records."""
        rows = self._query.all(
            "SELECT kind, sent_at, COALESCE(settled_at, sent_at), records FROM batches WHERE state != ? ORDER BY seq",
            BatchState.REFUSED,
        )
        moment = datetime.fromisoformat
        return [(kind, moment(sent), moment(settled), records) for kind, sent, settled, records in rows]

    def customers_sent(self) -> Iterator[tuple[list[tuple[int, int, int]] | None, datetime, datetime, bool]]:
        """Yield of each accepted batch of customers its lines, when it was sent and accepted, and whether it was found.

        Lines are source, first and last line of each stretch; None for a batch of version 0.1.0, which kept none. A
        batch that was found by reading back had been sent some time before.
        """
        rows = self._query.all(
            "SELECT spans, sent_at, COALESCE(settled_at, sent_at), settled_by FROM batches"
            " WHERE kind = ? AND state = ? ORDER BY seq",
            Kind.CUSTOMERS,
            BatchState.ACCEPTED,
        )
        moment = datetime.fromisoformat
        for spans, sent, settled, by in rows:
            lines = None if spans is None else list(read_spans(spans))
            yield lines, moment(sent), moment(settled), by != SettledBy.ANSWER

    def accepted_between(self, kind: Kind) -> tuple[datetime, datetime] | None:
        """Return when the first accepted batch was sent and the last one was accepted; None if no batch was."""
        first, last = self._query.one(
            "SELECT MIN(sent_at), MAX(settled_at) FROM batches WHERE kind = ? AND state = ?", kind, BatchState.ACCEPTED
        )
        return None if first is None else (datetime.fromisoformat(first), datetime.fromisoformat(last or first))

    def last_accepted(self, kind: Kind) -> tuple[list[Reference], datetime] | None:
        """Return where the entries of the batch accepted last are, and when it was accepted; None if no batch was."""
        row = self._query.first(
            f"SELECT refs, settled_at {_PLACES} ORDER BY settled_at DESC, seq DESC LIMIT 1", kind, BatchState.ACCEPTED
        )
        return None if row is None else (read_references(row[0]), datetime.fromisoformat(row[1]))

    def references(self, batch: str) -> list[Reference]:
        """Return where the entries of a batch are."""
        return read_references(self._query.one("SELECT refs FROM batches WHERE id = ?", batch)[0])

    def in_doubt(self, kind: Kind) -> list[Doubt]:
        """Return the batches in doubt."""
        rows = self._query.all(
            "SELECT id, kind, records, items, attempts, sent_at, why FROM batches"
            " WHERE kind = ? AND state IN (?, ?) ORDER BY seq",
            kind,
            BatchState.IN_DOUBT,
            BatchState.RESENDING,
        )
        return [Doubt(batch, Kind(kind), *facts) for batch, kind, *facts in rows]

    def unanswered(self, kind: Kind) -> dict[str, set[tuple[int, int]]]:
        """Return source and line of the records of each batch that may have been applied and is sent again."""
        rows = self._query.all(f"SELECT id, refs {_PLACES}", kind, BatchState.UNANSWERED)
        return {
            batch: {(reference.source, reference.line) for reference in read_references(refs)} for batch, refs in rows
        }

    def unanswered_at(self, kind: Kind) -> dict[str, str]:
        """Return when the last such attempt of each of these batches ended, or was sent."""
        return dict(self._query.all(f"SELECT id, COALESCE(settled_at, sent_at) {_PLACES}", kind, BatchState.UNANSWERED))

    def recount(self, kind: Kind) -> dict[BatchState, int]:
        """Return the items of the kind's batches by state, counted from their rows again, less what was taken back."""
        rows = self._query.all(
            "SELECT CASE state WHEN ? THEN ? ELSE state END AS counted_as, SUM(items) FROM batches"
            " WHERE kind = ? GROUP BY counted_as",
            BatchState.RESENDING,
            BatchState.IN_DOUBT,
            kind,
        )
        found: dict[BatchState, int] = {BatchState(state): items for state, items in rows}
        for (items,) in self._query.all("SELECT items FROM taken_back WHERE kind = ?", kind):
            found[BatchState.ACCEPTED] = found.get(BatchState.ACCEPTED, 0) - items
        return found

    # Single records: where they are, and their outcomes.

    def placed(self, kind: Kind, *states: BatchState) -> Covered:
        """Return which records are in batches of these states. Of old batches the places are forgotten."""
        rows = chain.from_iterable(self._query.all(f"SELECT refs {_PLACES}", kind, state) for state in states)
        return cover((reference for (blob,) in rows for reference in read_references(blob)), ())

    def covered(self, kind: Kind, source: int, line: int, *, also: Iterable[Reference] = ()) -> Covered:
        """Return which records from a line on have an outcome already; `also` are counted among them."""
        batches = self._query.all(
            "SELECT refs FROM batches INDEXED BY batches_refs"
            " WHERE kind = ? AND state IN (?, ?, ?) AND refs IS NOT NULL"
            " AND (high_source, high_line) >= (?, ?)",
            *(kind, BatchState.ACCEPTED, BatchState.IN_DOUBT, BatchState.SENDING),
            *(source, line),
        )
        dead = self._query.all(
            "SELECT source, line, indexes FROM dead WHERE kind = ? AND (source, line) >= (?, ?)", kind, source, line
        )
        return cover(
            chain(also, (reference for (blob,) in batches for reference in read_references(blob))),
            ((source, line, read_indexes(blob)) for source, line, blob in dead),
        )

    def suspects(self, kind: Kind, covered: Covered, checkpoint: Position) -> list[Suspects]:
        """Return the records among which a culprit is; `covered` are those from `checkpoint` on with an outcome.

        A batch that was too large has no status: no record of it is to blame.
        """
        rows = self._query.all(f"SELECT id, status, refs {_PLACES} AND status IS NOT NULL", kind, BatchState.REFUSED)
        refused = [RefusedBatch(batch, status, read_references(refs)) for batch, status, refs in rows]
        if not refused:
            return []
        culprits = self._query.all(
            "SELECT source, line, indexes FROM dead WHERE kind = ? AND reason = ?", kind, Reason.REFUSED
        )
        blamed = [Culprit(source, line, read_indexes(indexes)) for source, line, indexes in culprits]
        return suspects(refused, covered, blamed, checkpoint)

    def dead_at(self, kind: Kind, source: int, line: int) -> list[DeadLetterNote]:
        """Return the dead letters of a record, by its place in the export, but those that a retry has taken."""
        rows = self._query.all(
            "SELECT id, source, line, indexes, reason, customer, items, whole, validated, digest,"
            " of_source, of_line, of_items FROM dead"
            " WHERE kind = ? AND of_source = ? AND of_line = ? AND taken IS NULL ORDER BY id",
            *(kind, source, line),
        )
        return [_dead_row(row) for row in rows]

    def dead_lines(self, kind: Kind) -> list[tuple[int, int]]:
        """Return source and line in the export of the whole records that are dead letters, but those in a retry."""
        return self._query.all(
            "SELECT of_source, of_line FROM dead WHERE kind = ? AND whole = 1 AND taken IS NULL", kind
        )

    def to_retry(self, kind: Kind) -> dict[str, int]:
        """Return how many dead letters a retry has taken and not read again yet, by reason."""
        question = "SELECT reason, count(*) FROM dead WHERE kind = ? AND taken = ? GROUP BY reason"
        return dict(self._query.all(question, kind, IN_A_RETRY))

    def dead_items(self, kind: Kind, source: int, line: int) -> list[tuple[int, ...] | None]:
        """Return which items of a line are or were dead letters, None for all; a retry that takes one has a copy."""
        rows = self._query.all(
            "SELECT indexes FROM dead WHERE kind = ? AND source = ? AND line = ?", kind, source, line
        )
        return [read_indexes(blob) for (blob,) in rows]

    # Customers, as salted hashes.

    def missing_customers(self, before: Kind = Kind.TRANSACTIONS) -> "array[int]":
        """Return the customers that are dead letters or unknown to the account, in ascending order.

        Only what was found before the kind `before` began.
        """
        return self._query.numbers(
            "SELECT DISTINCT customer FROM dead WHERE customer IS NOT NULL AND kind IN (?, ?) ORDER BY customer",
            *(Kind.CUSTOMERS, Kind.EVENTS if before is Kind.TRANSACTIONS else Kind.CUSTOMERS),
        )

    def gone_customers(self) -> "array[int]":
        """Return the customers that were skipped as deleted, in ascending order."""
        return self._query.numbers("SELECT customer FROM skipped ORDER BY customer")

    def is_unsure(self) -> bool:
        """Return whether some of those customers may have another record, which an earlier process has read."""
        return bool(self._query.all("SELECT 1 FROM meta WHERE name = 'skipped_unsure'"))

    # Notes.

    def reverts(self) -> list[Note]:
        """Return what is noted of reverts, oldest first."""
        return self._notes(REVERT_NOTES)

    def notes(self, kind: NoteKind) -> list[Note]:
        """Return what is noted of one kind, oldest first."""
        return self._notes((kind,))

    def _notes(self, kinds: Sequence[NoteKind]) -> list[Note]:
        marks = ", ".join("?" * len(kinds))
        return list(map(read_note, self._query.all(f"{NOTES} WHERE what IN ({marks}) ORDER BY rowid", *kinds)))


def read_note(row: Sequence[Any]) -> Note:
    """Return a row of `NOTES` as a value."""
    what, *facts = row
    return Note(NoteKind(what), *facts)


def _dead_row(row: Sequence[Any]) -> DeadLetterNote:
    number, source, line, indexes, reason, customer, items, whole, validated, digest, *of = row
    return DeadLetterNote(
        source=source,
        line=line,
        indexes=read_indexes(indexes),
        reason=reason,
        customer=customer,
        items=items,
        whole=bool(whole),
        validated=bool(validated),
        digest=digest,
        of=(of[0], of[1], read_indexes(of[2])),
        row=number,
    )
