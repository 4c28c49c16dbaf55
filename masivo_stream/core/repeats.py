"""Notice what was seen before, in bounded memory.

A table of 64-bit digests in buckets of eight. It grows by doubling up to the stated capacity, then forgets: the oldest
digest of a full bucket makes room. So repeats are caught

* always, while fewer distinct values than about the capacity were seen;
* beyond that, where the repeat follows within about a capacity's worth of values.

Two different values share a digest with a probability of 2^-64 a pair: over ten million values against a million
remembered ones, less than one chance in a million that an innocent record is called a repeat.
"""

import hashlib
from array import array

_BUCKET = 8
_SMALLEST = 1 << 12
_EMPTY = 0


class Repeats:
    """Remember up to about `capacity` values; 16 bytes each when full."""

    def __init__(self, *, capacity: int) -> None:
        """Start small; the table is at most half full before it begins to forget."""
        self._largest = max(_SMALLEST, 1 << (2 * capacity - 1).bit_length())
        self._table = array("Q", bytes(8 * _SMALLEST))
        self._count = 0

    def seen(self, value: str) -> bool:
        """Tell whether `value` was asked about before, and remember it."""
        digest = _digest(value)
        if self._count * 2 >= len(self._table) and len(self._table) < self._largest:
            self._grow()
        return not self._insert(digest)

    def _insert(self, digest: int) -> bool:
        start = (digest % (len(self._table) // _BUCKET)) * _BUCKET
        bucket = self._table[start : start + _BUCKET]
        if digest in bucket:
            return False
        if bucket[-1] == _EMPTY:
            self._count += 1
        # Newest first: the last one falls out of a full bucket.
        bucket.insert(0, digest)
        del bucket[-1]
        self._table[start : start + _BUCKET] = bucket
        return True

    def _grow(self) -> None:
        old, self._table, self._count = self._table, array("Q", bytes(16 * len(self._table))), 0
        for start in range(0, len(old), _BUCKET):
            for digest in reversed(old[start : start + _BUCKET]):
                if digest != _EMPTY:
                    self._insert(digest)


def _digest(value: str) -> int:
    """Return 64 bits that are the same in every process, and never the empty slot's."""
    hashed = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(hashed, "little") or 1
