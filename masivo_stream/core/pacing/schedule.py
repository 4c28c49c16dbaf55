"""Forecast when the last of a number of requests departs, if each departs as early as all windows allow.

The earliest departures obey `d[n] = max(d[n - 1], d[n - limit] + seconds, ...)`, with one term per window; departures
before the first one have negative indexes. Such a recurrence, linear in the algebra of maximum and addition, becomes
periodic (Baccelli, Cohen, Olsder and Quadrat, "Synchronization and Linearity", 1992): from some point on, the window
that is slowest in the long run decides alone. Once it has decided as many departures in a row as the longest window
looks back, all later ones are a repetition, shifted in time, and one multiplication gives the rest. So ten million
requests take a few thousand steps, and memory for as many departures as a window counts.

The result is exact except for rounding, without the guard that the pacer adds for the network (`core.pacing.pace`):
nothing departs earlier.

Windows that hold in hours of the day only are in `core.pacing.timed_schedule`.
"""

from array import array
from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.core.pacing.timed_schedule import TimedScope, simulate_timed
from masivo_stream.core.pacing.timetable import NO_HOURS, Timetable
from masivo_stream.model.window import Window

_ROUNDING = 1e-9
"""Relative error below which two sums of the same seconds count as equal."""


class ScheduledScope(Struct, frozen=True):
    """Windows that count the same departures, and what is used of them."""

    windows: tuple[Window, ...]
    departures: Sequence[float] = ()
    """Moments of earlier departures, ascending, none later than the start of the forecast."""
    held_until: float = 0.0
    """The moment before which nothing may depart, as a 429 has asked. Without windows it is ignored."""


class _Lag(Struct, frozen=True):
    """The term of one window: a departure is at least `seconds` after the one `limit` places before."""

    limit: int
    seconds: float
    past: Sequence[float]

    @property
    def slowness(self) -> tuple[float, int]:
        """Seconds per departure; of two equally slow windows, the one that looks back less far counts as slower."""
        return self.seconds / self.limit, -self.limit


def last_departure(
    requests: int, scopes: Iterable[ScheduledScope], *, now: float = 0.0, timetable: Timetable = NO_HOURS
) -> float:
    """Return the moment at which the last of `requests` departs, each counting in all scopes, none before `now`.

    `timetable` knows when the hours of windows hold, by the clock of all these moments.
    """
    if requests < 1:
        return now
    limiting = [scope for scope in scopes if scope.windows]
    if any(window.hours is not None for scope in limiting for window in scope.windows):
        moment = max([now, *(scope.held_until for scope in limiting)])
        timed = [TimedScope(scope.windows, scope.departures) for scope in limiting]
        return simulate_timed(requests, timed, moment, timetable)
    lags = [
        _Lag(window.limit, window.seconds, scope.departures)
        for scope in limiting
        for window in scope.windows
        if window.limit < requests + len(scope.departures)  # otherwise the window always has room
    ]
    moment = max([now, *(scope.held_until for scope in limiting)])
    return _simulate(requests, lags, moment) if lags else moment


def _simulate(requests: int, lags: Sequence[_Lag], moment: float) -> float:
    """Compute departures one by one from `moment` on, until they are periodic."""
    longest = max(lag.limit for lag in lags)
    slowest = max(lags, key=lambda lag: lag.slowness)
    decided = 0
    size = min(longest, requests)
    latest = array("d", bytes(8 * size))  # a ring: departure n has place n % size
    for number in range(requests):
        for lag in lags:
            if number >= lag.limit:
                moment = max(moment, latest[(number - lag.limit) % size] + lag.seconds)
            elif lag.limit - number <= len(lag.past):
                moment = max(moment, lag.past[number - lag.limit] + lag.seconds)
        alone = number >= slowest.limit and _is_after(moment, latest[(number - slowest.limit) % size], slowest.seconds)
        decided = decided + 1 if alone else 0
        latest[number % size] = moment
        if decided == longest:  # periodic from here: skip whole rounds of the slowest window
            rounds = -(-(requests - 1 - number) // slowest.limit)
            return latest[(requests - 1 - rounds * slowest.limit) % size] + rounds * slowest.seconds
    return moment


def _is_after(moment: float, opening: float, seconds: float) -> bool:
    return moment - opening <= seconds * (1 + _ROUNDING)
