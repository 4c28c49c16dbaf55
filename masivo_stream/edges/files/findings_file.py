"""The findings of the checks over all files, on disk: what a run holds back, however much that is.

One SQLite file in the state directory, readable by its owner only. It holds places, reward ids and sums, and nothing
else of a record. It is written beside its place and put there when it is complete and durable, so a file that is there
is complete; a process that is killed leaves a part under another name, which the next one removes. Lines are written in
the order in which they are found, and sorted once at the end. The run looks them up range by range.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from msgspec import Struct

from masivo_stream.edges.sqlite_file import make_private
from masivo_stream.model.errors import StorageError
from masivo_stream.model.findings import CheckName, HeldLine
from masivo_stream.model.short_disk import remedy_of

FINDINGS = "findings.db"
UNDER_WAY = "findings.under-way"
"""There while a run makes the checks."""

_PART = ".findings.new"

_FORMAT = 1
_TABLES = """
CREATE TABLE held (source INTEGER, line INTEGER, check_name TEXT, item INTEGER, message TEXT);
CREATE TABLE files (source INTEGER PRIMARY KEY, kind TEXT, name TEXT);
CREATE TABLE about (format INTEGER, identity BLOB, checks BLOB);
"""
_FILES_WITH_FINDINGS = """
SELECT kind, name, source FROM files WHERE EXISTS (SELECT 1 FROM held WHERE held.source = files.source)
"""
_CACHE_KIB = 4096


class FindingsFile:
    """The findings of a complete file. Get them from `read_findings`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Read an open file.

        Raises:
            sqlite3.Error: it is damaged.
        """
        self._connection, self._path = connection, path
        self.format, self.identity, self.checks = connection.execute("SELECT * FROM about").fetchone()
        self._held = {(kind, name): source for kind, name, source in connection.execute(_FILES_WITH_FINDINGS)}

    def held(self, kind: str, file: str, first: int, last: int) -> Mapping[int, Sequence[HeldLine]]:
        """Return what is held back of a file, from line `first` to `last`, by line.

        Raises:
            StorageError: the file cannot be read.
        """
        source = self._held.get((kind, file))
        if source is None:
            return {}
        query = "SELECT line, check_name, item, message FROM held WHERE source = ? AND line BETWEEN ? AND ?"
        by_line: dict[int, list[HeldLine]] = {}
        try:
            for line, check, item, message in self._connection.execute(query, (source, first, last)):
                found = HeldLine(line=line, check=CheckName(check), item=item, message=message)
                by_line.setdefault(line, []).append(found)
        except (sqlite3.Error, ValueError) as error:
            raise self._unreadable(error) from error
        for found_there in by_line.values():  # the same whatever the order in which they were found
            found_there.sort(key=lambda found: (found.check, found.item or 0, found.message))
        return by_line

    def held_lines(self) -> dict[str, int]:
        """Return how many lines are held back as a whole, by kind.

        Raises:
            StorageError: the file cannot be read.
        """
        query = (
            "SELECT kind, COUNT(*) FROM (SELECT DISTINCT source, line FROM held WHERE item IS NULL)"
            " JOIN files USING (source) GROUP BY kind"
        )
        try:
            return dict(self._connection.execute(query))
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _unreadable(self, error: Exception) -> StorageError:
        return StorageError(
            f"what the checks found cannot be read: {error}",
            operation="read the findings",
            place=str(self._path),
            hint="remove that file and start again: the checks are made again",
        )


def read_findings(directory: Path, identity: bytes | None = None) -> FindingsFile | None:
    """Open the findings in a directory; with `identity`, only those about just that.

    None if there is no such file, or if it is damaged: then the checks are made again.
    """
    path = directory / FINDINGS
    if not path.is_file():
        return None
    connection = None
    with suppress(sqlite3.Error, TypeError, ValueError):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        found = FindingsFile(connection, path)
        if found.format == _FORMAT and identity in (None, found.identity):
            return found
    if connection is not None:
        connection.close()
    return None


@contextmanager
def marked_under_way(directory: Path) -> Iterator[None]:
    """Show other processes that the checks are being made: by an empty file, if it can be written.

    A process that is killed leaves it. It counts only while a process is at work, and the next one removes it.
    """
    path = directory / UNDER_WAY
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


class About(Struct, frozen=True):
    """What a complete file says about itself."""

    identity: bytes
    """A digest of what was checked: exports, policy and settings."""
    files: Sequence[tuple[str, str]]
    """Kind and name of each input, by its number."""
    checks: bytes
    """The results and control totals, as JSON."""


class FindingsWriter:
    """Write findings, then finish. Use it as a context: what is not finished is removed."""

    def __init__(self, directory: Path, why_not: Callable[[Path], OSError | None] | None = None) -> None:
        """Write in `directory`. `why_not` finds out why a file cannot be written: SQLite does not say it.

        Raises:
            StorageError: nothing can be written there.
        """
        self._directory, self._path, self._why_not = directory, directory / _PART, why_not
        with self._writing():
            for name in (_PART, f"{_PART}-journal"):
                (directory / name).unlink(missing_ok=True)
            make_private(self._path)
            self._connection = sqlite3.connect(self._path, isolation_level=None)
            # What is written counts only when all of it is durable (`finish`), so there is nothing to roll back.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_TABLES)
            self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the file, and remove what is not finished."""
        self._connection.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def add(self, found: Iterable[tuple[int, HeldLine]]) -> None:
        """Write lines to hold back, each with the number of its input.

        Raises:
            StorageError: they cannot be written.
        """
        rows = ((source, each.line, each.check.value, each.item, each.message) for source, each in found)
        with self._writing():
            self._connection.executemany("INSERT INTO held VALUES (?, ?, ?, ?, ?)", rows)

    def finish(self, about: About) -> None:
        """Make all of it durable, and put the file in its place.

        Raises:
            StorageError: it cannot be written.
        """
        with self._writing():
            named = [(number, kind, name) for number, (kind, name) in enumerate(about.files)]
            self._connection.executemany("INSERT INTO files VALUES (?, ?, ?)", named)
            self._connection.execute("INSERT INTO about VALUES (?, ?, ?)", (_FORMAT, about.identity, about.checks))
            self._connection.execute("COMMIT")
            self._connection.execute("CREATE INDEX in_order ON held (source, line)")
            self._connection.close()
            for place, flags in ((self._path, os.O_RDONLY), (self._directory, os.O_RDONLY | os.O_DIRECTORY)):
                descriptor = os.open(place, flags | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                    if place == self._path:
                        self._path.rename(self._directory / FINDINGS)
                finally:
                    os.close(descriptor)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            cause: Exception = error
            if isinstance(error, sqlite3.Error) and self._why_not is not None:
                cause = self._why_not(self._path) or error
            why = cause.strerror if isinstance(cause, OSError) and cause.strerror else cause
            raise StorageError(
                f"cannot keep what the checks find on disk: {why}",
                operation="check the exports as a whole",
                place=str(self._directory),
                hint=remedy_of(
                    cause,
                    "free space there, then start the same command again; or leave the checks out: --skip-checks all",
                ),
            ) from error
