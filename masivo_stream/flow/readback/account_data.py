"""What the API tells of customers and their transactions, and the same fields of what was exported.

Only what is compared is read (`flow.readback.compare`); everything may be absent. Shapes: customers/[id]/get and
customers/[id]/transactions/get. Dates are kept as they were told: `model.moments` reads them, whatever their year.
"""

from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import Struct

from masivo_stream.model.contract import PURCHASE
from masivo_stream.model.moments import DAY, Moment, moment_of, read_moment, year_of, years_around

Told = str | float | None
"""A date as it is told: RFC 3339, or seconds since 1970."""


class ReadPeriod(Struct, kw_only=True):
    """What is compared of one period's metrics."""

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
    updated_at: Told = None


class ReadProfile(Struct, kw_only=True):
    """What is compared of a customer."""

    email: str | None = None
    registration_date: Told = None
    metrics: ReadMetrics | None = None


class Amount(Struct, kw_only=True):
    """One line of an exported balance."""

    reward_id: str
    amount: Decimal
    expiration_date: Told = None


class Exported(ReadProfile, kw_only=True):
    """A customer's record."""

    balance: list[Amount] = []


class Total(Struct):
    """All amounts of one reward."""

    reward_id: str
    total: Decimal


class ReadWallet(Struct):
    """What a customer holds."""

    totals: list[Total] | None = None


class CustomerHoldings(Struct, kw_only=True):
    """A customer as read back."""

    customer: ReadProfile
    wallet: ReadWallet | None = None


class _HeldAnswer(Struct):
    data: CustomerHoldings


class Booked(Struct, kw_only=True):
    """A transaction, exported or read back."""

    reward_id: str
    type: str
    amount: Decimal
    issued_at: Told

    @property
    def moment(self) -> Moment | None:
        """When it was issued, None where that is not told legibly, or without a zone."""
        return read_moment(self.issued_at)

    @property
    def key(self) -> tuple[str, str, float]:
        """What must be the same, but for the moment."""
        return self.reward_id.lower(), self.type, float(self.amount)

    @property
    def year(self) -> int:
        """The year it was issued in, by UTC; 0 where that is not told."""
        return 0 if self.moment is None else year_of(self.moment)

    @property
    def years(self) -> set[int]:
        """The years to ask for, from 1 to 9999."""
        return set() if self.moment is None else years_around(self.moment)


class _BookedEntry(Struct):
    transactions: list[Booked]


class _BookedAnswer(Struct):
    data: list[Booked]


class _Event(Struct):
    type: str


class _EventsEntry(Struct):
    events: list[_Event]


def exported_in(body: bytes) -> Exported:
    """Return what is compared of a customer's record."""
    return msgspec.json.decode(body, type=Exported, strict=False)


def purchases_in(body: bytes) -> int:
    """Count the events of a record that recalculate metrics."""
    return sum(event.type == PURCHASE for event in msgspec.json.decode(body, type=_EventsEntry).events)


def booked_in(body: bytes) -> list[Booked]:
    """Return a record's transactions."""
    return msgspec.json.decode(body, type=_BookedEntry, strict=False).transactions


def read_held(body: bytes) -> CustomerHoldings | None:
    """Return what is told of a customer, None where that cannot be read."""
    try:
        return msgspec.json.decode(body, type=_HeldAnswer, strict=False).data
    except (ValueError, RecursionError):
        return None


def read_booked(body: bytes) -> list[Booked] | None:
    """Return the transactions that are told, None where that cannot be read."""
    try:
        found = msgspec.json.decode(body, type=_BookedAnswer, strict=False).data
    except (ValueError, RecursionError):
        return None
    return None if any(booked.moment is None for booked in found) else found


def recalculated(updated_at: Told, *, since: datetime, now: datetime | None = None) -> bool:
    """Return whether metrics were recalculated after `since`, by their `updated_at`.

    An `updated_at` of more than a day after `now` is none of a recalculation: exports hold such dates.
    """
    updated, began = read_moment(updated_at), moment_of(since)
    if updated is None or updated < began:
        return False
    return now is None or updated <= max(moment_of(now), began) + DAY
