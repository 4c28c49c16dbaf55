"""What the journal knows, asked before the work begins and after it, and by `status` at any time."""

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
from masivo_stream.edges.journal import statements as say
from masivo_stream.edges.journal.commit import is_short, storage_error
from masivo_stream.edges.journal.statements import ACCEPTED, IN_DOUBT, REFUSED, RESENDING, SEEN, SENDING, UNANSWERED
from masivo_stream.model.account import NotedAccount
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.progress import Covered, DeadRow, Doubt, Figures, KnownSource, Reference, Suspects
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Position


@contextmanager
def _undamaged() -> Iterator[None]:
    """Tell what SQLite cannot read as an error of ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_short(error):
            raise storage_error(error) from error
        raise ConfigurationError(
            f"the journal is damaged: {error}",
            operation="read the journal",
            hint="never begin afresh over it: restore it from a copy, or ask what the account has",
        ) from error


class _Rows(list[tuple[Any, ...]]):
    """What was found."""

    def fetchone(self) -> tuple[Any, ...] | None:
        return self[0] if self else None


class JournalReader:
    """Questions to an open journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open_journal`."""
        self._connection = connection

    def _ask(self, sql: str, parameters: Sequence[object] = ()) -> "_Rows":
        """Return all rows of a question.

        Raises:
            ConfigurationError: the file is damaged.
        """
        with _undamaged():
            return _Rows(self._connection.execute(sql, parameters))

    def salt(self) -> bytes:
        """Return the salt of this journal's hashes."""
        return bytes(self._one("SELECT value FROM meta WHERE name = 'salt'")[0])

    def id(self) -> str:
        """Return what tells this journal from every other one; moved or renamed, it stays."""
        return hashlib.blake2b(self.salt(), digest_size=12, person=b"journal").hexdigest()

    def accounts(self) -> list[NotedAccount]:
        """Return the accounts that the run belongs to, which a person says are one; the one used last stands last."""
        row = self._ask("SELECT value FROM meta WHERE name = 'accounts'").fetchone()
        return [] if row is None else msgspec.json.decode(row[0], type=list[NotedAccount])

    def first_sent(self) -> str:
        """Return when the first batch was about to leave that may have arrived, or was refused; empty for none."""
        return str(self._one("SELECT COALESCE(MIN(sent_at), '') FROM batches")[0])

    def has_sent_from(self, kind: Kind, source: int) -> bool:
        """Return whether a batch holds records of an input, or of one that is read after it."""
        question = "SELECT 1 FROM batches WHERE kind = ? AND high_source >= ? LIMIT 1"
        return self._ask(question, (kind, source)).fetchone() is not None

    def sends(self) -> int:
        """Return how many requests with batches were about to leave, as far as it was counted: it only grows."""
        row = self._ask("SELECT value FROM meta WHERE name = 'sends'").fetchone()
        return 0 if row is None else int(row[0])

    def sources(self, kind: Kind) -> list[KnownSource]:
        """Return the inputs of `kind`, in reading order."""
        return say.read_sources(
            self._ask(
                "SELECT number, name, size, identity, letters, line, offset, path FROM sources"
                " WHERE kind = ? ORDER BY number",
                (kind,),
            )
        )

    def consumed(self, kind: Kind) -> dict[int, tuple[int, int, int]]:
        """Return by source how many plain bytes are read, their CRC-32, and the line after them."""
        row = self._ask("SELECT consumed FROM progress WHERE kind = ?", (kind,)).fetchone()
        return (
            {} if row is None else {number: (size, crc, line) for number, size, crc, line in say.read_consumed(row[0])}
        )

    def references(self, batch: str) -> list[Reference]:
        """Return where the entries of a batch stand."""
        return say.read_references(self._one("SELECT refs FROM batches WHERE id = ?", batch)[0])

    def last_accepted(self, kind: Kind) -> tuple[list[Reference], datetime] | None:
        """Return where the entries of the batch accepted last stand, and when that was; None if none was."""
        row = self._ask(
            "SELECT refs, settled_at FROM batches INDEXED BY batches_refs"
            " WHERE kind = ? AND state = ? AND refs IS NOT NULL"
            " ORDER BY settled_at DESC, seq DESC LIMIT 1",
            (kind, ACCEPTED),
        ).fetchone()
        return None if row is None else (say.read_references(row[0]), datetime.fromisoformat(row[1]))

    def sent(self) -> list[tuple[str, datetime, datetime, int]]:
        """Return of each batch that may have been applied the kind, when it was sent and settled, and its records."""
        rows = self._ask(
            "SELECT kind, sent_at, COALESCE(settled_at, sent_at), records FROM batches WHERE state != ? ORDER BY seq",
            (REFUSED,),
        )
        moment = datetime.fromisoformat
        return [(kind, moment(sent), moment(settled), records) for kind, sent, settled, records in rows]

    def customers_sent(self) -> Iterator[tuple[list[tuple[int, int, int]] | None, datetime, datetime, bool]]:
        """Yield of each accepted batch of customers its lines, when it was sent and accepted, and whether it was found.

        Lines are source, first and last line of each stretch; None for a batch of version 0.1.0, which kept none. One
        that was found by reading back had been sent some time before.
        """
        rows = self._ask(
            "SELECT spans, sent_at, COALESCE(settled_at, sent_at), COALESCE(why, '') FROM batches"
            " WHERE kind = ? AND state = ? ORDER BY seq",
            (Kind.CUSTOMERS, ACCEPTED),
        )
        moment = datetime.fromisoformat
        for spans, sent, settled, why in rows:
            yield None if spans is None else list(read_spans(spans)), moment(sent), moment(settled), bool(why)

    def target(self) -> str:
        """Return what version 0.1.0 of the program noted that the run goes to: a domain; empty where it did not."""
        row = self._ask("SELECT value FROM meta WHERE name = 'target'").fetchone()
        return "" if row is None else str(row[0])

    def state_dir(self) -> str:
        """Return where the state directory was when the places of exports were noted; empty before that."""
        row = self._ask("SELECT value FROM meta WHERE name = 'state_dir'").fetchone()
        return "" if row is None else say.read_path(row[0])

    def missing_customers(self, before: Kind = Kind.TRANSACTIONS) -> "array[int]":
        """Return the hashes of customers that are dead letters or unknown to the account, in ascending order.

        So far as that was found before the kind `before` began.
        """
        question = "SELECT DISTINCT customer FROM dead WHERE customer IS NOT NULL AND kind IN (?, ?) ORDER BY customer"
        return self._hashes(question, Kind.CUSTOMERS, Kind.EVENTS if before is Kind.TRANSACTIONS else Kind.CUSTOMERS)

    def gone_customers(self) -> "array[int]":
        """Return the hashes of customers that were skipped as deleted, in ascending order."""
        return self._hashes("SELECT customer FROM skipped ORDER BY customer")

    def _hashes(self, question: str, *kinds: Kind) -> "array[int]":
        with _undamaged():  # one at a time: there may be millions
            return array("q", (row[0] for row in self._connection.execute(question, kinds)))

    def is_unsure(self) -> bool:
        """Tell whether some who are gone may have another record, which an earlier process has read."""
        return bool(self._ask("SELECT 1 FROM meta WHERE name = 'skipped_unsure'"))

    def skipped(self, kind: Kind) -> tuple[int, int]:
        """Return how many bytes of a kind's list of skipped records are counted, and their CRC-32."""
        row = self._ask("SELECT skipped_bytes, skipped_crc FROM progress WHERE kind = ?", (kind,)).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def unanswered(self, kind: Kind) -> dict[str, set[tuple[int, int]]]:
        """Return source and line of the records of each batch that may have been applied and is sent again."""
        rows = self._ask(
            "SELECT id, refs FROM batches INDEXED BY batches_refs WHERE kind = ? AND state = ? AND refs IS NOT NULL",
            (kind, UNANSWERED),
        )
        return {
            batch: {(reference.source, reference.line) for reference in say.read_references(refs)}
            for batch, refs in rows
        }

    def unanswered_at(self, kind: Kind) -> dict[str, str]:
        """Return when the last such attempt of each of these batches ended, or was sent."""
        rows = self._ask(
            "SELECT id, COALESCE(settled_at, sent_at) FROM batches INDEXED BY batches_refs"
            " WHERE kind = ? AND state = ? AND refs IS NOT NULL",
            (kind, UNANSWERED),
        )
        return dict(rows)

    def in_doubt(self, kind: Kind) -> list[Doubt]:
        """Return the batches in doubt."""
        rows = self._ask(
            "SELECT id, kind, records, items, attempts, sent_at, why FROM batches"
            " WHERE kind = ? AND state IN (?, ?) ORDER BY seq",
            (kind, IN_DOUBT, RESENDING),
        )
        return [Doubt(batch, Kind(kind), *facts) for batch, kind, *facts in rows]

    def read_all(self, kind: Kind) -> bool:
        """Tell whether every input of a kind was read to its end."""
        row = self._ask("SELECT read_all FROM progress WHERE kind = ?", (kind,)).fetchone()
        return row is not None and bool(row[0])

    def letters(self, kind: Kind) -> tuple[int, int]:
        """Return how many bytes of a kind's dead-letter file are counted, and their CRC-32."""
        row = self._ask("SELECT letters_bytes, letters_crc FROM progress WHERE kind = ?", (kind,)).fetchone()
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def dead_at(self, kind: Kind, source: int, line: int) -> list[DeadRow]:
        """Return the dead letters of a record, by its place in the export, but those that a retry has taken."""
        rows = self._ask(say.DEAD_AT, (kind, source, line))
        return [say.read_dead(row) for row in rows]

    def reverts(self) -> list[tuple[str, str, str]]:
        """Return what is noted of reverts, oldest first: when, how far each came, and its period."""
        rows = self._ask("SELECT at, what, detail FROM notes WHERE what LIKE '%revert%' ORDER BY rowid")
        return [(at, what, detail) for at, what, detail in rows]

    def notes(self, what: str) -> list[tuple[str, str, str]]:
        """Return what persons decided: when, about which batch, in what words."""
        rows = self._ask("SELECT at, batch, detail FROM notes WHERE what = ? ORDER BY rowid", (what,))
        return [(at, batch, detail) for at, batch, detail in rows]

    def recount(self, kind: Kind) -> dict[str, int]:
        """Return the items of the kind's batches by state, counted anew from their rows, less what was taken back."""
        rows = self._ask(
            "SELECT CASE state WHEN ? THEN ? ELSE state END AS stands, SUM(items) FROM batches"
            " WHERE kind = ? GROUP BY stands",
            (RESENDING, IN_DOUBT, kind),
        )
        found: dict[str, int] = dict(rows)
        for (items,) in self._ask("SELECT items FROM taken_back WHERE kind = ?", (kind,)):
            found[ACCEPTED] = found.get(ACCEPTED, 0) - items
        return found

    def figures(self, kind: Kind) -> Figures | None:
        """Return the figures last noted, None if the kind was not begun."""
        row = self._ask("SELECT figures FROM progress WHERE kind = ?", (kind,)).fetchone()
        return None if row is None else say.read_figures(row[0])

    def suspects(self, kind: Kind, covered: Covered, checkpoint: Position) -> list[Suspects]:
        """Return the records among which a culprit is; `covered` are those from `checkpoint` on that have a fate."""
        rows = self._ask(
            "SELECT id, why, refs FROM batches INDEXED BY batches_refs"
            " WHERE kind = ? AND state = ? AND refs IS NOT NULL",
            (kind, REFUSED),
        )
        refused = [
            RefusedBatch(batch, int(why), say.read_references(refs)) for batch, why, refs in rows if why.isdigit()
        ]
        if not refused:
            return []
        culprits = self._ask(
            "SELECT source, line, indexes FROM dead WHERE kind = ? AND reason = ?", (kind, Reason.REFUSED)
        )
        blamed = [Culprit(source, line, say.read_indexes(indexes)) for source, line, indexes in culprits]
        return suspects(refused, covered, blamed, checkpoint)

    def max_body_bytes(self) -> int | None:
        """Return the size of body that a 413 has taught, None where there was none."""
        row = self._ask("SELECT value FROM meta WHERE name = 'max_body_bytes'").fetchone()
        return None if row is None else int(row[0])

    def covered(self, kind: Kind, source: int, line: int, *, also: Iterable[Reference] = ()) -> Covered:
        """Return which records from a line on have a fate already; `also` are counted among them."""
        batches = self._ask(
            "SELECT refs FROM batches INDEXED BY batches_refs"
            " WHERE kind = ? AND state IN (?, ?, ?) AND refs IS NOT NULL"
            " AND (high_source, high_line) >= (?, ?)",
            (kind, ACCEPTED, IN_DOUBT, SENDING, source, line),
        )
        dead = self._ask(
            "SELECT source, line, indexes FROM dead WHERE kind = ? AND (source, line) >= (?, ?)", (kind, source, line)
        )
        return cover(
            chain(also, (reference for (blob,) in batches for reference in say.read_references(blob))),
            ((source, line, say.read_indexes(blob)) for source, line, blob in dead),
        )

    def reached(self, kind: Kind) -> tuple[Position, bool] | None:
        """Return before which place every line has a fate, and whether the kind was seen to show; None: not begun."""
        row = self._ask("SELECT checkpoint, visible FROM progress WHERE kind = ?", (kind,)).fetchone()
        return None if row is None else (say.read_place(row[0]), row[1] == SEEN)

    def placed(self, kind: Kind, *states: str) -> Covered:
        """Return which records are in batches of these states, as far as their places are remembered."""
        asked = "SELECT refs FROM batches INDEXED BY batches_refs WHERE kind = ? AND state = ? AND refs IS NOT NULL"
        rows = chain.from_iterable(self._ask(asked, (kind, state)) for state in states)
        return cover((reference for (blob,) in rows for reference in say.read_references(blob)), ())

    def dead_items(self, kind: Kind, source: int, line: int) -> list[tuple[int, ...] | None]:
        """Return which items of a line are or were dead letters, None for all; a retry that takes one has a copy."""
        rows = self._ask("SELECT indexes FROM dead WHERE kind = ? AND source = ? AND line = ?", (kind, source, line))
        return [say.read_indexes(blob) for (blob,) in rows]

    def accepted_between(self, kind: Kind) -> tuple[datetime, datetime] | None:
        """Return when the first accepted batch was sent and the last one was accepted; None if none was."""
        first, last = self._one(
            "SELECT MIN(sent_at), MAX(settled_at) FROM batches WHERE kind = ? AND state = ?", kind, ACCEPTED
        )
        return None if first is None else (datetime.fromisoformat(first), datetime.fromisoformat(last or first))

    def _one(self, sql: str, *parameters: object) -> Any:  # noqa: ANN401 - a row of SQLite
        row = self._ask(sql, parameters).fetchone()
        if row is None:
            raise LookupError(sql)
        return row

    def close(self) -> None:
        """Close the file; what is noted is durable already."""
        self._connection.close()
