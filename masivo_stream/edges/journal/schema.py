"""The journal's tables, how values are kept in their columns, and how the tables of an earlier version are upgraded.

Every statement that reads or writes them is next to the function that uses it, in this package.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from masivo_stream.model.progress import Figures, Reference
from masivo_stream.model.results import Position

Statement = tuple[str, Sequence[Any]]
"""SQL, and its parameters."""

VERSION = 4

TABLES = (
    # Single facts: salt, accounts, facts, expected, sends, max_body_bytes, state_dir, skipped_unsure; target (only in
    # version 2).
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    # The inputs of each kind, in reading order.
    """CREATE TABLE sources (
      kind TEXT, number INTEGER, name TEXT, size INTEGER, identity BLOB, dead_letters INTEGER, line INTEGER,
      offset INTEGER, path TEXT, PRIMARY KEY (kind, number)
    ) WITHOUT ROWID""",
    # How far each kind has come (`model.progress.Progress`); visible: `model.states.Visibility`.
    """CREATE TABLE progress (
      kind TEXT PRIMARY KEY, read_position BLOB, checkpoint BLOB, figures BLOB, consumed BLOB, letters_bytes INTEGER,
      letters_crc INTEGER, read_all INTEGER, visible INTEGER, skipped_bytes INTEGER DEFAULT 0,
      skipped_crc INTEGER DEFAULT 0
    ) WITHOUT ROWID""",
    # One row for each batch that may have been applied or was refused. state: `model.states.BatchState`; settled_by:
    # `SettledBy`; status: the HTTP status of a refusal of its records; refs: where its records are, until a restart
    # no longer needs that; (high_source, high_line): the last of these places; spans: the lines of customers, kept.
    """CREATE TABLE batches (
      seq INTEGER PRIMARY KEY, id TEXT, kind TEXT, state TEXT, records INTEGER, items INTEGER, bytes INTEGER,
      attempts INTEGER, refs BLOB, high_source INTEGER, high_line INTEGER, sent_at TEXT, settled_at TEXT,
      settled_by TEXT, status INTEGER, why TEXT, spans BLOB
    )""",
    "CREATE UNIQUE INDEX batches_id ON batches (id)",
    "CREATE INDEX batches_refs ON batches (kind, state) WHERE refs IS NOT NULL",
    "CREATE INDEX batches_state ON batches (kind, state)",
    # Dead letters. taken: NULL, or `IN_A_RETRY`, or `TRIED_AGAIN`.
    """CREATE TABLE dead (
      id INTEGER PRIMARY KEY, kind TEXT, source INTEGER, line INTEGER, indexes BLOB, reason TEXT, customer INTEGER,
      items INTEGER, whole INTEGER, validated INTEGER, digest INTEGER, of_source INTEGER, of_line INTEGER,
      of_items BLOB, taken INTEGER
    )""",
    "CREATE INDEX dead_place ON dead (kind, source, line)",
    "CREATE INDEX dead_record ON dead (kind, of_source, of_line)",
    "CREATE INDEX dead_customer ON dead (customer) WHERE customer IS NOT NULL",
    # `model.states.Note`; what: `NoteKind`.
    "CREATE TABLE notes (at TEXT, what TEXT, batch TEXT, person TEXT, detail TEXT)",
    # Customers that were skipped as deleted.
    "CREATE TABLE skipped (customer INTEGER PRIMARY KEY) WITHOUT ROWID",
    # What reverts took back.
    "CREATE TABLE taken_back (kind TEXT PRIMARY KEY, records INTEGER, items INTEGER) WITHOUT ROWID",
)

IN_A_RETRY, TRIED_AGAIN = 1, 2
"""A dead letter that a retry has copied to an input; one whose copy was read, which only covers its line still."""

UPGRADES: dict[int, tuple[str, ...]] = {
    # Version 2, of version 0.1.0 of the program.
    2: (
        "ALTER TABLE sources ADD COLUMN path TEXT",
        "ALTER TABLE progress ADD COLUMN skipped_bytes INTEGER DEFAULT 0",
        "ALTER TABLE progress ADD COLUMN skipped_crc INTEGER DEFAULT 0",
        "ALTER TABLE batches ADD COLUMN spans BLOB",
        "UPDATE dead SET customer = NULL WHERE kind != 'customers'",
        "CREATE TABLE skipped (customer INTEGER PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE taken_back (kind TEXT PRIMARY KEY, records INTEGER, items INTEGER) WITHOUT ROWID",
    ),
    # Version 3 had one column, `why`, in the place of `settled_by`, `status` and `why`: a status as a text of digits;
    # a person's words as "person: words", also in the notes; of records that were found by reading back, a sentence,
    # and both times are the same.
    3: (
        "ALTER TABLE sources RENAME COLUMN letters TO dead_letters",
        "ALTER TABLE progress RENAME COLUMN frontier TO read_position",
        "ALTER TABLE dead RENAME COLUMN judged TO validated",
        "ALTER TABLE batches ADD COLUMN settled_by TEXT",
        "ALTER TABLE batches ADD COLUMN status INTEGER",
        "ALTER TABLE notes ADD COLUMN person TEXT",
        """UPDATE batches SET settled_by = CASE
          WHEN state = 'discarded' THEN 'person'
          WHEN state = 'refused' OR COALESCE(why, '') = '' THEN 'answer'
          WHEN sent_at = settled_at THEN 'read_back'
          ELSE 'person' END
        WHERE state IN ('accepted', 'refused', 'discarded')""",
        """UPDATE batches SET status = CAST(why AS INTEGER), why = ''
        WHERE state IN ('refused', 'unanswered') AND why != '' AND why NOT GLOB '*[^0-9]*'""",
        """UPDATE batches SET why = substr(why, instr(why, ': ') + 2)
        WHERE settled_by = 'person' AND instr(why, ': ') > 0""",
        """UPDATE notes SET person = substr(detail, 1, instr(detail, ': ') - 1),
          detail = substr(detail, instr(detail, ': ') + 2)
        WHERE what IN ('accept', 'discard', 'resend', 'resent', 'again', 'same account') AND instr(detail, ': ') > 0""",
    ),
}
"""What turns a journal of one version into one of the next."""

pack = msgspec.msgpack.Encoder().encode
read_references = msgspec.msgpack.Decoder(list[Reference]).decode
read_position = msgspec.msgpack.Decoder(Position).decode
read_consumed = msgspec.msgpack.Decoder(list[tuple[int, int, int, int]]).decode
read_figures = msgspec.msgpack.Decoder(Figures).decode
_read_indexes = msgspec.msgpack.Decoder(tuple[int, ...]).decode


def read_indexes(blob: bytes | None) -> tuple[int, ...] | None:
    """Return item indexes, None for all items."""
    return None if blob is None else _read_indexes(blob)


def write_path(path: str) -> str | bytes | None:
    """Return what a column keeps of a path: text; its bytes, if it is not valid text; None for an empty one."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogateescape")
    return path or None


def read_path(kept: str | bytes | None) -> str:
    """Return the path of which `write_path` made `kept`."""
    return kept.decode("utf-8", "surrogateescape") if isinstance(kept, bytes) else kept or ""
