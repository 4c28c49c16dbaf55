"""What the API answers about customers and their transactions, and the same fields of the exported records.

The shapes are those of the vendor's pages customers/[id]/get and customers/[id]/transactions/get. Only the fields that
`flow.readback.compare` needs are read, and all of them may be absent. Dates are kept as they are written:
`model.moments` reads them, whatever their year.
"""

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import PURCHASE
from masivo_stream.model.moments import DAY, MILLISECOND, Moment, moment_of, read_moment, year_of, years_around

WrittenDate = str | float | None
"""A date as it is written: RFC 3339, or seconds since 1970."""


class ReadPeriod(Struct, kw_only=True):
    """The compared fields of one period's metrics."""

    tier_id: str | None = None
    spend_total: Decimal | None = None
    number_of_purchases: Decimal | None = None


class ReadMetrics(Struct, kw_only=True):
    """Metrics, exported or read back."""

    lifetime: ReadPeriod | None = None
    last_year: ReadPeriod | None = None
    this_year: ReadPeriod | None = None
    last_month: ReadPeriod | None = None
    this_month: ReadPeriod | None = None
    last_quarter: ReadPeriod | None = None
    this_quarter: ReadPeriod | None = None
    last_semester: ReadPeriod | None = None
    this_semester: ReadPeriod | None = None
    updated_at: WrittenDate = None


class ReadProfile(Struct, kw_only=True):
    """The compared fields of a customer."""

    email: str | None = None
    registration_date: WrittenDate = None
    metrics: ReadMetrics | None = None


class ExportedAmount(Struct, kw_only=True):
    """One line of an exported balance."""

    reward_id: str
    amount: Decimal
    expiration_date: WrittenDate = None


class ExportedCustomer(ReadProfile, kw_only=True):
    """A customer's exported record."""

    balance: list[ExportedAmount] = []


class RewardTotal(Struct):
    """All amounts of one reward."""

    reward_id: str
    total: Decimal


class ReadWallet(Struct):
    """What a customer holds."""

    totals: list[RewardTotal] | None = None


class CustomerHoldings(Struct, kw_only=True):
    """A customer as read back."""

    customer: ReadProfile
    wallet: ReadWallet | None = None

    @property
    def updated_at(self) -> WrittenDate:
        """When the metrics were recalculated; None if the answer does not say."""
        return None if self.customer.metrics is None else self.customer.metrics.updated_at


class _CustomerAnswer(Struct):
    data: CustomerHoldings


class BookedTransaction(Struct, kw_only=True):
    """A transaction, exported or read back."""

    reward_id: str
    type: str
    amount: Decimal
    issued_at: WrittenDate

    @property
    def moment(self) -> Moment | None:
        """When it was issued; None if that is missing, illegible, or without a time zone."""
        return read_moment(self.issued_at)

    @property
    def key(self) -> tuple[str, str, float]:
        """What two records of one transaction have in common, beside the moment. The server may hold doubles."""
        return self.reward_id.lower(), self.type, float(self.amount)

    def is_same(self, other: "BookedTransaction") -> bool:
        """Return whether both are one transaction: the same key at the same moment."""
        return self.key == other.key and is_same_moment(self.moment, other.moment)

    @property
    def year(self) -> int:
        """The year it was issued in, by UTC; 0 if that is not known."""
        return 0 if self.moment is None else year_of(self.moment)

    @property
    def years(self) -> set[int]:
        """The years to ask for, from 1 to 9999."""
        return set() if self.moment is None else years_around(self.moment)


class _TransactionsRecord(Struct):
    transactions: list[BookedTransaction]


class _TransactionsAnswer(Struct):
    data: list[BookedTransaction]


class _EventType(Struct):
    type: str


class _EventsRecord(Struct):
    events: list[_EventType]


def read_exported_customer(body: bytes) -> ExportedCustomer:
    """Return the compared fields of a customer's exported record."""
    return msgspec.json.decode(body, type=ExportedCustomer, strict=False)


def count_purchases(body: bytes) -> int:
    """Return how many events of an exported record make the server recalculate metrics."""
    return sum(event.type == PURCHASE for event in msgspec.json.decode(body, type=_EventsRecord).events)


def read_exported_transactions(body: bytes) -> list[BookedTransaction]:
    """Return the transactions of an exported record."""
    return msgspec.json.decode(body, type=_TransactionsRecord, strict=False).transactions


def read_customer_answer(body: bytes) -> CustomerHoldings | None:
    """Return the customer in an answer, None if the answer is illegible."""
    try:
        return msgspec.json.decode(body, type=_CustomerAnswer, strict=False).data
    except (ValueError, RecursionError):
        return None


def read_transactions_answer(body: bytes) -> list[BookedTransaction] | None:
    """Return the transactions in an answer, None if it is illegible as a whole. Single moments may be illegible."""
    try:
        return msgspec.json.decode(body, type=_TransactionsAnswer, strict=False).data
    except (ValueError, RecursionError):
        return None


def is_same_moment(one: Moment | None, other: Moment | None) -> bool:
    """Return whether two known moments are the same, to the millisecond that the server keeps."""
    return one is not None and other is not None and abs(one - other) < MILLISECOND


def is_recalculated(updated_at: WrittenDate, *, since: datetime, now: datetime | None = None) -> bool:
    """Return whether metrics were recalculated after `since`, by their `updated_at`.

    An `updated_at` more than a day after `now` proves nothing: exports hold such dates, and they come back as sent.
    """
    updated, began = read_moment(updated_at), moment_of(since)
    if updated is None or updated < began:
        return False
    return now is None or updated <= max(moment_of(now), began) + DAY
