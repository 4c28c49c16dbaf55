"""Numbered rows: what every reader of a source yields, and what it reports."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from masivo_stream.prepare.mapping.flat_columns import PLACE
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import SourceFile

WORDS = "prepare_words"
ROW_PLACE = "prepare_place"
RESERVED = (PLACE, WORDS, ROW_PLACE)
"""Names that no column of a source has: one that is called like this gets a number."""

LONGEST_FIELD = 2_000_000
"""Characters of text. A longer field is a quote that is not closed."""

NumberedRow = tuple[int, Sequence[str | None]]
"""The line, counted from 1, and a text or None per column of the source."""

ReportUnreadable = Callable[[int, Why], None]
"""Called with the line of a row that cannot be read, and the reason."""


class TableReader(Protocol):
    """Reads one format."""

    def columns(self, file: SourceFile) -> list[str]:
        """Return the columns of a file, in order."""
        ...

    def rows(self, file: SourceFile, columns: Sequence[str], unreadable: ReportUnreadable) -> Iterator[NumberedRow]:
        """Yield the rows with these columns; a column that the file does not have is None."""
        ...


def unite_columns(found: Iterable[Sequence[str]]) -> list[str]:
    """Return the columns of several files, each once in any case, in the order in which they come."""
    names: dict[str, str] = {}
    for columns in found:
        for name in columns:
            names.setdefault(name.lower(), name)
    return list(names.values())


def find_columns(own: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Return where a file has the columns of its source, in any case; None for those that it lacks."""
    places = {name.lower(): index for index, name in enumerate(own)}
    return [places.get(name.lower()) for name in wanted]


def name_columns(written: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return names that a database can tell apart: a second one gets a number, an empty one its place.

    A database ignores case in names. `taken` are names that have another meaning.
    """
    used = set(taken)
    names = []
    for index, each in enumerate(written, start=1):
        wished = each.strip() or f"column_{index}"
        name, number = wished, 1
        while name.lower() in used:
            number += 1
            name = f"{wished}_{number}"
        used.add(name.lower())
        names.append(name)
    return names
