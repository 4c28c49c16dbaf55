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

A waiting entry is known by its number (`waiting`), which is on a shelf with those of its weight. So a line costs no
object of ours, and few steps of the interpreter.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Generic

from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.core.packing.subset_sum import fill_room
from masivo_stream.core.packing.waiting import BatchSize, BatchT, Waiting, WaitingEntries, WaitingSizes
from masivo_stream.model.batch import ENVELOPE_BYTES, Batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import Packable
from masivo_stream.model.results import Entry, Position

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


class Composer(ABC, Generic[BatchT]):
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
        self._aim(target_bytes)
        self._clear()

    def feed(self, entry: Entry, batches: list[BatchT]) -> None:
        """Take an entry; append the batches that are composed to make room for it."""
        self._note_heavy([entry.items], [len(entry.body) + 1])
        self._shelve([self._waiting.add(entry)], [entry.items])
        self._compose_while_over(batches)

    def feed_run(self, sums: Sums, batches: list[BatchT]) -> None:
        """Take lines as `feed` takes entries one by one."""
        run, waiting = sums.run, self._waiting
        if not waiting.precedes(run):  # lines that are read again
            for entry in run:
                self.feed(entry, batches)
            return
        self._note_heavy(run.items, sums.sizes)
        waiting.add_lines(run, sums.sizes)
        start = 0
        while start < len(run):
            end = self._most_at_once(sums, start)
            items, size = sums.items[end] - sums.items[start], sums.bytes_between(start, end)
            self._shelve(waiting.come(end - start, items, size), run.items[start:end])
            self._compose_while_over(batches)
            start = end

    def flush(self) -> list[BatchT]:
        """Compose batches until nothing waits."""
        batches = []
        while self._waiting.records:
            batches.append(self._compose())
        return batches

    @abstractmethod
    def _begin(self) -> Waiting[BatchT]:
        """Return where entries wait."""

    def _aim(self, target_bytes: int) -> None:
        self._most_bytes = max(target_bytes - ENVELOPE_BYTES + 1, 1)  # each entry is counted with a comma behind it
        self._most_waiting_bytes = self._most_waiting_bodies * self._most_bytes

    def _clear(self) -> None:
        self._waiting = self._begin()
        self._shelves: defaultdict[int, list[int]] = defaultdict(list)
        """The numbers of the waiting entries by weight, each shelf in the order they came. An empty one is removed."""
        self._heavy: dict[int, int] = {}
        """The weights of waiting entries, by number, that weigh more than their items."""
        self._came: deque[int] = deque(maxlen=self._patience + 1)
        """How many entries had come when each of the last batches was composed."""

    def _note_heavy(self, items: Sequence[int], sizes: Sequence[int]) -> None:
        """Note the weight of each of the next entries that uses another limit more than that of items."""
        share, least = self._most_bytes // self._contract.max_items, self._record_weight
        large = [size for count, size in zip(items, sizes, strict=True) if size > count * share]
        if not large and min(items) * _GRAINS >= least:  # almost always
            return
        for number, (count, size) in enumerate(zip(items, sizes, strict=True), self._waiting.next):
            weight = max(least, -(-size * self._most_weight // self._most_bytes))
            if weight > count * _GRAINS:
                self._heavy[number] = weight

    def _shelve(self, numbers: Iterable[int], items: Iterable[int]) -> None:
        """Put entries with these items on the shelves of their weights."""
        shelves, heavy = self._shelves, self._heavy
        if not heavy:  # almost always
            for number, count in zip(numbers, items, strict=True):
                shelves[count * _GRAINS].append(number)
        else:
            for number, count in zip(numbers, items, strict=True):
                shelves[heavy.get(number) or count * _GRAINS].append(number)

    def _most_at_once(self, sums: Sums, start: int) -> int:
        """Return the index after the first line from `start` on with which too much waits, or after the last line."""
        items = self._most_waiting_items - self._waiting.items + sums.items[start]
        return min(
            bisect_right(sums.items, items, start + 1),
            sums.bytes_reach(start, self._most_waiting_bytes - self._waiting.bytes) + 1,
            start + self._most_waiting_records - self._waiting.records + 1,
            len(sums.run),
        )

    def _compose_while_over(self, batches: list[BatchT]) -> None:
        waiting = self._waiting
        while (
            waiting.items > self._most_waiting_items
            or waiting.bytes > self._most_waiting_bytes
            or waiting.records > self._most_waiting_records
        ):
            batches.append(self._compose())

    def _compose(self) -> BatchT:
        """Compose one batch of the waiting entries, of which there must be one."""
        # 1. Entries that have waited too long, or else the heaviest. 2. The exact filling. 3. What the rounding left.
        self._came.append(self._waiting.next)
        numbers, room = self._take_overdue(self._most_weight)
        if not numbers:
            heaviest = max(self._shelves)
            numbers, room = self._take(heaviest, 1), room - heaviest
        counts = {weight: len(shelf) for weight, shelf in self._shelves.items() if weight <= room}
        for weight, number in fill_room(counts, room).items():
            numbers += self._take(weight, number)
        if self._heavy:  # no other weight is rounded
            self._top_up(numbers)
            for number in numbers:
                self._heavy.pop(number, None)
        return self._waiting.take(numbers)

    def _take_overdue(self, room: int) -> tuple[list[int], int]:
        """Take the lowest entries while these have waited too long; return them, and the room that they leave."""
        overdue: list[int] = []
        if len(self._came) <= self._patience:
            return overdue, room
        came_before, heavy, (items, first) = self._came[0], self._heavy, self._waiting.items_from()
        for number in self._waiting.in_reading_order():
            weight = items[number - first] * _GRAINS
            if heavy:
                weight = heavy.get(number, weight)
            if number >= came_before or weight > room:
                break
            overdue.append(number)
            room -= weight
        if overdue:
            self._take_lowest(overdue)
        return overdue, room

    def _take_lowest(self, lowest: list[int]) -> None:
        """Take the lowest entries, in reading order, off their shelves."""
        late, last = self._waiting.any_late, lowest[-1]
        for weight, shelf in list(self._shelves.items()):
            if late:
                shelf[:] = [number for number in shelf if number not in lowest]
            elif shelf[0] <= last:
                del shelf[: bisect_right(shelf, last)]
            if not shelf:
                del self._shelves[weight]

    def _take(self, weight: int, number: int) -> list[int]:
        """Take the first entries of a shelf."""
        shelf = self._shelves[weight]
        taken = shelf[:number]
        if number == len(shelf):
            del self._shelves[weight]
        else:
            del shelf[:number]
        return taken

    def _top_up(self, numbers: list[int]) -> None:
        """Add entries that fit although their weights, which are rounded up, do not; the heaviest first."""
        items, size = self._waiting.load(numbers)
        items, size = self._contract.max_items - items, self._most_bytes - size
        for weight in sorted(self._shelves, reverse=True) if items else ():
            while weight in self._shelves and len(numbers) < self._contract.max_records:
                more_items, more_bytes = self._waiting.load(self._shelves[weight][:1])
                if more_items > items or more_bytes > size:
                    break
                numbers += self._take(weight, 1)
                items, size = items - more_items, size - more_bytes


class BinPacker(Composer[Batch]):
    """Returns the batches."""

    def shrink(self, target_bytes: int) -> list[Packable]:
        """Make smaller bodies from now on; return all waiting entries, as they weigh more now."""
        back = self.pending()
        self._aim(target_bytes)
        self._clear()
        return back

    def pending(self) -> list[Packable]:
        """Return the entries that are waiting."""
        return self._entries.pending()

    def low(self) -> Position | None:
        """Return the position of the lowest entry that is waiting."""
        return self._waiting.low()

    def _begin(self) -> Waiting[Batch]:
        self._entries = WaitingEntries(self._contract.kind)
        return self._entries


class SizeComposer(Composer[BatchSize]):
    """Returns what each batch holds, and keeps no entry: for a dry run."""

    def _begin(self) -> Waiting[BatchSize]:
        return WaitingSizes()
