"""Recognise purchases that an earlier run sent to the account: the API would count them a second time.

A purchase leaves a note of 12 bytes: a salted hash of customer and `purchase_id` (the key), and a hash of what makes
two events of one purchase the same (the content, as `core.reading.purchases` defines it). Whoever has the notes and the
salt can check whether a purchase is among them, and cannot read one out of them.

Keys have 64 bits: among 30 million notes, the chance that any of 30 million other purchases is taken for an earlier one
is less than one in ten thousand. Contents have 24 bits: another event of a purchase is taken for the same one with a
probability of 2^-24.

Python defines how numbers are hashed, but not how tuples are. So notes carry a check: if tuples are hashed in another
way now, no content is called the same.

At full speed, notes are a tenth of the work of a run. So an extension (`_sent_notes.c`) makes those of many events in
one call, the same ones to the byte, mostly without the interpreter lock. Without it, or with `pure_python`, they are
made here.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Protocol

import msgspec
from msgspec import Struct, field

from masivo_stream.core.checks.lean_records import LEAN
from masivo_stream.core.reading.purchases import EventMemory, Signer, Signs, owners_of
from masivo_stream.core.reading.recent_signs import RecentSigns
from masivo_stream.model.contract import Kind
from masivo_stream.model.earlier_runs import THIS_RUN, EarlierRun, SentItem
from masivo_stream.model.entries import EntryColumns, EntryRun, LineResults, Packable, one_by_one
from masivo_stream.model.progress import Covered
from masivo_stream.model.results import Entry

_INTERFACE = 1
"""An extension with another one was built from other sources, and is not used."""
MakeNotes = Callable[[bytes, list[str], list[int], list[str], list[int]], bytes]
"""Makes notes of a salt, customers, the number of items of each, and the purchases and contents of all items."""
_made_in_c: MakeNotes | None = None
try:
    from masivo_stream.core import _sent_notes
except ImportError:  # it was not built, or does not fit this Python
    pass
else:
    if getattr(_sent_notes, "INTERFACE", 0) == _INTERFACE:
        _made_in_c = _sent_notes.notes


def is_made_in_c() -> bool:
    """Return whether there is an extension that can be used."""
    return _made_in_c is not None


KEY_BYTES = 8
_CONTENT_BYTES = 4
NOTE_BYTES = KEY_BYTES + _CONTENT_BYTES
"""A key and a content, both big-endian: so notes sort by their keys."""

CONTENT_CHECK = hash((1, 10.5, 0, 2, 738_000, 12, 30, 59)) & 0xFFFF_FFFF
"""Differs if tuples of numbers are hashed in another way than when a note was made."""


class PurchaseKeys:
    """Makes the keys of purchases."""

    def __init__(self, salt: bytes) -> None:
        """Use a salt of at most 64 bytes."""
        self._blank = hashlib.blake2b(digest_size=KEY_BYTES, key=salt)

    def of(self, customers: Iterable[str], purchases: Iterable[str]) -> list[bytes]:
        """Return the key of each purchase."""
        copy, keys = self._blank.copy, []
        for customer, purchase in zip(customers, purchases, strict=True):
            digest = copy()  # half the time of a new one
            digest.update(f"{len(customer)} {customer} {purchase}".encode("utf-8", "surrogatepass"))
            keys.append(digest.digest())
        return keys


def make_notes(salt: bytes, customers: list[str], items: list[int], purchases: list[str], contents: list[int]) -> bytes:
    """Return the notes of all items, one after the other; a customer has as many of them as `items` says."""
    keys = PurchaseKeys(salt).of(chain.from_iterable(map(repeat, customers, items)), purchases)
    ends = [content.to_bytes(_CONTENT_BYTES, "big") for content in contents]
    return b"".join(chain.from_iterable(zip(keys, ends, strict=True)))


class SignedEvents(Struct, frozen=True):
    """What notes are made of."""

    customers: list[str] = []
    items: list[int] = []
    """The number of items of each customer."""
    signs: Signs = field(default_factory=Signs)
    """The signs of all items."""


class PurchaseNotes:
    """Makes the notes of events that were accepted."""

    def __init__(self, salt: bytes, recent: RecentSigns | None = None, *, pure_python: bool = False) -> None:
        """Make notes with `salt`. Signs that are among `recent` ones are not made again."""
        self._salt, self._recent, self._signer = salt, recent or RecentSigns(), Signer()
        self._make = make_notes if pure_python or _made_in_c is None else _made_in_c
        self._decode = msgspec.json.Decoder(LEAN[Kind.EVENTS]).decode

    def of(self, parts: Iterable[Packable]) -> bytes:
        """Return the notes of all items of entries, one after the other."""
        return self.make(self.sign(parts))

    def sign(self, parts: Iterable[Packable]) -> SignedEvents:
        """Return what the notes of entries are made of. Signs that were kept of them are kept no longer."""
        signed = SignedEvents()
        for part in parts:
            if isinstance(part, EntryColumns):
                signed.customers.extend(part.customers)
                signed.items.extend(part.items)
            else:
                signed.customers.append(part.customer)
                signed.items.append(part.items)
            signs = self._signs(part)
            signed.signs.purchases.extend(signs.purchases)
            signed.signs.contents.extend(signs.contents)
        return signed

    def make(self, signed: SignedEvents) -> bytes:
        """Return the notes of events; it may be called in another thread."""
        return self._make(self._salt, signed.customers, signed.items, signed.signs.purchases, signed.signs.contents)

    def _signs(self, part: Packable) -> Signs:
        signs = self._recent.take(part) if isinstance(part, EntryRun | Entry) else None
        if signs is None:
            for entry in one_by_one((part,)):
                self._signer.sign_entry(entry, self._decode)  # type: ignore[arg-type]  # it looks at lean fields only
            signs = self._signer.take()
        return signs


Found = tuple[int, EarlierRun]
"""The content of a note, and the run that left it."""


class SentPurchases(Protocol):
    """The notes of earlier runs."""

    def find(self, keys: Sequence[bytes]) -> Mapping[int, Sequence[Found]]:
        """Return what is noted of each key, by its index; nothing for keys that are in no note."""
        ...


class CopiedRecords(Struct, frozen=True):
    """Records that come from a retry's copies."""

    copies: frozenset[int]
    """The numbers of the copies."""
    settled: Covered
    """Items that are read once more but not sent, as `Purchases` has them."""


class EarlierPurchases:
    """An `EventMemory` that also looks into the notes of earlier runs."""

    def __init__(self, memory: EventMemory, keys: PurchaseKeys, sent: SentPurchases) -> None:
        """Look into `sent` after `memory` has looked at the lines."""
        self._memory, self._keys, self._sent = memory, keys, sent

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the results, also with `sent` set in entries whose purchases an earlier run sent."""
        marked = self._memory.mark(results, signs)
        found = self._sent.find(self._keys.of(owners_of(marked), signs.purchases))
        if not found:
            return marked
        return list(_mark(marked, {index: _choose(signs.contents[index], notes) for index, notes in found.items()}))


class OwnPurchases:
    """An `EventMemory` that also looks into the run's own notes, for records of a retry's copies.

    The run has accepted events that are before the checkpoint, which no memory holds any more. A record that was faulty
    may hold one of them once more: its line was never compared, and is now that it is corrected.
    """

    def __init__(self, memory: EventMemory, keys: PurchaseKeys, sent: SentPurchases, records: CopiedRecords) -> None:
        """Look into `sent`, the run's own notes, after `memory` has looked at the lines."""
        self._memory, self._keys, self._sent, self._records = memory, keys, sent, records

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return the results, also with `sent` set for what the run has sent, by `THIS_RUN`."""
        marked = self._memory.mark(results, signs)
        compared = list(self._compared(marked))
        if not compared:
            return marked
        owners, purchases = list(owners_of(marked)), signs.purchases
        keys = self._keys.of([owners[index] for index in compared], [purchases[index] for index in compared])
        found: dict[int, tuple[bool, EarlierRun]] = {}
        for place, notes in self._sent.find(keys).items():
            if sure := [note for note in notes if note[1].sure]:  # what a revert may have taken back is sent again
                same, _ = _choose(signs.contents[compared[place]], sure)
                found[compared[place]] = same, THIS_RUN
        return list(_mark(marked, found)) if found else marked

    def _compared(self, results: Iterable[LineResults]) -> Iterator[int]:
        """Yield the indexes, among all items, of those in copies that are not settled."""
        number = 0
        for each in results:
            if isinstance(each, EntryRun):  # of an export: the records of a copy are validated one by one
                number += sum(each.items)
            if not isinstance(each, Entry):
                continue
            if each.source in self._records.copies:
                settled = self._records.settled.get((each.source, each.line), frozenset())
                indexes = each.indexes or range(each.items)
                if settled is not None:
                    yield from (number + place for place, index in enumerate(indexes) if index not in settled)
            number += each.items


def _choose(content: int, notes: Sequence[Found]) -> tuple[bool, EarlierRun]:
    """Return whether the same event was certainly sent, and by which run."""
    for noted, run in notes:
        if noted == content and run.sure and run.comparable:
            return True, run
    return False, notes[0][1]


def _mark(results: Iterable[LineResults], sent: Mapping[int, tuple[bool, EarlierRun]]) -> Iterator[LineResults]:
    number = 0
    for each in results:
        if isinstance(each, EntryRun):
            items = sum(each.items)
            own = sent.keys() & range(number, number + items)
            if own:
                yield from _mark(each, {index - number: sent[index] for index in own})
            else:
                yield each
        elif isinstance(each, Entry):
            items = each.items
            indexes = range(items) if each.indexes is None else each.indexes
            own = sent.keys() & range(number, number + items)
            found = tuple(SentItem(indexes[index - number], *sent[index]) for index in sorted(own))
            yield msgspec.structs.replace(each, sent=(*each.sent, *found)) if found else each
        else:
            items = 0
            yield each
        number += items
