"""Where the records of the exports come from: for each line, the first row of a source that is in it, and how many are.

It is kept in a file per kind with as many bytes for each line. Only the lines that a finding names are looked up.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO, Self

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import RowOrigin
from masivo_stream.prepare.sources.places import PlaceNames

ORIGIN_FILES = {kind: f"{kind}.origins" for kind in Kind}

_FORM = struct.Struct("<QI")
"""Place of the first row, and number of rows."""


class RecordOrigin(Struct, frozen=True, gc=False):
    """What a record was made from."""

    place: int
    """Of its first row; 0 if no row is its own."""
    rows: int

    def encode(self) -> bytes:
        """Return its bytes, always as many."""
        return _FORM.pack(self.place, self.rows)


def origin_of(places: set[int]) -> RecordOrigin:
    """Return the origin of a record by the places of its rows."""
    return RecordOrigin(min(places, default=0), len(places))


class OriginsOfLines:
    """Look up lines of exports. Use it as a context. Its files may be removed meanwhile: they are open."""

    def __init__(self) -> None:
        """Know no line."""
        self._files: dict[str, BinaryIO] = {}
        self._names = PlaceNames(())

    def open(self, directory: Path, names: PlaceNames) -> None:
        """Open the files in a directory."""
        self._files = {kind.value: (directory / name).open("rb") for kind, name in ORIGIN_FILES.items()}
        self._names = names

    def find(self, file: str, line: int) -> RowOrigin | None:
        """Return where a line of an export comes from; None if that is not known."""
        if (opened := self._files.get(Path(file).stem)) is None:
            return None
        found = os.pread(opened.fileno(), _FORM.size, (line - 1) * _FORM.size)
        place, rows = _FORM.unpack(found) if len(found) == _FORM.size else (0, 0)
        return RowOrigin(*self._names.describe(place), rows) if place else None

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
