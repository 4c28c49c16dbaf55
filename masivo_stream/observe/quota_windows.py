"""The account's windows as the flow told of them last, seen from any later moment.

All moments are seconds of one clock that does not go back. What departed is told a few times a second at most, so the
figures may be behind by as much.
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile

from msgspec import Struct

from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import QuotaUsed, ScopeUse
from masivo_stream.model.snapshot import WindowUse


class _Told(Struct, frozen=True):
    at: float
    use: ScopeUse
    departures: tuple[float, ...]
    """Ascending."""

    @property
    def held_until(self) -> float:
        return self.at + self.use.held if self.use.held else 0.0


class QuotaWindows:
    """Feed it what is used; ask how the windows stand, and when so many more requests will have left."""

    def __init__(self) -> None:
        """Know of no window yet."""
        self._told: dict[str, _Told] = {}
        self.version = 0
        """Changes when what is known does."""

    def feed(self, used: QuotaUsed, now: float) -> None:
        """Take note of what is used at `now`."""
        self.version += 1
        for use in used.scopes:
            self._told[use.scope] = _Told(now, use, tuple(now - age for age in use.ages))

    @property
    def known(self) -> bool:
        """Whether there are any."""
        return bool(self._told)

    def uses(self, now: float, shift: float) -> tuple[WindowUse, ...]:
        """Return how they stand at `now`; moments are moved by `shift`."""
        return tuple(use for name in sorted(self._told) for use in _uses(self._told[name], now, shift))

    def last_departure(self, kind: Kind, requests: int, now: float) -> float:
        """Return when the last of so many further requests leaves, if each does as early as the windows allow."""
        scopes = [
            ScheduledScope(told.use.windows, _past(told.departures, now), told.held_until) for told in self._of(kind)
        ]
        return last_departure(requests, scopes, now=now)

    def _of(self, kind: Kind) -> Iterator[_Told]:
        for name in ("migration", f"migration/{kind}", "general"):
            if name in self._told:
                yield self._told[name]


def _past(departures: Iterable[float], now: float) -> tuple[float, ...]:
    return tuple(takewhile(lambda moment: moment <= now, departures))


def _uses(told: _Told, now: float, shift: float) -> Iterator[WindowUse]:
    for window, foreign in zip(told.use.windows, told.use.foreign, strict=True):
        counting = [moment for moment in told.departures if moment > now - window.seconds]
        opens = counting[-window.limit] + window.seconds if len(counting) >= window.limit else 0.0
        free_at = max(opens, told.held_until)
        yield WindowUse(
            scope=told.use.scope,
            limit=window.limit,
            seconds=window.seconds,
            used=len(counting) + (foreign if now - told.at < window.seconds else 0),
            free_at=free_at + shift if free_at > now else None,
        )
