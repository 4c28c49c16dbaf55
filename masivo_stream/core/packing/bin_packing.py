"""Pack entries that may not be split into full batches: bin packing with a bounded buffer.

Entries wait in a buffer until it exceeds its bound; then one batch is composed. It begins with the heaviest entry,
which is the hardest to place. The entries that fill the rest of the batch are chosen exactly, as a subset sum (the
"minimum bin slack" of Gupta and Ho, "A new heuristic algorithm for the one-dimensional bin-packing problem", Production
Planning & Control 1999; beginning with the heaviest is from Fleszar and Hindi, Computers & Operations Research 2002).

Three limits apply at once: items, records and bytes. The weight of an entry is its share of the limit that it uses
most, rounded up, so a choice by weight always fits. The room that the rounding leaves is filled greedily.

The journal's checkpoint is before the lowest line without an outcome, so a light entry must not wait for ever behind
heavy ones. Once `PATIENCE` buffers' worth of batches were composed since an entry came, the lowest entries begin the
next batch. Entries that reach that age together leave in reading order, so none gets older than `OLDEST` buffers'
worth.

The subset sum is solved exactly, with bit operations (Pisinger, "Dynamic programming on the word RAM", Algorithmica
2003): bit `n` of a number says whether some choice of weights adds up to `n`.

A waiting entry is a row: a tuple, which C code makes, sorts and takes apart, in a dictionary by the number in which it
came. Deques of numbers hold the orders in which entries leave. So a line costs no object of ours, nor a step of the
interpreter for most of its way. What is taken is removed from the dictionary first, and its number from a deque when it
comes to the front.
"""

from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import chain, groupby, repeat
from math import gcd
from operator import itemgetter

from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import EntryPick, Packable
from masivo_stream.model.results import Entry, Position


def fill_room(counts: Mapping[int, int], room: int) -> dict[int, int]:
    """Return how many of each weight to take so that together they weigh as much as fits into `room`.

    `counts` holds the number of each (positive) weight. Of choices that weigh the same, one with heavy weights is
    taken, as light weights find a place later.
    """
    grain = gcd(*counts)  # all sums are multiples of it, so one bit stands for that many units
    if not grain:
        return {}
    steps: list[tuple[int, int, int]] = []
    reach = 1  # only bit 0: the empty choice weighs nothing
    sums = (1 << (room // grain + 1)) - 1  # a mask of the sums that fit into the room
    for weight in sorted(counts):
        for lot in _lots(min(counts[weight], room // weight)):
            steps.append((weight, lot, reach))  # what could be reached before this step, to find the way back
            reach |= reach << (weight // grain * lot) & sums
    return _retrace(steps, reach.bit_length() - 1, grain)


def _lots(count: int) -> Iterator[int]:
    """Split `count` into 1, 2, 4, … and a rest, so that each number up to `count` is the sum of some of the parts."""
    lot = 1
    while lot < count:
        yield lot
        count -= lot
        lot *= 2
    if count:
        yield count


def _retrace(steps: list[tuple[int, int, int]], reached: int, grain: int) -> dict[int, int]:
    """Go back from the largest sum to 0; of the steps that lead there, take the heaviest each time."""
    taken: dict[int, int] = {}
    for weight, lot, before in reversed(steps):
        rest = reached - weight // grain * lot
        if rest >= 0 and before >> rest & 1:  # the rest could be reached without this lot, so the lot is taken
            taken[weight] = taken.get(weight, 0) + lot
            reached = rest
    return taken


PATIENCE = 4
"""Buffers' worth of batches after which the lowest entry begins the next batch."""

OLDEST = PATIENCE + 8
"""Buffers' worth of batches that an entry waits at most, if entries are fed in reading order.

Before an entry there is at most a buffer by each of the three limits, three in total. Two batches that begin with the
lowest entries hold more than one batch's worth of them. So six buffers, and two for what is rounded up, are added.
"""

MOST_BODIES = 4
"""Full bodies' worth of bytes that may wait at most, even if that is few items: bounds memory."""

_GRAINS = 16
"""Weight of one item: large enough that rounding up the weight of bytes loses little."""


_Row = tuple[int, int, int, bytes, str, int, int, int, str | Entry]
"""A waiting entry: source, line, offset, body, customer, items, weight, the number of batches that were composed when
it came, and its file; the entry itself if it was fed as one."""

_place_of = itemgetter(0, 1, 2)
_body_of, _items_of, _weight_of, _origin_of = itemgetter(3), itemgetter(5), itemgetter(6), itemgetter(0, 8)


class _Room:
    """A batch being composed, and what still fits into it."""

    __slots__ = ("items", "records", "rows", "size", "weight")

    def __init__(self, contract: Contract, size: int, weight: int) -> None:
        self.rows: list[_Row] = []
        self.items, self.records, self.size, self.weight = contract.max_items, contract.max_records, size, weight

    def fits(self, row: _Row) -> bool:
        return row[5] <= self.items and self.records > 0 and len(row[3]) + 1 <= self.size

    def add(self, rows: Iterable[_Row]) -> None:
        rows = list(rows)
        self.rows += rows
        self.records -= len(rows)
        self.items -= sum(map(_items_of, rows))
        self.size -= sum(map(len, map(_body_of, rows))) + len(rows)
        self.weight -= sum(map(_weight_of, rows))


class BinPacker:
    """Feed entries that each fit a batch; get the batches that are composed. `flush` returns the rest."""

    def __init__(self, contract: Contract, *, target_bytes: int, look_ahead: int) -> None:
        """Compose batches for `contract`; at most `look_ahead` batches' worth of entries wait."""
        self._contract = contract
        self._patience = PATIENCE * look_ahead
        self._most_waiting_items = look_ahead * contract.max_items
        self._most_waiting_records = look_ahead * contract.max_records
        self._most_waiting_bodies = min(look_ahead, MOST_BODIES)
        self._most_weight = contract.max_items * _GRAINS
        self._record_weight = -(-self._most_weight // contract.max_records)
        self._composed = 0
        self._highest: tuple[int, int, int]
        self._aim(target_bytes)
        self._clear()

    def feed(self, entry: Entry, batches: list[Batch]) -> None:
        """Take an entry; append the batches that are composed to make room for it."""
        size = len(entry.body) + 1
        (weight,) = self._weigh([entry.items], [size])
        place = entry.source, entry.line, entry.offset
        row = (*place, entry.body, entry.customer, entry.items, weight, self._composed, entry)
        number = self._number(1).start
        self._waiting[number] = row
        self._shelves[weight].append(number)
        if place >= self._highest:
            self._highest = place
            self._in_order.append(number)
        else:
            heappush(self._back, (place, number))
        self._count(entry.items, size)
        while self._over():
            batches.append(self._compose())

    def feed_run(self, sums: Sums, batches: list[Batch]) -> None:
        """Take lines as `feed` takes entries one by one."""
        run = sums.run
        if (run.source, run.line, run.offsets[0]) < self._highest:  # lines that are read again
            for entry in run:
                self.feed(entry, batches)
            return
        weights = self._weigh(run.items, run.sizes)
        start, lines = 0, run.lines
        while start < len(run):
            end = self._most_at_once(sums, start)
            numbers, part = self._number(end - start), slice(start, end)
            rows = zip(
                repeat(run.source),
                lines[part],
                run.offsets[part],
                run.bodies[part],
                run.customers[part],
                run.items[part],
                weights[part],
                repeat(self._composed),
                repeat(run.file),
            )
            self._waiting.update(zip(numbers, rows, strict=False))
            for number, weight in zip(numbers, weights[part], strict=True):
                self._shelves[weight].append(number)
            self._in_order.extend(numbers)
            self._highest = run.source, lines[end - 1], run.offsets[end - 1]
            self._count(sums.items[end] - sums.items[start], sums.bytes[end] - sums.bytes[start])
            while self._over():
                batches.append(self._compose())
            start = end

    def flush(self) -> list[Batch]:
        """Compose batches until nothing waits."""
        batches = []
        while self._waiting:
            batches.append(self._compose())
        return batches

    def shrink(self, target_bytes: int) -> list[Packable]:
        """Make smaller bodies from now on; return all waiting entries, as they weigh more now."""
        back = self.pending()
        self._aim(target_bytes)
        self._clear()
        return back

    def pending(self) -> list[Packable]:
        """Return the entries that are waiting."""
        return _parts(self._waiting.values())

    def low(self) -> Position | None:
        """Return the position of the lowest entry that is waiting."""
        lowest = self._lowest()
        return None if lowest is None else Position(*_place_of(self._waiting[lowest]))

    def _aim(self, target_bytes: int) -> None:
        self._most_bytes = max(target_bytes - ENVELOPE_BYTES + 1, 1)  # each entry is counted with a comma behind it
        self._most_waiting_bytes = self._most_waiting_bodies * self._most_bytes

    def _clear(self) -> None:
        self._waiting: dict[int, _Row] = {}
        """By number."""
        self._shelves: defaultdict[int, deque[int]] = defaultdict(deque)
        """The waiting entries by weight, each shelf in the order they came. An empty shelf is removed."""
        self._in_order: deque[int] = deque()
        """Entries that came in reading order. A taken one is removed when it is the first, or when most are taken."""
        self._back: list[tuple[tuple[int, int, int], int]] = []
        """A heap of the others, by position: they came back, after a refusal or a shrink."""
        self._highest = (0, 0, 0)
        """The highest position of an entry that came."""
        self._next = self._items = self._bytes = 0

    def _number(self, count: int) -> range:
        """Return the numbers of the next entries."""
        self._next += count
        return range(self._next - count, self._next)

    def _count(self, items: int, size: int) -> None:
        self._items += items
        self._bytes += size

    def _weigh(self, items: Iterable[int], sizes: Iterable[int]) -> list[int]:
        """Return the weight of each entry: the largest of its shares of the three limits, rounded up."""
        most_weight, most_bytes, least = self._most_weight, self._most_bytes, self._record_weight
        by_items = ((count * _GRAINS, size) for count, size in zip(items, sizes, strict=True))
        return [
            weight
            if weight >= least and weight * most_bytes >= size * most_weight
            # Almost never: its bytes count, or it is a record of few items where many records are not allowed.
            else max(weight, least, -(-size * most_weight // most_bytes))
            for weight, size in by_items
        ]

    def _most_at_once(self, sums: Sums, start: int) -> int:
        """Return the index after the first line from `start` on with which too much waits, or after the last line."""
        items = self._most_waiting_items - self._items + sums.items[start]
        size = self._most_waiting_bytes - self._bytes + sums.bytes[start]
        return min(
            bisect_right(sums.items, items, start + 1),
            bisect_right(sums.bytes, size, start + 1),
            start + self._most_waiting_records - len(self._waiting) + 1,
            len(sums.run),
        )

    def _over(self) -> bool:
        return (
            self._items > self._most_waiting_items
            or self._bytes > self._most_waiting_bytes
            or len(self._waiting) > self._most_waiting_records
        )

    def _lowest(self) -> int | None:
        """Return the number of the lowest entry that is waiting."""
        waiting, in_order, back = self._waiting, self._in_order, self._back
        while in_order and in_order[0] not in waiting:
            in_order.popleft()
        if not back:  # almost always
            return in_order[0] if in_order else None
        while back and back[0][1] not in waiting:
            heappop(back)
        if back and not (in_order and _place_of(waiting[in_order[0]]) <= back[0][0]):
            return back[0][1]
        return in_order[0] if in_order else None

    def _compose(self) -> Batch:
        """Compose one batch of the waiting entries, of which there must be one."""
        # 1. Entries that have waited too long, or else the heaviest. 2. The exact filling. 3. What the rounding left.
        room = _Room(self._contract, self._most_bytes, self._most_weight)
        self._take_overdue(room)
        if not room.rows:
            room.add(self._take(max(self._shelves), 1))
        counts = {weight: len(shelf) for weight, shelf in self._shelves.items() if weight <= room.weight}
        filling = fill_room(counts, room.weight).items()
        room.add(chain.from_iterable(self._take(weight, number) for weight, number in filling))
        self._top_up(room)
        self._composed += 1
        self._count(room.items - self._contract.max_items, room.size - self._most_bytes)
        self._tidy()
        return make_batch(self._contract.kind, _parts(room.rows))

    def _tidy(self) -> None:
        waiting = self._waiting
        if len(self._in_order) + len(self._back) > 2 * len(waiting):
            self._in_order = deque(number for number in self._in_order if number in waiting)
            self._back = [each for each in self._back if each[1] in waiting]
            heapify(self._back)

    def _take_overdue(self, room: _Room) -> None:
        """Take the lowest entries while these have waited too long."""
        waiting, shelves, next_lowest = self._waiting, self._shelves, self._lowest
        came_before, room_left = self._composed - self._patience, room.weight
        overdue: list[_Row] = []
        while (lowest := next_lowest()) is not None:
            row = waiting[lowest]
            weight = row[6]
            if row[7] > came_before or weight > room_left:
                break
            shelf = shelves[weight]
            if shelf[0] == lowest:
                shelf.popleft()
            else:
                shelf.remove(lowest)  # it came back after others of its weight
            if not shelf:
                del shelves[weight]
            overdue.append(waiting.pop(lowest))
            room_left -= weight
        room.add(overdue)

    def _take(self, weight: int, number: int) -> list[_Row]:
        """Take the first entries of a shelf."""
        shelf = self._shelves[weight]
        taken = [self._waiting.pop(shelf.popleft()) for _ in range(number)]
        if not shelf:
            del self._shelves[weight]
        return taken

    def _top_up(self, room: _Room) -> None:
        """Add entries that fit although their weights, which are rounded up, do not; the heaviest first."""
        if not (room.items and room.records):
            return
        for weight in sorted(self._shelves, reverse=True):
            while weight in self._shelves and room.fits(self._waiting[self._shelves[weight][0]]):
                room.add(self._take(weight, 1))


def _parts(rows: Iterable[_Row]) -> list[Packable]:
    """Return rows as parts of a batch, in reading order."""
    parts: list[Packable] = []
    for (source, origin), group in groupby(sorted(rows, key=_place_of), _origin_of):
        if isinstance(origin, str):
            parts.append(_pick(origin, source, group))
        else:  # several, if they are equal
            parts.extend(row[-1] for row in group if isinstance(row[-1], Entry))
    return parts


def _pick(file: str, source: int, rows: Iterable[_Row]) -> EntryPick:
    """Return lines of one file."""
    _, lines, offsets, bodies, customers, items, *_ = map(list, zip(*rows, strict=True))
    return EntryPick(
        file=file, source=source, numbers=lines, offsets=offsets, bodies=bodies, customers=customers, items=items
    )
