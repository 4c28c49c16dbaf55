"""Say when the next request may depart, so that the server never sees more arrivals than its windows allow.

Several sliding windows hold at once ("1 in 5 s", "1000 in an hour"). The server counts arrivals, we count departures,
and between the two lies a latency that varies: a slow request followed by a quick one arrive closer together than they
left. So each window is stretched by a guard: the spread of the latencies seen lately, plus a margin. A request that
has not been answered yet may be arriving only now; how long it has been under way counts as a latency seen. The request
that opens the window counts with its own latency, however long ago that was.

The next request may be quicker than any before. Until enough answers are known, the smallest latency is taken to be
nothing; then to be less than the smallest one seen by a part of the spread that shrinks with their number: the smallest
of n values undershoots that of n - 1 by spread / n on average, and by `CAUTION` times that with a chance of about
exp(-CAUTION) / n. What no guard can foresee: a latency that drops further at a stroke (a new route), a request lost
without an answer that had arrived all the same, and a latency longer than the window itself (the guard ends there).

Time is a number of seconds from any clock that does not go back.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from msgspec import Struct

from masivo_stream.model.window import Window

MARGIN = 0.02
"""Seconds added to each window: what scheduling on both sides may cost beside the network."""

REMEMBERED = 50
"""Latencies remembered: enough to know the spread, few enough to forget a bad minute."""

ENOUGH = 20
"""Answers before the smallest latency is believed: a coin that falls the same way so often is no coin."""

CAUTION = 10.0
"""How many times the expected undershoot of the smallest latency is allowed for."""


class WindowUse(Struct, frozen=True):
    """How much of one window is used at some moment."""

    window: Window
    used: int


class PaceSnapshot(Struct, frozen=True, kw_only=True):
    """What there is to see of a pacer."""

    windows: tuple[WindowUse, ...]
    guard: float
    held_until: float
    departures: int


class _Flight:
    """A departure, and how long its answer took once that is known."""

    __slots__ = ("departed", "latency")

    def __init__(self, departed: float) -> None:
        self.departed = departed
        self.latency = 0.0


class Pacer:
    """Decide departures for one scope. One departure at a time: reserve, send, then reserve again."""

    def __init__(self, windows: Iterable[Window]) -> None:
        """Keep to all of `windows`; none means no limit."""
        self._windows = tuple(windows)
        self._departures: deque[_Flight] = deque(maxlen=max((window.limit for window in self._windows), default=0))
        self._held_until = 0.0
        self._count = 0
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._under_way: dict[int, _Flight] = {}

    @property
    def limited(self) -> bool:
        """Whether there is any window to keep to."""
        return bool(self._windows)

    @property
    def horizon(self) -> float:
        """The seconds for which a departure counts: the longest window, stretched as far as it may be."""
        return 2 * max((window.seconds for window in self._windows), default=0.0)

    def reserve(self, now: float, others: Iterable[float] = (), held_until: float = 0.0) -> float:
        """Return the seconds to wait before asking again; 0.0 means depart now.

        `others` are the moments of departures that are not ours, and count just as well; `held_until` is the end of a
        hold that another process was told of.
        """
        return max(0.0, self.earliest(now, others, held_until) - now)

    def earliest(self, now: float, others: Iterable[float] = (), held_until: float = 0.0) -> float:
        """Return the moment of the next allowed departure, as far as it is known at `now`."""
        earliest = max(self._held_until, held_until)
        departures = self._departures if not others else self._together(others)
        for window in self._windows:
            if len(departures) >= window.limit:
                opening = departures[-window.limit]
                guard = min(max(self._largest(now), opening.latency) - self._smallest() + MARGIN, window.seconds)
                earliest = max(earliest, opening.departed + window.seconds + guard)
        return earliest

    def _together(self, others: Iterable[float]) -> Sequence[_Flight]:
        return sorted([*self._departures, *map(_Flight, others)], key=lambda flight: flight.departed)

    def depart(self, now: float) -> int:
        """Record a departure; returns its ticket."""
        self._count += 1
        flight = _Flight(now)
        self._departures.append(flight)
        self._under_way[self._count] = flight
        return self._count

    def postpone(self, ticket: int, now: float) -> None:
        """Correct a departure: its bytes left only now (connecting took time)."""
        if ticket in self._under_way:
            self._under_way[ticket].departed = now

    def arrived(self, ticket: int, now: float) -> None:
        """Record that a request was answered, and learn from how long that took."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            flight.latency = now - flight.departed
            self._latencies.append(flight.latency)

    def lost(self, ticket: int, now: float) -> None:
        """Record that a request went unanswered: it teaches no spread, but may have arrived as late as now."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            flight.latency = now - flight.departed

    def withdraw(self, ticket: int) -> None:
        """Take a departure back: nothing of it left."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None and flight in self._departures:
            self._departures.remove(flight)

    def hold(self, until: float) -> None:
        """Let nothing depart before `until` (the server asked for it)."""
        self._held_until = max(self._held_until, until)

    def snapshot(self, now: float) -> PaceSnapshot:
        """Tell how the windows stand."""
        uses = tuple(
            WindowUse(window, sum(1 for flight in self._departures if flight.departed > now - window.seconds))
            for window in self._windows
        )
        return PaceSnapshot(
            windows=uses,
            guard=self._largest(now) - self._smallest() + MARGIN,
            held_until=self._held_until,
            departures=self._count,
        )

    def _largest(self, now: float) -> float:
        return max(
            max(self._latencies, default=0.0),
            max((now - flight.departed for flight in self._under_way.values()), default=0.0),
        )

    def _smallest(self) -> float:
        known = len(self._latencies)
        if known < ENOUGH:
            return 0.0
        smallest, largest = min(self._latencies), max(self._latencies)
        return max(0.0, smallest - (largest - smallest) * CAUTION / known)
