"""Which customers an export would bring to the account, before anything is sent.

A run learns from its journal whose records to hold back (`core.accounting.missing`); a dry run predicts it. A customer
with one good record arrives, whatever other lines with the same id are. A customer whose records are all dead letters,
or deleted, does not arrive. A customer in no line of the export is unlisted: the account may have that customer
already, or refuse a batch because of them.

Memory is bounded: customers who arrive are in a memory of `core.reading.duplicates`, if there are at most `remember`,
and it takes some 13 bytes for each. With more, no customer is called unlisted any more, and a customer with a dead
letter or a deleted line is expected not to arrive.
"""

from collections.abc import Iterable

from masivo_stream.core.reading.duplicates import remember_values
from masivo_stream.core.reading.sort_lines import Absence
from masivo_stream.flow.customers import CustomerSet
from masivo_stream.model.entries import LineResults
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Rejected, Skipped


class ExpectedCustomers:
    """Fill it with the line results of a customers export, close it, then ask about customers."""

    def __init__(self, *, remember: int, pure_python: bool = False) -> None:
        """Remember up to this number of customers; `pure_python` does without the extension that does it faster."""
        self._most = remember
        self._coming = remember_values(capacity=remember, pure_python=pure_python)
        self._sent = 0
        self._dead, self._gone = CustomerSet(), CustomerSet()
        self.complete = False
        """Whether every customer who arrives is known: the whole export was read, and remembered."""

    def send(self, customers: list[str]) -> None:
        """Take customers who would be sent."""
        if self._sent <= self._most:
            self._sent += len(customers)
            self._coming.seen_all(customers)

    def to_dead_letter(self, dead_letters: Iterable[Rejected]) -> None:
        """Take customers who would be dead letters. For a duplicate, the other record is sent."""
        self._dead.add(
            dead_letter.customer
            for dead_letter in dead_letters
            if dead_letter.customer is not None and dead_letter.reason is not Reason.DUPLICATE_ID
        )

    def skip(self, found: Iterable[LineResults]) -> None:
        """Take customers who are deleted, of whom no earlier line is to be sent."""
        self._gone.add(each.customer for each in found if isinstance(each, Skipped) and each.customer is not None)

    def close(self, *, complete: bool) -> None:
        """Take no more; `complete` if the export was read to its end."""
        known = self._sent <= self._most
        self.complete = complete and known
        if not known:
            self._coming = remember_values(capacity=1)
        self._dead.close()
        self._gone.close()

    def why(self, customer: str) -> Absence | None:
        """Return why a customer would not arrive, None if nothing is known against it."""
        if not (self._dead.added or self._gone.added) or customer in self._coming:
            return None
        if self._dead.added and customer in self._dead:
            return Absence.DEAD
        return Absence.GONE if self._gone.added and customer in self._gone else None

    def unlisted(self, customers: list[str]) -> list[int]:
        """Return the indexes of customers who are known to be in no line of the export."""
        if not self.complete:
            return []
        return [index for index in self._coming.absent(customers) if self.why(customers[index]) is None]
