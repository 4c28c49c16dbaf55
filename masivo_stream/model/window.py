"""A rate window: at most a number of requests in any span of a number of seconds, always or in hours of the day."""

import math
import re
from decimal import Decimal

from msgspec import Struct

from masivo_stream.model.hours import Hours, WholeDayError, parse_hours

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WINDOW = re.compile(r"\A\s*([1-9][0-9]{0,8})\s*/\s*([0-9]+(?:\.[0-9]+)?)?\s*([smhd])\s*\Z", re.ASCII)


_TIMED = re.compile(r"\A\s*([0-9][0-9:]*\s*[-\u2013]\s*[0-9][0-9:]*)\s+(\S.*)\Z", re.ASCII)
_PAUSE = "pause"

_LIKE_HOURS = re.compile(
    "[0-9]([:.][0-9]{2})?\\s*([ap]\\.?m\\.?|h)?\\s*(-|\u2013|to)\\s*[0-9]", re.ASCII | re.IGNORECASE
)
"""Hours as people write them, in the right place or not."""
_HOURS_FIRST = 'hours are HH:MM-HH:MM, and a window or pause follows them, such as "08:00-20:00 1/30s"'
_PAUSE_A_RUN = "masivo-stream pause STATE holds a run until masivo-stream resume STATE"


class Window(Struct, frozen=True):
    """At most `limit` requests in any span of `seconds` seconds.

    With `hours`, it counts the requests of these hours only, and only they wait for it.
    """

    limit: int
    """0 in a pause: no request leaves in its hours."""
    seconds: float
    hours: Hours | None = None

    def __str__(self) -> str:
        """Return the spelling that `parse_window`, or `parse_timed_windows` for one with hours, reads."""
        return self.rate if self.hours is None else f"{self.hours} {self.rate}"

    @property
    def rate(self) -> str:
        """The window without its hours, as people write it."""
        if not self.limit:
            return _PAUSE
        for unit, length in reversed(_UNITS.items()):
            if self.seconds >= length and self.seconds % length == 0:
                count = self.seconds / length
                return f"{self.limit}/{'' if count == 1 else format(count, '.0f')}{unit}"
        return f"{self.limit}/{Decimal(repr(self.seconds)):f}s"


def parse_window(text: str) -> Window:
    """Read one window, such as `1/5s`, `1000/h` or `1/0.2s`.

    Raises:
        ValueError: the text is not a window; the message shows what one looks like.
    """
    match = _WINDOW.match(text)
    seconds = float(match[2] or 1) * _UNITS[match[3]] if match else 0.0
    if match is None or not 0 < seconds < math.inf:
        raise ValueError('a window is COUNT/TIME, such as "1/5s", "250/h" or "1000/d"; "none" means no limit')
    return Window(int(match[1]), seconds)


def parse_windows(text: str) -> tuple[Window, ...]:
    """Read windows separated by commas; `none` gives the empty tuple, no limit.

    Raises:
        ValueError: a part is not a window.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(parse_window(part) for part in text.split(","))


def parse_timed_windows(text: str) -> tuple[Window, ...]:
    """Read windows separated by commas, each of which may begin with its hours, such as `08:00-20:00 1/30s`.

    `pause` in the place of a window lets no request leave in its hours. `none` gives no window that always holds.

    Raises:
        ValueError: a part is not a window; the message shows what one looks like.
    """
    parts = text.split(",")
    windows = tuple(_parse_limit(part) for part in parts if part.strip().lower() != "none")
    if len(windows) < len(parts) and any(window.hours is None for window in windows):
        raise ValueError('"none" and a window that always holds contradict each other')
    return windows


def _parse_limit(text: str) -> Window:
    found = _TIMED.match(text)
    if found is None:
        if text.strip().lower() == _PAUSE:
            raise ValueError(f'a pause has hours, such as "22:00-06:00 pause"; {_PAUSE_A_RUN}')
        if _LIKE_HOURS.search(text):
            raise ValueError(_HOURS_FIRST)
        return parse_window(text)
    try:
        hours = parse_hours(found[1])
    except WholeDayError:
        if found[2].strip().lower() == _PAUSE:
            raise ValueError(f"a pause of the whole day would send nothing; {_PAUSE_A_RUN}") from None
        raise
    if found[2].strip().lower() == _PAUSE:
        return Window(0, 1.0, hours)
    try:
        window = parse_window(found[2])
    except ValueError:
        raise ValueError('after the hours comes a window or pause, such as "08:00-20:00 1/30s"') from None
    return Window(window.limit, window.seconds, hours)
