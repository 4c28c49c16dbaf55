import datetime as dt
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.sandbox.customer_answers import recent_span
from masivo_stream.sandbox.customer_metrics import (
    TIERS,
    Purchase,
    date_text,
    issued_span,
    json_number,
    recalculate,
    tier_of,
    year_span,
)


def purchase(spend: str, issued: str = "2025-05-07T00:00:00Z", applied_at: float = 0.0) -> Purchase:
    issued_at = dt.datetime.fromisoformat(issued).timestamp()
    return Purchase(spend=Decimal(spend), issued=issued, issued_at=issued_at, applied_at=applied_at)


def seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def test_lifetime_metrics_come_from_the_purchases():
    """Number, exact sum, last visit and the moment of recalculation come from the purchases."""
    found = recalculate(
        [purchase("0.1", applied_at=5.0), purchase("0.2", "2025-06-01T00:00:00Z"), purchase("0.3")],
        registered="2020-01-01T00:00:00Z",
        now=seconds("2025-06-15T00:00:00Z"),
    )
    assert found is not None
    assert found.lifetime.number_of_purchases == 3
    assert found.lifetime.spend_total == 0.6
    assert found.lifetime.last_visit == "2025-06-01T00:00:00Z"
    assert (found.lifetime.from_, found.lifetime.to) == ("2020-01-01T00:00:00Z", "1970-01-01T00:00:05.000Z")
    assert found.updated_at == "1970-01-01T00:00:05.000Z"


def test_this_year_counts_this_years_purchases():
    """The calendar year in UTC bounds `this_year`."""
    found = recalculate(
        [purchase("1", "2024-12-31T23:59:59Z"), purchase("2", "2025-01-01T00:00:00Z")],
        registered="2020-01-01T00:00:00Z",
        now=seconds("2025-06-15T00:00:00Z"),
    )
    assert found is not None
    assert found.this_year.spend_total == 2
    assert found.this_year.from_ == "2025-01-01T00:00:00.000Z"


def test_nothing_is_recalculated_without_purchases():
    """Without purchases the migrated metrics are kept."""
    assert recalculate([], registered="2020-01-01T00:00:00Z", now=0.0) is None


def test_spend_earns_a_tier():
    """Each tier begins at its threshold; a customer with a negative spend has the first one."""
    assert [tier_of(threshold) for threshold, _ in TIERS] == [tier for _, tier in TIERS]
    assert tier_of(TIERS[1][0] - Decimal("0.01")) == TIERS[0][1]
    assert tier_of(Decimal(-1)) == TIERS[0][1]


@given(st.integers(1, 9999))
def test_years_follow_each_other(year):
    """A year ends where the next begins."""
    begin, end = year_span(year)
    assert end - begin in (365 * 86_400, 366 * 86_400)
    if year < 9999:
        assert year_span(year + 1)[0] == end


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_amounts_are_finite_numbers(amount):
    """For any sum, JSON gets a finite number."""
    assert abs(json_number(amount)) < float("inf")


def test_recent_metrics_cover_three_calendar_months():
    """From the same day three months ago, or that month's last."""
    spans = {
        "2025-06-15T12:00:00Z": "2025-03-15T12:00:00.000Z",
        "2025-05-31T00:00:00Z": "2025-02-28T00:00:00.000Z",
        "2024-05-31T00:00:00Z": "2024-02-29T00:00:00.000Z",
        "2025-01-31T00:00:00Z": "2024-10-31T00:00:00.000Z",
        "2025-03-01T00:00:00Z": "2024-12-01T00:00:00.000Z",
    }
    assert {now: date_text(recent_span(seconds(now))[0]) for now in spans} == spans


@given(st.integers(1, 9999))
def test_every_transaction_is_listed_with_a_year(year):
    """Also one that its zone moves before the first or after the last year in UTC."""
    begin, end = issued_span(year)
    assert begin == (float("-inf") if year == 1 else year_span(year)[0])
    assert end == (float("inf") if year == 9999 else year_span(year)[1])


@given(st.floats(allow_nan=False))
def test_every_moment_has_a_text(seconds):
    """A moment out of range becomes the nearest date."""
    assert date_text(seconds).endswith("Z")
