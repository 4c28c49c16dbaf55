"""The journal in SQL: its tables, and what is noted as statements with parameters. Pure; `edges.journal` runs them."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from masivo_stream.core.accounting.spans import write_spans
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import DeadRow, Figures, KnownSource, Presence, Progress, Reference, refer
from masivo_stream.model.results import Position

VERSION = 3

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (
  kind TEXT, number INTEGER, name TEXT, size INTEGER, identity BLOB, letters INTEGER, line INTEGER,
  offset INTEGER, path TEXT, PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE progress (
  kind TEXT PRIMARY KEY, frontier BLOB, checkpoint BLOB, figures BLOB, consumed BLOB, letters_bytes INTEGER,
  letters_crc INTEGER, read_all INTEGER, visible INTEGER, skipped_bytes INTEGER DEFAULT 0, skipped_crc INTEGER DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE batches (
  seq INTEGER PRIMARY KEY, id TEXT, kind TEXT, state TEXT, records INTEGER, items INTEGER, bytes INTEGER,
  attempts INTEGER, refs BLOB, high_source INTEGER, high_line INTEGER, sent_at TEXT, settled_at TEXT, why TEXT,
  spans BLOB
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
CREATE TABLE skipped (customer INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE taken_back (kind TEXT PRIMARY KEY, records INTEGER, items INTEGER) WITHOUT ROWID;
"""

UPGRADE = """
ALTER TABLE sources ADD COLUMN path TEXT;
ALTER TABLE progress ADD COLUMN skipped_bytes INTEGER DEFAULT 0;
ALTER TABLE progress ADD COLUMN skipped_crc INTEGER DEFAULT 0;
ALTER TABLE batches ADD COLUMN spans BLOB;
UPDATE dead SET customer = NULL WHERE kind != 'customers';
CREATE TABLE skipped (customer INTEGER PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE taken_back (kind TEXT PRIMARY KEY, records INTEGER, items INTEGER) WITHOUT ROWID;
"""
"""What turns a journal of version 2 into one of version 3."""

SENDING, ACCEPTED, REFUSED, IN_DOUBT = "sending", "accepted", "refused", "in_doubt"
"""States of a batch."""

UNANSWERED = "unanswered"
"""May have been applied, and is sent again all the same, for its ids are unique."""

RESENDING, DISCARDED = "resending", "discarded"
"""In doubt and on the wire once more by a person's word; given up by a person's word."""

SEEN, AWAITED = 1, 2
"""A kind's `visible`: its effects were seen to show, or they were given time to and nobody could look."""

COUNT_SEND = "INSERT INTO meta VALUES ('sends', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
"""One request more with a batch: never taken back, whatever came of it; an older copy of the journal knows fewer."""

MARK_VISIBLE = "UPDATE progress SET visible = ? WHERE kind = ?"

_SEND = """
INSERT INTO batches (id, kind, state, records, items, bytes, attempts, refs, high_source, high_line, sent_at, spans)
VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = attempts + 1
"""
_PROGRESS = """
INSERT INTO progress (kind, frontier, checkpoint, figures, consumed, letters_bytes, letters_crc, read_all, visible,
  skipped_bytes, skipped_crc)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
ON CONFLICT (kind) DO UPDATE SET
  frontier = excluded.frontier, checkpoint = excluded.checkpoint, figures = excluded.figures,
  consumed = excluded.consumed, letters_bytes = excluded.letters_bytes, letters_crc = excluded.letters_crc,
  read_all = excluded.read_all, skipped_bytes = excluded.skipped_bytes, skipped_crc = excluded.skipped_crc
"""
_DEAD = """
INSERT INTO dead (kind, source, line, indexes, reason, customer, items, whole, judged, digest,
  of_source, of_line, of_items)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# Many in one statement; `json_each` knows whole numbers of 64 bits (SQLite docs, "The json_each() and json_tree()
# table-valued functions").
_GONE = "INSERT OR IGNORE INTO skipped SELECT value FROM json_each(?)"
_ALIVE = "DELETE FROM skipped WHERE customer IN (SELECT value FROM json_each(?))"
_UNSURE = "INSERT OR REPLACE INTO meta VALUES ('skipped_unsure', 1)"
# As a letter that was tried again, this only tells that its line is not to be taken up a second time.
_SKIPPED = """
INSERT INTO dead (kind, source, line, reason, items, whole, judged, taken, of_source, of_line)
VALUES (?, ?, ?, 'skipped', 0, 1, 1, 2, ?, ?)
"""
# What a restart will not read again needs no places any more, but for the kind's last batch that was accepted. The same
# goes for letters that were tried again: until then they tell that their line is not to be taken up a second time.
# Few batches have places, however many there were. Left to itself SQLite walks through all of a state, for it cannot
# know how much smaller the partial index is (SQLite docs, "Partial Indexes"); hence INDEXED BY, here and in reading.
_DONE_WITH = (ACCEPTED, REFUSED, UNANSWERED, DISCARDED)
_FORGET = """
UPDATE batches INDEXED BY batches_refs SET refs = NULL
WHERE kind = ? AND refs IS NOT NULL AND state IN (?, ?, ?, ?) AND (high_source, high_line) < (?, ?)
  AND seq IS NOT (SELECT MAX(seq) FROM batches WHERE kind = ? AND state = ?)
"""
_SOURCE = """
INSERT OR REPLACE INTO sources (kind, number, name, size, identity, letters, line, offset, path)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_TAKEN_BACK = """
INSERT INTO taken_back (kind, records, items) VALUES (?, ?, ?)
ON CONFLICT (kind) DO UPDATE SET records = records + excluded.records, items = items + excluded.items
"""

Statement = tuple[str, Sequence[Any]]

pack = msgspec.msgpack.Encoder().encode
_encode = msgspec.json.Encoder().encode
read_references = msgspec.msgpack.Decoder(list[Reference]).decode
read_place = msgspec.msgpack.Decoder(Position).decode
read_consumed = msgspec.msgpack.Decoder(list[tuple[int, int, int, int]]).decode
read_figures = msgspec.msgpack.Decoder(Figures).decode
_read_indexes = msgspec.msgpack.Decoder(tuple[int, ...]).decode


def know_source(kind: Kind, source: KnownSource) -> Statement:
    """Note an input of a kind."""
    facts = (source.number, source.name, source.size, source.identity, source.letters, source.line, source.offset)
    return (_SOURCE, (kind, *facts, write_path(source.path)))


def write_path(path: str) -> str | bytes | None:
    """Return the form in which a path is kept: text, or its bytes where it is none; None where there is none."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")
    return path or None


def read_path(kept: str | bytes | None) -> str:
    """Return what `write_path` kept."""
    return kept.decode("utf-8", "surrogateescape") if isinstance(kept, bytes) else kept or ""


def stand_in(state_dir: str) -> Statement:
    """Note where the state directory is, in the place of where it was."""
    return ("INSERT OR REPLACE INTO meta VALUES ('state_dir', ?)", (write_path(state_dir),))


def send(batch: Batch, at: str) -> list[Statement]:
    """Note that the next thing that happens is the batch's first byte; what it brings is not visible yet."""
    references = [*chain.from_iterable(map(refer, batch.entries.parts))]
    facts = (batch.id, batch.kind, SENDING, len(references), batch.items, len(batch.body))
    # Which customers a revert takes back, the time of their batch tells: their places are kept for ever.
    spans = write_spans(batch.entries.parts) if batch.kind is Kind.CUSTOMERS else None
    hidden = "UPDATE progress SET visible = 0 WHERE kind = ?"
    return [(_SEND, (*facts, pack(references), *batch.entries.high, at, spans)), (hidden, (batch.kind,))]


def send_again(batch: str) -> Statement:
    """Note that the next thing that happens is the first byte of a batch in doubt; `sent_at` stays the first one's."""
    return ("UPDATE batches SET state = ?, attempts = attempts + 1 WHERE id = ?", (RESENDING, batch))


def settle(batch: str, state: str | None, at: str, why: str, *, again: bool = False) -> Statement:
    """Note what came of an attempt; None where the batch certainly was not applied and may be sent again.

    `again`: an earlier attempt may have applied it, this one has not: when that was stays as it was noted.
    """
    if state is None:
        return ("DELETE FROM batches WHERE id = ?", (batch,))
    if again:
        return ("UPDATE batches SET state = ?, why = ? WHERE id = ?", (state, why, batch))
    return ("UPDATE batches SET state = ?, settled_at = ?, why = ? WHERE id = ?", (state, at, why, batch))


def progress(kind: Kind, made: Progress) -> list[Statement]:
    """Note how far a kind has come."""
    checkpoint = made.checkpoint
    passed = (checkpoint.source, checkpoint.line)
    places = (pack(made.read_position), pack(checkpoint), pack(made.figures), pack(made.consumed))
    letters = (made.letters_bytes, made.letters_crc)
    statements: list[Statement] = [
        (_PROGRESS, (kind, *places, *letters, made.read_all, made.skipped_bytes, made.skipped_crc)),
        (_FORGET, (kind, *_DONE_WITH, *passed, kind, ACCEPTED)),
        ("DELETE FROM dead WHERE kind = ? AND taken = 2 AND (source, line) < (?, ?)", (kind, *passed)),
    ]
    statements.extend(("UPDATE dead SET taken = 2, customer = NULL WHERE id = ?", (row,)) for row in made.retried)
    statements.extend((_DEAD, _dead(kind, row)) for row in made.dead)
    known = "UPDATE dead SET customer = NULL WHERE customer = ?"
    statements.extend((known, (customer,)) for customer in made.arrived)
    statements.extend((_SKIPPED, (kind, *place, *place)) for place in made.presence.held if place >= passed)
    statements.extend(_presence(made.presence))
    return statements


def _presence(made: Presence) -> Iterator[Statement]:
    """Note who is gone, and who is not: a record to be sent counts, wherever it stands."""
    if made.gone:
        yield (_GONE, (_as_json(made.gone),))
    if made.gone and made.unsure:
        yield (_UNSURE, ())
    if made.alive:
        yield (_ALIVE, (_as_json(made.alive),))


def find_alive(customers: Sequence[int]) -> list[Statement]:
    """Note which of those that are gone are not, after all records were looked at."""
    return [(_ALIVE, (_as_json(customers),)), ("DELETE FROM meta WHERE name = 'skipped_unsure'", ())]


def begin_retry(kind: Kind, source: KnownSource | None, rows: Iterable[int]) -> list[Statement]:
    """Note that these dead letters of a kind are an input now (None where there are none), and their file is empty."""
    empty = "UPDATE progress SET letters_bytes = 0, letters_crc = 0 WHERE kind = ?"
    taken = "UPDATE dead SET taken = 1 WHERE id = ?"
    known = [] if source is None else [know_source(kind, source)]
    return [*known, (empty, (kind,)), *((taken, (row,)) for row in rows)]


def take_back(kind: Kind, source: KnownSource, figures: Figures, records: int, items: int) -> list[Statement]:
    """Note that accepted records of a kind were taken back, and stand in an input that is to be read."""
    counted = (records, items)
    return [
        know_source(kind, source),
        ("UPDATE progress SET figures = ?, read_all = 0 WHERE kind = ?", (pack(figures), kind)),
        (_TAKEN_BACK, (kind, *counted)),
    ]


def take_note(what: str, batch: str, detail: str, at: str) -> Statement:
    """Note what a person decided."""
    return ("INSERT INTO notes (at, what, batch, detail) VALUES (?, ?, ?, ?)", (at, what, batch, detail))


def _dead(kind: Kind, row: DeadRow) -> tuple[Any, ...]:
    facts = (row.items, row.whole, row.validated, row.digest)
    own = (row.source, row.line, row.indexes and pack(row.indexes))
    source, line, items = row.of or own
    of_items = pack(items) if isinstance(items, tuple) else items
    return (kind, *own, row.reason, row.customer, *facts, source, line, of_items)


DEAD_AT = """
SELECT id, source, line, indexes, reason, customer, items, whole, judged, digest, of_source, of_line, of_items FROM dead
WHERE kind = ? AND of_source = ? AND of_line = ? AND taken IS NULL ORDER BY id
"""
"""The dead letters of a record, by its place in the export, but those that a retry has taken."""


def read_dead(row: Sequence[Any]) -> DeadRow:
    """Return a row of `DEAD_AT` as a value."""
    number, source, line, indexes, reason, customer, items, whole, validated, digest, *of = row
    return DeadRow(
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


def _as_json(numbers: Sequence[int]) -> str:
    return _encode(list(numbers)).decode()


def read_indexes(blob: bytes | None) -> tuple[int, ...] | None:
    """Return item indexes, None for all items."""
    return None if blob is None else _read_indexes(blob)


def read_sources(rows: Iterable[Sequence[Any]]) -> list[KnownSource]:
    """Return rows of number, name, size, identity, letters, line, offset, path as values."""
    return [
        KnownSource(number, name, size, identity, bool(letters), line, offset, read_path(path))
        for number, name, size, identity, letters, line, offset, path in rows
    ]
