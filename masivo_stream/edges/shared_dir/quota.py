"""The quota file: how much of an account's rate windows all its processes have used. One file per account and machine.

A request is noted before it departs, so that a restart does not begin with a burst, and two runs on one account
together stay inside its windows. The time of its answer is noted, too: by then the request had arrived. A wait that the
server asked for (429) outlives the process. Each departure is reported once: however many there are, asking costs no
more.

Times are kept by the monotonic clock, which all processes since the machine's start share, and by the wall clock, which
outlives a restart of the machine. A person may set the wall clock: a time that seems to be in the future counts as now.

`synchronous=NORMAL`: a killed process loses nothing; a power cut may lose the last departures, and takes longer than
the windows that would matter (SQLite docs, PRAGMA synchronous). So a note costs no wait for the disk, and no thread.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from msgspec import Struct

from masivo_stream.edges.shared_dir.database import open_database, transaction
from masivo_stream.model.errors import StorageError
from masivo_stream.model.ports import Clock

KEPT_SECONDS = 2 * 86_400.0
"""Seconds after which a departure is forgotten: no account has a longer window."""

FOLLOWED_SECONDS = 120.0
"""Seconds for which another process's request is followed until its answer: longer than requests take."""

_VERSION = 2
# A number is never used twice (AUTOINCREMENT): what is beyond the last number seen is new.
_DEPARTURES = """
CREATE TABLE IF NOT EXISTS departures (
  id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT, owner TEXT, boot TEXT, mono REAL, wall REAL, answered REAL
)
"""
_HOLDS = """
CREATE TABLE IF NOT EXISTS holds (scope TEXT PRIMARY KEY, boot TEXT, mono REAL, wall REAL, seconds REAL) WITHOUT ROWID
"""
_AT_WORK = "CREATE TABLE IF NOT EXISTS at_work (owner TEXT PRIMARY KEY, state_dir TEXT)"
_SCHEMA = (
    _DEPARTURES,
    "CREATE INDEX IF NOT EXISTS departures_scope ON departures (scope, id)",
    "CREATE INDEX IF NOT EXISTS departures_mono ON departures (mono)",
    _HOLDS,
    _AT_WORK,
)
_FORGET_OLDER = ("DROP TABLE IF EXISTS departures", f"PRAGMA user_version = {_VERSION}")
_MOST_ROWS = 8
"""Processes that are known to be at work in one state directory; killed ones are among them."""
_FORGET_RUNS = """
DELETE FROM at_work WHERE state_dir = ?
AND rowid NOT IN (SELECT rowid FROM at_work WHERE state_dir = ? ORDER BY rowid DESC LIMIT ?)
"""
_HOLD = """
INSERT INTO holds (scope, boot, mono, wall, seconds) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (scope) DO UPDATE SET mono = excluded.mono, wall = excluded.wall, seconds = excluded.seconds
WHERE excluded.mono > mono
"""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Lane(Struct, frozen=True):
    """One scope's windows, as the file knows them."""

    scope: str
    horizon: float
    """Seconds for which a departure counts."""


class Other(Struct, frozen=True):
    """A departure of another process."""

    number: int
    departed: float
    answered: float | None
    """None if its answer has not been noted."""


class News(Struct, frozen=True):
    """What happened in a lane since the last question."""

    departed: list[Other]
    """In the order of their departure."""
    answered: list[Other]
    """Departures reported before; one whose answer is None is not followed any longer."""
    withdrawn: list[int]
    """Numbers of departures reported before that did not take place."""
    held_until: float


class _Followed:
    """How far one lane's news has been reported."""

    def __init__(self) -> None:
        self.last = 0
        self.unanswered: dict[int, float] = {}
        """When they departed."""


class QuotaFile:
    """An account's quota, shared with every process that opens the same file."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock, boot: str) -> None:
        """Use `open_quota`."""
        self._connection, self._clock, self._boot = connection, clock, boot
        self._owner, self._place = uuid4().hex, ""
        self._followed: defaultdict[str, _Followed] = defaultdict(_Followed)
        with _translated(), transaction(connection):
            self._take_over()

    def reserve(self, lanes: Sequence[Lane], decide: Callable[[Sequence[News]], float]) -> list[int] | float:
        """Note the departure of a request that counts in all of `lanes`, if it may leave now.

        `decide` gets each lane's news and returns the seconds to wait. It gets every event once, and remembers it.

        Returns:
            The departure's numbers, one per lane, if it may leave now; else the seconds to wait, a float.

        Raises:
            StorageError: the file cannot be used.
        """
        with _translated(), transaction(self._connection):
            now = self._clock.now()
            wait = decide([self._news(lane, now) for lane in lanes])
            if wait > 0:
                return float(wait)
            insert = "INSERT INTO departures (scope, owner, boot, mono, wall) VALUES (?, ?, ?, ?, ?)"
            facts = (self._owner, self._boot, now, self._wall())
            return [int(self._connection.execute(insert, (lane.scope, *facts)).lastrowid or 0) for lane in lanes]

    def departures(self, lane: Lane) -> list[float]:
        """Return the moments of departures, of this and all other processes, that count in a lane; ascending.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            rows = self._connection.execute(
                "SELECT mono FROM departures WHERE scope = ? AND mono > ? ORDER BY mono",
                (lane.scope, self._clock.now() - lane.horizon),
            ).fetchall()
        return [float(mono) for (mono,) in rows]

    def answered(self, numbers: Iterable[int]) -> None:
        """Note that departures have been answered, or given up: they have arrived by now.

        Raises:
            StorageError: the file cannot be written.
        """
        now = self._clock.now()
        with _translated():
            for number in numbers:
                self._connection.execute("UPDATE departures SET answered = ? WHERE id = ?", (now, number))

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Take departures back: no byte of them left.

        Raises:
            StorageError: the file cannot be written.
        """
        with _translated():
            for number in numbers:
                self._connection.execute("DELETE FROM departures WHERE id = ?", (number,))

    def hold(self, scope: str, seconds: float) -> None:
        """Let no process send anything for a while.

        Raises:
            StorageError: the file cannot be written.
        """
        until = self._clock.now() + seconds, self._wall() + seconds
        with _translated():
            self._connection.execute(_HOLD, (scope, self._boot, *until, seconds))

    def join(self, state_dir: Path) -> None:
        """Note where this process is at work, until the file is closed.

        Others may be at work there, too, such as one that only reads: each has a row of its own. Rows of killed ones
        stay, and the oldest of these are removed.

        Raises:
            StorageError: the file cannot be written.
        """
        self._place = str(state_dir.absolute())
        with _translated():
            self._connection.execute("INSERT INTO at_work VALUES (?, ?)", (self._owner, self._place))
            self._connection.execute(_FORGET_RUNS, (self._place, self._place, _MOST_ROWS))

    def others(self) -> list[str]:
        """Return the other state directories in which processes have joined, killed ones among them.

        Raises:
            StorageError: the file cannot be read.
        """
        with _translated():
            rows = self._connection.execute("SELECT state_dir FROM at_work WHERE owner != ?", (self._owner,)).fetchall()
        return sorted({place for (place,) in rows} - {self._place})

    def close(self) -> None:
        """Leave, and close the file."""
        with suppress(sqlite3.Error):
            self._connection.execute("DELETE FROM at_work WHERE owner = ?", (self._owner,))
        self._connection.close()

    def _wall(self) -> float:
        return self._clock.wall().timestamp()

    def _news(self, lane: Lane, now: float) -> News:
        followed = self._followed[lane.scope]
        answered, withdrawn = self._follow_up(followed, now)
        rows = self._connection.execute(
            "SELECT id, mono, answered, owner FROM departures WHERE scope = ? AND id > ? AND mono > ? ORDER BY id",
            (lane.scope, followed.last, now - lane.horizon),
        ).fetchall()
        others = [Other(number, mono, answer) for number, mono, answer, owner in rows if owner != self._owner]
        followed.last = max((row[0] for row in rows), default=followed.last)
        followed.unanswered.update((other.number, other.departed) for other in others if other.answered is None)
        return News(others, answered, withdrawn, self._held_until(lane.scope))

    def _follow_up(self, followed: _Followed, now: float) -> tuple[list[Other], list[int]]:
        """Return what became of departures that had no answer when they were reported."""
        answered, withdrawn = [], []
        for number, departed in list(followed.unanswered.items()):
            row = self._connection.execute("SELECT answered FROM departures WHERE id = ?", (number,)).fetchone()
            if row is None:
                withdrawn.append(number)
            elif row[0] is not None or now - departed > FOLLOWED_SECONDS:
                answered.append(Other(number, departed, row[0]))
            else:
                continue
            del followed.unanswered[number]
        return answered, withdrawn

    def _held_until(self, scope: str) -> float:
        row = self._connection.execute("SELECT mono FROM holds WHERE scope = ?", (scope,)).fetchone()
        return 0.0 if row is None else float(row[0])

    def _take_over(self) -> None:
        """Translate what was noted before the machine's last start into its present clock, and forget the old."""
        now, wall = self._clock.now(), self._wall()
        foreign = "(boot != :boot OR mono > :now)"
        past = {"boot": self._boot, "now": now, "wall": wall, "kept": KEPT_SECONDS}
        execute = self._connection.execute
        moved = "UPDATE departures SET mono = :now - MAX(0, :wall - wall), boot = :boot, answered = NULL"
        execute(f"{moved} WHERE {foreign}", past)
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
            hint="free up disk space for shared_dir, or correct its permissions; you may delete only its quota files"
            " (*.quota.db*), and only while no run is at work",
        ) from error


def open_quota(path: Path, clock: Clock, *, boot: str | None = None) -> QuotaFile:
    """Open or create an account's quota file. `boot` names the machine's present start.

    Raises:
        StorageError: it cannot be used.
        OSError: its directory cannot be used.
    """
    with _translated():
        connection = open_database(path, _make_tables, synchronous="NORMAL")
        try:
            return QuotaFile(connection, clock, read_boot_id() if boot is None else boot)
        except BaseException:
            connection.close()
            raise


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make what is missing. A file of an earlier version loses what it knows, which is an hour or so."""
    older = connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION
    for statement in (*_FORGET_OLDER * older, *_SCHEMA):
        connection.execute(statement)


class QuotaUse(Struct, frozen=True, kw_only=True):
    """What is used of an account's quota, by scope. Times are of this machine's monotonic clock."""

    departures: dict[str, tuple[float, ...]] = {}
    """Ascending, none later than now."""
    held_until: dict[str, float] = {}


def read_quota(path: Path, clock: Clock, *, boot: str | None = None) -> QuotaUse | None:
    """Read an account's quota file without changing it or its directory. Returns None if there is no such file.

    Raises:
        StorageError: it cannot be read.
        OSError: its directory cannot be read.
    """
    if not path.exists():
        return None
    # Without a log beside it, no process has it open: it is read without locks, which would need files of their own.
    shared = path.with_name(f"{path.name}-wal").exists()
    uri = f"{path.absolute().as_uri()}?mode=ro{'' if shared else '&immutable=1'}"
    with _translated(), closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
            return QuotaUse()  # the next run makes a new one
        departures = connection.execute("SELECT scope, boot, mono, wall FROM departures").fetchall()
        holds = connection.execute("SELECT scope, boot, mono, wall, seconds FROM holds").fetchall()
    now, wall, boot = clock.now(), clock.wall().timestamp(), read_boot_id() if boot is None else boot
    moments: dict[str, list[float]] = {}
    for scope, noted, mono, at in departures:
        moment = now - max(0.0, wall - at) if noted != boot or mono > now else mono  # as `_take_over` translates it
        moments.setdefault(scope, []).append(moment)
    return QuotaUse(
        departures={scope: tuple(sorted(found)) for scope, found in moments.items()},
        held_until={
            scope: now + max(0.0, min(seconds, at - wall)) if noted != boot or mono > now + seconds else mono
            for scope, noted, mono, at, seconds in holds
        },
    )


def read_boot_id() -> str:
    """Return a name for the machine's present start; if it has none, a new one each time: the wall clock must do."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return uuid4().hex
