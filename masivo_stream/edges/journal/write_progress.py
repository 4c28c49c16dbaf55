"""A kind's progress as statements. Pure; `Journal` runs them, in the commit of what has changed the progress."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from masivo_stream.edges.journal.schema import TRIED_AGAIN, Statement, pack
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import DeadRow, Presence, Progress
from masivo_stream.model.states import BatchState, Visibility

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
# then they keep their line from being read a second time. Why INDEXED BY: see `read`.
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


def progress_statements(kind: Kind, made: Progress) -> list[Statement]:
    """Note how far a kind has come."""
    checkpoint = made.checkpoint
    passed = (checkpoint.source, checkpoint.line)
    places = (pack(made.read_position), pack(checkpoint), pack(made.figures), pack(made.consumed))
    letters = (made.letters_bytes, made.letters_crc)
    statements: list[Statement] = [
        (_PROGRESS, (kind, *places, *letters, made.read_all, made.skipped_bytes, made.skipped_crc)),
        (_FORGET_PLACES, (kind, *_FINAL, *passed, kind, BatchState.ACCEPTED)),
        (_FORGET_LETTERS, (kind, *passed)),
    ]
    statements.extend((_RETRIED, (row,)) for row in made.retried)
    statements.extend((_DEAD, _dead(kind, row)) for row in made.dead)
    statements.extend((_ARRIVED, (customer,)) for customer in made.arrived)
    statements.extend((_SKIPPED, (kind, *place, *place)) for place in made.presence.held if place >= passed)
    statements.extend(_presence(made.presence))
    return statements


def alive_statements(customers: Sequence[int]) -> list[Statement]:
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


def _dead(kind: Kind, row: DeadRow) -> tuple[Any, ...]:
    facts = (row.items, row.whole, row.validated, row.digest)
    own = (row.source, row.line, row.indexes and pack(row.indexes))
    source, line, items = row.of or own
    of_items = pack(items) if isinstance(items, tuple) else items
    return (kind, *own, row.reason, row.customer, *facts, source, line, of_items)


def _as_json(numbers: Sequence[int]) -> str:
    return _encode(list(numbers)).decode()
