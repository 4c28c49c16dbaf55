from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.moments import (
    HOUR,
    SECOND,
    after,
    moment_of,
    read_moment,
    utc,
    year_of,
    years_around,
    years_between,
)

ZONES = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: f"{'-' if minutes < 0 else '+'}{divmod(abs(minutes), 60)[0]:02}:{abs(minutes) % 60:02}"
)


@given(st.datetimes(), ZONES)
def test_a_moment_is_that_of_the_date(date, zone):
    """Of any year and in any zone, also in the first and the last hours of the calendar."""
    text = date.isoformat()
    hours, minutes = int(zone[1:3]), int(zone[4:])
    shift = (-1 if zone[0] == "+" else 1) * (hours * 60 + minutes) * 60 * SECOND
    assert read_moment(text + zone) == moment_of(date.replace(tzinfo=UTC)) + shift
    assert read_moment(text) is None


@given(st.datetimes())
def test_the_years_to_ask_for_are_in_the_calendar(date):
    """From 1 to 9999, and the moment's own year is among them."""
    moment = moment_of(date.replace(tzinfo=UTC))
    assert year_of(moment) == date.year
    years = years_around(moment)
    assert date.year in years
    assert years <= {year for year in (date.year - 1, date.year, date.year + 1) if 1 <= year <= 9999}


def test_all_years_between_two_moments_are_asked_for():
    """All of them, and their neighbours if a time zone may put an end of the period there."""
    first, last = (read_moment(text) for text in ("2022-01-01T02:00:00Z", "2024-06-01T00:00:00Z"))
    assert years_between(first, last) == {2021, 2022, 2023, 2024}
    assert years_between(last, last) == {2024}


@pytest.mark.parametrize(
    ("text", "year", "years"),
    [
        ("0001-01-01T00:00:00+14:00", 1, {1}),
        ("0001-01-01T00:00:00Z", 1, {1}),
        ("0001-01-01T00:00:00-12:00", 1, {1}),
        ("0000-12-31T10:00:00.000Z", 1, {1}),
        ("-000001-06-01T00:00:00Z", 1, {1}),
        ("0002-01-01T00:00:00+14:00", 1, {1, 2}),
        ("9998-12-31T23:59:59-12:00", 9999, {9998, 9999}),
        ("9999-12-31T23:59:59.9999999+00:00", 9999, {9999}),
        ("9999-12-31T23:59:59-12:00", 9999, {9999}),
        ("+010000-01-01T11:59:59.000Z", 9999, {9999}),
        ("2024-06-01T00:00:00Z", 2024, {2024}),
        ("2024-01-02T01:00:00Z", 2024, {2023, 2024}),
        ("2024-12-31T00:00:00Z", 2024, {2024, 2025}),
    ],
)
def test_moments_outside_the_calendar_get_the_nearest_year(text, year, years):
    """A moment that its zone puts outside of the calendar is asked for with the nearest year."""
    moment = read_moment(text)
    assert (year_of(moment), years_around(moment)) == (year, years)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0001-01-01T00:00:00+14:00", "0000-12-31T10:00:00.000Z"),
        ("9999-12-31T23:59:59-12:00", "+010000-01-01T11:59:59.000Z"),
        ("2024-02-29T12:00:00+0530", "2024-02-29t06:30:00z"),
        ("1970-01-01T00:00:01Z", 1),
        ("1969-12-31T23:59:59.5Z", -0.5),
    ],
)
def test_two_spellings_of_a_moment_are_equal(one, other):
    """A server may write a moment in its own time zone."""
    assert read_moment(one) == read_moment(other) is not None


@pytest.mark.parametrize(
    "told",
    [
        None,
        True,
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-13-01T00:00:00Z",
        "x",
        [],
        float("nan"),
        1e300,
        "9" * 99,
    ],
)
def test_a_text_that_is_not_a_moment_has_no_value(told):
    """It gives None, not an error."""
    assert read_moment(told) is None


@given(st.floats(allow_nan=False))
def test_every_number_of_seconds_is_a_date(seconds):
    """Or the nearest date, for a number outside of the calendar."""
    assert datetime.min.replace(tzinfo=UTC) <= utc(seconds) <= datetime.max.replace(tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.floats(0, 1e30))
def test_a_time_after_a_date_is_a_date(date, seconds):
    """For plans that end after the last year."""
    found = after(date, seconds)
    if seconds < 1e9 and date.year < 9000:
        assert abs(found - date - timedelta(seconds=seconds)) < timedelta(milliseconds=1)
    assert found >= date - timedelta(milliseconds=1)
    assert after(date, 30 * 366 * 24 * HOUR) == datetime.max.replace(tzinfo=UTC)
