"""Tables of sources in the directory of parts: what one share has loaded, the others take.

A table is kept under a name that says what it was made from, and is compared with its digest before it is used. Locks
only show which table another process is loading, so that each begins with another one. Where locks do not reach, or a
process hangs, a table is loaded twice.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.prepare.engine.share import Share
from masivo_stream.prepare.engine.spill_dir import LoadedTable, cannot_write
from masivo_stream.prepare.engine.table_store import remarks_beside
from masivo_stream.prepare.parts.share_files import FileDigest, digest_file

TABLE_FILE = "table.parquet"
REMARKS_FILE = "remarks.csv"
SUMMARY_FILE = "table.json"


class TableSummary(Struct, frozen=True, kw_only=True):
    """What a table was made from, and what is known of it."""

    schema: int = 1
    digest: str
    loaded: LoadedTable
    files: dict[str, FileDigest]


class SharedTables:
    """The tables of one mapping in a directory of parts."""

    def __init__(self, parts: Path, share: Share, digests: dict[str, str], check_sources: Callable[[], object]) -> None:
        """Keep tables there.

        `digests` says for each source what its table is made from; `check_sources` raises an error if that is not so
        any more.
        """
        self._parts, self._share, self._digests, self._check_sources = parts, share, digests, check_sources
        names = [*digests]
        begin = (share.number - 1) * len(names) // share.of
        self._order = [*names[begin:], *names[:begin]]

    def choose(self, names: list[str]) -> str:
        """Return a table that is there; else one that no other process is loading. Each share begins with another."""
        ordered = [name for name in self._order if name in names]
        there = (name for name in ordered if self._read(name) is not None)
        free = (name for name in ordered if not self._is_claimed(name))
        return next(there, None) or next(free, ordered[0])

    def take(self, name: str, table: Path) -> LoadedTable | None:
        """Put a table and its remarks in their place; None if it is not there. A damaged one is removed.

        Raises:
            StorageError: it cannot be put there.
        """
        summary = self._read(name)
        if summary is None:
            return None
        for file, place in ((TABLE_FILE, table), (REMARKS_FILE, remarks_beside(table))):
            try:
                _copy(self._directory(name) / file, place)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise cannot_write(error, place) from error
            if digest_file(place) != summary.files[file]:
                place.unlink()
                shutil.rmtree(self._directory(name), ignore_errors=True)
                return None
        return summary.loaded

    @contextmanager
    def claim(self, name: str) -> Iterator[None]:
        """Let others know that a table is being loaded, if no other process has."""
        path = self._claim_path(name)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise cannot_write(error, path) from error
        try:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(lock)

    def give(self, name: str, table: Path, loaded: LoadedTable) -> None:
        """Keep a table for the other shares, if it is not there yet.

        Raises:
            InputError: the sources have changed meanwhile.
            StorageError: it cannot be written.
        """
        self._check_sources()
        growing = self._parts / f".table-{name}-{self._share.number}-of-{self._share.of}"
        paths = {TABLE_FILE: table, REMARKS_FILE: remarks_beside(table)}
        summary = TableSummary(
            digest=self._digests[name], loaded=loaded, files={file: digest_file(path) for file, path in paths.items()}
        )
        try:
            shutil.rmtree(growing, ignore_errors=True)
            growing.mkdir(mode=0o700)
            for file, path in paths.items():
                _copy(path, growing / file)
            (growing / SUMMARY_FILE).write_bytes(msgspec.json.encode(summary))
            if self._read(name) is None:
                shutil.rmtree(self._directory(name), ignore_errors=True)
            with suppress(OSError):  # another process was faster: its table is as good
                growing.rename(self._directory(name))
            shutil.rmtree(growing, ignore_errors=True)
        except OSError as error:
            raise cannot_write(error, growing) from error

    def _read(self, name: str) -> TableSummary | None:
        try:
            found = msgspec.json.decode((self._directory(name) / SUMMARY_FILE).read_bytes(), type=TableSummary)
            return (
                found if found.digest == self._digests[name] and {*found.files} == {TABLE_FILE, REMARKS_FILE} else None
            )
        except (OSError, ValueError):
            return None

    def _is_claimed(self, name: str) -> bool:
        try:
            lock = os.open(self._claim_path(name), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def _directory(self, name: str) -> Path:
        return self._parts / f"table-{name}-{self._digests[name][:16]}"

    def _claim_path(self, name: str) -> Path:
        return self._parts / f".claim-{name}-{self._digests[name][:16]}"


def _copy(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it to another file system. It is written once, and never changed."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
