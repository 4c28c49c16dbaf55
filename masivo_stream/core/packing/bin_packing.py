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
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping
from math import gcd

from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
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


class _WaitingEntry:
    """An entry in the buffer, until it is taken."""

    __slots__ = ("came", "entry", "place", "taken", "weight")

    def __init__(self, entry: Entry, weight: int, came: int) -> None:
        self.entry, self.weight, self.came = entry, weight, came
        self.place = (entry.source, entry.line, entry.offset)
        self.taken = False

    def take(self) -> Entry:
        """Return the entry and drop the reference, so that its bytes are not kept in memory from here."""
        self.taken = True
        entry = self.entry
        del self.entry
        return entry


class _Room:
    """A batch being composed, and what still fits into it."""

    __slots__ = ("entries", "items", "records", "size", "weight")

    def __init__(self, contract: Contract, size: int, weight: int) -> None:
        self.entries: list[Entry] = []
        self.items, self.records, self.size, self.weight = contract.max_items, contract.max_records, size, weight

    def fits(self, entry: Entry) -> bool:
        return entry.items <= self.items and self.records > 0 and len(entry.body) + 1 <= self.size

    def add(self, waiting: _WaitingEntry) -> None:
        entry = waiting.take()
        self.entries.append(entry)
        self.items -= entry.items
        self.records -= 1
        self.size -= len(entry.body) + 1
        self.weight -= waiting.weight


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
        self._aim(target_bytes)
        self._clear()

    def feed(self, entry: Entry, batches: list[Batch]) -> None:
        """Take an entry; append the batches that are composed to make room for it."""
        weight = self._weigh(entry)
        waiting = _WaitingEntry(entry, weight, self._composed)
        if not self._in_order or self._in_order[-1].place <= waiting.place:
            self._in_order.append(waiting)
        else:
            insort(self._in_order, waiting, key=_place)  # an entry that comes back, after a refusal or a shrink
        shelf = self._shelves.get(weight)
        if shelf is None:
            shelf = self._shelves[weight] = deque()
        shelf.append(waiting)
        self._records += 1
        self._items += entry.items
        self._bytes += len(entry.body) + 1
        while self._over():
            batches.append(self._compose())

    def flush(self) -> list[Batch]:
        """Compose batches until nothing waits."""
        batches = []
        while self._records:
            batches.append(self._compose())
        return batches

    def shrink(self, target_bytes: int) -> list[Entry]:
        """Make smaller bodies from now on; return all waiting entries, as they weigh more now."""
        back = self.pending()
        self._aim(target_bytes)
        self._clear()
        return back

    def pending(self) -> list[Entry]:
        """Return the entries that are waiting."""
        return [waiting.entry for waiting in self._in_order if not waiting.taken]

    def low(self) -> Position | None:
        """Return the position of the lowest entry that is waiting."""
        lowest = self._lowest()
        return None if lowest is None else Position(*lowest.place)

    def _aim(self, target_bytes: int) -> None:
        self._most_bytes = max(target_bytes - ENVELOPE_BYTES + 1, 1)  # each entry is counted with a comma behind it
        self._most_waiting_bytes = self._most_waiting_bodies * self._most_bytes

    def _clear(self) -> None:
        self._shelves: dict[int, deque[_WaitingEntry]] = {}
        """The waiting entries by weight, each shelf in the order they came."""
        self._in_order: deque[_WaitingEntry] = deque()
        """All entries in reading order. A taken one is removed when it is the first, or when most of them are taken."""
        self._records = self._items = self._bytes = 0

    def _weigh(self, entry: Entry) -> int:
        size = -(-(len(entry.body) + 1) * self._most_weight // self._most_bytes)
        return max(entry.items * _GRAINS, self._record_weight, size)

    def _over(self) -> bool:
        return (
            self._items > self._most_waiting_items
            or self._bytes > self._most_waiting_bytes
            or self._records > self._most_waiting_records
        )

    def _lowest(self) -> _WaitingEntry | None:
        while self._in_order and self._in_order[0].taken:
            self._in_order.popleft()
        return self._in_order[0] if self._in_order else None

    def _compose(self) -> Batch:
        """Compose one batch of the waiting entries, of which there must be one."""
        # 1. Entries that have waited too long, or else the heaviest. 2. The exact filling. 3. What the rounding left.
        room = _Room(self._contract, self._most_bytes, self._most_weight)
        self._take_overdue(room)
        if not room.entries:
            self._take(max(self._shelves), 1, room)
        counts = {weight: len(shelf) for weight, shelf in self._shelves.items() if weight <= room.weight}
        for weight, number in fill_room(counts, room.weight).items():
            self._take(weight, number, room)
        self._top_up(room)
        self._composed += 1
        self._records -= len(room.entries)
        self._items -= self._contract.max_items - room.items
        self._bytes -= self._most_bytes - room.size
        self._tidy()
        entries = sorted(room.entries, key=_reading_order)
        return make_batch(self._contract.kind, entries)

    def _tidy(self) -> None:
        if len(self._in_order) > 2 * self._records:
            self._in_order = deque(waiting for waiting in self._in_order if not waiting.taken)

    def _take_overdue(self, room: _Room) -> None:
        """Take the lowest entries while these have waited too long."""
        while (lowest := self._lowest()) is not None and self._composed - lowest.came >= self._patience:
            if lowest.weight > room.weight:
                return
            if self._shelves[lowest.weight][0] is not lowest:
                self._shelves[lowest.weight].remove(lowest)
                self._shelves[lowest.weight].appendleft(lowest)  # it came back after others of its weight
            self._take(lowest.weight, 1, room)

    def _take(self, weight: int, number: int, room: _Room) -> None:
        """Move the first entries of a shelf into the batch."""
        shelf = self._shelves[weight]
        for _ in range(number):
            room.add(shelf.popleft())
        if not shelf:
            del self._shelves[weight]

    def _top_up(self, room: _Room) -> None:
        """Add entries that fit although their weights, which are rounded up, do not; the heaviest first."""
        if not (room.items and room.records):
            return
        for weight in sorted(self._shelves, reverse=True):
            while weight in self._shelves and room.fits(self._shelves[weight][0].entry):
                self._take(weight, 1, room)


def _place(waiting: _WaitingEntry) -> tuple[int, int, int]:
    return waiting.place


def _reading_order(entry: Entry) -> tuple[int, int, int]:
    return entry.source, entry.line, entry.offset
