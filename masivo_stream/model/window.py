"""A rate window: at most a number of requests in any span of a number of seconds."""

import math
import re
from decimal import Decimal

from msgspec import Struct

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WINDOW = re.compile(r"\A\s*([1-9][0-9]{0,8})\s*/\s*([0-9]+(?:\.[0-9]+)?)?\s*([smhd])\s*\Z", re.ASCII)


class Window(Struct, frozen=True):
    """At most `limit` requests in any span of `seconds` seconds."""

    limit: int
    seconds: float

    def __str__(self) -> str:
        """Return the spelling that `parse_window` reads."""
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
