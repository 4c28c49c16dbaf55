"""The spill directory: tables and partitions on disk, and how far the work has come, so that it can be continued.

It holds personal data, is readable by its owner only, and is removed when the work is done. `progress.json` is replaced
after each step. What a step has written beyond that is cut off, or written again, when the work continues.
"""

import fcntl
import os
import shutil
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.short_disk import remedy_of
from masivo_stream.prepare.settling.closing import TableFigures
from masivo_stream.prepare.settling.remarks import RemarkSums

_PROGRESS = "progress.json"
_LOCK = "lock"


class SourceFigures(Struct, frozen=True):
    """What was read of a source."""

    files: tuple[str, ...]
    rows: int
    """All rows, readable or not."""
    loaded: int


class SavedSums(Struct):
    """The sums of one reason, with its table and action."""

    table: str
    action: str
    why: str
    sums: RemarkSums
    file: str
    """The name of the list of remarks that they are of."""


class LoadedTable(Struct, frozen=True):
    """What is known of a source that was loaded into a table."""

    figures: SourceFigures
    columns: list[str]
    warnings: list[str]
    sums: list[SavedSums]
    """Of the remarks about its rows, which are in a file beside the table."""


class PrepareProgress(Struct):
    """How far the work has come."""

    identity: str
    """Of mapping, sources and version: work of another identity is not continued."""
    steps: list[str] = []
    """What is done."""
    sizes: dict[str, int] = {}
    """How much of each output file counts."""
    files: list[str] = []
    """The names of the sources' files, in the order of their numbers in places."""
    tables: dict[str, LoadedTable] = {}
    """By source, in the order in which they were loaded."""
    sums: list[SavedSums] = []
    came: dict[str, TableFigures] = {}
    partitions: int = 0


class SpillDirectory:
    """Open it for one process. Use it as a context: afterwards it is kept, unless `remove` was called."""

    def __init__(self, path: Path, identity: str) -> None:
        """Continue the work in this directory, or begin.

        Raises:
            ConfigurationError: another process is at work there.
            StorageError: it cannot be written.
        """
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise cannot_write(error, path) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigurationError(
                "another process prepares into this directory",
                operation="prepare",
                place=str(path),
                hint="wait for it, or name another directory",
            ) from None
        self._identity = identity
        self.progress = self._read()
        shutil.rmtree(path / "temporary", ignore_errors=True)

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Let other processes in."""
        os.close(self._lock)

    def done(self, step: str) -> bool:
        """Return whether a step is done."""
        return step in self.progress.steps

    def finish_step(self, step: str) -> None:
        """Note that a step is done, durably.

        Raises:
            StorageError: it cannot be written.
        """
        self.progress.steps.append(step)
        new = self.path / f"{_PROGRESS}.new"
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(self.progress))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path / _PROGRESS)
        except OSError as error:
            raise cannot_write(error, self.path) from error

    def new_directory(self, *names: str) -> Path:
        """Return an empty directory below this one; what was in it is removed."""
        path = self.path.joinpath(*names)
        try:
            if path.exists():
                shutil.rmtree(path)
            path.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise cannot_write(error, path) from error
        return path

    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def remove(self) -> None:
        """Remove the directory and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def begin_again(self) -> None:
        """Forget all work, and remove what it has written here."""
        for each in self.path.iterdir():
            if each.name != _LOCK:
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        self.progress = PrepareProgress(self._identity)

    def _read(self) -> PrepareProgress:
        try:
            found = msgspec.json.decode((self.path / _PROGRESS).read_bytes(), type=PrepareProgress)
            if found.identity == self._identity:
                return found
        except (OSError, ValueError):
            pass
        self.begin_again()
        return self.progress


def cannot_write(error: OSError, path: Path) -> StorageError:
    """Return the error of a file that cannot be written."""
    return StorageError(
        f"cannot be written: {error.strerror}",
        operation="prepare",
        place=str(path),
        hint=remedy_of(error, "free space, or allow writing there; then start the same command again: it continues"),
    )
