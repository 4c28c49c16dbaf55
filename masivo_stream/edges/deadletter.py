"""The dead-letter file: one JSON line for each record that is not sent as it is. And the list of what is in doubt.

Both hold personal data of the export (its own bytes; customer ids): they are for the owner's eyes, 0600 in a 0700
directory. Writes are synchronous: cancelling an aiofiles write does not stop it, and a torn line here would be a lost
record.
"""

import os
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Protocol

import msgspec

from masivo_stream.core.letters import replace_surrogates, write_letter
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.record import Entry, Rejected

_BLOCK = 1 << 20
_AT_ONCE = 1000
"""Letters put into one write: a line each, of which some thousand may come together."""
_encode = msgspec.json.Encoder().encode


class Directory(Protocol):
    """Where the files stand."""

    def open_append(self, name: str) -> int:
        """Open a file for reading and appending."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file."""
        ...

    def read(self, name: str) -> bytes:
        """Return a file's bytes, none where there is none."""
        ...


def dead_letter_name(kind: Kind) -> str:
    """Return the name of a kind's dead-letter file."""
    return f"dead-letter.{kind}.ndjson"


def _checksum(file: int, length: int) -> tuple[int, int]:
    """Return the length and the CRC-32 of a file's first `length` bytes."""
    done, crc = 0, 0
    while block := os.pread(file, min(_BLOCK, length - done), done):
        done, crc = done + len(block), zlib.crc32(block, crc)
    return done, crc


class DeadLetterFile:
    """Append dead letters of one kind."""

    def __init__(
        self, directory: Directory, kind: Kind, wall: Callable[[], datetime], *, length: int = 0, crc: int = 0
    ) -> None:
        """Go on after the first `length` bytes, whose CRC-32 is `crc`: what stands behind them was never counted.

        Raises:
            ConfigurationError: these bytes are not there any more: somebody has mended records in the file.
            StorageError: the file cannot be opened.
        """
        self._kind = kind
        self._name = dead_letter_name(kind)
        self._wall = wall
        self._file = directory.open_append(self._name)
        if _checksum(self._file, length) != (length, crc):
            os.close(self._file)
            raise ConfigurationError(
                "the dead letters were edited since the run left them",
                operation="open the dead letters",
                place=self._name,
                hint="masivo-stream retry sends mended ones, and goes on with the run; else put the file back",
            )
        if os.fstat(self._file).st_size > length:
            os.ftruncate(self._file, length)
        self.length = self._synced = length
        self.crc = crc

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write the letters' lines.

        Raises:
            StorageError: not all of them could be written; then none was, so that the file holds whole lines only.
        """
        at = self._wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        length, crc, left = self.length, self.crc, iter(letters)
        try:
            while text := b"".join([write_letter(self._kind, letter, at) for letter in islice(left, _AT_ONCE)]):
                lines = memoryview(text)
                while lines:
                    lines = lines[os.write(self._file, lines) :]
                length, crc = length + len(text), zlib.crc32(text, crc)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.length)
            raise self._failed(error) from error
        self.length, self.crc = length, crc

    def sync(self) -> None:
        """Make what was appended durable. Called in another thread, before the commit that counts it.

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
            f"cannot write dead letters: {error.strerror}",
            operation="write dead letters",
            place=self._name,
            hint="free space in the state directory",
        )


class InDoubtFile:
    """Keep the list of records in doubt of one kind; it is rewritten whole whenever it changes."""

    def __init__(self, directory: Directory, kind: Kind, *, batches: Iterable[str] = ()) -> None:
        """Go on with the lines of `batches`, where an earlier process wrote them down.

        Raises:
            StorageError: the list cannot be written.
        """
        self._directory = directory
        self._name = f"in-doubt.{kind}.ndjson"
        known = set(batches)
        found = directory.read(self._name).splitlines(keepends=True)
        self._lines = [line for line in found if _batch_of(line) in known]
        self.listed = {_batch_of(line) for line in self._lines}
        if len(self._lines) < len(found):  # decided, and the process died before the list was rewritten
            self._write()

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Add a batch's records.

        Raises:
            StorageError: the list cannot be written.
        """
        for entry in entries:
            file, line = entry.record
            fields = {"batch": batch, "file": file, "line": line, "customer": replace_surrogates(entry.customer)}
            items = entry.indexes if entry.retried is None else entry.retried.name_items(entry.indexes)
            if items is not None:
                fields["items"] = items
            self._lines.append(_encode(fields) + b"\n")
        self._write()

    def remove(self, batch: str) -> None:
        """Take a batch's records off the list: their fate is known.

        Raises:
            StorageError: the list cannot be written.
        """
        self._lines = [line for line in self._lines if _batch_of(line) != batch]
        self._write()

    def _write(self) -> None:
        self._directory.write(self._name, b"".join(self._lines))


def _batch_of(line: bytes) -> str | None:
    """Return the batch a line speaks of, None for a torn or foreign line."""
    try:
        return msgspec.json.decode(line, type=_Listed).batch
    except ValueError:
        return None


class _Listed(msgspec.Struct):
    batch: str
