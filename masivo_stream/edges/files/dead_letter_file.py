"""The dead-letter file: one JSON line for each record that is not sent as it is. And the list of what is in doubt.

Both hold personal data of the export (its own bytes; customer ids): they are for the owner's eyes, 0600 in a 0700
directory.
"""

import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

import msgspec

from masivo_stream.core.dead_letters import replace_surrogates, write_dead_letter
from masivo_stream.edges.files.checksum import CountedFile, checksum
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.results import Entry, Rejected

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


class DeadLetterFile(CountedFile):
    """Append dead letters of one kind."""

    def __init__(
        self, directory: Directory, kind: Kind, wall: Callable[[], datetime], *, length: int = 0, crc: int = 0
    ) -> None:
        """Go on after the first `length` bytes, whose CRC-32 is `crc`: what stands behind them was never counted.

        Raises:
            ConfigurationError: these bytes are not there any more: somebody has mended records in the file.
            StorageError: the file cannot be opened.
        """
        self._kind, self._wall, name = kind, wall, dead_letter_name(kind)
        file = directory.open_append(name)
        if checksum(file, length) != (length, crc):
            os.close(file)
            raise ConfigurationError(
                "the dead letters were edited since the run left them",
                operation="open the dead letters",
                place=name,
                hint="masivo-stream retry sends mended ones, and goes on with the run; else put the file back",
            )
        super().__init__(
            file,
            length,
            crc,
            StorageError(
                "cannot write dead letters",
                operation="write dead letters",
                place=name,
                hint="free space in the state directory",
            ),
        )

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write the letters' lines.

        Raises:
            StorageError: not all of them could be written; then none was, so that the file holds whole lines only.
        """
        at = self._wall().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.write(write_dead_letter(self._kind, letter, at) for letter in letters)
        self.count()


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
