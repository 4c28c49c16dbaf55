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

from masivo_stream.core.accounting.tally import Tally
from masivo_stream.core.reading.sort_lines import Absence
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults, Packable
from masivo_stream.model.progress import Presence
from masivo_stream.model.reason import SkipReason
from masivo_stream.model.results import Skipped


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
        if wanted in self._late or _holds(self._dead, wanted):  # its record can be corrected: it is not gone for good
            return Absence.DEAD
        return Absence.GONE if _holds(self._gone, wanted) else None

    def add(self, customer: str) -> None:
        """Add one that is unknown to the account; there must not be many."""
        self._late.add(hash_customer(customer, self.salt))


class PresenceNotes:
    """Which customers are skipped as deleted, and which are not: what waits for a note in the journal.

    A customer may be in an export more than once: deleted on one line, and to be sent on another one. Then that
    customer arrives, whatever the order of the lines, and nothing of that customer is skipped. The decoder knows an
    earlier record that is to be sent, as long as it remembers it; a later one is noted here. If an earlier one may be
    forgotten, or was read by another process, the note says so, and all records are read again before the next kind
    (`flow.pipeline.deleted`).
    """

    def __init__(self, kind: Kind, salt: bytes, tally: Tally, *, known_of: int) -> None:
        """Note for a kind; up to `known_of` records to be sent, the decoder remembers all their customers."""
        self._kind, self._salt, self._tally, self._known_of = kind, salt, tally, known_of
        self._unsure = False
        self._begin()

    def _begin(self) -> None:
        self._held: list[tuple[int, int]] = []
        self._gone: list[int] = []
        self._alive: list[int] = []

    def __len__(self) -> int:
        """Return the number of facts that wait for a note."""
        return len(self._held) + len(self._gone)

    def take(self) -> Presence:
        """Return what was seen, to be noted."""
        seen = Presence(held=self._held, gone=self._gone, alive=self._alive, unsure=self._unsure)
        self._begin()
        return seen

    def note(self, found: Iterable[LineResults], source: int) -> None:
        """Note what lines of an input show, when they are counted."""
        for each in found:
            if isinstance(each, Skipped) and each.reason is SkipReason.CUSTOMER_DELETED:
                self._held.append((source, each.line))
            elif self._kind is not Kind.CUSTOMERS:
                continue
            elif isinstance(each, Skipped) and each.customer is not None:
                self._gone.append(hash_customer(each.customer, self._salt))
                self._unsure = self._unsure or self._tally.sendable > self._known_of
            elif isinstance(each, Packable):
                customers = each.customers if isinstance(each, EntryRun) else [each.customer]
                self._alive.extend(hash_customer(customer, self._salt) for customer in customers)


def _holds(hashes: "array[int]", wanted: int) -> bool:
    found = bisect_left(hashes, wanted)
    return found < len(hashes) and hashes[found] == wanted
