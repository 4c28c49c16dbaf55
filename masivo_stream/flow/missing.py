"""Customers that did not arrive: what belongs to them is held back, for one unknown customer refuses a whole batch.

Known by salted hashes of 64 bits, in ascending order: 8 bytes a customer. A customer who did arrive is mistaken for a
missing one with a probability of (missing / 2^64): ten million customers against a million missing ones, less than one
chance in a million.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable


def hash_customer(customer: str, salt: bytes) -> int:
    """Return the hash of a customer's id under a journal's salt: a signed number of 64 bits, as SQLite keeps them."""
    return hash_bytes(customer.encode("utf-8", "surrogatepass"), salt)


def hash_bytes(content: bytes, salt: bytes) -> int:
    """Return a hash of any bytes, likewise: whether a dead letter is as it was, for one."""
    digest = hashlib.blake2b(content, digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big", signed=True)


class Missing:
    """Tell whether a customer is among those that did not arrive."""

    def __init__(self, hashes: Iterable[int] = (), salt: bytes = b"") -> None:
        """Take hashes in ascending order."""
        self._hashes = array("q", hashes)
        self._salt = salt

    def __len__(self) -> int:
        """Return how many customers did not arrive."""
        return len(self._hashes)

    def __contains__(self, customer: str) -> bool:
        """Tell whether `customer` did not arrive."""
        if not self._hashes:
            return False
        wanted = hash_customer(customer, self._salt)
        found = bisect_left(self._hashes, wanted)
        return found < len(self._hashes) and self._hashes[found] == wanted
