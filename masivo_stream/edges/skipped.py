"""The list of what is skipped: one JSON line for each record that is not to be migrated, or of which items are not.

It holds places, and nothing of a record. A person may want it, a run does not need it: a list that was edited, or
deleted, is gone on with.
"""

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Protocol

import msgspec

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.skipped import SkippedPlace

_BLOCK = 1 << 20
_AT_ONCE = 1000
"""Lines put into one write, of which some thousand may come together."""
_encode = msgspec.json.Encoder().encode


class Directory(Protocol):
    """Where the file stands."""

    def open_append(self, name: str) -> int:
        """Open a file for reading and appending."""
        ...


def skipped_name(kind: Kind) -> str:
    """Return the name of a kind's list of skipped records."""
    return f"skipped.{kind}.ndjson"


def _checksum(file: int, length: int) -> tuple[int, int]:
    """Return the length and the CRC-32 of a file's first `length` bytes."""
    done, crc = 0, 0
    while block := os.pread(file, min(_BLOCK, length - done), done):
        done, crc = done + len(block), zlib.crc32(block, crc)
    return done, crc


class SkippedFile:
    """Append skipped records of one kind."""

    def __init__(self, directory: Directory, kind: Kind, *, length: int = 0, crc: int = 0) -> None:
        """Go on after the first `length` bytes, whose CRC-32 is `crc`: what stands behind them was never counted.

        Where these bytes are not there any more, go on after what is there.

        Raises:
            StorageError: the file cannot be opened.
        """
        self._kind, self._name = kind, skipped_name(kind)
        self._file = directory.open_append(self._name)
        size = os.fstat(self._file).st_size
        if _checksum(self._file, length) != (length, crc):
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                size += os.write(self._file, b"\n")
            length, crc = _checksum(self._file, size)
        elif size > length:
            os.ftruncate(self._file, length)
        self.length, self.crc = length, crc
        self._written = self._synced = length
        self._written_crc = crc

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write the records' lines; they are not counted in `length` and `crc` before `count` says so.

        Raises:
            StorageError: not all of them could be written; then none counts.
        """
        left = iter(places)
        try:
            while text := b"".join([self._line(place) for place in islice(left, _AT_ONCE)]):
                lines = memoryview(text)
                while lines:
                    lines = lines[os.write(self._file, lines) :]
                self._written += len(text)
                self._written_crc = zlib.crc32(text, self._written_crc)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.length)
            raise self._failed(error) from error

    def count(self) -> None:
        """Count what was written."""
        self.length, self.crc = self._written, self._written_crc

    def _line(self, place: SkippedPlace) -> bytes:
        return _encode({"kind": self._kind, **msgspec.structs.asdict(place)}) + b"\n"

    def sync(self) -> None:
        """Make what was counted durable. Called in another thread, before the commit that counts it.

        Raises:
            OSError: that failed.
        """
        length = self.length
        if length != self._synced:
            os.fsync(self._file)
            self._synced = length

    def close(self) -> None:
        """Make everything durable.

        Raises:
            StorageError: that failed.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._failed(error) from error
        finally:
            os.close(self._file)

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot write the list of skipped records: {error.strerror}",
            operation="write skipped records",
            place=self._name,
            hint="free space in the state directory, then start again with the same command",
        )
