"""Entries that wait for a batch, in columns: many at the price of a few.

An entry is a row. Rows are numbered as they come, and all that others need to know of an entry is its number: rows are
added, sorted and collected by C code, and no object is made of a line. The body of a row that leaves is let go at once,
the little rest when all rows before it have left too.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from itertools import compress, filterfalse, groupby, repeat
from operator import itemgetter
from typing import TypeVar

from masivo_stream.model.entries import Entries, EntryPick, EntryRun, Packable
from masivo_stream.model.results import Entry, Position

_Origin = tuple[int, str] | Entry
"""Where a row comes from: source and file of a line; the entry itself if it was fed as one."""

_Place = tuple[int, int, int]
"""Source, line and offset: entries in reading order are sorted by it."""

ColumnT = TypeVar("ColumnT")


class Waiting:
    """Add rows, look through them in reading order, take some."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records = self.items = self.bytes = 0
        """What waits; each body with a comma."""
        self.next = 0
        """The number of the row that comes next."""
        self._first = 0
        """The number of the first row in the columns."""
        self._origins: list[_Origin] = []
        self._lines: list[int] = []
        self._offsets: list[int] = []
        self._bodies: list[bytes] = []
        self._customers: list[str] = []
        self._items: list[int] = []
        self._waits = bytearray()
        """1 if the row waits, 0 if it has left."""
        self._late: dict[int, _Place] = {}
        """Rows that wait and did not come in reading order: they came back, after a refusal or a shrink."""
        self._highest: _Place = (-1, 0, 0)
        """The highest place of a row that came."""

    def add(self, entry: Entry) -> int:
        """Add an entry, which waits from now on; return its number."""
        place = entry.source, entry.line, entry.offset
        if place > self._highest:
            self._highest = place
        else:
            self._late[self.next] = place
        self._origins.append(entry)
        self._lines.append(entry.line)
        self._offsets.append(entry.offset)
        self._bodies.append(entry.body)
        self._customers.append(entry.customer)
        self._items.append(entry.items)
        return self.come(1, entry.items, len(entry.body) + 1).start

    def precedes(self, run: EntryRun) -> bool:
        """Return whether all rows that came are before these lines."""
        return self._highest < (run.source, run.line, run.offsets[0])

    def add_lines(self, run: EntryRun) -> None:
        """Add the lines of a run that all rows precede; they wait as soon as they `come`."""
        self._origins += repeat((run.source, run.file), len(run))
        self._lines += run.lines
        self._offsets += run.offsets
        self._bodies += run.bodies
        self._customers += run.customers
        self._items += run.items
        self._highest = run.source, self._lines[-1], self._offsets[-1]

    def come(self, records: int, items: int, size: int) -> range:
        """Let the next rows that were added wait, with these items and bytes; return their numbers."""
        self._waits += b"\1" * records
        self.records += records
        self.items += items
        self.bytes += size
        self.next += records
        return range(self.next - records, self.next)

    def in_reading_order(self) -> Iterator[int]:
        """Yield the number of each row that waits."""
        low = self._waits.find(1)
        numbers = compress(range(self._first + low, self.next), self._waits[low:])
        if not self._late:  # almost always
            return numbers
        in_order = filterfalse(self._late.__contains__, numbers)
        return merge(in_order, sorted(self._late, key=self._place), key=self._place)

    @property
    def any_late(self) -> bool:
        """Whether a row waits that did not come in reading order."""
        return bool(self._late)

    def low(self) -> Position | None:
        """Return the lowest position of a row that waits."""
        for number in self.in_reading_order():
            return Position(*self._place(number))
        return None

    def items_from(self) -> tuple[Sequence[int], int]:
        """Return the items of rows that follow one another, and the number of the first of these."""
        return self._items, self._first

    def load(self, numbers: Sequence[int]) -> tuple[int, int]:
        """Return the items and the bytes of rows together, each body with a comma."""
        rows = [number - self._first for number in numbers]
        return sum(_collect(self._items, rows)), sum(map(len, _collect(self._bodies, rows))) + len(rows)

    def take(self, numbers: Collection[int]) -> Sequence[Packable]:
        """Let rows leave; return them as parts of a batch, in reading order."""
        rows, bodies, waits = self._rows(numbers), self._bodies, self._waits
        leaving = Entries(self._parts(rows))
        self.records -= len(rows)
        self.items -= leaving.items
        self.bytes -= sum(map(len, leaving.bodies)) + len(rows)
        for row in rows:
            bodies[row] = b""
            waits[row] = 0
        if self._late:
            for number in numbers:
                self._late.pop(number, None)
        self._tidy()
        return leaving.parts

    def pending(self) -> list[Packable]:
        """Return all rows that wait as parts of a batch, in reading order."""
        return self._parts(self._rows(self.in_reading_order()))

    def _place(self, number: int) -> _Place:
        row = number - self._first
        origin = self._origins[row]
        return origin.source if isinstance(origin, Entry) else origin[0], self._lines[row], self._offsets[row]

    def _rows(self, numbers: Iterable[int]) -> list[int]:
        """Return the indexes of rows, in reading order."""
        first = self._first
        if self._late:
            return [number - first for number in sorted(numbers, key=self._place)]
        return sorted([number - first for number in numbers])

    def _parts(self, rows: list[int]) -> list[Packable]:
        parts: list[Packable] = []
        begin = 0
        for origin, group in groupby(_collect(self._origins, rows)):
            origins = list(group)
            end = begin + len(origins)
            if isinstance(origin, Entry):
                parts += [each for each in origins if isinstance(each, Entry)]  # several, if they are equal
            else:
                parts.append(self._pick(origin, rows[begin:end]))
            begin = end
        return parts

    def _pick(self, origin: tuple[int, str], rows: list[int]) -> EntryPick:
        source, file = origin
        return EntryPick(
            file=file,
            source=source,
            numbers=_collect(self._lines, rows),
            offsets=_collect(self._offsets, rows),
            bodies=_collect(self._bodies, rows),
            customers=_collect(self._customers, rows),
            items=_collect(self._items, rows),
        )

    def _tidy(self) -> None:
        """Let go of the rows before the first one that waits when they are more than a quarter of all."""
        gone = self._waits.find(1) if self.records else len(self._waits)
        if 4 * gone > len(self._waits):
            del self._origins[:gone], self._lines[:gone], self._offsets[:gone], self._bodies[:gone]
            del self._customers[:gone], self._items[:gone], self._waits[:gone]
            self._first += gone


def _collect(column: Sequence[ColumnT], rows: Sequence[int]) -> list[ColumnT]:
    return list(itemgetter(*rows)(column)) if len(rows) > 1 else [column[row] for row in rows]
