"""Pack entries into batches: as few requests as the contract's limits allow.

The lower bound is ⌈items / max_items⌉. How near each kind comes:

* customers: one item per record, so the bound itself (`fill`);
* events: a record may be split, so every batch but the last is exactly full, in items, records or bytes (`fill`);
* transactions: a customer stays whole, which makes it bin packing. A bounded number of entries waits, to find
  combinations that fill a batch exactly (`bin_packing`; the setting `look_ahead`).

Packing is deterministic: the same entries in the same order give the same batches, however they are divided over calls.

`core.accounting.forecast` forecasts the requests of a whole export from the part that was read; `core.pacing.schedule`
says when they depart.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.core.packing.bin_packing import BinPacker
from masivo_stream.core.packing.fill import Filler
from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import EntryRun, Packable
from masivo_stream.model.results import Entry, Position
from masivo_stream.model.slicing import slice_record


def lower_bound(contract: Contract, *, records: int, items: int) -> int:
    """Return the fewest requests that could carry these records and items."""
    return max(-(-items // contract.max_items), -(-records // contract.max_records))


def full_requests(contract: Contract, *, records: float, items: float) -> float:
    """Return how many full requests these records and items are: a fraction, for estimates."""
    return max(items / contract.max_items, records / contract.max_records)


class Oversized(Struct, frozen=True):
    """An entry that no request can carry. `items` are the indexes of the items that are too large; None: all of it."""

    entry: Entry
    items: tuple[int, ...] | None
    max_body_bytes: int

    @property
    def message(self) -> str:
        """What its dead letter says."""
        return f"does not fit into a request of {self.max_body_bytes} bytes"


class Packed(Struct, frozen=True):
    """What one call to the packer completed."""

    batches: list[Batch]
    oversized: list[Oversized]


class Packer:
    """Feed entries, get the batches they complete; `flush` returns the rest."""

    def __init__(self, contract: Contract, *, max_body_bytes: int, look_ahead: int) -> None:
        """Pack for `contract`; at most `look_ahead` batches' worth of entries waits, if any has to."""
        self._contract = contract
        self._most_bytes = max_body_bytes
        self._target_bytes = max_body_bytes
        self._waiting: Filler | BinPacker
        waiting = BinPacker if contract.stays_whole else Filler
        self._waiting = waiting(contract, target_bytes=max_body_bytes, look_ahead=look_ahead)

    @property
    def target_bytes(self) -> int:
        """The size that no body exceeds, unless a single entry is larger."""
        return self._target_bytes

    def shrink(self, target_bytes: int) -> Sequence[Packable]:
        """Make smaller bodies from now on, after a 413; return the entries that must be fed again.

        A single entry that is larger still travels, alone: only the server can say that it is too large.
        """
        if target_bytes >= self._target_bytes:
            return []
        self._target_bytes = target_bytes
        return self._waiting.shrink(target_bytes)

    def low(self) -> Position | None:
        """Return the lowest position of an entry that is in no batch yet."""
        return self._waiting.low()

    def pending(self) -> Sequence[Packable]:
        """Return the entries that are in no batch yet."""
        return self._waiting.pending()

    def feed(self, entries: Iterable[Packable]) -> Packed:
        """Take entries; return the batches that are now complete, and the entries that no request can carry."""
        packed = Packed([], [])
        for each in entries:
            if isinstance(each, Entry):
                self._feed(each, packed)
            elif isinstance(each, EntryRun):
                self._feed_run(Sums(each), packed)
            else:
                for entry in each:
                    self._feed(entry, packed)
        return packed

    def _feed_run(self, sums: Sums, packed: Packed) -> None:
        run = sums.run
        if isinstance(self._waiting, Filler):
            self._fill(self._waiting, sums, packed)
        elif ENVELOPE_BYTES + max(sums.sizes) - 1 <= self._target_bytes and max(run.items) <= self._contract.max_items:
            self._waiting.feed_run(sums, packed.batches)  # each entry fits a usual request
        else:
            for entry in run:
                self._feed(entry, packed)

    def _fill(self, filler: Filler, sums: Sums, packed: Packed) -> None:
        """Feed an `EntryRun`: entries that need no decision all at once, the others one by one."""
        run, index = sums.run, 0
        while index < len(run):
            taken = filler.take(sums, index)
            if taken == index:
                self._feed(run.entry(index), packed)
                taken += 1
            index = taken

    def _feed(self, entry: Entry, packed: Packed) -> None:
        if ENVELOPE_BYTES + len(entry.body) > self._target_bytes or entry.items > self._contract.max_items:
            self._place_large(entry, packed)
        else:
            self._waiting.feed(entry, packed.batches)

    def flush(self) -> list[Batch]:
        """Return batches of all entries that are waiting."""
        return self._waiting.flush()

    def _place_large(self, entry: Entry, packed: Packed) -> None:
        """Place an entry that does not fit a usual request: in parts, alone, or not at all."""
        field = self._contract.item_field
        if self._contract.splittable and field is not None and entry.items > 1:
            sliced = slice_record(entry.body, field)
            most = self._most_bytes - ENVELOPE_BYTES - sliced.frame_bytes
            large = [index for index, item in enumerate(sliced.items) if len(item) > most]
            if not large:
                self._waiting.feed(entry, packed.batches)
                return
            indexes = entry.indexes or tuple(range(entry.items))
            named = tuple(indexes[index] for index in large)
            packed.oversized.append(Oversized(entry, named, self._most_bytes))
        elif entry.items <= self._contract.max_items and ENVELOPE_BYTES + len(entry.body) <= self._most_bytes:
            packed.batches.append(make_batch(self._contract.kind, [entry]))
        else:
            packed.oversized.append(Oversized(entry, entry.indexes, self._most_bytes))
