"""Forecast departures under windows of which some hold in hours of the day only.

From one moment at which hours begin or end to the next, the same windows are in force, and departures become periodic
as in `core.pacing.schedule`: whole rounds of the slowest window are skipped. Between such moments a departure is
computed by itself.

After some days, a day has as many departures as the one before. From then on whole days are skipped. If clocks are
changed on one of them, the forecast is wrong by an hour at most.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.model.window import Window

_ROUNDING = 1e-9
_DAY = 86_400.0
_SAME = 0.01
"""Seconds by which two moments of the day differ at most that count as the same: ends of hours are not exact."""


class TimedScope(Struct, frozen=True):
    """Windows that count the same departures, and the earlier ones of these, ascending."""

    windows: tuple[Window, ...]
    departures: Sequence[float] = ()


class _TimedLag:
    """One window, and the departures that it has counted."""

    def __init__(self, window: Window, counted: Iterable[float]) -> None:
        self.window, self.limit, self.seconds = window, window.limit, window.seconds
        self.counted = deque(counted, maxlen=window.limit)

    @property
    def slowness(self) -> tuple[float, int]:
        """As in `core.pacing.schedule`."""
        return (self.seconds / self.limit, -self.limit) if self.limit else (float("inf"), 0)

    def opens(self) -> float:
        """Return the moment from which on there is room for one departure more."""
        if not self.limit:
            return float("inf")
        return self.counted[0] + self.seconds if len(self.counted) == self.limit else -float("inf")


def simulate_timed(requests: int, scopes: Iterable[TimedScope], moment: float, timetable: Timetable) -> float:
    """Return the moment at which the last of `requests` departs, none before `moment`."""
    lags = [
        _TimedLag(window, timetable.counted(window, scope.departures)) for scope in scopes for window in scope.windows
    ]
    return _Simulation(lags, timetable, moment).run(requests)


class _Simulation:
    """Departures one after the other, with whole rounds and days skipped."""

    def __init__(self, lags: Sequence[_TimedLag], timetable: Timetable, moment: float) -> None:
        self._lags, self._timetable, self._moment = lags, timetable, moment
        self._always = [lag for lag in lags if lag.window.hours is None]
        self._timed = [lag for lag in lags if lag.window.hours is not None]
        self._in_force: list[_TimedLag] = []
        self._changes = moment
        """When other windows are in force."""
        self._alone = 0
        """Departures in a row that the slowest window in force has decided alone."""
        self._alone_since = moment
        self._left = 0
        self._days_from = moment + max(lag.seconds for lag in lags)
        """Before this, what departed before the forecast may still matter."""
        self._day, self._in_day = self._days_from, 0
        self._day_before = (0, 0.0)
        """How many departed on the day before, and how long after its end the next one did."""

    def run(self, requests: int) -> float:
        """Let that many depart; return the moment of the last one."""
        self._left = requests
        while self._left:
            self._depart()
            if self._left:
                self._skip_rounds()
                self._skip_days()
        return self._moment

    def _depart(self) -> None:
        """Let one depart as early as all windows allow."""
        moment = max([self._moment, *(lag.opens() for lag in self._always)])
        opens = [(lag.window, lag.opens()) for lag in self._timed]
        moment = self._timetable.first_allowed(moment, opens)
        if moment >= self._changes:
            self._enter(moment)
        slowest = max(self._in_force, key=lambda lag: lag.slowness, default=None)
        decides = slowest is not None and abs(moment - slowest.opens()) <= _ROUNDING * max(1.0, abs(moment))
        if not decides:
            self._alone, self._alone_since = 0, moment
        else:
            self._alone += 1
        self._count(moment)

    def _enter(self, moment: float) -> None:
        """Note which windows are in force from now on, and until when."""
        stretches = [(lag, *self._timetable.stretch(lag.window, moment)) for lag in self._timed]
        self._in_force = [*self._always, *(lag for lag, holds, _ in stretches if holds)]
        self._changes = min(end for _, _, end in stretches)
        self._alone, self._alone_since = 0, moment

    def _count(self, moment: float) -> None:
        for lag in self._in_force:
            lag.counted.append(moment)
        self._moment = moment
        self._left -= 1
        self._in_day += 1

    def _skip_rounds(self) -> None:
        """Skip whole rounds of the slowest window while nothing else decides."""
        if not self._alone:
            return
        slowest = max(self._in_force, key=lambda lag: lag.slowness)
        if self._alone < slowest.limit or not all(self._repeats(lag, slowest) for lag in self._in_force):
            return
        until = min(self._changes, self._day + _DAY)
        rounds = min((self._left - 1) // slowest.limit, int((until - self._moment) / slowest.seconds) - 1)
        if rounds < 1:
            return
        pattern, shown = list(slowest.counted), 1 + max(lag.limit for lag in self._in_force) // slowest.limit
        for number in range(max(1, rounds - shown), rounds + 1):
            for departed in pattern:
                for lag in self._in_force:
                    lag.counted.append(departed + number * slowest.seconds)
        self._moment += rounds * slowest.seconds
        self._left -= rounds * slowest.limit
        self._in_day += rounds * slowest.limit
        self._alone += rounds * slowest.limit

    def _repeats(self, lag: _TimedLag, slowest: _TimedLag) -> bool:
        """Return whether a window in force cannot decide while the slowest one repeats its round."""
        if lag.limit <= self._alone:
            return True
        implied = lag.limit // slowest.limit * slowest.seconds >= lag.seconds
        return implied and self._alone_since + lag.seconds <= self._moment

    def _skip_days(self) -> None:
        """Skip whole days once two days have had the same number of departures."""
        while self._moment >= self._day + _DAY:
            self._day += _DAY
            number, before = self._in_day, self._day_before
            self._in_day, self._day_before = 0, (number, self._moment - self._day)
            same = number == before[0] > 0 and abs(self._moment - self._day - before[1]) < _SAME
            if same and (days := (self._left - 1) // number):
                self._left -= days * number
                for lag in self._lags:
                    lag.counted = deque((each + days * _DAY for each in lag.counted), maxlen=lag.limit)
                self._moment += days * _DAY
                self._day += days * _DAY
                self._changes = self._moment
                self._alone = 0
