"""The dead-letter file: one JSON line for each record that is not sent as it is. And the list of what is in doubt.

Both hold personal data of the export (its own bytes; customer ids): they are for the owner's eyes, 0600 in a 0700
directory. Writes are synchronous: cancelling an aiofiles write does not stop it, and a torn line here would be a lost
record.
"""

import base64
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

import msgspec

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.record import Entry, Rejected

_encode = msgspec.json.Encoder().encode


class Directory(Protocol):
    """Where the files stand."""

    def open_append(self, name: str) -> int:
        """Open a file for appending."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Replace a file."""
        ...

    def read_lines(self, name: str) -> list[bytes]:
        """Return the lines of a file, none where there is none."""
        ...


def dead_letter_line(kind: Kind, rejected: Rejected, at: datetime) -> bytes:
    """Return one line, newline included. The order of the fields is part of the format."""
    fields: dict[str, Any] = {
        "kind": kind,
        "file": rejected.file,
        "line": rejected.line,
        "offset": rejected.offset,
        "length": rejected.length,
        "items": rejected.items,
        "reason": rejected.reason,
        "field": _text(rejected.field),
        "message": _text(rejected.message),
        "status": rejected.status,
        "batch": rejected.batch,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    try:
        fields["raw"] = rejected.raw.decode()
    except UnicodeDecodeError:
        fields["raw_base64"] = base64.b64encode(rejected.raw).decode()
    return _encode(fields) + b"\n"


class DeadLetterFile:
    """Append dead letters of one kind."""

    def __init__(self, directory: Directory, kind: Kind, wall: Callable[[], datetime], *, length: int = 0) -> None:
        """Go on after the first `length` bytes: what stands behind them was written, but never counted.

        Raises:
            StorageError: the file cannot be opened, or holds fewer bytes.
        """
        self._kind = kind
        self._name = f"dead-letter.{kind}.ndjson"
        self._wall = wall
        self._file = directory.open_append(self._name)
        size = os.fstat(self._file).st_size
        if size < length:
            os.close(self._file)
            raise StorageError(
                f"the file has lost lines: {length} bytes of it are counted",
                operation="open the dead letters",
                place=self._name,
                hint="put it back as it was; its lines are the only trace of records that were not sent",
            )
        if size > length:
            os.ftruncate(self._file, length)
        self.length = self._synced = length

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write the letters' lines.

        Raises:
            StorageError: not all of them could be written; then none was, so that the file holds whole lines only.
        """
        at = self._wall()
        lines = memoryview(b"".join([dead_letter_line(self._kind, letter, at) for letter in letters]))
        grown = self.length + len(lines)
        try:
            while lines:
                lines = lines[os.write(self._file, lines) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.length)
            raise self._failed(error) from error
        self.length = grown

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
        """Go on with the lines of `batches`, where an earlier process wrote them down."""
        self._directory = directory
        self._name = f"in-doubt.{kind}.ndjson"
        known = set(batches)
        self._lines = [line for line in directory.read_lines(self._name) if _batch_of(line) in known]
        self.listed = {_batch_of(line) for line in self._lines}

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Add a batch's records.

        Raises:
            StorageError: the list cannot be written.
        """
        for entry in entries:
            fields = {
                "batch": batch,
                "file": entry.file,
                "line": entry.line,
                "customer": _text(entry.customer),
            }
            if entry.indexes is not None:
                fields["items"] = entry.indexes
            self._lines.append(_encode(fields) + b"\n")
        self._directory.write(self._name, b"".join(self._lines))


def _batch_of(line: bytes) -> str | None:
    """Return the batch a line speaks of, None for a torn or foreign line."""
    try:
        return msgspec.json.decode(line, type=_Listed).batch
    except ValueError:
        return None


class _Listed(msgspec.Struct):
    batch: str


def _text(text: str) -> str:
    """Replace lone surrogates, which JSON can escape but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode()
