"""What is known of customers: a set and a table by salted hash, and customers that the account does not know.

The set takes 8 bytes per customer, the table one more for what is known of each.
Two customers with one hash count as one: what is found out about the first one counts for both. How rare that is,
`core.accounting.missing` says.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from masivo_stream.core.accounting.missing import hash_customer
from masivo_stream.core.sending.answer_body import is_foreign
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.ports import CustomerReader
from masivo_stream.model.results import Entry


class CustomerSet:
    """Add customers, close the set, then ask whether a customer is in it."""

    def __init__(self, salt: bytes = b"") -> None:
        """Hash under `salt`; hashes that leave the process need one."""
        self._salt = salt
        self._parts = [array("q") for _ in range(256)]  # apart by the highest byte: sorting takes memory
        self.added = 0
        """How many customers were added, duplicates among them."""

    def add(self, customers: Iterable[str]) -> None:
        """Add customers; adding one twice is the same as once."""
        for customer in customers:
            hashed = hash_customer(customer, self._salt)
            self._parts[hashed >> 56].append(hashed)  # from -128 to 127: each is an index of a list of 256
            self.added += 1

    def close(self) -> None:
        """End the adding."""
        for number, part in enumerate(self._parts):
            self._parts[number] = array("q", sorted(set(part)))

    @property
    def part_sizes(self) -> list[int]:
        """How many customers each part holds, when it is closed."""
        return [len(part) for part in self._parts]

    def __len__(self) -> int:
        """Return how many customers there are."""
        return sum(map(len, self._parts))

    def __contains__(self, customer: str) -> bool:
        """Return whether a customer was added."""
        return self.find(customer) is not None

    def find(self, customer: str) -> tuple[int, int] | None:
        """Return the part and the index in it of a customer, None if the customer was not added."""
        hashed = hash_customer(customer, self._salt)
        part = self._parts[hashed >> 56]
        index = bisect_left(part, hashed)
        return (hashed >> 56, index) if index < len(part) and part[index] == hashed else None


class CustomerTable:
    """Add customers, close the table, then note what is found out about each: a number from 0 (nothing yet) to 255."""

    def __init__(self, salt: bytes) -> None:
        """Hash under `salt`."""
        self._customers = CustomerSet(salt)
        self._known: list[bytearray] = []

    def add(self, customer: str) -> None:
        """Add a customer; adding one twice is the same as once."""
        self._customers.add((customer,))

    def close(self) -> None:
        """End the adding."""
        self._customers.close()
        self._known = [bytearray(size) for size in self._customers.part_sizes]

    def __len__(self) -> int:
        """Return how many customers there are."""
        return len(self._customers)

    def __contains__(self, customer: str) -> bool:
        """Return whether a customer was added."""
        return customer in self._customers

    def __getitem__(self, customer: str) -> int:
        """Return what is known about a customer, 0 if the customer was not added."""
        found = self._customers.find(customer)
        return 0 if found is None else self._known[found[0]][found[1]]

    def __setitem__(self, customer: str, known: int) -> None:
        """Note what is known about a customer.

        Raises:
            KeyError: the customer was not added.
        """
        found = self._customers.find(customer)
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


MOST_ASKED = 100
"""Customers that a process reads back at most: a tenth of a development account's requests a day."""

_NOT_FOUND = 404


class UnknownCustomers:
    """Reads customers of refused records back, up to a limit."""

    def __init__(self, reader: CustomerReader, most: int = MOST_ASKED) -> None:
        """Read through `reader`, at most `most` customers."""
        self._reader, self._left = reader, most

    async def lacks(self, entry: Entry) -> bool:
        """Return whether the API answers that the account does not have the customer of an entry."""
        customer = entry.customer
        if not self._left or not is_plain(customer):
            return False
        self._left -= 1
        try:
            read = await self._reader.read_customer(customer)
        except DeniedError:  # a key that may migrate is not always allowed to read
            self._left = 0
            return False
        answer = read.attempt
        return isinstance(answer, Answer) and answer.status == _NOT_FOUND and not is_foreign(answer)
