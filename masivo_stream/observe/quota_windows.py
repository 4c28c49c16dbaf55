"""The account's rate windows by the latest notice, calculated for any later moment.

All moments are seconds of the monotonic clock. Notices of departures come a few times a second at most, so the figures
may be late by a part of a second. `shift` is what makes such a moment Unix seconds: windows may hold in hours of the
day only.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from msgspec import Struct, structs

from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.core.pacing.seen_pace import typical_lag
from masivo_stream.core.pacing.timetable import NO_HOURS, Timetable
from masivo_stream.edges.time_zone import find_zone, timetable_of
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import QuotaUsed, ScopeUse
from masivo_stream.model.snapshot import WindowUse


class _Reported(Struct, frozen=True):
    at: float
    use: ScopeUse
    departures: tuple[float, ...]
    """Ascending."""

    @property
    def held_until(self) -> float:
        return self.at + self.use.held if self.use.held else 0.0


class QuotaWindows:
    """Feed it notices; read how much of each window is used, and when further requests can have left."""

    def __init__(self) -> None:
        """Begin without any window."""
        self._reported: dict[str, _Reported] = {}
        self._timetable, self._time_zone, self._shift = NO_HOURS, "", 0.0
        self.version = 0
        """Grows with each notice."""

    def feed(self, used: QuotaUsed, now: float) -> None:
        """Take in a notice that comes at `now`."""
        self.version += 1
        for use in used.scopes:
            self._reported[use.scope] = _Reported(now, use, tuple(now - age for age in use.ages))
            if use.time_zone and use.time_zone != self._time_zone:
                self._time_zone = use.time_zone
                self._timetable = timetable_of(find_zone(use.time_zone)[1], lambda: self._shift)

    @property
    def known(self) -> bool:
        """Whether any window is known."""
        return bool(self._reported)

    @property
    def by_kind(self) -> bool:
        """Whether each kind has windows of its own."""
        return self.known and "migration" not in self._reported

    @property
    def timed(self) -> bool:
        """Whether a window holds in some hours of the day only."""
        return any(window.hours is not None for each in self._reported.values() for window in each.use.windows)

    def uses(self, now: float, shift: float) -> tuple[WindowUse, ...]:
        """Return the use of each window at `now`; `shift` is added to moments."""
        self._shift = shift
        return tuple(
            use for name in sorted(self._reported) for use in _uses(self._reported[name], now, shift, self._timetable)
        )

    def last_departure(
        self, requests: Iterable[tuple[Kind, int]], now: float, begin: float, shift: float = 0.0
    ) -> float:
        """Return when the last of further requests leaves, if each leaves as it usually does.

        `requests` by kind, in their order; none leaves before `begin`. If each kind has windows of its own, a kind
        begins when the one before has ended. `shift` makes a moment one of the wall clock.
        """
        self._shift = shift
        left = [(kind, number) for kind, number in requests if number]
        if not left:
            return begin
        if "migration" in self._reported:
            left = [(left[0][0], sum(number for _, number in left))]
        moment = begin
        for kind, number in left:
            scopes = [self._scheduled(reported, now) for reported in self._of(kind)]
            moment = last_departure(number, scopes, now=moment, timetable=self._timetable)
        return moment

    def lag(self, kind: Kind, departures: Sequence[float]) -> float:
        """Return by how many seconds these requests of a kind have left later than its windows would allow."""
        windows = (reported.use.windows for reported in self._of(kind) if reported.use.scope != "general")
        return max((typical_lag(departures, each) for each in windows), default=0.0)

    def _scheduled(self, reported: _Reported, now: float) -> ScheduledScope:
        """Return a scope whose windows are as much longer as requests usually leave later."""
        past = _past(reported.departures, now)
        lag = typical_lag(past, reported.use.windows) or reported.use.lag
        windows = tuple(structs.replace(each, seconds=each.seconds + lag) for each in reported.use.windows)
        return ScheduledScope(windows, past, reported.held_until)

    def _of(self, kind: Kind) -> Iterator[_Reported]:
        for name in ("migration", f"migration/{kind}", "general"):
            if name in self._reported:
                yield self._reported[name]


def _past(departures: Iterable[float], now: float) -> tuple[float, ...]:
    return tuple(takewhile(lambda moment: moment <= now, departures))


def _uses(reported: _Reported, now: float, shift: float, timetable: Timetable) -> Iterator[WindowUse]:
    for window, foreign in zip(reported.use.windows, reported.use.foreign, strict=True):
        recent = (moment for moment in reported.departures if moment > now - window.seconds)
        counting = timetable.counted(window, recent)
        opens = 0.0
        if not window.limit:
            opens = math.inf
        elif len(counting) >= window.limit:
            opens = counting[-window.limit] + window.seconds
        if window.hours is not None:
            opens = timetable.first_allowed(now, [(window, opens)])
        free_at = max(opens, reported.held_until)
        yield WindowUse(
            scope=reported.use.scope,
            limit=window.limit,
            seconds=window.seconds,
            used=len(counting) + (foreign if now - reported.at < window.seconds else 0),
            free_at=free_at + shift if free_at > now else None,
            hours="" if window.hours is None else f"{window.hours} {reported.use.time_zone}",
            in_force=timetable.in_force(window, now),
        )
