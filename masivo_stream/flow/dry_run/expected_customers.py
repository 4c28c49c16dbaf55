"""The roster: which customers an export would bring, and which it would not, before anything is sent.

A run learns from its journal whose records to hold back (`core.accounting.missing`); a rehearsal foretells it. A
customer with one good record arrives, whatever else bears the same id; one who has dead letters only does not, nor
one who is deleted on every line. Who is in no line of the export is a stranger, who may be in the account already, or
refuse a batch.

Bounded as `Repeats` is: 8 bytes a customer, as long as there are no more than are to be remembered. Beyond that nobody
is called a stranger any more, and whoever has a dead letter, or a line as deleted, is taken not to arrive.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from masivo_stream.core.accounting.missing import hash_customer
from masivo_stream.core.reading.sort_lines import Absence
from masivo_stream.model.entries import LineResults
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Rejected, Skipped

_NO_SALT = b""
"""The hashes go nowhere."""


class ExpectedCustomers:
    """Fill it with the fates of a customers export, close it, then ask about customers."""

    def __init__(self, *, remember: int) -> None:
        """Remember so many customers."""
        self._most = remember
        self._coming, self._dead, self._gone = _Hashes(), _Hashes(), _Hashes()
        self.complete = False
        """Whether everyone who comes is known: the whole export was read, and remembered."""

    def send(self, customers: Iterable[str]) -> None:
        """Take customers who would be sent."""
        if self._coming.count <= self._most:
            self._coming.add(customers)

    def to_dead_letter(self, letters: Iterable[Rejected]) -> None:
        """Take customers who would not be. Of a repeated one the other record is sent."""
        self._dead.add(
            letter.customer
            for letter in letters
            if letter.customer is not None and letter.reason is not Reason.DUPLICATE_ID
        )

    def skip(self, found: Iterable[LineResults]) -> None:
        """Take customers who are deleted, of whom no earlier line is to be sent."""
        self._gone.add(each.customer for each in found if isinstance(each, Skipped) and each.customer is not None)

    def close(self, *, complete: bool) -> None:
        """Take no more; `complete` if the export could be read to its end."""
        known = self._coming.count <= self._most
        self.complete = complete and known
        if not known:
            self._coming = _Hashes()
        self._coming.sort()
        self._dead.sort()
        self._gone.sort()

    def why(self, customer: str) -> Absence | None:
        """Tell why a customer would not arrive, None if it is not known that they would not."""
        if not (self._dead.count or self._gone.count) or customer in self._coming:
            return None
        if self._dead.count and customer in self._dead:
            return Absence.DEAD
        return Absence.GONE if self._gone.count and customer in self._gone else None

    def is_migrated_elsewhere(self, customer: str) -> bool:
        """Tell whether the export has nothing to say of a customer, as far as that is known."""
        return self.complete and customer not in self._coming and self.why(customer) is None

    def objects_to(self, customer: str) -> bool:
        """Tell whether a customer would not arrive, or is a stranger."""
        return self.why(customer) is not None or self.is_migrated_elsewhere(customer)


class _Hashes:
    """Hashes of customers, apart by their highest byte: sorting takes memory, so parts are short. Sort, then ask."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(256)]
        self.count = 0

    def add(self, customers: Iterable[str]) -> None:
        """Take customers."""
        for customer in customers:
            hashed = hash_customer(customer, _NO_SALT)
            self._parts[hashed >> 56].append(hashed)  # from -128 to 127, all of them places in a list of 256
            self.count += 1

    def sort(self) -> None:
        """Take no more."""
        for number, part in enumerate(self._parts):
            self._parts[number] = array("q", sorted(set(part)))

    def __contains__(self, customer: str) -> bool:
        """Tell whether a customer was taken."""
        wanted = hash_customer(customer, _NO_SALT)
        part = self._parts[wanted >> 56]
        found = bisect_left(part, wanted)
        return found < len(part) and part[found] == wanted
