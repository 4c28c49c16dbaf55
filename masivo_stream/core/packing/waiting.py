"""Entries that wait for a batch, in columns: many at the price of a few.

An entry is a row. Rows are numbered as they come, and all that others need to know of an entry is its number: rows are
added, sorted and collected by C code, and no object is made of a line. The body of a row that leaves is let go at once,
the little rest when all rows before it have left too.

A dry run keeps no bodies: it only counts what a batch would hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from heapq import merge
from itertools import compress, filterfalse, groupby, repeat
from operator import itemgetter
from typing import Generic, TypeVar

from msgspec import Struct

from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryPick, EntryRun, Packable
from masivo_stream.model.results import Entry, Position

_Origin = tuple[int, str] | Entry
"""Where a row comes from: source and file of a line; the entry itself if it was fed as one."""

_Place = tuple[int, int, int]
"""Source, line and offset: entries in reading order are sorted by it."""

ColumnT = TypeVar("ColumnT")
BatchT = TypeVar("BatchT")


class BatchSize(Struct, frozen=True):
    """What a batch holds, and the bytes of its body."""

    items: int
    records: int
    size: int


class Waiting(ABC, Generic[BatchT]):
    """Add rows, look through them in reading order, take some as a batch."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.records = self.items = self.bytes = 0
        """What waits; each body with a comma."""
        self.next = 0
        """The number of the row that comes next."""
        self._first = 0
        """The number of the first row in the columns."""
        self._origins: list[_Origin] = []
        self._singles = 0
        """Entries among them."""
        self._lines: list[int] = []
        self._offsets: list[int] = []
        self._items: list[int] = []
        self._sizes: list[int] = []
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
        self._singles += 1
        self._lines.append(entry.line)
        self._offsets.append(entry.offset)
        self._items.append(entry.items)
        self._sizes.append(len(entry.body) + 1)
        self._keep([entry.body], [entry.customer])
        return self.come(1, entry.items, self._sizes[-1]).start

    def precedes(self, run: EntryRun) -> bool:
        """Return whether all rows that came are before these lines."""
        return self._highest < (run.source, run.line, run.offsets[0])

    def add_lines(self, run: EntryRun, sizes: Iterable[int]) -> None:
        """Add the lines of a run that all rows precede, with their `sizes`; they wait as soon as they `come`."""
        self._origins += repeat((run.source, run.file), len(run))
        self._lines += run.lines
        self._offsets += run.offsets
        self._items += run.items
        self._sizes += sizes
        self._keep(run.bodies, run.customers)
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
        return sum(_collect(self._items, rows)), sum(_collect(self._sizes, rows))

    def take(self, numbers: Collection[int]) -> BatchT:
        """Let rows leave as a batch."""
        rows, waits = self._rows(numbers), self._waits
        items, size = sum(_collect(self._items, rows)), sum(_collect(self._sizes, rows))
        batch = self._make_batch(rows, BatchSize(items, len(rows), ENVELOPE_BYTES - 1 + size))
        self.records -= len(rows)
        self.items -= items
        self.bytes -= size
        for row in rows:
            waits[row] = 0
        if self._singles:
            self._let_entries_go(rows)
        if self._late:
            for number in numbers:
                self._late.pop(number, None)
        gone = waits.find(1) if self.records else len(waits)
        if 4 * gone > len(waits):
            self._let_go(gone)
        return batch

    @abstractmethod
    def _keep(self, bodies: Iterable[bytes], customers: Iterable[str]) -> None:
        """Keep what a batch is made of."""

    @abstractmethod
    def _make_batch(self, rows: list[int], _held: BatchSize) -> BatchT:
        """Return rows, which leave, as a batch, of which it is known what it holds; they are in reading order."""

    def _let_entries_go(self, rows: list[int]) -> None:
        """Let go of rows' entries, and of their bodies with them."""
        for row in rows:
            if isinstance(self._origins[row], Entry):
                self._origins[row] = (0, "")
                self._singles -= 1

    def _let_go(self, gone: int) -> None:
        """Let go of the first rows, of which none waits."""
        del self._origins[:gone], self._lines[:gone], self._offsets[:gone]
        del self._items[:gone], self._sizes[:gone], self._waits[:gone]
        self._first += gone

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


class WaitingEntries(Waiting[Batch]):
    """Makes batches of the entries."""

    def __init__(self, kind: Kind) -> None:
        """Begin with nothing."""
        super().__init__()
        self._kind = kind
        self._bodies: list[bytes] = []
        self._customers: list[str] = []

    def pending(self) -> list[Packable]:
        """Return all rows that wait as parts of a batch, in reading order."""
        return self._parts(self._rows(self.in_reading_order()))

    def _keep(self, bodies: Iterable[bytes], customers: Iterable[str]) -> None:
        self._bodies += bodies
        self._customers += customers

    def _make_batch(self, rows: list[int], _held: BatchSize) -> Batch:
        batch = make_batch(self._kind, self._parts(rows))
        bodies = self._bodies
        for row in rows:
            bodies[row] = b""
        return batch

    def _let_go(self, gone: int) -> None:
        super()._let_go(gone)
        del self._bodies[:gone], self._customers[:gone]

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


class WaitingSizes(Waiting[BatchSize]):
    """Counts what batches hold."""

    def _keep(self, bodies: Iterable[bytes], customers: Iterable[str]) -> None:
        pass

    def _make_batch(self, _rows: list[int], held: BatchSize) -> BatchSize:
        return held


def _collect(column: Sequence[ColumnT], rows: Sequence[int]) -> list[ColumnT]:
    return list(itemgetter(*rows)(column)) if len(rows) > 1 else [column[row] for row in rows]
