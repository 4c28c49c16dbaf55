"""The journal: what is on the wire, what came of it, how far reading has come. SQLite, one writer, no personal data.

Durable means `synchronous=FULL` in WAL mode: a commit is on the disk when it returns (SQLite docs, "Write-Ahead
Logging" and PRAGMA synchronous). Rules that carry the delivery guarantee:

* A batch is written down as `sending` before its first byte. Found so after a restart, nobody knows whether it was
  applied: customers are sent again, events and transactions are in doubt.
* An outcome is one transaction with the figures it changes and the dead letters it makes.
* The dead-letter file is made durable before the commit that counts its lines; a restart cuts what is longer.
* Reading resumes at the checkpoint, the lowest line without a fate; lines after it that have one are in
  `Resume.covered`. A batch that was never on the wire leaves no trace: its lines are simply read again.

Commits of several uploaders that come together become one (group commit), in a thread, so that the event loop goes on.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec

from masivo_stream.core.covered import cover
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.progress import Covered, Figures, KnownSource, Progress, Reference, Resume, refer
from masivo_stream.model.record import Place

VERSION = 1

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE sources (
  kind TEXT, number INTEGER, name TEXT, size INTEGER, identity BLOB, PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE progress (
  kind TEXT PRIMARY KEY, frontier BLOB, checkpoint BLOB, figures BLOB, consumed BLOB, letters_bytes INTEGER,
  visible INTEGER
) WITHOUT ROWID;
CREATE TABLE batches (
  seq INTEGER PRIMARY KEY, id TEXT, kind TEXT, state TEXT, records INTEGER, items INTEGER, bytes INTEGER,
  attempts INTEGER, refs BLOB, high_source INTEGER, high_line INTEGER, sent_at TEXT, settled_at TEXT, why TEXT
);
CREATE UNIQUE INDEX batches_id ON batches (id);
CREATE INDEX batches_refs ON batches (kind, state) WHERE refs IS NOT NULL;
CREATE INDEX batches_state ON batches (kind, state);
CREATE TABLE dead (
  kind TEXT, source INTEGER, line INTEGER, indexes BLOB, reason TEXT, customer INTEGER
);
CREATE INDEX dead_place ON dead (kind, source, line);
CREATE INDEX dead_customer ON dead (customer) WHERE customer IS NOT NULL;
CREATE TABLE notes (at TEXT, what TEXT, batch TEXT, detail TEXT);
"""

_SEND = """
INSERT INTO batches (id, kind, state, records, items, bytes, attempts, refs, high_source, high_line, sent_at)
VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, attempts = attempts + 1, sent_at = excluded.sent_at
"""
_PROGRESS = """
INSERT INTO progress (kind, frontier, checkpoint, figures, consumed, letters_bytes, visible)
VALUES (?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (kind) DO UPDATE SET
  frontier = excluded.frontier, checkpoint = excluded.checkpoint, figures = excluded.figures,
  consumed = excluded.consumed, letters_bytes = excluded.letters_bytes
"""
_DEAD = "INSERT INTO dead (kind, source, line, indexes, reason, customer) VALUES (?, ?, ?, ?, ?, ?)"
# What a restart will not read again needs no places any more, but for the batch accepted last.
_FORGET = """
UPDATE batches SET refs = NULL
WHERE kind = ? AND refs IS NOT NULL AND state IN (?, ?) AND (high_source, high_line) < (?, ?)
  AND seq < (SELECT MAX(seq) FROM batches)
"""

SENDING, ACCEPTED, REFUSED, IN_DOUBT = "sending", "accepted", "refused", "in_doubt"

_pack = msgspec.msgpack.Encoder().encode
_references = msgspec.msgpack.Decoder(list[Reference]).decode
_place = msgspec.msgpack.Decoder(Place).decode
_consumed = msgspec.msgpack.Decoder(list[tuple[int, int, int]]).decode
_indexes = msgspec.msgpack.Decoder(tuple[int, ...]).decode
_figures = msgspec.msgpack.Decoder(Figures).decode

Statement = tuple[str, Sequence[Any]]


class Journal:
    """An open journal. Methods that are coroutines return when what they note is durable."""

    def __init__(self, connection: sqlite3.Connection, wall: Callable[[], datetime]) -> None:
        """Use `open_journal`."""
        self._connection = connection
        self._wall = wall
        self._waiting: list[tuple[list[Statement], Callable[[], None] | None]] = []
        self._flushed: anyio.Event | None = None
        self._failure: StorageError | None = None
        self._syncing = False

    # Reading, once, before the work begins.

    def salt(self) -> bytes:
        """Return the salt of this journal's customer hashes."""
        return bytes(self._one("SELECT value FROM meta WHERE name = 'salt'")[0])

    def sources(self, kind: Kind) -> list[KnownSource]:
        """Return the inputs of `kind`, in reading order."""
        rows = self._connection.execute(
            "SELECT number, name, size, identity FROM sources WHERE kind = ? ORDER BY number", (kind,)
        )
        return [KnownSource(*row) for row in rows]

    def resume(self, kind: Kind) -> Resume:
        """Return where `kind` stands. What a dead process left on the wire is named as `doubtful`: settle it first."""
        row = self._connection.execute(
            "SELECT frontier, checkpoint, figures, letters_bytes, visible FROM progress WHERE kind = ?", (kind,)
        ).fetchone()
        if row is None:
            return Resume()
        checkpoint = _place(row[1])
        doubtful = self._interrupted(kind)
        return Resume(
            start=checkpoint,
            frontier=_place(row[0]),
            figures=_figures(row[2]),
            covered=self._covered(kind, checkpoint),
            consumed=self.consumed(kind),
            letters_bytes=row[3],
            visible=bool(row[4]),
            doubtful=doubtful,
        )

    def consumed(self, kind: Kind) -> dict[int, tuple[int, int]]:
        """Return by source how many plain bytes are read, and their CRC-32."""
        row = self._connection.execute("SELECT consumed FROM progress WHERE kind = ?", (kind,)).fetchone()
        return {} if row is None else {number: (offset, crc) for number, offset, crc in _consumed(row[0])}

    def references(self, batch: str) -> list[Reference]:
        """Return where the entries of a batch stand."""
        return _references(self._one("SELECT refs FROM batches WHERE id = ?", batch)[0])

    def last_accepted(self, kind: Kind) -> tuple[list[Reference], datetime] | None:
        """Return where the entries of the batch accepted last stand, and when that was; None if none was."""
        row = self._connection.execute(
            "SELECT refs, settled_at FROM batches WHERE kind = ? AND state = ? AND refs IS NOT NULL"
            " ORDER BY settled_at DESC, seq DESC LIMIT 1",
            (kind, ACCEPTED),
        ).fetchone()
        return None if row is None else (_references(row[0]), datetime.fromisoformat(row[1]))

    def missing_customers(self) -> list[int]:
        """Return the hashes of customers that are dead letters or in doubt, in ascending order."""
        rows = self._connection.execute(
            "SELECT DISTINCT customer FROM dead WHERE kind = ? AND customer IS NOT NULL ORDER BY customer",
            (Kind.CUSTOMERS,),
        )
        return [row[0] for row in rows]

    def in_doubt(self, kind: Kind) -> list[str]:
        """Return the ids of the batches in doubt."""
        rows = self._connection.execute(
            "SELECT id FROM batches WHERE kind = ? AND state = ? ORDER BY seq", (kind, IN_DOUBT)
        )
        return [row[0] for row in rows]

    def recount(self, kind: Kind) -> dict[str, int]:
        """Return the items of the kind's batches by state, counted anew from their rows."""
        rows = self._connection.execute("SELECT state, SUM(items) FROM batches WHERE kind = ? GROUP BY state", (kind,))
        return dict(rows.fetchall())

    def figures(self, kind: Kind) -> Figures | None:
        """Return the figures last noted, None if the kind was not begun."""
        row = self._connection.execute("SELECT figures FROM progress WHERE kind = ?", (kind,)).fetchone()
        return None if row is None else _figures(row[0])

    # Writing.

    async def add_sources(self, kind: Kind, sources: Iterable[KnownSource]) -> None:
        """Note the inputs of a kind, or what they have become (an export that was appended to)."""
        rows = [(kind, source.number, source.name, source.size, source.identity) for source in sources]
        sql = "INSERT OR REPLACE INTO sources (kind, number, name, size, identity) VALUES (?, ?, ?, ?, ?)"
        await self._write([(sql, row) for row in rows])

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        references = [refer(entry) for entry in batch.entries]
        high = max(references, key=lambda reference: (reference.source, reference.line))
        row = (
            _SEND,
            (
                batch.id, batch.kind, SENDING, len(references), batch.items, len(batch.body), _pack(references),
                high.source, high.line, self._now(),
            ),
        )  # fmt: skip
        await self._write([row, *self._progress(batch.kind, progress)], sync)

    async def settle(
        self,
        kind: Kind,
        batch: str,
        state: str | None,
        progress: Progress,
        sync: Callable[[], None],
        *,
        why: str = "",
    ) -> None:
        """Note what came of an attempt; None where the batch certainly was not applied and may be sent again."""
        row: Statement
        if state is None:
            row = ("DELETE FROM batches WHERE id = ?", (batch,))
        else:
            row = (
                "UPDATE batches SET state = ?, settled_at = ?, why = ? WHERE id = ?",
                (state, self._now(), why, batch),
            )
        await self._write([row, *self._progress(kind, progress)], sync)

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far a kind has come."""
        await self._write(self._progress(kind, progress), sync)

    async def mark_visible(self, kind: Kind) -> None:
        """Note that its effects show."""
        await self._write([("UPDATE progress SET visible = 1 WHERE kind = ?", (kind,))])

    def _progress(self, kind: Kind, progress: Progress) -> list[Statement]:
        checkpoint = progress.checkpoint
        statements: list[Statement] = [
            (
                _PROGRESS,
                (
                    kind, _pack(progress.frontier), _pack(checkpoint), _pack(progress.figures),
                    _pack(progress.consumed), progress.letters_bytes,
                ),
            ),
            (_FORGET, (kind, ACCEPTED, REFUSED, checkpoint.source, checkpoint.line)),
        ]  # fmt: skip
        statements.extend(
            (_DEAD, (kind, row.source, row.line, row.indexes and _pack(row.indexes), row.reason, row.customer))
            for row in progress.dead
        )
        known = "UPDATE dead SET customer = NULL WHERE customer = ? AND kind = ?"
        statements.extend((known, (customer, kind)) for customer in progress.arrived)
        return statements

    async def _write(self, statements: list[Statement], sync: Callable[[], None] | None = None) -> None:
        """Commit together with whatever else waits.

        Raises:
            StorageError: it could not be made durable. Nothing is written after that.
        """
        self._waiting.append((statements, sync))
        if self._flushed is None:
            self._flushed = anyio.Event()
        mine = self._flushed
        with anyio.CancelScope(shield=True):
            if self._syncing:
                await mine.wait()
            else:
                await self._flush()
        if self._failure is not None:
            raise self._failure

    async def _flush(self) -> None:
        """Commit until nothing waits. Who comes meanwhile waits for the round after."""
        self._syncing = True
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                done, self._flushed = self._flushed, None
                try:
                    if self._failure is None:
                        await anyio.to_thread.run_sync(self._commit, waiting)
                except BaseException as error:
                    self._failure = _storage_error(error)
                    if not isinstance(error, sqlite3.Error | OSError):
                        raise
                finally:
                    if done is not None:
                        done.set()  # whatever happened, nobody waits for ever
        finally:
            self._syncing = False
            if self._flushed is not None:  # left early: who came meanwhile finds the failure
                self._flushed.set()
                self._flushed = None

    def _commit(self, waiting: list[tuple[list[Statement], Callable[[], None] | None]]) -> None:
        for sync in {sync for _, sync in waiting if sync is not None}:
            sync()  # what the commit speaks of stands on the disk before it
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for statements, _ in waiting:
                for sql, parameters in statements:
                    self._connection.execute(sql, parameters)

    def _interrupted(self, kind: Kind) -> tuple[str, ...]:
        """Return the batches a dead process left on the wire; where a repeat is harmless they are forgotten instead."""
        if CONTRACTS[kind].repeatable:
            self._connection.execute("DELETE FROM batches WHERE kind = ? AND state = ?", (kind, SENDING))
            return ()
        rows = self._connection.execute(
            "SELECT id FROM batches WHERE kind = ? AND state = ? ORDER BY seq", (kind, SENDING)
        )
        return tuple(row[0] for row in rows)

    def _covered(self, kind: Kind, checkpoint: Place) -> Covered:
        batches = self._connection.execute(
            "SELECT refs FROM batches WHERE kind = ? AND state IN (?, ?, ?) AND (high_source, high_line) >= (?, ?)",
            (kind, ACCEPTED, IN_DOUBT, SENDING, checkpoint.source, checkpoint.line),
        )
        dead = self._connection.execute(
            "SELECT source, line, indexes FROM dead WHERE kind = ? AND (source, line) >= (?, ?)",
            (kind, checkpoint.source, checkpoint.line),
        )
        return cover(
            (reference for (blob,) in batches for reference in _references(blob)),
            ((source, line, None if blob is None else _indexes(blob)) for source, line, blob in dead),
        )

    def _one(self, sql: str, *parameters: object) -> Any:  # noqa: ANN401 - a row of SQLite
        row = self._connection.execute(sql, parameters).fetchone()
        if row is None:
            raise LookupError(sql)
        return row

    def _now(self) -> str:
        return self._wall().isoformat(timespec="milliseconds")

    def close(self) -> None:
        """Close the file; what is noted is durable already."""
        self._connection.close()


def open_journal(path: Path, wall: Callable[[], datetime], *, writable: bool = True) -> Journal:
    """Open or create the journal at `path`; `writable=False` only reads, also while a run is at work.

    Raises:
        ConfigurationError: it is damaged, from another version, or there is none to read.
        StorageError: it cannot be written.
    """
    try:
        if not writable:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            _prepare(connection, path, writable=writable)
        except BaseException:
            connection.close()
            raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and writable:
            raise _storage_error(error) from error
        raise _unusable(path, "cannot be read") from error
    except OSError as error:
        raise _storage_error(error) from error
    return Journal(connection, wall)


def _prepare(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if version == 0 and empty and writable:
        connection.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(16),))
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    elif version != VERSION:
        raise _unusable(path, f"has version {version}, this program reads {VERSION}")


def _unusable(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        f"the journal {what}",
        operation="open the journal",
        place=str(path),
        hint="never begin afresh over it: restore it, or use the version of the program that wrote it",
    )


def _storage_error(error: BaseException) -> StorageError:
    return StorageError(
        f"the journal cannot be written: {error}",
        operation="write the journal",
        hint="free space or mend the permissions of the state directory, then start again",
    )
