"""Notice what was seen before, in bounded memory.

Two generations of 64-bit digests. The young one takes what is new; when it holds the stated capacity it becomes the old
one, and the old one is forgotten. So a repeat is caught

* always, while no more than the capacity of distinct values were seen;
* beyond that, always where it follows within a capacity's worth of distinct values.

Two different values share a digest with a probability of 2^-64 a pair: over ten million values against two million
remembered ones, about one chance in a million that an innocent record is called a repeat.
"""

import hashlib
import struct
from array import array

from masivo_stream.model.reason import Reason

_SMALLEST = 1 << 12
_EMPTY = 0
_BITS = (1 << 64) - 1


class Repeats:
    """Remember at least the last `capacity` distinct values; 16 to 32 bytes each, twice that beyond the capacity."""

    def __init__(self, *, capacity: int) -> None:
        """Start small."""
        self._capacity = capacity
        self._young = _Digests()
        self._old = _Digests()

    def seen(self, value: str) -> bool:
        """Tell whether `value` was asked about before, and remember it."""
        digest = _digest(value)
        young = self._young
        slot = young.find(digest)
        if slot < 0:
            return True
        known = self._old.find(digest) < 0
        if young.count >= self._capacity:
            self._old, self._young = young, _Digests()
            slot = self._young.find(digest)
        self._young.put(digest, slot)
        return known


class Known:
    """The customers and emails of an export that came before."""

    def __init__(self, *, capacity: int) -> None:
        """Remember at least the last `capacity` of either."""
        self._customers = Repeats(capacity=capacity)
        self._emails = Repeats(capacity=capacity)

    def repeated(self, customer: str, email: str | None = None) -> Reason | None:
        """Tell what of a record that would be sent came before, and remember it."""
        if self._customers.seen(customer):
            return Reason.DUPLICATE_ID
        if email is not None and self._emails.seen(email):
            return Reason.DUPLICATE_EMAIL
        return None


class _Digests:
    """A set of digests in one array: open addressing, linear probing, at most half full."""

    __slots__ = ("_mask", "_table", "count")

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * _SMALLEST))
        self._mask = _SMALLEST - 1
        self.count = 0

    def find(self, digest: int) -> int:
        """Return -1 if `digest` is in the set, else the slot where it would be."""
        table, mask = self._table, self._mask
        slot = digest & mask
        while found := table[slot]:
            if found == digest:
                return -1
            slot = (slot + 1) & mask
        return slot

    def put(self, digest: int, slot: int) -> None:
        """Take a digest that is not in the set, at the slot that was found for it."""
        self._table[slot] = digest
        self.count += 1
        if self.count * 2 > self._mask:
            self._grow()

    def _grow(self) -> None:
        old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
        self._mask = len(self._table) - 1
        for digest in old:
            if digest != _EMPTY:
                self._table[self.find(digest)] = digest


def _hashed(value: str) -> int:
    """Return 64 bits, never the empty slot's, by Python's own hash: SipHash under a key of this process (PEP 456)."""
    return hash(value) & _BITS or 1


def _digested(value: str) -> int:
    """Do the same where that hash has fewer bits."""
    return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1


_digest = _hashed if struct.calcsize("n") * 8 == _BITS.bit_length() else _digested  # a hash is as long as a size
