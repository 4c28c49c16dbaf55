"""A batch: what one request carries.

If a batch of events holds several entries of one customer, and all other fields of their records are equal to the byte,
the customer occurs once in the body, with all items in order: the contract does not say what an id that occurs twice
would mean. Nothing is encoded again for that; the body is composed of slices of the records (`slicing`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, repeat
from operator import attrgetter

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import Entries, EntryColumns, Packable
from masivo_stream.model.results import Entry
from masivo_stream.model.slicing import Sliced, slice_record

_OPEN, _CLOSE = b'{"customers":[', b"]}"

_ID_DIGITS = 24
"""96 bits: for any number of batches, the probability that two of a run share an id is negligible."""

_pack = msgspec.msgpack.Encoder().encode

ENVELOPE_BYTES = len(_OPEN) + len(_CLOSE)
"""Bytes of a body without its entries and the commas between them."""


class Batch(Struct, frozen=True, kw_only=True, dict=True):
    """Entries that are sent together. A dry run packs as a run does, and needs neither body nor id."""

    kind: Kind
    entries: Entries
    items: int

    @property
    def records(self) -> int:
        """The entries."""
        return len(self.entries)

    @property
    def size(self) -> int:
        """The bytes of the body."""
        return len(self.body)

    @cached_property
    def body(self) -> bytes:
        """The request body."""
        entries = self.entries
        if CONTRACTS[self.kind].splittable and _some_meet(entries.customers):
            pieces = [group.compose() for group in _groups(self.kind, entries)]
        else:
            pieces = entries.joined()
        separated = [b","] * (2 * len(pieces) + 1)  # so that the body is copied once, not twice
        separated[0], separated[1::2], separated[-1] = _OPEN, pieces, _CLOSE
        return b"".join(separated)

    @cached_property
    def id(self) -> str:
        """The id that names exactly this content from exactly these positions: equal input, equal ids."""
        digest = hashlib.sha256(_pack((self.kind, *_places(self.entries))))
        digest.update(self.body)  # SHA-256: CPUs have instructions for it, so it takes half the time of BLAKE2
        return digest.hexdigest()[:_ID_DIGITS]


def make_batch(kind: Kind, parts: Iterable[Packable]) -> Batch:
    """Make a batch of entries."""
    entries = Entries(parts)
    return Batch(kind=kind, entries=entries, items=entries.items)


def _places(entries: Entries) -> Iterator[tuple[bytes, list[tuple[int, tuple[int, ...] | None]]]]:
    """Yield the positions of entries, together for those that follow one another in one file."""
    for file, of_file in groupby(entries.parts, key=attrgetter("file")):
        places: list[tuple[int, tuple[int, ...] | None]] = []
        for part in of_file:
            if isinstance(part, EntryColumns):
                places.extend(zip(part.lines, repeat(None)))
            else:
                places.append((part.line, part.indexes))
        yield file.encode("utf-8", "surrogatepass"), places


def body_groups(kind: Kind, entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return, for each index in a body's list `customers`, the entries that are combined there."""
    if CONTRACTS[kind].splittable and _some_meet([entry.customer for entry in entries]):
        return [group.entries for group in _groups(kind, entries)]
    return [[entry] for entry in entries]


def _some_meet(customers: list[str]) -> bool:
    return len(set(customers)) < len(customers)


class _Group:
    """The entries that are combined at one index of a body; `sliced` if there may be several."""

    __slots__ = ("entries", "sliced")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.sliced: list[Sliced] = []

    def compose(self) -> bytes:
        if len(self.entries) == 1:
            return self.entries[0].body
        items = tuple(item for each in self.sliced for item in each.items)
        return Sliced(self.sliced[0].head, items).compose(range(len(items)))


def _groups(kind: Kind, entries: Sequence[Entry]) -> list[_Group]:
    """Group the entries whose customer and rest of the record are the same."""
    field = CONTRACTS[kind].item_field or ""
    met = Counter(entry.customer for entry in entries)
    groups: dict[tuple[str, bytes], _Group] = {}
    for entry in entries:
        sliced = slice_record(entry.body, field) if met[entry.customer] > 1 else None
        group = groups.setdefault((entry.customer, sliced.head if sliced else b""), _Group())
        group.entries.append(entry)
        if sliced:
            group.sliced.append(sliced)
    return list(groups.values())
