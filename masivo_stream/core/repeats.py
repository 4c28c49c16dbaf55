"""Notice what was seen before, in bounded memory.

Two generations of 64-bit digests. The young one takes what is new; when it holds the stated capacity it becomes the old
one, and the old one is forgotten. So a repeat is caught

* always, while no more than the capacity of distinct values were seen;
* beyond that, always where it follows within a capacity's worth of distinct values.

Two different values share a digest with a probability of 2^-64 a pair: over ten million values against two million
remembered ones, about one chance in a million that an innocent record is called a repeat.
"""

import hashlib
from array import array

_SMALLEST = 1 << 12
_EMPTY = 0


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
        if digest in self._young:
            return True
        known = digest in self._old
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, _Digests()
        self._young.add(digest)
        return known


class _Digests:
    """A set of digests in one array: open addressing, linear probing, at most half full."""

    __slots__ = ("_count", "_table")

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * _SMALLEST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: int) -> bool:
        return self._table[self._slot(digest)] == digest

    def add(self, digest: int) -> None:
        """Take a digest that is not in the set."""
        if self._count * 2 >= len(self._table):
            self._grow()
        self._table[self._slot(digest)] = digest
        self._count += 1

    def _slot(self, digest: int) -> int:
        """Return where `digest` is, or would be."""
        table = self._table
        mask = len(table) - 1
        slot = digest & mask
        while table[slot] not in (digest, _EMPTY):
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old, self._table = self._table, array("Q", bytes(16 * len(self._table)))
        for digest in old:
            if digest != _EMPTY:
                self._table[self._slot(digest)] = digest


def _digest(value: str) -> int:
    """Return 64 bits that are the same in every process, and never the empty slot's."""
    hashed = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(hashed, "little") or 1
