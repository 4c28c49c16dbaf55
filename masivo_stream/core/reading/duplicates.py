"""Notice what was seen before, in bounded memory.

Digests of 64 bits, each stamped with its age, in many short sorted arrays. When room is needed, the digests beyond the
window go. So a repeat is caught

* always, while no more than the capacity of distinct values were seen;
* beyond that, always where it follows within a capacity's worth of distinct values.

Two different values share a digest with a probability of 2^-64 a pair: over ten million values against a million
remembered ones, less than one chance in a million that an innocent record is called a repeat.

A sorted array has no empty slots, so a value costs little more than its eight bytes, and searching one is C's work
(`bisect`). It is short, so that taking a value in moves a kilobyte or two at most. Its number is the digest's lowest
bits: they need not be kept, and the age stands in their place.
"""

import hashlib
import struct
from array import array
from bisect import bisect_left
from collections import defaultdict
from itertools import compress

from masivo_stream.model.reason import Reason

_BITS = (1 << 64) - 1
_BUCKET = 256
"""Digests in a bucket when the capacity is reached, on average, at most; half of that at least. Not less: arrays up to
512 bytes come from another pool than longer ones, which is not used again when they have grown out of it."""
_AGE_BITS = 8
_AGES = 1 << _AGE_BITS
_STAMP = array("Q", [1]).tobytes().index(1)
"""Where in a digest's bytes its age stands."""
_SPANS = 64
"""The window is so many ages long; what is older by one may be forgotten."""


class Duplicates:
    """Remember at least the last `capacity` distinct values, in some 13 bytes each, all told."""

    def __init__(self, *, capacity: int) -> None:
        """Start empty."""
        self._bits = max(_AGE_BITS, (capacity // _BUCKET).bit_length())
        self._mask = (1 << self._bits) - 1
        self._buckets: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))  # thousands: made when needed
        self._limits = array("Q", bytes(8 << self._bits))
        """The length at which a bucket is looked through for what may be forgotten."""
        self._span = -(-capacity // _SPANS)
        """So many new values make an age."""
        self._window = -(-capacity // self._span)
        self._age, self._left = 0, self._span
        fresh = bytes(-past % _AGES <= self._window for past in range(_AGES))
        self._fresh = fresh + fresh
        """Whether a stamp is in the window, by what it is more than the present age's; twice, to begin anywhere."""

    def seen(self, value: str) -> bool:
        """Tell whether `value` was asked about before, and remember it."""
        digest = _digest(value)
        bucket, low = self._buckets[digest & self._mask], digest >> self._bits << _AGE_BITS
        place = bisect_left(bucket, low)
        stamped = low | self._age & _AGES - 1
        if place < len(bucket) and bucket[place] ^ low < _AGES:
            bucket[place] = stamped
            return True
        bucket.insert(place, stamped)
        if self._age > self._window and len(bucket) > self._limits[digest & self._mask]:
            self._forget(digest & self._mask)
        self._left -= 1
        if not self._left:
            self._age, self._left = self._age + 1, self._span
        return False

    def __contains__(self, value: str) -> bool:
        """Tell whether `value` was asked about before."""
        digest = _digest(value)
        bucket, low = self._buckets[digest & self._mask], digest >> self._bits << _AGE_BITS
        place = bisect_left(bucket, low)
        return place < len(bucket) and bucket[place] ^ low < _AGES

    def _forget(self, number: int) -> None:
        """Forget what is beyond the window. An age that has come round since is taken for a young one: no harm."""
        bucket, zero = self._buckets[number], -self._age % _AGES
        stamps = bucket.tobytes()[_STAMP :: bucket.itemsize]
        fresh = stamps.translate(self._fresh[zero : zero + _AGES])
        kept = self._buckets[number] = array("Q", list(compress(bucket, fresh)))
        self._limits[number] = len(kept) + len(kept) // 8


class KnownIds:
    """The customers and emails of an export that came before."""

    def __init__(self, *, capacity: int) -> None:
        """Remember at least the last `capacity` of either."""
        self._customers = Duplicates(capacity=capacity)
        self._emails = Duplicates(capacity=capacity)

    def note(self, customer: str, email: str | None = None) -> Reason | None:
        """Tell what of a record that would be sent came before, and remember it."""
        if self._customers.seen(customer):
            return Reason.DUPLICATE_ID
        if email is not None and self._emails.seen(email):
            return Reason.DUPLICATE_EMAIL
        return None

    def __contains__(self, customer: str) -> bool:
        """Tell whether a record of `customer` that would be sent came before."""
        return customer in self._customers


def _hashed(value: str) -> int:
    """Return 64 bits by Python's own hash: SipHash under a key of this process (PEP 456)."""
    return hash(value) & _BITS


def _digested(value: str) -> int:
    """Do the same where that hash has fewer bits."""
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest())


_digest = _hashed if struct.calcsize("n") * 8 == _BITS.bit_length() else _digested  # a hash is as long as a size
