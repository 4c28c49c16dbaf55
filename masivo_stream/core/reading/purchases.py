"""Notice a purchase that came before: the same customer and `purchase_id`, in the same event or in another one.

An event counts each time it is sent (no page of the vendor's says that a repeat is recognised), so an event that stands
in an export twice counts twice. Two events of one purchase are the same event if type, value, discounted value, the
number of products and the time, to the second, are the same. How a number or a date is spelled, the order of the
fields, metadata and tags are no difference.

`Purchases` keeps eight bytes an event, in a table with twice as many places as are to be remembered: 40 bits of a hash
of customer and purchase, and 24 bits of what makes it the same event. The entry's place in the table tells more of the
hash. A full table becomes the older one of two, and the one that was older is forgotten. So a repeat is noticed

* always, while no more than the capacity of events were seen;
* beyond that, always where it follows within a capacity's worth of events.

An event that comes for the first time is compared with one or two others. It is mistaken for another purchase of them
with a probability of 2^-40, and for the same event with one of 2^-64: over ten million events that is less than one
chance in thirty thousand that one of them is warned of without a reason, and less than one in 10^11 that one is called
the same event. A purchase that did come before, in another event, is called the same event with a probability of 2^-24.
"""

import hashlib
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Protocol
from zlib import crc32

import msgspec
from msgspec import Struct

from masivo_stream.model.entries import EntryRun, LineResults, one_by_one
from masivo_stream.model.progress import Covered
from masivo_stream.model.results import Entry
from masivo_stream.model.schemas import Event, EventsRecord, OrderFields

_CONTENT = (1 << 24) - 1
_PLACES_AN_EVENT = 2
_MOST_TYPES = 1000
"""Types of events whose numbers are kept; an account may have 50 of its own."""


class Signs(Struct, frozen=True, array_like=True):
    """What is known of events, in their order: the purchase, and a number of what makes it the same event."""

    purchases: list[str] = []
    contents: list[int] = []


class EventMemory(Protocol):
    """What of an export came before."""

    def mark(self, found: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the same, where the entries with items that came before say so; remember all items of all entries.

        `signs` are those of all entries' items, in order.
        """
        ...


class Signer:
    """Collect the signs of events. Any two processes give an event the same ones."""

    def __init__(self) -> None:
        """Nothing is collected."""
        self.signs = Signs([], [])
        self._types: dict[str, int] = {}

    def take(self) -> Signs:
        """Return what was collected since the last time."""
        signs, self.signs = self.signs, Signs([], [])
        return signs

    def sign(self, events: Iterable[Event[OrderFields]]) -> None:
        """Collect those of a record's events."""
        purchases, contents, types = self.signs.purchases, self.signs.contents, self._types
        for event in events:
            order, time = event.order, event.issued_at
            if offset := time.utcoffset():
                with suppress(OverflowError):  # in the years 1 and 9999 there may be no such moment in UTC
                    time -= offset
            purchases.append(order.purchase_id)
            content = (
                types.get(event.type) or self._number(event.type),
                order.value,
                order.discounted_value or 0,  # type: ignore[attr-defined]  # every kind of order has it
                len(order.products),
                time.toordinal(),
                time.hour,
                time.minute,
                time.second,
            )
            contents.append(hash(content) & _CONTENT)  # of numbers only: texts have another hash in each process

    def sign_entry(self, entry: Entry, decode: Callable[[bytes], EventsRecord[OrderFields]]) -> None:
        """Collect those of an entry that was judged slowly, or leaves items behind; `decode` is the fast judge's."""
        try:
            self.sign(decode(entry.body).events)
        except (ValueError, RecursionError):  # it takes not all that the slow judge does: only the same bytes are known
            digest = hashlib.blake2b(entry.body, digest_size=16).hexdigest()
            self.signs.purchases.extend(f"\0{digest} {number}" for number in range(entry.items))
            self.signs.contents.extend([0] * entry.items)

    def _number(self, name: str) -> int:
        number = crc32(name.encode("utf-8", "surrogatepass"))
        if len(self._types) < _MOST_TYPES:
            self._types[name] = number
        return number


Hits = dict[int, bool]
"""Items that came before, by their numbers among all those asked about: whether in the same event."""


class Purchases:
    """Remember at least the last `capacity` events, in 16 bytes each; in 32 where more than that were seen."""

    def __init__(self, *, capacity: int, settled: Covered | None = None) -> None:
        """Start empty; what is `settled` is not to be remembered: it is read once more, and is not sent."""
        self._capacity, self._places = capacity, _PLACES_AN_EVENT * capacity + 1
        self._settled: Covered = settled or {}
        self._young: array[int] | None = None
        """Made when it is needed: most decoders judge no events, or few."""
        self._old: array[int] | None = None
        self._left = capacity

    def mark(self, found: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the same, marked; see `EventMemory`."""
        purchases = list(_apart(found, signs.purchases, self._settled)) if self._settled else signs.purchases
        hits = self._note(map(_hash, zip(_owners(found), purchases, strict=True)), signs.contents)
        return list(_say(found, hits)) if hits else found

    def _note(self, keys: Iterable[int], contents: Iterable[int]) -> Hits:
        """Remember events; return those that came before."""
        hits: Hits = {}
        young, old, places, left = self._young or self._begin(), self._old, self._places, self._left
        for number, (key, content) in enumerate(zip(keys, contents, strict=True)):
            place = key % places
            if young[place] or old is not None:
                before = None if old is None else _find(old, place, key ^ content)[1]
                place, lately = _find(young, place, key ^ content)
                if before is not None or lately is not None:
                    hits[number] = bool(before or lately)
                if lately:
                    continue
            young[place] = key ^ content
            left -= 1
            if not left:
                old, young, left = young, self._begin(), self._capacity
        self._left = left
        return hits

    def _begin(self) -> "array[int]":
        """Begin a table; the one before is the older one from now on."""
        self._old, self._young = self._young, array("q", bytes(8 * self._places))
        return self._young


def _find(table: "array[int]", place: int, entry: int) -> tuple[int, bool | None]:
    """Look for an entry from a place on; return its own place, or the next empty one."""
    seen: bool | None = None
    while there := table[place]:
        if there == entry:
            return place, True
        if 0 <= there ^ entry <= _CONTENT:
            seen = False
        place = place + 1 if place + 1 < len(table) else 0
    return place, seen


def _owners(found: Iterable[LineResults]) -> Iterator[str]:
    """Yield the customer of each item of each entry."""
    for each in found:
        if isinstance(each, EntryRun):
            yield from chain.from_iterable(map(repeat, each.customers, each.items))
        elif isinstance(each, Entry):
            yield from repeat(each.customer, each.items)


def _apart(found: Iterable[LineResults], purchases: Iterable[str], settled: Covered) -> Iterator[str]:
    """Yield the purchase of each item; one of its own in the place of each that is settled."""
    named = iter(purchases)
    for entry in one_by_one(found):
        if not isinstance(entry, Entry):
            continue
        items = settled.get((entry.source, entry.line), frozenset())
        for index, purchase in zip(entry.indexes or range(entry.items), named, strict=False):
            apart = items is None or index in items
            yield f"\0{entry.source} {entry.line} {index}" if apart else purchase


def _say(found: Iterable[LineResults], hits: Hits) -> Iterator[LineResults]:
    """Yield the same; where items of an entry came before, it says so."""
    number = 0
    for each in found:
        items = sum(each.items) if isinstance(each, EntryRun) else each.items if isinstance(each, Entry) else 0
        own = hits.keys() & range(number, number + items)
        if isinstance(each, EntryRun) and own:
            yield from _say(each, {hit - number: hits[hit] for hit in own})
        elif isinstance(each, Entry) and own:
            indexes = range(items) if each.indexes is None else each.indexes
            same = tuple(indexes[hit - number] for hit in sorted(own) if hits[hit])
            alike = tuple(indexes[hit - number] for hit in sorted(own) if not hits[hit])
            yield msgspec.structs.replace(each, same=same, alike=alike)
        else:
            yield each
        number += items


def _digested(pair: tuple[str, str]) -> int:
    """Return 64 bits, signed."""
    text = f"{len(pair[0])} {pair[0]} {pair[1]}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


# Python's own hash is SipHash under a key of this process (PEP 456), where it has 64 bits.
_hash: Callable[[tuple[str, str]], int] = hash if struct.calcsize("n") == struct.calcsize("q") else _digested
