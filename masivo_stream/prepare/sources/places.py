"""Places: file and line of a source row in one number, which a database can carry along."""

from msgspec import Struct

_SHIFT = 40
LAST_LINE = (1 << _SHIFT) - 1


def make_place(file: int, line: int) -> int:
    """Return the place of a line, counted from 1, in the file of this number, counted from 1."""
    return file << _SHIFT | line


def file_of(place: int) -> int:
    """Return the number of the file of a place."""
    return place >> _SHIFT


class PlaceNames(Struct, frozen=True):
    """The names of the files, the first one at index 0."""

    files: tuple[str, ...]

    def describe(self, place: int) -> tuple[str, int]:
        """Return file and line."""
        return self.files[file_of(place) - 1], place & LAST_LINE
