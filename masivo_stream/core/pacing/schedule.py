"""Foretell departures: when the last of so many requests leaves, if each leaves as early as all windows allow.

Departures as early as possible obey `d[n] = max(d[n - 1], d[n - limit] + seconds, ...)`, one term a window, where what
departed before stands in the places before `d[0]`. Such a recurrence, linear in the algebra of maximum and addition,
repeats itself in the end (Baccelli, Cohen, Olsder and Quadrat, "Synchronization and Linearity", 1992): the window that
is slowest in the long run decides alone. When it has decided as many departures in a row as the longest window looks
back, all that follows is the same again, shifted in time, and the rest is one multiplication. So ten million requests
cost a few thousand steps, and memory for as many departures as a window counts.

Exact but for rounding, and without what the pacer adds for the network's sake (`core.pacing.pace`): nothing leaves
earlier.
"""

from array import array
from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.model.window import Window

_ROUNDING = 1e-9
"""Two ways to add up the same seconds differ by less, relative to them."""


class ScheduledScope(Struct, frozen=True):
    """Windows that count the same departures, and what is used of them."""

    windows: tuple[Window, ...]
    departures: Sequence[float] = ()
    """Moments of earlier departures, ascending, none later than the moment to start from."""
    held_until: float = 0.0
    """Nothing may depart before (a 429 asked for it). Where there are no windows, nobody keeps to it."""


class _Lag(Struct, frozen=True):
    """One window's term: not before `seconds` after the departure `limit` places before."""

    limit: int
    seconds: float
    past: Sequence[float]

    @property
    def slowness(self) -> tuple[float, int]:
        """Seconds a departure; where two windows agree in that, the one that looks back less far."""
        return self.seconds / self.limit, -self.limit


def last_departure(requests: int, scopes: Iterable[ScheduledScope], *, now: float = 0.0) -> float:
    """Return the moment at which the last of `requests` departs, each counting in all scopes, none before `now`."""
    if requests < 1:
        return now
    limiting = [scope for scope in scopes if scope.windows]
    lags = [
        _Lag(window.limit, window.seconds, scope.departures)
        for scope in limiting
        for window in scope.windows
        if window.limit < requests + len(scope.departures)  # else there is always room in it
    ]
    moment = max([now, *(scope.held_until for scope in limiting)])
    return _simulate(requests, lags, moment) if lags else moment


def _simulate(requests: int, lags: Sequence[_Lag], moment: float) -> float:
    """Go through departures one by one, from `moment` on, until they repeat themselves."""
    longest = max(lag.limit for lag in lags)
    slowest = max(lags, key=lambda lag: lag.slowness)
    decided = 0
    size = min(longest, requests)
    latest = array("d", bytes(8 * size))  # a ring: departure n stands in place n % size
    for number in range(requests):
        for lag in lags:
            if number >= lag.limit:
                moment = max(moment, latest[(number - lag.limit) % size] + lag.seconds)
            elif lag.limit - number <= len(lag.past):
                moment = max(moment, lag.past[number - lag.limit] + lag.seconds)
        alone = number >= slowest.limit and _is_after(moment, latest[(number - slowest.limit) % size], slowest.seconds)
        decided = decided + 1 if alone else 0
        latest[number % size] = moment
        if decided == longest:
            rounds = -(-(requests - 1 - number) // slowest.limit)
            return latest[(requests - 1 - rounds * slowest.limit) % size] + rounds * slowest.seconds
    return moment


def _is_after(moment: float, opening: float, seconds: float) -> bool:
    return moment - opening <= seconds * (1 + _ROUNDING)
