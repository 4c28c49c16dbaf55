"""Which customers are skipped as deleted, and which are not: what the ledger notes about that in the journal.

A customer may be in an export more than once: deleted on one line, and to be sent on another one. Then that customer
arrives, whatever the order of the lines, and nothing of that customer is skipped. The decoder knows an earlier record
that is to be sent, as long as it remembers it; a later one is noted here. If an earlier one may be forgotten, or was
read by another process, the note says so, and all records are read again before the next kind
(`flow.customers.deleted`).
"""

from collections.abc import Iterable

from masivo_stream.core.accounting.missing import hash_customer
from masivo_stream.core.accounting.tally import Tally
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults, Packable
from masivo_stream.model.progress import Presence
from masivo_stream.model.reason import SkipReason
from masivo_stream.model.results import Skipped


class PresenceNotes:
    """What was seen since the last note."""

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

    def look(self, found: Iterable[LineResults], source: int) -> None:
        """Look at lines of an input, when they are counted."""
        if not self._tally.skipped:
            return
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
