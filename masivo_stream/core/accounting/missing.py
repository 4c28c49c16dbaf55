"""Customers that did not arrive: what belongs to them is held back, for the API refuses a whole batch for one of them.

If the customer is a dead letter, what belongs to the customer becomes a dead letter, too, and waits. If the customer
was skipped as deleted, it is skipped.

Customers are known by salted hashes of 64 bits, in ascending order: 8 bytes per customer. A customer who did arrive is
mistaken for a missing one with a probability of (missing / 2^64): for ten million customers and a million missing ones,
less than one chance in a million.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable

from masivo_stream.core.reading.sort_lines import Absence


def hash_customer(customer: str, salt: bytes) -> int:
    """Return the hash of a customer's id under a journal's salt: a signed number of 64 bits, as SQLite keeps them."""
    return hash_bytes(customer.encode("utf-8", "surrogatepass"), salt)


def hash_bytes(content: bytes, salt: bytes) -> int:
    """Return a hash of any bytes, likewise; one use is to see whether a dead letter has changed."""
    digest = hashlib.blake2b(content, digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big", signed=True)


class MissingCustomers:
    """The customers that did not arrive, and why each of them did not."""

    def __init__(
        self, dead: Iterable[int] = (), salt: bytes = b"", *, gone: Iterable[int] = (), awaited: bool = False
    ) -> None:
        """Take hashes in ascending order: `dead` are dead letters or unknown, `gone` were skipped as deleted.

        `awaited`, for customers themselves: records of other kinds are held back until some customers arrive.
        """
        self._dead, self._gone = array("q", dead), array("q", gone)
        self._late: set[int] = set()
        self.salt, self.awaited = salt, awaited

    def __len__(self) -> int:
        """Return how many customers did not arrive."""
        return len(self._dead) + len(self._gone) + len(self._late)

    def __contains__(self, customer: str) -> bool:
        """Return whether `customer` did not arrive."""
        return self.why(customer) is not None

    def why(self, customer: str) -> Absence | None:
        """Return why `customer` did not arrive, None if it is not known to be missing."""
        if not len(self):
            return None
        wanted = hash_customer(customer, self.salt)
        if wanted in self._late or _holds(self._dead, wanted):  # its record can be mended: it is not gone for good
            return Absence.DEAD
        return Absence.GONE if _holds(self._gone, wanted) else None

    def add(self, customer: str) -> None:
        """Add one that is unknown to the account; there must not be many."""
        self._late.add(hash_customer(customer, self.salt))


def _holds(hashes: "array[int]", wanted: int) -> bool:
    found = bisect_left(hashes, wanted)
    return found < len(hashes) and hashes[found] == wanted
