"""The quota file: what of an account's rate windows is used, whoever used it. One SQLite file an account and machine.

A departure is written down before it leaves, so a restart does not begin with a burst, and two runs on one account
together stay inside its windows. What the server asked to wait (429) outlives the process, too.

Moments are kept by the monotonic clock, which all processes since the machine's start share, and by the wall clock,
which outlives the machine's. The latter can be set: a moment that seems to lie in the future was just now.

`synchronous=NORMAL`: a killed process loses nothing; a power cut may lose the last departures, and takes longer than
the windows that would matter (SQLite docs, PRAGMA synchronous). So a note costs no wait for the disk, and no thread.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from msgspec import Struct

from masivo_stream.model.errors import StorageError

PENDING_SECONDS = 10.0
"""So long a departure of another process that was noted and has not left yet counts as leaving now: connecting takes no
longer, and a process that died at it must not keep the others for ever."""

KEPT_SECONDS = 2 * 86_400.0
"""Older departures are in no window that an account has."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS departures (
  id INTEGER PRIMARY KEY, scope TEXT, owner TEXT, boot TEXT, mono REAL, wall REAL, gone INTEGER
);
CREATE INDEX IF NOT EXISTS departures_scope ON departures (scope, mono);
CREATE TABLE IF NOT EXISTS holds (scope TEXT PRIMARY KEY, boot TEXT, mono REAL, wall REAL, seconds REAL) WITHOUT ROWID;
"""
_HOLD = """
INSERT INTO holds (scope, boot, mono, wall, seconds) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (scope) DO UPDATE SET mono = excluded.mono, wall = excluded.wall, seconds = excluded.seconds
WHERE excluded.mono > mono
"""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the file knows of time."""

    def now(self) -> float:
        """Return seconds of a clock that never goes back."""
        ...

    def wall(self) -> datetime:
        """Return the date and time."""
        ...


class QuotaFile:
    """An account's quota, shared with every process that opens the same file."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, boot: str) -> None:
        """Use `open_quota`."""
        self._connection, self._clock, self._boot = connection, clock, boot
        self._owner = uuid4().hex
        with _translated(), self._writing():
            self._take_over()

    def reserve(self, scope: str, horizon: float, decide: Callable[[Sequence[float], float], float]) -> int | float:
        """Ask whether a request may depart; if so, note it.

        `decide` is given the moments of others' departures in the last `horizon` seconds and the end of a hold, and
        returns the seconds to wait.

        Returns:
            The departure's number, an int, where it may leave now; else the seconds to wait, a float.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated(), self._writing():
            now = self._clock.now()
            wait = decide(self._others(scope, now, horizon), self._held_until(scope))
            if wait > 0:
                return float(wait)
            row = (scope, self._owner, self._boot, now, self._wall())
            insert = "INSERT INTO departures (scope, owner, boot, mono, wall, gone) VALUES (?, ?, ?, ?, ?, 0)"
            return int(self._connection.execute(insert, row).lastrowid or 0)

    def leave(self, number: int) -> None:
        """Note that a departure has left only now.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated():
            self._connection.execute(
                "UPDATE departures SET mono = ?, wall = ?, gone = 1 WHERE id = ?",
                (self._clock.now(), self._wall(), number),
            )

    def withdraw(self, number: int) -> None:
        """Take a departure back: nothing of it left.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated():
            self._connection.execute("DELETE FROM departures WHERE id = ?", (number,))

    def hold(self, scope: str, seconds: float) -> None:
        """Let nothing depart for a while, whoever it is.

        Raises:
            StorageError: the file cannot be written.
        """
        until = self._clock.now() + seconds, self._wall() + seconds
        with _translated():
            self._connection.execute(_HOLD, (scope, self._boot, *until, seconds))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _wall(self) -> float:
        return self._clock.wall().timestamp()

    def _others(self, scope: str, now: float, horizon: float) -> list[float]:
        rows = self._connection.execute(
            "SELECT mono, gone FROM departures WHERE scope = ? AND owner != ? AND mono > ? ORDER BY mono",
            (scope, self._owner, now - horizon),
        )
        return sorted(mono if gone or now - mono > PENDING_SECONDS else now for mono, gone in rows)

    def _held_until(self, scope: str) -> float:
        row = self._connection.execute("SELECT mono FROM holds WHERE scope = ?", (scope,)).fetchone()
        return 0.0 if row is None else float(row[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _take_over(self) -> None:
        """Translate what was noted before the machine's last start into its present clock, and forget the old."""
        now, wall = self._clock.now(), self._wall()
        foreign = "(boot != :boot OR mono > :now)"
        past = {"boot": self._boot, "now": now, "wall": wall, "kept": KEPT_SECONDS}
        execute = self._connection.execute
        execute(f"UPDATE departures SET mono = :now - MAX(0, :wall - wall), boot = :boot WHERE {foreign}", past)  # noqa: S608 - our own words
        execute(
            "UPDATE holds SET mono = :now + MAX(0, MIN(seconds, wall - :wall)), boot = :boot"
            " WHERE boot != :boot OR mono > :now + seconds",
            past,
        )
        execute("DELETE FROM departures WHERE mono < :now - :kept", past)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(
            f"the quota file cannot be used: {error}",
            operation="keep to the quota",
            hint="free space or mend the permissions of shared_dir; it may be deleted when no run is at work",
        ) from error


def open_quota(path: Path, clock: Clock, *, boot: str | None = None) -> QuotaFile:
    """Open or create an account's quota file. `boot` names the machine's present start.

    Raises:
        StorageError: it cannot be used.
        OSError: its directory cannot be used.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    with _translated():
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            return QuotaFile(connection, clock, read_boot_id() if boot is None else boot)
        except BaseException:
            connection.close()
            raise


class QuotaUse(Struct, frozen=True, kw_only=True):
    """What of an account's quota is used, by scope. Moments by this machine's monotonic clock."""

    departures: dict[str, tuple[float, ...]] = {}
    """Ascending, none later than now."""
    held_until: dict[str, float] = {}


def read_quota(path: Path, clock: Clock, *, boot: str | None = None) -> QuotaUse | None:
    """Look at an account's quota file, and leave it and its directory as they are. None where there is none.

    Raises:
        StorageError: it cannot be read.
        OSError: its directory cannot be.
    """
    if not path.exists():
        return None
    # Where no log lies beside it nobody has it open, so it is read without locks: they would need files of their own.
    shared = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'' if shared else '&immutable=1'}"
    with _translated(), closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)) as connection:
        departures = connection.execute("SELECT scope, boot, mono, wall, gone FROM departures").fetchall()
        holds = connection.execute("SELECT scope, boot, mono, wall, seconds FROM holds").fetchall()
    now, wall, boot = clock.now(), clock.wall().timestamp(), read_boot_id() if boot is None else boot
    moments: dict[str, list[float]] = {}
    for scope, noted, mono, at, gone in departures:
        moment = now - max(0.0, wall - at) if noted != boot or mono > now else mono  # as `_take_over` translates it
        moments.setdefault(scope, []).append(moment if gone or now - moment > PENDING_SECONDS else now)
    return QuotaUse(
        departures={scope: tuple(sorted(found)) for scope, found in moments.items()},
        held_until={
            scope: now + max(0.0, min(seconds, at - wall)) if noted != boot or mono > now + seconds else mono
            for scope, noted, mono, at, seconds in holds
        },
    )


def read_boot_id() -> str:
    """Return a name for the machine's present start; where it has none, the wall clock must do."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return uuid4().hex
