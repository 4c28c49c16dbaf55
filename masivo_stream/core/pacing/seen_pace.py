"""How fast requests really leave, seen from their departures: later than the windows allow, or slower.

The forecast of `core.pacing.schedule` lets each request leave as early as the windows allow. In fact each leaves a
little later, since answers take different times (`core.pacing.pace`); and if answers are slow, or other runs use the
account, the windows do not decide at all. Both are learnt from the latest departures. Single long waits (an outage, the
wait between two kinds, an hour's window) do not count: the middle of many does.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from masivo_stream.model.window import Window

ENOUGH = 5
"""Departures that say something."""

LATEST = 60
"""Departures that count."""

_LONG_WAITS = 0.1
"""The share of gaps, the longest ones, that do not count."""


def typical_lag(departures: Sequence[float], windows: Sequence[Window]) -> float:
    """Return by how many seconds requests leave later than the windows would allow; 0.0 if too few have left.

    `departures` are moments, ascending.
    """
    lags = []
    windows = [each for each in windows if each.hours is None]  # of others it is not known here when they were in force
    for number in range(max(0, len(departures) - LATEST), len(departures)):
        opens = [departures[number - each.limit] + each.seconds for each in windows if each.limit <= number]
        if opens:
            lags.append(max(0.0, departures[number] - max(opens)))
    return median(lags) if len(lags) >= ENOUGH else 0.0


def lag_of_history(departures: Sequence[float], windows: Sequence[Window]) -> float:
    """Return the same for departures of earlier runs; 0.0 also if these have not used the windows up."""
    shortest = min((each.seconds for each in windows if each.limit), default=0.0)
    lag = typical_lag(departures, windows)
    return lag if lag < shortest else 0.0


def typical_gap(departures: Sequence[float]) -> float | None:
    """Return the seconds between two departures, long waits left out; None if too few have left."""
    latest = departures[-LATEST:]
    gaps = sorted(later - earlier for earlier, later in pairwise(latest))
    if len(gaps) < ENOUGH:
        return None
    usual = gaps[: len(gaps) - max(1, round(len(gaps) * _LONG_WAITS))]
    return sum(usual) / len(usual)
