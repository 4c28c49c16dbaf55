"""Dates of the synthetic exports: seconds since 1970, as RFC 3339 in the zones and spellings of real exports."""

from datetime import date, timedelta

from msgspec import Struct

DAY = 86_400

REFERENCE = 1_751_328_000
"""2025-07-01T00:00:00Z, the day of the export. It is fixed, so that the same seed gives the same bytes on every day."""

START = REFERENCE - 730 * DAY
"""The exports cover the two years before `REFERENCE`."""

_EPOCH = date(1970, 1, 1)
_FIRST_DAY = START // DAY - 2
_DAYS = tuple((_EPOCH + timedelta(days=_FIRST_DAY + day)).isoformat() for day in range(2 * 730))
"""Every date that an export can have, in a table, since formatting each date takes most of the time of a record."""

_SIXTY = tuple(f"{number:02}" for number in range(60))


class Zone(Struct, frozen=True, gc=False):
    """The offset of a customer's clock from UTC, and the text after its time."""

    seconds: int
    suffix: str


ZONES = (
    Zone(0, "Z"),
    Zone(0, ".000Z"),
    Zone(0, "+00:00"),
    Zone(-5 * 3600, "-05:00"),
    Zone(-3 * 3600 - 1800, "-03:30"),
    Zone(2 * 3600, ".5+02:00"),
    Zone(9 * 3600, "+09:00"),
)


def rfc3339(moment: int, zone: Zone) -> str:
    """Return a moment as the customer's clock showed it. It must be within two years of `REFERENCE`."""
    day, second = divmod(moment + zone.seconds, DAY)
    hour, rest = divmod(second, 3600)
    minute, second = divmod(rest, 60)
    return f"{_DAYS[day - _FIRST_DAY]}T{_SIXTY[hour]}:{_SIXTY[minute]}:{_SIXTY[second]}{zone.suffix}"
