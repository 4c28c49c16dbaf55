"""A table of customers by salted hash, and of what is known about each: 9 bytes a customer, however many there are.

Two customers with one hash share a row: what is found out about the first one counts for both. How rare that is,
`core.accounting.missing` says.
"""

from array import array
from bisect import bisect_left

from masivo_stream.core.accounting.missing import hash_customer


class CustomerTable:
    """Add customers, close the table, then note what is found out about each: a number from 0 (nothing yet) to 255."""

    def __init__(self, salt: bytes) -> None:
        """Hash under `salt`."""
        self._salt = salt
        self._hashes = [array("q") for _ in range(256)]  # apart by the highest byte: sorting takes memory
        self._known: list[bytearray] = []

    def add(self, customer: str) -> None:
        """Add a customer; adding one twice is the same as once."""
        hashed = hash_customer(customer, self._salt)
        self._hashes[hashed >> 56].append(hashed)  # from -128 to 127: each is an index of a list of 256

    def close(self) -> None:
        """End the adding."""
        self._hashes = [array("q", sorted(set(part))) for part in self._hashes]
        self._known = [bytearray(len(part)) for part in self._hashes]

    def __len__(self) -> int:
        """Return how many customers there are."""
        return sum(map(len, self._hashes))

    def __contains__(self, customer: str) -> bool:
        """Return whether a customer was added."""
        return self._find(customer) is not None

    def __getitem__(self, customer: str) -> int:
        """Return what is known about a customer, 0 if the customer was not added."""
        found = self._find(customer)
        return 0 if found is None else self._known[found[0]][found[1]]

    def __setitem__(self, customer: str, known: int) -> None:
        """Note what is known about a customer.

        Raises:
            KeyError: the customer was not added.
        """
        found = self._find(customer)
        if found is None:
            raise KeyError
        self._known[found[0]][found[1]] = known

    def replace(self, before: int, after: int) -> None:
        """Note `after` for all customers about whom `before` is known."""
        for known in self._known:
            known[:] = known.replace(bytes([before]), bytes([after]))

    def count(self, known: int) -> int:
        """Return about how many customers this is known."""
        return sum(part.count(known) for part in self._known)

    def _find(self, customer: str) -> tuple[int, int] | None:
        """Return the part and the index in it of a customer, None if the customer was not added."""
        hashed = hash_customer(customer, self._salt)
        part = self._hashes[hashed >> 56]
        index = bisect_left(part, hashed)
        return (hashed >> 56, index) if index < len(part) and part[index] == hashed else None
