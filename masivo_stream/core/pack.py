"""Pack entries into batches: as few requests as the contract's limits allow.

The lower bound is ⌈items / max_items⌉. How near each kind comes:

* customers: one item a record, so the bound itself;
* events: a record may be split, so every batch but the last is exactly full (in items, records or bytes);
* transactions: a customer stays whole, which makes it bin packing. Best fit over a bounded number of open batches
  (Csirik and Johnson, "Bounded space on-line bin packing: best is better than first", Algorithmica 2001): an entry goes
  where it leaves the least room; if it fits nowhere and no further batch may be opened, the fullest one leaves.

Deterministic: the same entries in the same order give the same batches. Two events entries of one customer that meet in
one batch stay two entries of it: the contract does not say that ids must differ there.
"""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.record import Entry, Place
from masivo_stream.model.slicing import slice_record


def lower_bound(contract: Contract, *, records: int, items: int) -> int:
    """Return the fewest requests that could carry so many records and items."""
    return max(-(-items // contract.max_items), -(-records // contract.max_records))


class _Open:
    """A batch that still takes entries."""

    __slots__ = ("entries", "items", "low", "size")

    def __init__(self) -> None:
        self.low: Place | None = None
        self.entries: list[Entry] = []
        self.items = 0
        self.size = ENVELOPE_BYTES

    def add(self, entry: Entry) -> None:
        self.size += len(entry.body) + bool(self.entries)
        self.items += entry.items
        self.entries.append(entry)
        if self.low is None or entry.line < self.low.line or entry.source < self.low.source:
            self.low = min(self.low or entry.place, entry.place)


class Oversized(Struct, frozen=True):
    """An entry that no request can carry. `items` names the ones too large, None for the whole."""

    entry: Entry
    items: tuple[int, ...] | None
    max_body_bytes: int


class Packed(Struct, frozen=True):
    """What one call to the packer completed."""

    batches: list[Batch]
    oversized: list[Oversized]


class Packer:
    """Feed entries, get the batches they complete; `flush` gives the rest."""

    def __init__(self, contract: Contract, *, max_body_bytes: int, open_batches: int) -> None:
        """Pack for `contract`; at most `open_batches` are held open where entries may not be split."""
        self._contract = contract
        self._most_bytes = max_body_bytes
        self._target_bytes = max_body_bytes
        self._most_open = 1 if contract.splittable or contract.item_field is None else open_batches
        self._open: list[_Open] = []

    @property
    def target_bytes(self) -> int:
        """The size of body not to exceed where an entry need not travel alone."""
        return self._target_bytes

    def shrink(self, target_bytes: int) -> list[Entry]:
        """Learn to make smaller bodies (a 413), and hand back what no longer fits: feed it again.

        An entry that is larger on its own still travels, alone: only the server can say that it may not.
        """
        self._target_bytes = min(self._target_bytes, target_bytes)
        back = [entry for batch in self._open if batch.size > self._target_bytes for entry in batch.entries]
        self._open = [batch for batch in self._open if batch.size <= self._target_bytes]
        return back

    def low(self) -> Place | None:
        """Return the lowest place of an entry that is in no batch yet."""
        return min((batch.low for batch in self._open if batch.low is not None), default=None)

    def pending(self) -> list[Entry]:
        """Return the entries that are in no batch yet."""
        return [entry for batch in self._open for entry in batch.entries]

    def feed(self, entries: Iterable[Entry]) -> Packed:
        """Take entries; return the batches that are complete now, and entries too large for any request."""
        packed = Packed([], [])
        for entry in entries:
            if ENVELOPE_BYTES + len(entry.body) > self._target_bytes or entry.items > self._contract.max_items:
                self._place_large(entry, packed)
            else:
                self._place(entry, packed)
        return packed

    def flush(self) -> list[Batch]:
        """Close all open batches, in the order they were opened."""
        batches = [self._make(batch) for batch in self._open]
        self._open = []
        return batches

    def _place(self, entry: Entry, packed: Packed) -> None:
        """Put an entry that fits an empty batch where it leaves the least room."""
        best = None
        for candidate in self._open:
            if self._fits(candidate, entry) and (best is None or candidate.items > best.items):
                best = candidate
        if best is None:
            if self._contract.splittable and self._open:
                self._fill(entry, packed)
                return
            best = self._new(packed)
        best.add(entry)
        self._close_if_full(best, packed)

    def _new(self, packed: Packed) -> _Open:
        if len(self._open) >= self._most_open:
            self._close(max(self._open, key=lambda batch: batch.items), packed)
        batch = _Open()
        self._open.append(batch)
        return batch

    def _fits(self, batch: _Open, entry: Entry) -> bool:
        return (
            batch.items + entry.items <= self._contract.max_items
            and len(batch.entries) < self._contract.max_records
            and batch.size + len(entry.body) + bool(batch.entries) <= self._target_bytes
        )

    def _close_if_full(self, batch: _Open, packed: Packed) -> None:
        if batch.items >= self._contract.max_items or len(batch.entries) >= self._contract.max_records:
            self._close(batch, packed)

    def _close(self, batch: _Open, packed: Packed) -> None:
        self._open.remove(batch)
        packed.batches.append(self._make(batch))

    def _make(self, batch: _Open) -> Batch:
        return make_batch(self._contract.kind, batch.entries)

    def _place_large(self, entry: Entry, packed: Packed) -> None:
        """Place an entry that fits no usual request: in parts, alone, or not at all."""
        field = self._contract.item_field
        if self._contract.splittable and field is not None and entry.items > 1:
            sliced = slice_record(entry.body, field)
            most = self._most_bytes - ENVELOPE_BYTES - sliced.frame_bytes
            large = [index for index, item in enumerate(sliced.items) if len(item) > most]
            if not large:
                self._fill(entry, packed)
                return
            indexes = entry.indexes or tuple(range(entry.items))
            named = tuple(indexes[index] for index in large)
            packed.oversized.append(Oversized(entry, named, self._most_bytes))
        elif entry.items <= self._contract.max_items and ENVELOPE_BYTES + len(entry.body) <= self._most_bytes:
            packed.batches.append(make_batch(self._contract.kind, [entry]))
        else:
            packed.oversized.append(Oversized(entry, entry.indexes, self._most_bytes))

    def _fill(self, entry: Entry, packed: Packed) -> None:
        """Spread a splittable entry over the open batch and as many more as it takes; each is filled up first."""
        field = self._contract.item_field or ""
        sliced = slice_record(entry.body, field)
        indexes = entry.indexes or tuple(range(entry.items))
        start = 0
        while start < entry.items:
            batch = self._open[0] if self._open else self._new(packed)
            if start == 0 and self._fits(batch, entry):  # nothing is to be split any more: its own bytes
                batch.add(entry)
                self._close_if_full(batch, packed)
                return
            room = self._contract.max_items - batch.items
            space = self._target_bytes - batch.size - bool(batch.entries) - sliced.frame_bytes + 1
            end = start
            while end < entry.items and end - start < room and len(sliced.items[end]) + 1 <= space:
                space -= len(sliced.items[end]) + 1
                end += 1
            if start == 0 and end == entry.items and batch.entries:
                end = 0  # it would fit here only without its spaces: whole, it goes into the next one as it stands
            if end == start and not batch.entries:
                end += 1  # one item larger than the target: alone
            if end > start:
                batch.add(_part(entry, sliced.compose(range(start, end)), indexes[start:end]))
                self._close_if_full(batch, packed)
            if end < entry.items and batch in self._open:
                self._close(batch, packed)  # full in bytes: not even one more item fits
            start = end


def _part(entry: Entry, body: bytes, indexes: tuple[int, ...]) -> Entry:
    return Entry(
        file=entry.file,
        line=entry.line,
        offset=entry.offset,
        length=entry.length,
        body=body,
        customer=entry.customer,
        items=len(indexes),
        record_items=entry.record_items,
        indexes=indexes,
        skipped_items=entry.skipped_items,
        source=entry.source,
        retried=entry.retried,
    )
