"""Entries that follow one another, kept in columns: many at the price of a few.

Almost all lines of an export are entries as they are. One object for each would cost more than decoding the line, and
so would a step of the interpreter for everything that is computed of it on its way. Columns are summed, cut and joined
by C code, and an entry is made of a line only if it is needed by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import TypeVar, overload

from msgspec import Struct

from masivo_stream.model.results import Entry, LineResult, LineRun, Position
from masivo_stream.model.text_lines import join_lines, sizes_of

_READING_ORDER = attrgetter("source", "line")


class EntryColumns(Struct, frozen=True, gc=False, kw_only=True):
    """Lines of one source, in order, each of which is an entry as it is: a whole record, its own bytes."""

    file: str
    source: int
    bodies: Sequence[bytes]
    offsets: Sequence[int]
    customers: list[str]
    items: list[int]

    @property
    def lines(self) -> Sequence[int]:
        """The number of each line."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.bodies)

    def __iter__(self) -> Iterator[Entry]:
        """Yield an entry for each line."""
        return map(self.entry, range(len(self.bodies)))

    def entry(self, index: int) -> Entry:
        """Return the line with this index as an entry."""
        body, items = self.bodies[index], self.items[index]
        return Entry(
            file=self.file,
            line=self.lines[index],
            offset=self.offsets[index],
            length=len(body),
            body=body,
            customer=self.customers[index],
            items=items,
            record_items=items,
            source=self.source,
        )

    @property
    def sizes(self) -> list[int]:
        """The bytes of each body and of the comma after it."""
        return sizes_of(self.bodies)

    @property
    def place(self) -> Position:
        """The position of the first record."""
        return Position(self.source, self.lines[0], self.offsets[0])


class EntryRun(EntryColumns, frozen=True, gc=False, kw_only=True):
    """Lines that follow one another."""

    line: int
    """The line number of the first one."""

    @property
    def lines(self) -> Sequence[int]:
        """The number of each line."""
        return range(self.line, self.line + len(self.bodies))

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


class EntryPick(EntryColumns, frozen=True, gc=False, kw_only=True):
    """Lines with others between them: what bin packing picks for a batch."""

    numbers: list[int]

    @property
    def line(self) -> int:
        """The line number of the first one."""
        return self.numbers[0]

    @property
    def lines(self) -> Sequence[int]:
        """The number of each line."""
        return self.numbers


Packable = Entry | EntryRun | EntryPick
"""The parts of a batch."""

LineResults = LineResult | EntryRun
"""The result of a line, or of many lines that follow one another."""


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
    """Yield the results of a run's lines, in order.

    `odd` are the lines that are not entries as they are, by their indexes in the run; the columns hold all others.
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
def one_by_one(found: Iterable[LineResults | Packable]) -> Iterator[LineResult]:
    """Yield the result of each line."""
    for each in found:
        if isinstance(each, EntryColumns):
            yield from each
        else:
            yield each


FoundT = TypeVar("FoundT", bound=LineResults | Packable)


def opened(found: Iterable[FoundT], concerns: Callable[[str], bool]) -> Iterator[FoundT | Entry]:
    """Yield the same results, but the entries one by one of each run with a customer whom it `concerns`."""
    for each in found:
        if isinstance(each, EntryColumns) and any(map(concerns, each.customers)):
            yield from each
        else:
            yield each


def count_lines(found: Iterable[LineResults | Packable]) -> int:
    """Return how many lines these are the results of."""
    return sum([len(each) if isinstance(each, EntryColumns) else 1 for each in found])


class Entries(Sequence[Entry]):
    """The entries of a batch, in order, as it was packed.

    Iterating yields the same objects each time, since isolation tells entries apart by identity. To count or to copy,
    use `parts`: then no entry is made.
    """

    __slots__ = ("_count", "_entries", "parts")

    def __init__(self, parts: Iterable[Packable]) -> None:
        """Take the parts of a batch."""
        self.parts = tuple(parts)
        self._count = count_lines(self.parts)
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries."""
        return iter(self._all())

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        """Return one entry, or some."""
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        """Return whether `other` holds equal entries in the same order."""
        return isinstance(other, Sequence) and self._all() == list(other)

    def __hash__(self) -> int:
        """Hash the entries."""
        return hash(tuple(self._all()))

    def copy(self, index: int) -> Entry:
        """Return a copy of the entry at this index (not negative), without making the other entries."""
        for part in self.parts:
            if not isinstance(part, EntryColumns):
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
        """The items of all entries."""
        return sum([sum(part.items) if isinstance(part, EntryColumns) else part.items for part in self.parts])

    def joined(self) -> list[bytes]:
        """Return the bodies of all entries: of those of one part, with a comma between them."""
        return [join_lines(part.bodies) if isinstance(part, EntryColumns) else part.body for part in self.parts]

    @property
    def customers(self) -> list[str]:
        """The customers' ids of all entries."""
        columns = (part.customers if isinstance(part, EntryColumns) else (part.customer,) for part in self.parts)
        return list(chain.from_iterable(columns))

    @property
    def low(self) -> Position:
        """The lowest position of an entry."""
        return min(self.parts, key=_READING_ORDER).place

    @property
    def high(self) -> tuple[int, int]:
        """Source and line of the entry that is last in reading order."""
        ends = [part.lines[-1] if isinstance(part, EntryColumns) else part.line for part in self.parts]
        return max([(part.source, end) for part, end in zip(self.parts, ends, strict=True)])

    def _all(self) -> list[Entry]:
        if self._entries is None:
            self._entries = list(one_by_one(self.parts))
        return self._entries
