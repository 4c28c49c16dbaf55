"""Whether what the checks over all files found of an unchanged dead letter need not hold any more."""

from datetime import UTC, datetime

from masivo_stream.core.accounting.missing import hash_customer
from masivo_stream.core.dead_letters import FOUND_BY_CHECKS, DeadLetter
from masivo_stream.core.reading.marks import find_customer
from masivo_stream.edges.journal import JournalReader
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason


class KnownNow:
    """The customers that a retry sends, or that were accepted since a record became a dead letter."""

    def __init__(self, journal: JournalReader, *, unchanged: bool) -> None:
        """`unchanged`: a person says that the account knows more than the exports."""
        self._salt, self._unchanged = journal.salt(), unchanged
        last = journal.last_accepted(Kind.CUSTOMERS)
        self._customers_accepted_at = None if last is None else last[1]
        self._coming: set[int] = set()

    def comes(self, dead_letter: DeadLetter) -> None:
        """Note the customer of a dead letter of customers that the retry takes."""
        if (customer := self._customer(dead_letter)) is not None:
            self._coming.add(customer)

    def may_be_right(self, dead_letter: DeadLetter, reason: str) -> bool:
        """Return whether an unchanged dead letter is to be sent as it is."""
        if reason not in FOUND_BY_CHECKS:
            return False
        if self._unchanged:
            return True
        accepted_at = self._customers_accepted_at
        since = accepted_at is not None and accepted_at > _moment(dead_letter.at)
        return reason == Reason.UNKNOWN_CUSTOMER and (since or self._customer(dead_letter) in self._coming)

    def _customer(self, dead_letter: DeadLetter) -> int | None:
        """Return the hash of a dead letter's customer; None if the id cannot be read."""
        customer = find_customer(dead_letter.body)
        return None if customer is None else hash_customer(customer, self._salt)


def _moment(at: str) -> datetime:
    """Return the moment of a dead letter; the latest one if a person has changed it into no date."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
