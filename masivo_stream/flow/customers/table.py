"""A census: customers by salted hash, and what is known of each, in 9 bytes a customer, however many there are.

Of two customers with one hash the first is asked about for both; how rarely that happens, `flow.customers.missing`
says.
"""

from array import array
from bisect import bisect_left

from masivo_stream.flow.customers.missing import hash_customer


class CustomerTable:
    """Enlist customers, close it, then note what is found out of each: a number from 0 (nothing yet) to 255."""

    def __init__(self, salt: bytes) -> None:
        """Hash under `salt`."""
        self._salt = salt
        self._hashes = [array("q") for _ in range(256)]  # apart by the highest byte: sorting takes memory
        self._known: list[bytearray] = []

    def enlist(self, customer: str) -> None:
        """Take a customer; twice is once."""
        hashed = hash_customer(customer, self._salt)
        self._hashes[hashed >> 56].append(hashed)  # from -128 to 127, all of them places in a list of 256

    def close(self) -> None:
        """Take no more."""
        self._hashes = [array("q", sorted(set(part))) for part in self._hashes]
        self._known = [bytearray(len(part)) for part in self._hashes]

    def __len__(self) -> int:
        """Return how many customers there are."""
        return sum(map(len, self._hashes))

    def __contains__(self, customer: str) -> bool:
        """Tell whether a customer was enlisted."""
        return self._find(customer) is not None

    def __getitem__(self, customer: str) -> int:
        """Return what is known of a customer, 0 of one who was not enlisted."""
        place = self._find(customer)
        return 0 if place is None else self._known[place[0]][place[1]]

    def __setitem__(self, customer: str, known: int) -> None:
        """Note what is known of a customer.

        Raises:
            KeyError: there is no such customer.
        """
        place = self._find(customer)
        if place is None:
            raise KeyError
        self._known[place[0]][place[1]] = known

    def turn(self, before: int, after: int) -> None:
        """Note `after` of all of whom `before` is known."""
        for known in self._known:
            known[:] = known.replace(bytes([before]), bytes([after]))

    def count(self, known: int) -> int:
        """Return of how many this is known."""
        return sum(part.count(known) for part in self._known)

    def _find(self, customer: str) -> tuple[int, int] | None:
        hashed = hash_customer(customer, self._salt)
        part = self._hashes[hashed >> 56]
        index = bisect_left(part, hashed)
        return (hashed >> 56, index) if index < len(part) and part[index] == hashed else None
