"""Pack for a dry run: what each batch would hold is all that it needs of entries that may not be split.

They are not even made of the text then. `Packer` gives the same batches.
"""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.core.packing.bin_packing import SizeComposer
from masivo_stream.core.packing.pack import Oversized
from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.core.packing.waiting import BatchSize
from masivo_stream.model.batch import ENVELOPE_BYTES
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import EntryRun, Packable, one_by_one
from masivo_stream.model.results import Entry


class PackedSizes(Struct, frozen=True):
    """What one call to the packer completed."""

    batches: list[BatchSize]
    oversized: list[Oversized]


class SizePacker:
    """Feed entries, get the sizes of the batches they complete; `flush` returns those of the rest."""

    def __init__(self, contract: Contract, *, max_body_bytes: int, look_ahead: int) -> None:
        """Pack as a `Packer` that never has to `shrink`, for a kind whose records stay whole."""
        self._most_items, self._most_bytes = contract.max_items, max_body_bytes
        self._waiting = SizeComposer(contract, target_bytes=max_body_bytes, look_ahead=look_ahead)

    def feed(self, entries: Iterable[Packable]) -> PackedSizes:
        """Take entries; return what the complete batches hold, and the entries that no request can carry."""
        packed = PackedSizes([], [])
        for each in entries:
            sums = Sums(each) if isinstance(each, EntryRun) else None
            if sums is not None and self._fits(max(sums.run.items), max(sums.sizes)):
                self._waiting.feed_run(sums, packed.batches)
            else:
                for entry in one_by_one([each]):
                    self._feed(entry, packed)
        return packed

    def flush(self) -> list[BatchSize]:
        """Return what the batches of all waiting entries hold."""
        return self._waiting.flush()

    def _feed(self, entry: Entry, packed: PackedSizes) -> None:
        if self._fits(entry.items, len(entry.body) + 1):
            self._waiting.feed(entry, packed.batches)
        else:
            packed.oversized.append(Oversized(entry, entry.indexes, self._most_bytes))

    def _fits(self, items: int, size: int) -> bool:
        return items <= self._most_items and ENVELOPE_BYTES + size - 1 <= self._most_bytes
