"""Notice values that were seen before, in bounded memory.

`Duplicates` keeps 64-bit digests, each with a stamp of its age, in many short sorted arrays. When it needs room, it
drops the digests older than a window. So a duplicate is noticed

* always, while no more distinct values than the capacity were seen;
* beyond that, always if at most a capacity's worth of distinct values lies between the two.

Two different values share a digest with a probability of 2^-64 a pair. Over ten million values compared with a million
remembered ones, the chance that any good record is taken for a duplicate is less than one in a million.

A sorted array has no empty slots, so a value costs little more than its eight bytes, and `bisect` searches it in C. It
is short, so an insertion moves a kilobyte or two at most. The lowest bits of a digest are the number of its array: they
need not be stored, and the age takes their place.

If there is an extension in C (`memory`), it remembers instead of `Duplicates`, by the same law and in as much memory,
at a tenth of the time. The two may differ about a value after which more than a capacity's worth of others came.
"""

import hashlib
import struct
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Protocol

from masivo_stream.core.reading.memory import make_value_table
from masivo_stream.model.reason import Reason

_BITS = (1 << 64) - 1
_BUCKET = 256
"""Digests in a bucket on average when the capacity is reached: at most this, at least half of it. Not fewer: Python
allocates arrays up to 512 bytes from a pool whose memory is not reused once the arrays have outgrown it."""
_AGE_BITS = 8
_AGES = 1 << _AGE_BITS
_STAMP = array("Q", [1]).tobytes().index(1)
"""Index of the age among the eight bytes of a digest, by the machine's byte order."""
_SPANS = 64
"""Length of the window in ages; digests that are older may be forgotten."""


class ValueMemory(Protocol):
    """Values that were seen before, by the law above."""

    def seen(self, value: str, /) -> bool:
        """Return whether `value` was given before, and remember it."""
        ...

    def seen_all(self, values: list[str], /) -> list[int]:
        """Return the indexes of values that were given before, as `seen` does with one after the other."""
        ...

    def absent(self, values: list[str], /) -> list[int]:
        """Return the indexes of values that were not given before."""
        ...

    def __contains__(self, value: str, /) -> bool:
        """Return whether `value` was given before."""
        ...


def remember_values(*, capacity: int, pure_python: bool = False) -> ValueMemory:
    """Return a memory of at least the last `capacity` distinct values; `pure_python` does without the extension."""
    table = None if pure_python else make_value_table(capacity=capacity)
    return Duplicates(capacity=capacity) if table is None else table


class Duplicates:
    """Remember at least the last `capacity` distinct values, in about 13 bytes each altogether."""

    def __init__(self, *, capacity: int) -> None:
        """Start empty."""
        self._bits = max(_AGE_BITS, (capacity // _BUCKET).bit_length())
        self._mask = (1 << self._bits) - 1
        self._buckets: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))  # thousands: made when needed
        self._limits = array("Q", bytes(8 << self._bits))
        """The length beyond which a bucket is cleared of old digests."""
        self._span = -(-capacity // _SPANS)
        """New values in an age."""
        self._window = -(-capacity // self._span)
        self._age, self._left = 0, self._span
        fresh = bytes(-past % _AGES <= self._window for past in range(_AGES))
        self._fresh = fresh + fresh
        """Whether a stamp is in the window, by its distance from the present age. Written twice, so that any slice of
        `_AGES` bytes is the table for some present age."""

    def seen(self, value: str) -> bool:
        """Return whether `value` was given before, and remember it."""
        return bool(self.seen_all((value,)))

    def seen_all(self, values: Sequence[str]) -> list[int]:
        """Return the indexes of values that were given before, and remember all."""
        found: list[int] = []
        buckets, mask, bits, left = self._buckets, self._mask, self._bits, self._left
        stamp = self._age & _AGES - 1
        for index, digest in enumerate(map(_digest, values)):  # a hot loop: no calls, and few attributes
            number = digest & mask
            bucket, low = buckets[number], (digest & _BITS) >> bits << _AGE_BITS
            place = bisect_left(bucket, low)
            if place < len(bucket) and bucket[place] ^ low < _AGES:  # equal except for the age in the lowest bits
                bucket[place] = low | stamp
                found.append(index)
                continue
            bucket.insert(place, low | stamp)
            if self._age > self._window and len(bucket) > self._limits[number]:
                self._forget(number)
            left -= 1
            if not left:
                self._age, left = self._age + 1, self._span
                stamp = self._age & _AGES - 1
        self._left = left
        return found

    def absent(self, values: list[str]) -> list[int]:
        """Return the indexes of values that were not given before."""
        return [index for index, value in enumerate(values) if value not in self]

    def __contains__(self, value: str) -> bool:
        """Return whether `value` was given before."""
        digest = _digest(value)
        bucket, low = self._buckets[digest & self._mask], (digest & _BITS) >> self._bits << _AGE_BITS
        place = bisect_left(bucket, low)
        return place < len(bucket) and bucket[place] ^ low < _AGES

    def _forget(self, number: int) -> None:
        """Drop what is beyond the window. An age that has wrapped around is taken for a young one, which does no harm.

        One `translate` turns the stamps of a bucket into flags, and `compress` keeps the digests that are flagged.
        """
        bucket, zero = self._buckets[number], -self._age % _AGES
        stamps = bucket.tobytes()[_STAMP :: bucket.itemsize]
        fresh = stamps.translate(self._fresh[zero : zero + _AGES])
        kept = self._buckets[number] = array("Q", list(compress(bucket, fresh)))
        self._limits[number] = len(kept) + len(kept) // 8


class CustomerMemory(Protocol):
    """The customers of an export that came before."""

    def note(self, customer: str, email: str | None = None) -> Reason | None:
        """Remember a record that would be sent; return why it may not be, if an earlier one has its id or email."""
        ...

    def note_all(self, customers: list[str], emails: list[str]) -> Mapping[int, Reason]:
        """Do this with one record after the other; return why some may not be sent, by their indexes.

        `emails` are those of all records, or empty.
        """
        ...

    def __contains__(self, customer: str) -> bool:
        """Return whether a record of `customer` that would be sent came before."""
        ...


class KnownIds:
    """The customers and emails of an export that came before, in bounded memory: a `CustomerMemory`."""

    def __init__(self, *, capacity: int, pure_python: bool = False) -> None:
        """Remember at least the last `capacity` customers and as many emails."""
        self._customers = remember_values(capacity=capacity, pure_python=pure_python)
        self._emails = remember_values(capacity=capacity, pure_python=pure_python)

    def note(self, customer: str, email: str | None = None) -> Reason | None:
        """Remember a record that would be sent; return why it may not be, if an earlier one has its id or email."""
        if self._customers.seen(customer):
            return Reason.DUPLICATE_ID
        if email is not None and self._emails.seen(email):
            return Reason.DUPLICATE_EMAIL
        return None

    def note_all(self, customers: list[str], emails: list[str]) -> Mapping[int, Reason]:
        """Do this with one record after the other; return why some may not be sent, by their indexes.

        The email of a record whose id came before is not remembered, as in `note`.
        """
        known = self._customers.seen_all(customers)
        reasons = dict.fromkeys(known, Reason.DUPLICATE_ID)
        if emails and not known:
            reasons.update(dict.fromkeys(self._emails.seen_all(emails), Reason.DUPLICATE_EMAIL))
        elif emails:
            new = [index for index in range(len(emails)) if index not in reasons]
            seen = self._emails.seen_all([emails[index] for index in new])
            reasons.update((new[number], Reason.DUPLICATE_EMAIL) for number in seen)
        return reasons

    def __contains__(self, customer: str) -> bool:
        """Return whether a record of `customer` that would be sent came before."""
        return customer in self._customers


class KnownCustomers:
    """The customers of an export that came before, and no word of duplicates: the checks over all files found them.

    So nothing depends on what was forgotten, or on where a process began to read.
    """

    def __init__(self, *, capacity: int, pure_python: bool = False) -> None:
        """Remember at least the last `capacity` customers."""
        self._customers = remember_values(capacity=capacity, pure_python=pure_python)

    def note(self, customer: str, _email: str | None = None) -> None:
        """Remember a record that would be sent, unless it is held back."""
        self._customers.seen(customer)

    def note_all(self, customers: list[str], _emails: list[str]) -> Mapping[int, Reason]:
        """Remember the records of some customers."""
        self._customers.seen_all(customers)
        return {}

    def __contains__(self, customer: str) -> bool:
        """Return whether a record of `customer` that would be sent came before."""
        return customer in self._customers


def _digested(value: str) -> int:
    """Return 64 bits of a digest, for platforms whose own hash is shorter."""
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest())


# Python's own hash is SipHash with a key of this process (PEP 456). It has the width of a size: if that is 64 bits, it
# is the digest, as a signed number.
_digest: Callable[[str], int] = hash if struct.calcsize("n") * 8 == _BITS.bit_length() else _digested
