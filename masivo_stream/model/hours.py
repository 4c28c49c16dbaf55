"""Hours of the day in which a limit holds, on the clocks of one time zone.

Hours hold at a moment if a clock on the wall shows a time in them. That decides all questions about summer time: hours
that do not exist on a day hold at no moment of it, hours that exist twice hold twice, and hours that begin or end
within an hour that is left out or repeated begin or end when the clock changes.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from msgspec import Struct

_DAY = 24 * 60
_HOURS = re.compile("\\A([0-9]{1,2}):([0-9]{2})\\s*[-\u2013]\\s*([0-9]{1,2}):([0-9]{2})\\Z", re.ASCII)
_LAST_YEAR = 9000
"""From this year on, dates are too near to their end to calculate with: the clock is then never changed."""


class WholeDayError(ValueError):
    """Hours that begin when they end."""


class Hours(Struct, frozen=True):
    """From `begin` to `end`, both in minutes after midnight; over midnight if `end` is earlier."""

    begin: int
    end: int
    """Not within the hours; at most 1440, which is midnight."""

    def __str__(self) -> str:
        """Return the spelling that `parse_hours` reads."""
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begin, self.end))

    def hold_at(self, second: float) -> bool:
        """Return whether they hold at a time of the day, in seconds after midnight."""
        begun, ended = second >= self.begin * 60, second >= self.end * 60
        return begun and not ended if self.begin < self.end else begun or not ended


def parse_hours(text: str) -> Hours:
    """Read hours such as `08:00-20:00`, `22:00-06:00` or `20:00-24:00`.

    Raises:
        WholeDayError: they never end.
        ValueError: the text is not hours; the message shows what they look like.
    """
    found = _HOURS.match(text.strip())
    begin, end = (int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])) if found else (0, 0)
    if found is None or max(int(found[2]), int(found[4])) > 59 or begin >= _DAY or end > _DAY:  # noqa: PLR2004 - minutes
        raise ValueError("hours are HH:MM-HH:MM, such as 08:00-20:00, or 22:00-06:00 over midnight")
    end = end or _DAY
    if (end - begin) % _DAY == 0:
        raise WholeDayError("hours of a whole day are no hours: leave them out, and the limit always holds")
    return Hours(begin, end)


def cover_the_day(several: Sequence[Hours]) -> bool:
    """Return whether some of these hours hold at every time of the day."""
    return bool(several) and all(any(hours.hold_at(minute * 60) for hours in several) for minute in range(_DAY))


def stretch_at(hours: Hours, zone: tzinfo, moment: float) -> tuple[bool, float]:
    """Return whether hours hold at a moment, and the next moment at which that changes. Both are Unix seconds."""
    held = hours.hold_at(_second(zone, moment))
    for change in sorted(_possible_changes(hours, zone, moment)):
        if hours.hold_at(_second(zone, change)) is not held:
            return held, change
    return held, moment + _DAY * 60  # they do not begin for days, because clocks are changed: look again tomorrow


def _second(zone: tzinfo, moment: float) -> float:
    """Return what a clock shows, in seconds after midnight."""
    if moment >= _far():
        return moment % (_DAY * 60)
    shown = datetime.fromtimestamp(moment, UTC).astimezone(zone).time()
    return shown.hour * 3600 + shown.minute * 60 + shown.second + shown.microsecond / 1e6


def _possible_changes(hours: Hours, zone: tzinfo, moment: float) -> Iterator[float]:
    """Yield all later moments of the next days at which hours may begin or end."""
    if moment >= _far():
        midnight = moment - moment % (_DAY * 60)
        yield from (
            change
            for minute in (hours.begin, hours.end, hours.begin + _DAY, hours.end + _DAY)
            if (change := midnight + minute * 60) > moment
        )
        return
    today = datetime.fromtimestamp(moment, UTC).astimezone(zone).date()
    for days in range(-1, 4):
        midnight_there = datetime.combine(today + timedelta(days=days), time())
        for minute in (hours.begin, hours.end):
            for fold in (0, 1):  # a time that exists twice; of one that does not exist, neither counts
                shown = (midnight_there + timedelta(minutes=minute)).replace(tzinfo=zone, fold=fold)
                if (change := shown.timestamp()) > moment:
                    yield change
    yield from _clock_changes(zone, moment)


def _clock_changes(zone: tzinfo, moment: float) -> Iterator[float]:
    """Yield the moments of the next days at which clocks are changed, to the second."""
    step = 6 * 3600
    for number in range(12):
        before, after = int(moment) + number * step, int(moment) + (number + 1) * step
        if _offset(zone, before) == _offset(zone, after):
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset(zone, middle) == _offset(zone, before):
                before = middle
            else:
                after = middle
        if after > moment:
            yield float(after)


def _offset(zone: tzinfo, moment: float) -> timedelta | None:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone).utcoffset()


def _far() -> float:
    return datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()
