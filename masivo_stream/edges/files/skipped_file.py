"""The list of what is skipped: one JSON line for each record that is not to be migrated, as a whole or in part.

It holds positions, and nothing of a record. It is for people; a run does not need it, and goes on with a list that was
edited or deleted.
"""

import os
from collections.abc import Iterable

import msgspec
from msgspec.structs import asdict

from masivo_stream.edges.files.counted_file import CountedFile, checksum
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.examples import SkippedPlace

_encode = msgspec.json.Encoder().encode


def skipped_name(kind: Kind) -> str:
    """Return the name of a kind's list of skipped records."""
    return f"skipped.{kind}.ndjson"


class SkippedFile(CountedFile):
    """Append skipped records of one kind."""

    def __init__(self, directory: StateDir, kind: Kind, *, length: int = 0, crc: int = 0) -> None:
        """Go on after the first `length` bytes, whose CRC-32 is `crc`; what follows them was never counted.

        If these bytes are not there any more, go on after what is there.

        Raises:
            StorageError: the file cannot be opened.
        """
        self._kind, name = kind, skipped_name(kind)
        file = directory.open_append(name)
        if checksum(file, length) != (length, crc):
            length, crc = _take_as_it_is(file)
        super().__init__(
            file,
            length,
            crc,
            StorageError(
                "cannot write the list of skipped records",
                operation="write skipped records",
                place=str(directory.path / name),
                hint="free up disk space in the state directory, then start again with the same command",
            ),
        )

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write the records' lines; they are counted in `length` and `crc` once `count` is called.

        Raises:
            StorageError: not all of them could be written; then none of them counts.
        """
        self.write(_encode({"kind": self._kind, **asdict(place)}) + b"\n" for place in places)


def _take_as_it_is(file: int) -> tuple[int, int]:
    """Return length and CRC-32 of all that is in a file, after its last line is ended."""
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        size += os.write(file, b"\n")
    return checksum(file, size)
