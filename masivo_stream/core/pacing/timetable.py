"""Which windows are in force at a moment, if some hold only in hours of the day.

A window with hours counts the requests of its hours among themselves: any span of its length sees at most as many of
them as it allows. So when its hours begin, requests that left before do not count, and when they end, nothing waits
for it any more.
"""

from collections.abc import Callable, Iterable

from masivo_stream.model.hours import Hours
from masivo_stream.model.window import Window

HoldAt = Callable[[Hours, float], tuple[bool, float]]
"""Returns whether hours hold at a Unix second, and the next one at which that changes."""

_AFTER = 0.001
"""Seconds after the end of hours at which a request may leave: clocks are converted, and no request may be early."""


class Timetable:
    """Knows when hours hold, by the clock whose moments it is given. One that is made without arguments knows none."""

    def __init__(self, hold_at: HoldAt | None = None, unix: Callable[[], float] = lambda: 0.0) -> None:
        """Go by `hold_at`; `unix` returns what is added to a moment to make it Unix seconds at present."""
        self._hold_at, self._unix = hold_at, unix
        self._known: dict[Hours, tuple[float, float, bool]] = {}
        """The latest stretch asked for: from a moment in it, to its end, and whether the hours hold."""

    def stretch(self, window: Window, moment: float) -> tuple[bool, float]:
        """Return whether a window is in force at a moment, and the moment at which that changes."""
        if window.hours is None or self._hold_at is None:
            return window.hours is None, float("inf")
        shift = self._unix()
        at = moment + shift
        begin, end, holds = self._known.get(window.hours, (0.0, 0.0, False))
        if not begin <= at < end:
            holds, end = self._hold_at(window.hours, at)
            self._known[window.hours] = at, end, holds
        return holds, end - shift

    def in_force(self, window: Window, moment: float) -> bool:
        """Return whether a window counts requests that leave at a moment."""
        return window.hours is None or self.stretch(window, moment)[0]

    def counted(self, window: Window, departures: Iterable[float]) -> list[float]:
        """Return those of `departures` that a window counts."""
        if window.hours is None:
            return list(departures)
        return [moment for moment in departures if self.in_force(window, moment)]

    def first_allowed(self, earliest: float, opens: Iterable[tuple[Window, float]]) -> float:
        """Return the first moment from `earliest` on at which each of these windows has room, or is not in force.

        `opens` are the windows with hours, each with the moment from which on there is room for one request more.
        """
        return self.find_allowed(earliest, opens)[0]

    def find_allowed(self, earliest: float, opens: Iterable[tuple[Window, float]]) -> tuple[float, Window | None]:
        """Return that moment, and the window that decides it; None if none of them is waited for."""
        closed = [(window, opening) for window, opening in opens if opening > earliest]
        moved, decides = bool(closed), None
        while moved:
            moved = False
            for window, opening in closed:
                if opening > earliest:
                    holds, end = self.stretch(window, earliest)
                    if holds:
                        earliest, moved, decides = min(opening, end + _AFTER), True, window
        return earliest, decides


NO_HOURS = Timetable()
"""For windows that always hold."""
