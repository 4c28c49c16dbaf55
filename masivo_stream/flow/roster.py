"""The roster: which customers an export would bring, and which it would not, before anything is sent.

A run learns from its journal whose records to hold back (`flow.missing`); a rehearsal foretells it. A customer with one
good record arrives, whatever else bears the same id; one who has dead letters only does not. Neither does one who is in
no line of the export, such as a deleted one: a stranger, who may be in the account already, or refuse a batch.

Bounded as `Repeats` is: 8 bytes a customer, as long as there are no more than are to be remembered. Beyond that nobody
is called a stranger any more, and whoever has a dead letter is taken not to arrive.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from masivo_stream.flow.missing import hash_customer
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, Rejected

_NO_SALT = b""
"""The hashes go nowhere."""


class Roster:
    """Fill it with the fates of a customers export, close it, then ask about customers."""

    def __init__(self, *, remember: int) -> None:
        """Remember so many customers."""
        self._most = remember
        self._coming = array("q")
        self._dead = array("q")
        self.complete = False
        """Whether everyone who comes is known: the whole export was read, and remembered."""

    def send(self, entries: Iterable[Entry]) -> None:
        """Take customers who would be sent."""
        if len(self._coming) <= self._most:
            self._coming.extend(hash_customer(entry.customer, _NO_SALT) for entry in entries)

    def bury(self, letters: Iterable[Rejected]) -> None:
        """Take customers who would not be. Of a repeated one the other record is sent."""
        self._dead.extend(
            hash_customer(letter.customer, _NO_SALT)
            for letter in letters
            if letter.customer is not None and letter.reason is not Reason.DUPLICATE_ID
        )

    def close(self, *, complete: bool) -> None:
        """Take no more; `complete` if the export could be read to its end."""
        self.complete = complete and len(self._coming) <= self._most
        self._coming = array("q", sorted(self._coming) if len(self._coming) <= self._most else ())
        self._dead = array("q", sorted(dead for dead in set(self._dead) if not _holds(self._coming, dead)))

    def lacks(self, customer: str) -> bool:
        """Tell whether a customer would not arrive, for having dead letters only."""
        return bool(self._dead) and _holds(self._dead, hash_customer(customer, _NO_SALT))

    def is_stranger(self, customer: str) -> bool:
        """Tell whether the export has nothing to send for a customer, as far as that is known."""
        return self.complete and not _holds(self._coming, hash_customer(customer, _NO_SALT))


def _holds(ascending: Sequence[int], wanted: int) -> bool:
    found = bisect_left(ascending, wanted)
    return found < len(ascending) and ascending[found] == wanted
