"""Notice a purchase that came before: the same customer and `purchase_id`, in the same event or in another one.

An event counts each time it is sent: no page of the vendor's says that the API recognises duplicates. So an event that
is in an export twice would count twice. Two events of one purchase are *the same* event if type, value, discounted
value, the number of products, and the time to the second are equal; otherwise they are *alike*. The spelling of numbers
and dates, the order of fields, metadata and tags make no difference.

What is remembered of an event are hashes, in a table that holds at least a capacity's worth of them. A duplicate is
noticed

* always, while no more events than the capacity were seen;
* beyond that, always if at most a capacity's worth of distinct events came between the two.

`EventTable` is a hash table with open addressing and linear probing. An event takes eight bytes: 40 bits of a hash of
customer and purchase, and 24 bits of a hash of what makes it the same event. The table has twice as many places as
events to remember, and the place of an event gives further bits of its hash. A full table becomes the older of two
tables, and the one that was older is dropped.

An event that comes for the first time is compared with one or two others. It is taken for the same purchase with a
probability of 2^-40, and for the same event with a probability of 2^-64. Over ten million events, the chance that any
event is warned of without a reason is less than one in thirty thousand; the chance that any is called the same event is
less than one in 10^11. A purchase that did come before in another event is called the same event with a probability of
2^-24.

If there is an extension in C (`memory`), it remembers instead, by the same law. It keeps 64 bits of a hash of customer
and purchase, and the same 24 bits: over ten million events, with a million remembered, the chance that any event is
warned of without a reason is less than one in a million. The two may differ about an event after which more than a
capacity's worth of others came. Hashes of texts never leave the process.
"""

import hashlib
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, repeat
from typing import Protocol
from zlib import crc32

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.memory import make_purchase_table
from masivo_stream.model.entries import EntryColumns, EntryRun, LineResults, Packable, one_by_one
from masivo_stream.model.moments import Offset
from masivo_stream.model.progress import Covered
from masivo_stream.model.results import Entry
from masivo_stream.model.schemas import Event, EventsRecord, OrderFields

_CONTENT = (1 << 24) - 1
_PLACES_AN_EVENT = 2
_MOST_TYPES = 1000
"""Types of events whose checksums are kept; an account may have 50 types of its own."""


class Signs(Struct, frozen=True, array_like=True):
    """What identifies events, column by column, in their order."""

    purchases: list[str] = []
    """The `purchase_id` of each."""
    contents: list[int] = []
    """24 bits of a hash of what makes two events of one purchase the same."""


class EventMemory(Protocol):
    """The events of an export that came before."""

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the results, with `same` and `alike` set in entries whose items came before; remember all items.

        `signs` are the signs of all entries' items, in order.
        """
        ...


class Signer:
    """Collect the signs of events. Every process gives an event the same signs, so they can be sent to another one."""

    def __init__(self) -> None:
        """Start with nothing collected."""
        self.signs = Signs([], [])
        self._types: dict[str, int] = {}
        self._offsets: dict[object, Offset] = {}
        """By time zone. msgspec's have one offset each, and to look it up takes a seventh of the time of asking it."""

    def take(self) -> Signs:
        """Return the signs collected since the last call."""
        signs, self.signs = self.signs, Signs([], [])
        return signs

    def sign(self, events: Iterable[Event[OrderFields]]) -> None:
        """Collect the signs of a record's events."""
        purchases, contents, types = self.signs.purchases, self.signs.contents, self._types
        offsets = self._offsets
        for event in events:
            order, time = event.order, event.issued_at
            if (offset := offsets.get(time.tzinfo)) is None:
                offset = offsets[time.tzinfo] = time.utcoffset() or Offset(0)
            if offset:
                try:  # noqa: SIM105 - `suppress` takes longer than all of the subtraction
                    time -= offset
                except OverflowError:  # in the years 1 and 9999 the moment may not exist in UTC
                    pass
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
            contents.append(hash(content) & _CONTENT)  # numbers only: a text has another hash in each process

    def extend(self, purchases: Iterable[str], contents: Iterable[int]) -> None:
        """Add signs that were collected elsewhere (`prover`)."""
        self.signs.purchases.extend(purchases)
        self.signs.contents.extend(contents)

    def sign_entry(self, entry: Entry, decode: Callable[[bytes], EventsRecord[OrderFields]]) -> None:
        """Collect the signs of an entry that the strict decoder accepted, or that leaves items behind.

        `decode` is the fast decoder's.
        """
        try:
            self.sign(decode(entry.body).events)
        except (ValueError, RecursionError):
            # The fast decoder refuses some records that the strict one accepts. Then only equal bytes are the same.
            digest = hashlib.blake2b(entry.body, digest_size=16).hexdigest()
            self.signs.purchases.extend(f"\0{digest} {number}" for number in range(entry.items))
            self.signs.contents.extend([0] * entry.items)

    def _number(self, name: str) -> int:
        number = crc32(name.encode("utf-8", "surrogatepass"))
        if len(self._types) < _MOST_TYPES:
            self._types[name] = number
        return number


Hits = dict[int, bool]
"""Items that came before, by their index among all items given: whether in the same event."""


class Purchases:
    """Remember at least the last `capacity` events: an `EventMemory`."""

    def __init__(self, *, capacity: int, settled: Covered | None = None, pure_python: bool = False) -> None:
        """Start empty. `settled` items are read once more but not sent, so they are not remembered.

        `pure_python` does without the extension.
        """
        self._settled: Covered = settled or {}
        table = None if pure_python else make_purchase_table(capacity=capacity)
        self._table = EventTable(capacity=capacity) if table is None else table

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the results with duplicates marked; see `EventMemory`."""
        purchases = list(_set_apart(results, signs.purchases, self._settled)) if self._settled else signs.purchases
        hits = self._table.note_all(*_columns_of(results), purchases, signs.contents)
        return list(_mark(results, hits)) if hits else results


class EventTable:
    """Remember at least the last `capacity` events, in 16 bytes each, or 32 once more than that were seen."""

    def __init__(self, *, capacity: int) -> None:
        """Start empty."""
        self._capacity, self._places = capacity, _PLACES_AN_EVENT * capacity + 1
        self._young: array[int] | None = None
        """Created when it is needed: most decoders validate no events, or few."""
        self._old: array[int] | None = None
        self._left = capacity

    def note_all(self, customers: list[str], items: list[int], purchases: list[str], contents: list[int]) -> Hits:
        """Remember the events of records; return those that came before.

        `customers` and `items` are of records, the other columns of all their events.
        """
        owners = chain.from_iterable(map(repeat, customers, items))
        return self._note(map(_hash, zip(owners, purchases, strict=True)), contents)

    def _note(self, keys: Iterable[int], contents: Iterable[int]) -> Hits:
        """Remember events by their hashes and contents; return those that came before."""
        hits: Hits = {}
        young, old, places, left = self._young or self._begin(), self._old, self._places, self._left
        for number, (key, content) in enumerate(zip(keys, contents, strict=True)):
            # An entry is the key with its 24 low bits mixed with the content, so that the same event is an equal entry
            # and another event of the purchase differs in these bits only.
            place = key % places
            if young[place] or old is not None:
                before = None if old is None else _find(old, place, key ^ content)[1]
                place, lately = _find(young, place, key ^ content)
                if before is not None or lately is not None:
                    hits[number] = bool(before or lately)
                if lately:
                    continue
            if not left:
                old, young, left = young, self._begin(), self._capacity
                place = key % places
            young[place] = key ^ content
            left -= 1
        self._left = left
        return hits

    def _begin(self) -> "array[int]":
        """Begin a table; the one before becomes the older one."""
        self._old, self._young = self._young, array("q", (0,)) * self._places
        return self._young


def _find(table: "array[int]", place: int, entry: int) -> tuple[int, bool | None]:
    """Search for an entry from `place` on; return its place, or the next empty one, and what was found.

    True: the same event. False: another event of the purchase. None: neither.
    """
    seen: bool | None = None
    while there := table[place]:
        if there == entry:
            return place, True
        if 0 <= there ^ entry <= _CONTENT:
            seen = False
        place = place + 1 if place + 1 < len(table) else 0
    return place, seen


def owners_of(results: Iterable[LineResults | Packable]) -> Iterator[str]:
    """Yield the customer of each item of each entry."""
    for each in results:
        if isinstance(each, EntryColumns):
            yield from chain.from_iterable(map(repeat, each.customers, each.items))
        elif isinstance(each, Entry):
            yield from repeat(each.customer, each.items)


def _columns_of(results: Iterable[LineResults]) -> tuple[list[str], list[int]]:
    """Return the customer and the number of items of each entry."""
    customers: list[str] = []
    items: list[int] = []
    for each in results:
        if isinstance(each, EntryColumns):
            customers.extend(each.customers)
            items.extend(each.items)
        elif isinstance(each, Entry):
            customers.append(each.customer)
            items.append(each.items)
    return customers, items


def _set_apart(results: Iterable[LineResults], purchases: Iterable[str], settled: Covered) -> Iterator[str]:
    """Yield the purchase of each item, but a unique one for each settled item, so that it matches no other."""
    named = iter(purchases)
    for entry in one_by_one(results):
        if not isinstance(entry, Entry):
            continue
        items = settled.get((entry.source, entry.line), frozenset())
        for index, purchase in zip(entry.indexes or range(entry.items), named, strict=False):
            apart = items is None or index in items
            yield f"\0{entry.source} {entry.line} {index}" if apart else purchase


def _mark(results: Iterable[LineResults], hits: Hits) -> Iterator[LineResults]:
    """Yield the results, with `same` and `alike` set in entries whose items came before."""
    number = 0
    for each in results:
        items = sum(each.items) if isinstance(each, EntryRun) else each.items if isinstance(each, Entry) else 0
        own = hits.keys() & range(number, number + items)
        if isinstance(each, EntryRun) and own:
            yield from _mark(each, {hit - number: hits[hit] for hit in own})
        elif isinstance(each, Entry) and own:
            indexes = range(items) if each.indexes is None else each.indexes
            same = tuple(indexes[hit - number] for hit in sorted(own) if hits[hit])
            alike = tuple(indexes[hit - number] for hit in sorted(own) if not hits[hit])
            yield msgspec.structs.replace(each, same=same, alike=alike)
        else:
            yield each
        number += items


def _digested(pair: tuple[str, str]) -> int:
    """Return a signed hash of 64 bits, for platforms whose own hash is shorter."""
    text = f"{len(pair[0])} {pair[0]} {pair[1]}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


# Python's own hash is SipHash with a key of this process (PEP 456). It is used if it has 64 bits.
_hash: Callable[[tuple[str, str]], int] = hash if struct.calcsize("n") == struct.calcsize("q") else _digested
