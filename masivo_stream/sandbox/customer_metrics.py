"""Recalculate a customer's metrics and tier from purchases, as the API does after events.

Source: guides/migrate-customers (after events, from those of type PURCHASE only). Each account defines its own tiers;
*decision:* the sandbox has those of `model.sample_programme`, with ids that never change.
"""

import calendar
import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model import sample_programme
from masivo_stream.model.moments import FIRST_YEAR, LAST_YEAR, utc

TIERS = tuple((Decimal(tier.from_cents) / 100, tier.id) for tier in sample_programme.TIERS)
"""Lifetime spend from which a customer has a tier, and the tier's id; ascending."""


class Purchase(Struct, frozen=True, kw_only=True):
    """One applied PURCHASE event. Times in wall seconds; `issued` is the date as received."""

    spend: Decimal
    issued: str
    issued_at: float
    applied_at: float


class AppliedPeriod(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The metrics of one span of time, as `customers/[id]/get` shows them. Dates are RFC 3339."""

    from_: str
    to: str
    tier_id: str | UnsetType | None = UNSET
    last_visit: str | UnsetType | None = UNSET
    spend_total: float | UnsetType | None = UNSET
    number_of_purchases: float | UnsetType | None = UNSET
    last_session: str | UnsetType | None = UNSET


class AppliedMetrics(Struct, frozen=True, kw_only=True):
    """A customer's metrics: any of nine periods, and when they were last calculated."""

    lifetime: AppliedPeriod | UnsetType = UNSET
    last_year: AppliedPeriod | UnsetType = UNSET
    this_year: AppliedPeriod | UnsetType = UNSET
    last_month: AppliedPeriod | UnsetType = UNSET
    this_month: AppliedPeriod | UnsetType = UNSET
    last_quarter: AppliedPeriod | UnsetType = UNSET
    this_quarter: AppliedPeriod | UnsetType = UNSET
    last_semester: AppliedPeriod | UnsetType = UNSET
    this_semester: AppliedPeriod | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET


def recalculate(purchases: Iterable[Purchase], *, registered: str, now: float) -> AppliedMetrics | None:
    """Return the metrics of `purchases`, or None if there are no purchases.

    `lifetime` goes from the registration to the recalculation, `this_year` is the calendar year (UTC) of `now`. The
    other periods are not emulated.
    """
    counted = sorted(purchases, key=lambda purchase: purchase.issued_at)
    if not counted:
        return None
    updated = date_text(max(purchase.applied_at for purchase in counted))
    year = utc(now).year
    begin, end = year_span(year)
    recent = [purchase for purchase in counted if begin <= purchase.issued_at < end]
    tier = tier_of(sum((purchase.spend for purchase in counted), Decimal()))
    return AppliedMetrics(
        lifetime=_period(counted, registered, updated, tier),
        this_year=_period(recent, date_text(begin), date_text(end), tier),
        updated_at=updated,
    )


def tier_of(spend: Decimal) -> str:
    """Return the id of the tier for a lifetime's `spend`; the first tier for a negative spend."""
    return next((tier for threshold, tier in reversed(TIERS) if spend >= threshold), TIERS[0][1])


def year_span(year: int) -> tuple[float, float]:
    """Return where a calendar year (UTC, 1 to 9999) begins and ends, in wall seconds."""
    begin = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    days = 366 if calendar.isleap(year) else 365  # `datetime` has no year 10000, so the end is calculated in seconds
    return begin.timestamp(), begin.timestamp() + days * 86_400.0


def issued_span(year: int) -> tuple[float, float]:
    """Return the span of the transactions that are listed for a year.

    *Decision:* a transaction that its zone moves before the year 1 or after 9999 in UTC is listed with the first or the
    last year.
    """
    begin, end = year_span(year)
    return begin if year > FIRST_YEAR else -math.inf, end if year < LAST_YEAR else math.inf


def date_text(seconds: float) -> str:
    """Write wall seconds as RFC 3339 in UTC."""
    return utc(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_number(amount: Decimal) -> float:
    """Return the double nearest to `amount`. JSON has no infinity, so larger amounts become the largest double."""
    largest = Decimal("1.7976931348623157e308")
    return float(max(-largest, min(largest, amount)))


def _period(purchases: list[Purchase], begin: str, end: str, tier: str) -> AppliedPeriod:
    return AppliedPeriod(
        from_=begin,
        to=end,
        tier_id=tier,
        last_visit=purchases[-1].issued if purchases else None,
        spend_total=json_number(sum((purchase.spend for purchase in purchases), Decimal())),
        number_of_purchases=len(purchases),
    )
