"""Customers that did not arrive: what belongs to them is held back, for one unknown customer refuses a whole batch.

Of those who are dead letters it is a dead letter, too, and waits for them; of those who were skipped as deleted it is
skipped.

Known by salted hashes of 64 bits, in ascending order: 8 bytes a customer. A customer who did arrive is mistaken for a
missing one with a probability of (missing / 2^64): ten million customers against a million missing ones, less than one
chance in a million.
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
    """Return a hash of any bytes, likewise: whether a dead letter is as it was, for one."""
    digest = hashlib.blake2b(content, digest_size=8, key=salt).digest()
    return int.from_bytes(digest, "big", signed=True)


class MissingCustomers:
    """Tell whether a customer is among those that did not arrive, and why."""

    def __init__(self, dead: Iterable[int] = (), salt: bytes = b"", *, gone: Iterable[int] = ()) -> None:
        """Take hashes in ascending order: `dead` are dead letters or unknown, `gone` were skipped as deleted."""
        self._dead, self._gone = array("q", dead), array("q", gone)
        self._late: set[int] = set()
        self._salt = salt

    def __len__(self) -> int:
        """Return how many customers did not arrive."""
        return len(self._dead) + len(self._gone) + len(self._late)

    def __contains__(self, customer: str) -> bool:
        """Tell whether `customer` did not arrive."""
        return self.why(customer) is not None

    def why(self, customer: str) -> Absence | None:
        """Tell why `customer` did not arrive, None if it is not known that they did not."""
        if not len(self):
            return None
        wanted = hash_customer(customer, self._salt)
        if wanted in self._late or _holds(self._dead, wanted):  # whose record can be mended is not gone for good
            return Absence.DEAD
        return Absence.GONE if _holds(self._gone, wanted) else None

    def add(self, customer: str) -> None:
        """Take one more who is unknown to the account; there must not be many."""
        self._late.add(hash_customer(customer, self._salt))


def _holds(hashes: "array[int]", wanted: int) -> bool:
    found = bisect_left(hashes, wanted)
    return found < len(hashes) and hashes[found] == wanted
