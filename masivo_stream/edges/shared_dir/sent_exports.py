"""What accounts have received from this machine: every export of which a batch was sent, recognised by its content.

A state directory knows what it has sent; another one cannot. So it is noted beside the quota, in one SQLite file for
all accounts, durably before the first batch of an export leaves (`synchronous=FULL`). The file holds digests, paths and
times: no secret, no personal data. Without it this guard is lost, and nothing else.

The number of requests that a run has sent is noted as well, never more than its journal knows durably: a journal that
knows fewer is an older copy.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.fingerprint import ExportHead, Step, add_step
from masivo_stream.edges.shared_dir.database import open_database, transaction
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError

NAME = "sent.db"
_VERSION = 2
_SCHEMA = (
    "CREATE TABLE runs (journal TEXT PRIMARY KEY, state_dir TEXT, sends INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    """
    CREATE TABLE exports (
      journal TEXT, kind TEXT, source INTEGER, receiver TEXT, begins BLOB, head BLOB, path TEXT, at TEXT, trail BLOB,
      lines INTEGER, PRIMARY KEY (journal, kind, source)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX exports_begins ON exports (receiver, kind, begins)",
    "CREATE TABLE owners (owner TEXT, receiver TEXT, PRIMARY KEY (owner, receiver)) WITHOUT ROWID",
    "CREATE TABLE same (receiver TEXT PRIMARY KEY, one TEXT) WITHOUT ROWID",
)
_UPGRADE = ("ALTER TABLE runs ADD COLUMN sends INTEGER NOT NULL DEFAULT 0",)
"""What turns a file of version 1 into one of version 2."""

_FIELDS = (
    "exports.journal, exports.kind, source, receiver, head, path, at, trail, lines, COALESCE(state_dir, '')"
    " FROM exports LEFT JOIN runs ON runs.journal = exports.journal"
)

_RUNS = "runs.journal, state_dir FROM runs JOIN exports ON exports.journal = runs.journal"

_NO_ROOM = "free up disk space for shared_dir, or correct its permissions; the run continues without this protection"
_DAMAGED = (
    "restore sent.db in shared_dir from a backup, or remove it with sent.db-wal and sent.db-shm: then no export is"
    " recognised that was sent before; the run continues without this protection"
)
_pack = msgspec.msgpack.encode
_read_head = msgspec.msgpack.Decoder(ExportHead).decode
_read_trail = msgspec.msgpack.Decoder(tuple[Step, ...]).decode


class SentExport(Struct, frozen=True, kw_only=True):
    """An export that an account has received, or a part of it."""

    journal: str
    """The id of the journal of the run that sent it."""
    kind: str
    source: int
    receiver: str
    """The account, as `edges.secret.name_receiver` names it."""
    head: ExportHead
    path: str
    """Where the export was then."""
    at: str
    """When its first batch was about to leave, ISO 8601."""
    trail: tuple[Step, ...] = ()
    """How far it was read, and the checksums on the way."""
    lines: int = 0
    """Lines read of it."""
    state_dir: str = ""
    """Where the state directory of that run was when it was last seen."""


class SentRun(Struct, frozen=True, kw_only=True):
    """A run that has sent something."""

    state_dir: str
    """Where the state directory was when it was last seen."""
    sends: int = 0
    """How many requests its journal knew durably when that was last noted."""


class Receivers(Struct, frozen=True, kw_only=True):
    """Names of one account: of its key or ready token, and of what its tokens name, if that is known."""

    owner: str
    subject: str = ""

    @property
    def name(self) -> str:
        """The name under which exports are noted."""
        return self.subject or self.owner


class SentExportsFile:
    """The open file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open_sent`."""
        self._connection = connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def find(self, receivers: Receivers, kind: str, head: ExportHead) -> list[SentExport]:
        """Return what the account may have received that begins with the same line, oldest first.

        If no token has named the account yet, that is what any account received that the key has opened.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            return self._find(receivers, kind, head)

    def of_journal(self, journal: str) -> list[SentExport]:
        """Return what is noted of a run.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            rows = self._connection.execute(f"SELECT {_FIELDS} WHERE exports.journal = ?", (journal,)).fetchall()
            return [_export(row) for row in rows]

    def run(self, journal: str) -> SentRun | None:
        """Return where a run was and how much it had sent; None if nothing is noted of it.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            row = self._connection.execute("SELECT state_dir, sends FROM runs WHERE journal = ?", (journal,)).fetchone()
        return None if row is None else SentRun(state_dir=row[0], sends=row[1])

    def count(self, journal: str, run: SentRun) -> None:
        """Note where a run is, and how many requests its journal knows durably.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated():
            self._connection.execute(
                "INSERT INTO runs (journal, state_dir, sends) VALUES (?, ?, ?)"
                " ON CONFLICT (journal) DO UPDATE SET state_dir = excluded.state_dir, sends = excluded.sends",
                (journal, run.state_dir, run.sends),
            )

    def runs_of(self, receivers: Receivers) -> list[tuple[str, str]]:
        """Return the runs that have sent something to an account: id of the journal, and where the run was last.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            names = self._names(receivers)
            marks = ", ".join("?" * len(names))
            rows = self._connection.execute(f"SELECT DISTINCT {_RUNS} WHERE receiver IN ({marks})", names)
            return [(journal, state_dir) for journal, state_dir in rows]

    def names(self, receivers: Receivers) -> list[str]:
        """Return all names under which an account may have received something.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            return self._names(receivers)

    def note(
        self,
        exports: Iterable[SentExport],
        receivers: Receivers,
        check: Callable[[SentExport, list[SentExport]], None] = lambda _export, _found: None,
    ) -> None:
        """Note durably that batches of exports are about to leave.

        `check` gets each of them with what begins with the same line and was noted before; if it raises, nothing is
        noted. No other process notes anything in between.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated(), transaction(self._connection):
            self._connection.execute("INSERT OR IGNORE INTO owners VALUES (?, ?)", (receivers.owner, receivers.name))
            for export in exports:
                check(export, self._find(receivers, export.kind, export.head))
                self._insert(export, receivers.name)

    def _insert(self, export: SentExport, receiver: str) -> None:
        execute = self._connection.execute
        execute(
            "INSERT INTO runs (journal, state_dir) VALUES (?, ?)"
            " ON CONFLICT (journal) DO UPDATE SET state_dir = excluded.state_dir",
            (export.journal, export.state_dir),
        )
        begins = export.head.digests[0] if export.head.digests else b""
        facts = (export.journal, export.kind, export.source, receiver, begins, _pack(export.head))
        execute(
            "INSERT OR REPLACE INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*facts, export.path, export.at, _pack(export.trail), export.lines),
        )

    def follow(self, journal: str, walked: Mapping[tuple[Kind, int], tuple[Sequence[Step], int]]) -> None:
        """Note how far exports were read: by kind and source the steps on the way, and the line after them.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated(), transaction(self._connection):
            for (kind, source), (steps, line) in walked.items():
                at = (journal, kind, source)
                row = self._connection.execute(
                    "SELECT trail FROM exports WHERE journal = ? AND kind = ? AND source = ?", at
                ).fetchone()
                if row is not None:
                    trail = _read_trail(_bytes(row[0]))
                    for step in steps:
                        trail = add_step(trail, step)
                    self._connection.execute(
                        "UPDATE exports SET trail = ?, lines = ? WHERE journal = ? AND kind = ? AND source = ?",
                        (_pack(trail), line - 1, *at),
                    )

    def move(self, journal: str, state_dir: str) -> None:
        """Note where a run is now.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated():
            self._connection.execute("UPDATE runs SET state_dir = ? WHERE journal = ?", (state_dir, journal))

    def join(self, receivers: Iterable[str]) -> None:
        """Note that a person says that these are one account.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated(), transaction(self._connection):
            known = sorted({one for name in receivers for one in self._one_with(name)})
            self._connection.executemany(
                "INSERT OR REPLACE INTO same VALUES (?, ?)", [(name, known[0]) for name in known]
            )

    def withdraw(self, journal: str) -> None:
        """Forget what a run has sent: all of it was taken back.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated(), transaction(self._connection):
            self._connection.execute("DELETE FROM exports WHERE journal = ?", (journal,))
            self._connection.execute("DELETE FROM runs WHERE journal = ?", (journal,))

    def _find(self, receivers: Receivers, kind: str, head: ExportHead) -> list[SentExport]:
        if not head.digests:
            return []
        names = self._names(receivers)
        marks = ", ".join("?" * len(names))
        rows = self._connection.execute(
            f"SELECT {_FIELDS} WHERE receiver IN ({marks}) AND exports.kind = ? AND begins = ? ORDER BY at",
            (*names, kind, head.digests[0]),
        )
        return [_export(row) for row in rows.fetchall()]

    def _names(self, receivers: Receivers) -> list[str]:
        names = {receivers.owner, receivers.name}
        if not receivers.subject:
            rows = self._connection.execute("SELECT receiver FROM owners WHERE owner = ?", (receivers.owner,))
            names.update(row[0] for row in rows)
        return sorted({one for name in names for one in self._one_with(name)})

    def _one_with(self, receiver: str) -> set[str]:
        """Return all names of an account that a person has said to be one, and its own."""
        rows = self._connection.execute(
            "SELECT receiver FROM same WHERE one = (SELECT one FROM same WHERE receiver = ?)", (receiver,)
        )
        return {receiver, *(row[0] for row in rows)}


def open_sent(directory: Path) -> SentExportsFile:
    """Open the file in `directory`, or create it.

    Raises:
        StorageError: it cannot be used.
        OSError: its directory cannot be used.
    """
    with _translated():
        return SentExportsFile(open_database(directory / NAME, _make_tables, synchronous="FULL"))


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make what is missing, also in a file of an earlier version."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise sqlite3.DatabaseError("a later version of the program wrote it")
    if version < _VERSION:
        for statement in _UPGRADE if version else _SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        usable = isinstance(error, sqlite3.OperationalError)
        raise StorageError(
            f"what accounts have received cannot be noted: {error if usable else 'the file is damaged'}",
            operation="keep exports from being sent twice",
            place=NAME,
            hint=_NO_ROOM if usable else _DAMAGED,
        ) from error


def _bytes(value: object) -> bytes:
    """Return a value of a column that holds bytes. SQLite keeps other values there, too, such as those of damage."""
    if not isinstance(value, bytes):
        raise sqlite3.DatabaseError("a row is damaged")
    return value


def _export(row: Sequence[Any]) -> SentExport:
    journal, kind, source, receiver, head, path, at, trail, lines, state_dir = row
    return SentExport(
        journal=journal,
        kind=kind,
        source=source,
        receiver=receiver,
        head=_read_head(_bytes(head)),
        path=path,
        at=at,
        trail=_read_trail(_bytes(trail)),
        lines=lines,
        state_dir=state_dir,
    )
