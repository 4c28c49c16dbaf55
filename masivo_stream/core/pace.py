"""Say when the next request may depart, so that the server never sees more arrivals than its windows allow.

Several sliding windows hold at once ("1 in 5 s", "1000 in an hour"). The server counts arrivals, we count departures,
and between the two lies a latency that varies: a slow request followed by a quick one arrive closer together than they
left. So each window is stretched by a guard: the spread of the latencies seen lately, plus a margin. A request that
has not been answered yet may be arriving only now; how long it has been under way counts as a latency seen. Until a few
answers are known, the smallest latency is taken to be nothing.

Time is a number of seconds from any clock that does not go back.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.window import Window

MARGIN = 0.02
"""Seconds added to each window: what scheduling on both sides may cost beside the network."""

REMEMBERED = 50
"""Latencies remembered: enough to know the spread, few enough to forget a bad minute."""

ENOUGH = 5
"""Answers before the smallest latency is believed."""


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


class Pacer:
    """Decide departures for one scope. One departure at a time: reserve, send, then reserve again."""

    def __init__(self, windows: Iterable[Window]) -> None:
        """Keep to all of `windows`; none means no limit."""
        self._windows = tuple(windows)
        self._departures: deque[float] = deque(maxlen=max((window.limit for window in self._windows), default=0))
        self._held_until = 0.0
        self._count = 0
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._under_way: dict[int, float] = {}

    @property
    def limited(self) -> bool:
        """Whether there is any window to keep to."""
        return bool(self._windows)

    def reserve(self, now: float) -> float:
        """Return the seconds to wait before asking again; 0.0 means depart now."""
        return max(0.0, self.earliest(now) - now)

    def earliest(self, now: float) -> float:
        """Return the moment of the next allowed departure, as far as it is known at `now`."""
        earliest = self._held_until
        for window in self._windows:
            if len(self._departures) >= window.limit:
                guard = min(self._guard(now), window.seconds)
                earliest = max(earliest, self._departures[-window.limit] + window.seconds + guard)
        return earliest

    def depart(self, now: float) -> int:
        """Record a departure; returns its ticket."""
        self._count += 1
        self._departures.append(now)
        self._under_way[self._count] = now
        return self._count

    def postpone(self, ticket: int, now: float) -> None:
        """Correct the latest departure: its bytes left only now (connecting took time)."""
        if ticket == self._count and self._departures:
            self._departures[-1] = now
        if ticket in self._under_way:
            self._under_way[ticket] = now

    def arrived(self, ticket: int, now: float) -> None:
        """Record that a request was answered, and learn from how long that took."""
        departed = self._under_way.pop(ticket, None)
        if departed is not None:
            self._latencies.append(now - departed)

    def lost(self, ticket: int) -> None:
        """Record that a request came to nothing: it teaches no latency, its slot stays used."""
        self._under_way.pop(ticket, None)

    def hold(self, until: float) -> None:
        """Let nothing depart before `until` (the server asked for it)."""
        self._held_until = max(self._held_until, until)

    def snapshot(self, now: float) -> PaceSnapshot:
        """Tell how the windows stand."""
        uses = tuple(
            WindowUse(window, sum(1 for departure in self._departures if departure > now - window.seconds))
            for window in self._windows
        )
        return PaceSnapshot(windows=uses, guard=self._guard(now), held_until=self._held_until, departures=self._count)

    def _guard(self, now: float) -> float:
        pending = max((now - departed for departed in self._under_way.values()), default=0.0)
        largest = max(max(self._latencies, default=0.0), pending)
        smallest = min(self._latencies) if len(self._latencies) >= ENOUGH else 0.0
        return largest - min(smallest, largest) + MARGIN
