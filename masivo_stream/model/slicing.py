"""Cut a record into raw slices of its items, and join some of them again.

If a record travels in parts (events, guide: "in several goes") or leaves items behind (reversed events), each part is
composed of the record's own bytes: first its other fields, then the chosen items, all of them unchanged. Nothing is
decoded and encoded again, so no number or text can change its spelling. A field that is given twice keeps its last
value, which is what the target's JSON parser reads as well.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw, Struct

from masivo_stream.model.results import Entry

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


class Sliced(Struct, frozen=True):
    """A record in slices: head, items joined by commas, tail."""

    head: bytes
    """The other fields, and the beginning of the list of items."""
    items: tuple[bytes, ...]
    tail: bytes = b"]}"

    @property
    def frame_bytes(self) -> int:
        """Bytes of a part without its items and the commas between them."""
        return len(self.head) + len(self.tail)

    def compose(self, indexes: Iterable[int]) -> bytes:
        """Return the record with only the items at these indexes."""
        return self.head + b",".join([self.items[index] for index in indexes]) + self.tail


def slice_record(body: bytes, item_field: str) -> Sliced:
    """Cut a valid record at its list `item_field`."""
    fields = _FIELDS.decode(body)
    items = tuple(bytes(item) for item in _ITEMS.decode(fields.pop(item_field)))
    members = [msgspec.json.encode(name) + b":" + bytes(value) for name, value in fields.items()]
    head = b"{" + b",".join([*members, msgspec.json.encode(item_field) + b":["])
    return Sliced(head, items)


def part_of(entry: Entry, sliced: Sliced, numbers: Sequence[int]) -> Entry:
    """Return the part of `entry` with these of its items; `sliced` is the entry in slices."""
    indexes = range(entry.items) if entry.indexes is None else entry.indexes
    return Entry(
        file=entry.file,
        line=entry.line,
        offset=entry.offset,
        length=entry.length,
        body=sliced.compose(numbers),
        customer=entry.customer,
        items=len(numbers),
        record_items=entry.record_items,
        indexes=tuple(indexes[number] for number in numbers),
        skipped_items=entry.skipped_items,
        source=entry.source,
        retried=entry.retried,
    )


def take_part(entry: Entry, indexes: Iterable[int], item_field: str) -> Entry:
    """Return the part of `entry` with these of its record's items."""
    wanted = set(indexes)
    own = range(entry.items) if entry.indexes is None else entry.indexes
    kept = [number for number, index in enumerate(own) if index in wanted]
    return part_of(entry, slice_record(entry.body, item_field), kept)
