"""A file that lines are appended to. The journal keeps the length and the CRC-32 of the bytes that count.

What follows these bytes was written by a process that died before it was counted, and is cut off. Writes are
synchronous: cancelling an aiofiles write does not stop it, and a torn line here would be a lost record.
"""

import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from masivo_stream.model.errors import StorageError
from masivo_stream.model.short_disk import remedy_of

_BLOCK = 1 << 20
_AT_ONCE = 1000
"""Lines in one write: a thousand and more may come together."""


def checksum(file: int, length: int) -> tuple[int, int]:
    """Return the length and the CRC-32 of a file's first `length` bytes."""
    done, crc = 0, 0
    while block := os.pread(file, min(_BLOCK, length - done), done):
        done, crc = done + len(block), zlib.crc32(block, crc)
    return done, crc


class CountedFile:
    """Append lines to an open file; a subclass makes the lines of its records."""

    def __init__(self, file: int, length: int, crc: int, failure: StorageError) -> None:
        """Go on after the first `length` bytes. If a write fails, `failure` is raised, with the cause."""
        self._file, self._failure = file, failure
        if os.fstat(file).st_size > length:
            os.ftruncate(file, length)
        self.length, self.crc = length, crc
        self._written, self._written_crc = length, crc
        self._synced = length

    def write(self, lines: Iterable[bytes]) -> None:
        """Write lines; they are counted once `count` is called.

        Raises:
            StorageError: not all of them could be written; then all that was not counted is removed.
        """
        left = iter(lines)
        try:
            while text := b"".join(islice(left, _AT_ONCE)):
                rest = memoryview(text)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                self._written += len(text)
                self._written_crc = zlib.crc32(text, self._written_crc)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.length)
            self._written, self._written_crc = self.length, self.crc
            raise self._failed(error) from error

    def count(self) -> None:
        """Count what was written."""
        self.length, self.crc = self._written, self._written_crc

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
        known = self._failure
        return StorageError(
            f"{known}: {error.strerror}",
            operation=known.operation,
            place=known.place,
            hint=remedy_of(error, known.hint),
        )
