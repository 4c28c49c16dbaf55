"""Entries that follow one another, in columns: many at the price of a few.

Almost all lines of an export are entries just as they stand. One by one they would cost more than their decoding: an
object each, and a step of the interpreter for every question asked of them on their way. In columns they are added up,
cut and joined by C, and an entry is made of a line only where somebody has to look at it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import overload

from msgspec import Struct

from masivo_stream.model.results import Entry, LineResult, LineRun, Position

_READING_ORDER = attrgetter("source", "line")


class EntryRun(Struct, frozen=True, gc=False, kw_only=True):
    """Lines that follow one another in a source and are entries as they stand: whole records, their own bytes."""

    file: str
    source: int
    line: int
    """The number of the first one."""
    bodies: list[bytes]
    offsets: list[int]
    customers: list[str]
    items: list[int]

    def __len__(self) -> int:
        """Return how many lines there are."""
        return len(self.bodies)

    def __iter__(self) -> Iterator[Entry]:
        """Yield an entry for each line."""
        return map(self.entry, range(len(self.bodies)))

    def entry(self, index: int) -> Entry:
        """Return the line of this index as an entry."""
        body, items = self.bodies[index], self.items[index]
        return Entry(
            file=self.file,
            line=self.line + index,
            offset=self.offsets[index],
            length=len(body),
            body=body,
            customer=self.customers[index],
            items=items,
            record_items=items,
            source=self.source,
        )

    def part(self, start: int, stop: int) -> "EntryRun":
        """Return the lines from index `start` up to `stop`."""
        return EntryRun(
            file=self.file,
            source=self.source,
            line=self.line + start,
            bodies=self.bodies[start:stop],
            offsets=self.offsets[start:stop],
            customers=self.customers[start:stop],
            items=self.items[start:stop],
        )

    @property
    def place(self) -> Position:
        """Where the first record begins."""
        return Position(self.source, self.line, self.offsets[0])


Packable = Entry | EntryRun
"""What a batch is made of."""

LineResults = LineResult | EntryRun
"""What became of a line, or of many that follow one another."""


class ValidatedBlock(Struct, frozen=True):
    """The results of the lines of one block."""

    found: Sequence[LineResults]
    bytes_read: int
    place: Position
    """The position after them."""
    crc: int
    """CRC-32 of the source's plain bytes before that position."""


def lay_out(
    run: LineRun, odd: Mapping[int, LineResult], customers: list[str], items: list[int], *, file: str, source: int
) -> Iterator[LineResults]:
    """Yield what becomes of a run's lines, in order.

    `odd` are the lines that are no entries as they stand, by their indexes in the run; the columns are of all others.
    """
    start = taken = 0
    for index in (*sorted(odd), len(run.bodies)):
        lines = index - start
        if lines:
            found = EntryRun(
                file=file,
                source=source,
                line=run.number + start,
                bodies=run.bodies[start:index],
                offsets=run.offsets[start:index],
                customers=customers[taken : taken + lines],
                items=items[taken : taken + lines],
            )
            yield found if lines > 1 else found.entry(0)
        if index in odd:
            yield odd[index]
        start, taken = index + 1, taken + lines


@overload
def one_by_one(found: Iterable[Packable]) -> Iterator[Entry]: ...
@overload
def one_by_one(found: Iterable[LineResults]) -> Iterator[LineResult]: ...
def one_by_one(found: Iterable[LineResults]) -> Iterator[LineResult]:
    """Yield what became of each line."""
    for each in found:
        if isinstance(each, EntryRun):
            yield from each
        else:
            yield each


def opened(found: Iterable[LineResults], concerns: Callable[[str], bool]) -> Iterator[LineResults]:
    """Yield the same, but the entries one by one of each run in which it `concerns` a customer."""
    for each in found:
        if isinstance(each, EntryRun) and any(map(concerns, each.customers)):
            yield from each
        else:
            yield each


def count_lines(found: Iterable[LineResults]) -> int:
    """Return of how many lines it is told what became of them."""
    return sum([len(each) if isinstance(each, EntryRun) else 1 for each in found])


class Entries(Sequence[Entry]):
    """The entries of a batch, in order, as it was packed.

    Whoever goes through them gets the same objects each time: isolation tells them apart by identity. Whoever only
    counts or copies asks `parts`, and no entry is made for that.
    """

    __slots__ = ("_count", "_entries", "parts")

    def __init__(self, parts: Iterable[Packable]) -> None:
        """Take the parts a batch is made of."""
        self.parts = tuple(parts)
        self._count = count_lines(self.parts)
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Yield them."""
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        """Return one, or some."""
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        """Tell whether `other` are equal entries in the same order."""
        return isinstance(other, Sequence) and self._all() == list(other)

    def __hash__(self) -> int:
        """Hash the entries."""
        return hash(tuple(self._all()))

    def copy(self, index: int) -> Entry:
        """Return an entry equal to the one of this index (not negative), and make no other for it."""
        for part in self.parts:
            if not isinstance(part, EntryRun):
                if index == 0:
                    return part
                index -= 1
            elif index < len(part):
                return part.entry(index)
            else:
                index -= len(part)
        raise IndexError(index)

    @property
    def items(self) -> int:
        """Items of all of them."""
        return sum([sum(part.items) if isinstance(part, EntryRun) else part.items for part in self.parts])

    @property
    def bodies(self) -> list[bytes]:
        """Their bodies."""
        columns = (part.bodies if isinstance(part, EntryRun) else (part.body,) for part in self.parts)
        return list(chain.from_iterable(columns))

    @property
    def customers(self) -> list[str]:
        """Their customers' ids."""
        columns = (part.customers if isinstance(part, EntryRun) else (part.customer,) for part in self.parts)
        return list(chain.from_iterable(columns))

    @property
    def low(self) -> Position:
        """The lowest place of one of them."""
        return min(self.parts, key=_READING_ORDER).place

    @property
    def high(self) -> tuple[int, int]:
        """Source and line of the one that stands last in reading order."""
        return max([(part.source, part.line + count_lines([part]) - 1) for part in self.parts])

    def _all(self) -> list[Entry]:
        if self._entries is None:
            self._entries = list(one_by_one(self.parts))
        return self._entries
