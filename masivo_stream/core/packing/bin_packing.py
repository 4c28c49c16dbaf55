"""Look ahead over entries that may not be split, and compose batches that are full.

Bin packing with a bounded buffer: entries wait until the buffer is over its bound, then one batch is composed. It
begins with the entry hardest to place, the heaviest one; those that fill up the rest are chosen exactly, by subset sum
(the "minimum bin slack" of Gupta and Ho, "A new heuristic algorithm for the one-dimensional bin-packing problem",
Production Planning & Control 1999; begun with the heaviest as by Fleszar and Hindi, Computers & Operations Research
2002).

Three limits hold at once: items, records and bytes. An entry weighs what it takes of the limit it takes most of,
rounded up, so whatever is chosen by weight fits; what room is left then, for the rounding, is filled greedily.

The journal's checkpoint is the lowest line without a fate, so a light entry must not wait for ever while heavy ones
come: the lowest entries begin the next batch once `PATIENCE` buffers' worth of batches were composed since they came.
Those that reach that age together leave in reading order, so none is older than `OLDEST` buffers' worth.
"""

from bisect import insort
from collections import deque

from masivo_stream.core.packing.subset_sum import fill_room
from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.results import Entry, Position

PATIENCE = 4
"""Buffers' worth of batches after which the lowest entry must travel."""

OLDEST = PATIENCE + 8
"""Buffers' worth of batches that nothing waits longer than, fed in reading order. What stands before an entry is at
most a buffer by each of the three limits, three in all, and two batches begun by the lowest ones hold more than one
batch's worth of them: six buffers, and two for what is rounded up.
"""

MOST_BODIES = 4
"""Full bodies' worth of bytes that may wait, however small the share of the items they are."""

_GRAINS = 16
"""Weight of one item: fine enough that bytes are not rounded up by much."""


class _WaitingEntry:
    """An entry in the buffer, until it is taken."""

    __slots__ = ("came", "entry", "place", "taken", "weight")

    def __init__(self, entry: Entry, weight: int, came: int) -> None:
        self.entry, self.weight, self.came = entry, weight, came
        self.place = (entry.source, entry.line, entry.offset)
        self.taken = False

    def take(self) -> Entry:
        """Let go of the entry: the bytes of one that was taken are not to be kept from here."""
        self.taken = True
        entry = self.entry
        del self.entry
        return entry


class _Room:
    """A batch that is being composed, and what still fits into it."""

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
    """Feed entries that fit a batch alone, get the batches that are composed; `flush` gives the rest."""

    def __init__(self, contract: Contract, *, target_bytes: int, look_ahead: int) -> None:
        """Compose for `contract`, with at most `look_ahead` batches' worth of entries waiting."""
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
            insort(self._in_order, waiting, key=_place)  # it came back
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
        """Make smaller bodies from now on; hands everything back, for it weighs more now."""
        back = self.pending()
        self._aim(target_bytes)
        self._clear()
        return back

    def pending(self) -> list[Entry]:
        """Return the entries that wait."""
        return [waiting.entry for waiting in self._in_order if not waiting.taken]

    def low(self) -> Position | None:
        """Return the lowest place of an entry that waits."""
        lowest = self._lowest()
        return None if lowest is None else Position(*lowest.place)

    def _aim(self, target_bytes: int) -> None:
        self._most_bytes = max(target_bytes - ENVELOPE_BYTES + 1, 1)  # each entry is counted with a comma behind it
        self._most_waiting_bytes = self._most_waiting_bodies * self._most_bytes

    def _clear(self) -> None:
        self._shelves: dict[int, deque[_WaitingEntry]] = {}
        """Those that wait, by weight; each shelf in the order they came."""
        self._in_order: deque[_WaitingEntry] = deque()
        """In reading order. Who was taken from its middle leaves it as the first, or when most of it was taken."""
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
        """Compose one batch of those that wait (at least one)."""
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
        """Begin with the lowest entries, as long as they have waited for too long."""
        while (lowest := self._lowest()) is not None and self._composed - lowest.came >= self._patience:
            if lowest.weight > room.weight:
                return
            if self._shelves[lowest.weight][0] is not lowest:
                self._shelves[lowest.weight].remove(lowest)
                self._shelves[lowest.weight].appendleft(lowest)  # it came back after others
            self._take(lowest.weight, 1, room)

    def _take(self, weight: int, number: int, room: _Room) -> None:
        """Put the first ones of a shelf into the batch."""
        shelf = self._shelves[weight]
        for _ in range(number):
            room.add(shelf.popleft())
        if not shelf:
            del self._shelves[weight]

    def _top_up(self, room: _Room) -> None:
        """Add what fits although the weights, which were rounded up, say no; the heaviest first."""
        if not (room.items and room.records):
            return
        for weight in sorted(self._shelves, reverse=True):
            while weight in self._shelves and room.fits(self._shelves[weight][0].entry):
                self._take(weight, 1, room)


def _place(waiting: _WaitingEntry) -> tuple[int, int, int]:
    return waiting.place


def _reading_order(entry: Entry) -> tuple[int, int, int]:
    return entry.source, entry.line, entry.offset
