"""Moments as whole microseconds since 1970 in UTC, so that no date is too early or too late to calculate with.

A `datetime` covers the years 1 to 9999, and converting the first or the last of them to another time zone is an error.
Exports hold both (.NET writes them for "none" and "for ever"), and a server may write them in UTC, in the years 0 and
10000 (ECMAScript 21.4.1.15.1, "Expanded Years": six digits and a sign).

Durations are written here as well, as people write them.
"""

import math
import re
from datetime import UTC, datetime, timedelta

Moment = int
"""Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted."""

MILLISECOND: Moment = 1000
SECOND: Moment = 1_000_000
HOUR: Moment = 3600 * SECOND
DAY: Moment = 24 * HOUR

FIRST_YEAR, LAST_YEAR = 1, 9999
"""The years that RFC 3339 and Python's dates have in common, and that a server can be asked for."""

Offset = timedelta
"""How far the clocks of a time zone are ahead of UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_ZONES_APART = 26 * HOUR
"""How far two time zones are apart at most: UTC-12 and UTC+14."""

_DATE_TIME = re.compile(
    r"([+-][0-9]{6}|[0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,20}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))\Z",
    re.ASCII,
)


def moment_of(date: datetime) -> Moment:
    """Return the moment of a date with a zone."""
    return (date - _EPOCH) // timedelta(microseconds=1)


def read_moment(written: object) -> Moment | None:
    """Return the moment in a server's answer: an RFC 3339 text, or seconds since 1970.

    Years may have six digits and a sign. None for anything else, or for a text without a time zone.
    """
    if isinstance(written, bool):
        return None
    if isinstance(written, int | float):
        return round(written * SECOND) if abs(written) < 1e15 else None  # noqa: PLR2004 - thirty million years; not infinite
    found = _DATE_TIME.match(written) if isinstance(written, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 24 and minute <= 59 and second <= 60):  # noqa: PLR2004 - a calendar's and a clock's numbers
        return None
    fraction = int((found[7] or "0")[:6].ljust(6, "0"))
    offset = (int(found[9]) * 60 + int(found[10])) * (-1 if found[8] == "-" else 1) if found[8] else 0
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - offset
    return (minutes * 60 + second) * SECOND + fraction


def years_around(moment: Moment) -> set[int]:
    """Return the years to ask a server for to find what happened at a moment.

    No page says in which time zone a year begins there. So the moment before and after a turn of the year, by up to
    `_ZONES_APART`, belongs to both years. Years before the first and after the last one are never asked for: a moment
    outside of the calendar is asked for with the nearest year in it.
    """
    return years_between(moment, moment)


def years_between(first: Moment, last: Moment) -> set[int]:
    """Return the years to ask a server for to find everything that happened from `first` to `last`."""
    return set(range(year_of(first - _ZONES_APART), year_of(last + _ZONES_APART) + 1))


def year_of(moment: Moment) -> int:
    """Return the year of a moment in UTC; the first or the last year for a moment outside of the calendar."""
    return min(max(_year(moment), FIRST_YEAR), LAST_YEAR)


def utc(seconds: float) -> datetime:
    """Return the date in UTC, `seconds` after 1970 began; the first or the last date for anything outside of them."""
    if seconds <= moment_of(_EARLIEST) / SECOND:
        return _EARLIEST
    if seconds >= moment_of(_LATEST) // SECOND:
        return _LATEST
    return datetime.fromtimestamp(seconds, UTC)


def after(date: datetime, seconds: float) -> datetime:
    """Return the date `seconds` after another one; the last date there is if it would be later."""
    return utc((date - _EPOCH).total_seconds() + seconds)


def _days(year: int, month: int, day: int) -> int:
    """Count the days from 1970-01-01 to a date of any year (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").

    The Gregorian calendar applies to all times, as in RFC 3339 and ECMAScript.
    """
    year -= month <= 2  # noqa: PLR2004 - the year begins with March, so that a leap day is its last day
    of_march = (month + 9) % 12
    in_year = (153 * of_march + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + in_year - 719_468


def _year(moment: Moment) -> int:
    """Return the year of a moment in UTC."""
    days = moment // DAY
    year = 1970 + days // 366 if days >= 0 else 1970 + days // 365 - 1
    while _days(year + 1, 1, 1) <= days:  # a few steps: the estimate is less than seven years early in ten thousand
        year += 1
    return year


def duration(seconds: float) -> str:
    """Return a duration for people: `0.42 s`, `3 min 20 s`, `13 h 53 min`, `2 days 4 h`."""
    if round(seconds, 2) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s"
    if not math.isfinite(seconds):
        return "for ever"
    days, rest = divmod(round(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} day{'s' if days > 1 else ''} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def rough_duration(seconds: float) -> str:
    """Write how long something still takes, for people who watch a countdown: `3.2 s`, else as `duration` does."""
    return f"{seconds:.1f} s" if round(seconds, 1) < 60 else duration(seconds)  # noqa: PLR2004 - a minute
