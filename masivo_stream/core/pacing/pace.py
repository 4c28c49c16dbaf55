"""Say when the next request may depart, so that the server never sees more arrivals than its windows allow.

Several sliding windows hold at once ("1 in 5 s", "1000 in an hour"). The server counts arrivals, we count departures,
and between the two lies a latency that varies: a slow request followed by a quick one arrive closer together than they
left. So two bounds are kept. A request has arrived no later than its answer came. And the next one will need no less
than the smallest latency seen: it may depart when, arriving that quickly, it would still find the window open.

    departure + smallest  >=  answer of the request that opens the window + the window + MARGIN

Over a steady road that costs MARGIN a request; over any other no more than the latencies' spread (largest - smallest)
beside it, and half of that on average. What counts as latency is all that lies between our noting the departure and the
answer (connecting, too), so the time it takes to connect costs no slot either.

What is not known is assumed to be bad. A request that is not answered yet may be arriving only now, or as late as the
slowest answer seen; one of another process as well, until nobody waits for its answer any more (UNSEEN). Until ENOUGH
answers are known, the smallest latency is taken to be nothing; then to be less than the smallest one seen by a part of
the spread, CAUTION / sqrt(their number): where there and back each take anything up to s, that is how slowly the
smallest of n sums nears the least possible one (its expectation is about 1.25 s / sqrt(n)). What no guard can foresee:
a latency that drops further at a stroke (a new route), a request lost without an answer that had arrived all the same,
and a latency longer than the window itself (the guard ends there).

The server corrects us (`core.pacing.rate_headers`), where there are windows to correct. Where it says that nothing
remains, nothing departs before its reset; but that is in whole seconds, rounded up, so as long as it agrees with our
own account to within a second and a latency, ours is the more exact one. While something remains we go by our own
account. Where the server counts more requests in one of our windows than we know of, someone else uses the account:
that is told, for it explains holds to come.

Time is a number of seconds from any clock that does not go back.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.model.window import Window

MARGIN = 0.02
"""Seconds added to each window: what scheduling on both sides may cost beside the network."""

REMEMBERED = 200
"""Latencies remembered: enough to know the spread, few enough to forget a bad minute."""

ENOUGH = 20
"""Answers before the smallest latency is believed: a coin that falls the same way so often is no coin."""

CAUTION = 2.0
"""By how much, as a part of the spread times the root of their number, the smallest latency seen may be too large."""

UNSEEN = 1.0
"""Seconds a request may have needed whose answer nobody noted: its process died, or has not been answered yet."""

ROUNDING = 1.0
"""Seconds by which a reset in whole seconds may lie behind the truth."""


class WindowCount(Struct, frozen=True):
    """How much of one window is used at some moment."""

    window: Window
    used: int
    foreign: int = 0
    """Requests the server counts beside them that we know nothing of."""


class PaceSnapshot(Struct, frozen=True, kw_only=True):
    """What there is to see of a pacer."""

    windows: tuple[WindowCount, ...]
    guard: float
    """Seconds that the spread of latencies and MARGIN cost a request at most."""
    held_until: float
    departures: int
    """Our own, not those of other processes."""


class Correction(Struct, frozen=True, kw_only=True):
    """What a server's word has changed."""

    held_until: float
    """Nothing departs before this moment now; 0.0 where it changed nothing."""
    foreign: int
    """Requests the server counts in one of our windows that we know nothing of."""


class _Flight:
    """A departure, and until when it and all before it must have arrived, as far as that is known."""

    __slots__ = ("arrived", "departed", "number")

    def __init__(self, number: int, departed: float, arrived: float) -> None:
        self.number = number
        self.departed = departed
        self.arrived = arrived


class Pacer:
    """Decide departures for one scope. One departure at a time: reserve, depart, then reserve again."""

    def __init__(self, windows: Iterable[Window]) -> None:
        """Keep to all of `windows`; none means no limit."""
        self._windows = tuple(windows)
        self._flights: deque[_Flight] = deque(maxlen=max((window.limit for window in self._windows), default=0))
        """In the order of their departure; `arrived` never falls from one to the next."""
        self._under_way: dict[int, _Flight] = {}
        self._foreign: dict[Window, int] = {}
        self._held_until = 0.0
        self._numbers = self._own = 0
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._slowest = self._quickest = 0.0
        """The largest of them, and what the next one will need at least."""

    @property
    def horizon(self) -> float:
        """The seconds for which a departure counts: the longest window, stretched as far as it may be."""
        return 2 * self.longest

    @property
    def longest(self) -> float:
        """The seconds of the longest window; 0.0 where there is none."""
        return max((window.seconds for window in self._windows), default=0.0)

    @property
    def limited(self) -> bool:
        """Whether there is any window to keep to."""
        return bool(self._windows)

    def reserve(self, now: float) -> float:
        """Return the seconds to wait before asking again; 0.0 means depart now.

        Until the answer that opens a window may be known, one is told to ask again when it is.
        """
        soonest = self._earliest(now, known_only=True)
        return soonest - now if soonest > now else max(0.0, self.earliest(now) - now)

    def earliest(self, now: float) -> float:
        """Return the moment of the next allowed departure, as far as it is known at `now`."""
        return self._earliest(now, known_only=False)

    def _earliest(self, now: float, *, known_only: bool) -> float:
        earliest = self._held_until
        for window in self._windows:
            if len(self._flights) >= window.limit:
                opening = self._flights[-window.limit]
                arrival = opening.arrived if known_only else self._arrival(opening, now)
                guard = max(arrival - self._quickest - opening.departed, 0.0) + MARGIN
                earliest = max(earliest, opening.departed + window.seconds + min(guard, window.seconds))
        return earliest

    def _arrival(self, opening: _Flight, now: float) -> float:
        """Return until when `opening` and all that departed before it have arrived, as far as that is known."""
        latest = opening.arrived
        for flight in self._under_way.values():
            if flight.number <= opening.number:
                latest = max(latest, now, flight.departed + self._slowest)
        return latest

    def depart(self, now: float) -> int:
        """Record a departure; returns its ticket."""
        self._own += 1
        return self._depart(now)

    def _depart(self, now: float) -> int:
        self._numbers += 1
        before = self._flights[-1].arrived if self._flights else now
        flight = _Flight(self._numbers, now, max(now, before))
        self._flights.append(flight)
        self._under_way[flight.number] = flight
        return flight.number

    def arrived(self, ticket: int, now: float) -> None:
        """Record that a request was answered, and learn from how long that took."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            self._learn(now - flight.departed)
            self._reach(ticket, now)

    def lost(self, ticket: int, now: float) -> None:
        """Record that a request went unanswered: it teaches no spread, but may have arrived as late as now."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            self._reach(ticket, now)

    def count_other(self, departed: float) -> int:
        """Record a departure of another process; returns its ticket. Its answer is `lost` on us, whenever it came."""
        return self._depart(departed)

    def _reach(self, number: int, arrived: float) -> None:
        """Let a flight, and all that departed after it, have arrived no earlier than `arrived`."""
        for each in reversed(self._flights):
            if each.number < number:
                break
            each.arrived = max(each.arrived, arrived)

    def withdraw(self, ticket: int) -> None:
        """Take a departure back: nothing of it left."""
        self._under_way.pop(ticket, None)
        for flight in reversed(self._flights):
            if flight.number == ticket:
                self._flights.remove(flight)
                break

    @property
    def held_until(self) -> float:
        """The moment before which nothing departs, whatever the windows say."""
        return self._held_until

    def hold(self, until: float) -> None:
        """Let nothing depart before `until` (the server asked for it)."""
        self._held_until = max(self._held_until, until)

    def correct(self, ticket: int, headers: RateHeaders, now: float) -> Correction:
        """Learn what the server says of its windows in the answer to `ticket`, which has just `arrived`."""
        foreign, until = self._count_foreign(ticket, headers), 0.0
        if self._windows and headers.remaining == 0 and headers.reset:
            tolerance = ROUNDING + (self._latencies[-1] if self._latencies else 0.0)
            if now + headers.reset > self.earliest(now) + tolerance:
                until = now + headers.reset
                self.hold(until)
        return Correction(held_until=until, foreign=foreign)

    def _count_foreign(self, ticket: int, headers: RateHeaders) -> int:
        """Compare the server's count in the window it describes with ours of all that may still be in it."""
        if headers.limit is None or headers.remaining is None:
            return 0
        shortest = 0.0 if headers.reset is None else headers.reset - ROUNDING
        described = [w for w in self._windows if w.limit == headers.limit and w.seconds >= shortest]
        if not described:
            return 0
        window = min(described, key=lambda window: window.seconds)
        beyond = bisect_right(self._flights, ticket, key=lambda flight: flight.number)
        opens = (self._flights[beyond - 1].departed if beyond else 0.0) - window.seconds
        known = beyond - bisect_right(self._flights, opens, key=lambda flight: flight.arrived)
        self._foreign[window] = max(0, headers.limit - headers.remaining - known)
        return self._foreign[window]

    def moments(self, since: float) -> list[float]:
        """Return when requests departed that may count still, after `since`, in ascending order."""
        return sorted(flight.departed for flight in self._flights if flight.departed > since)

    def snapshot(self, now: float) -> PaceSnapshot:
        """Tell how the windows stand."""
        uses = tuple(
            WindowCount(
                window,
                sum(1 for flight in self._flights if flight.departed > now - window.seconds),
                self._foreign.get(window, 0),
            )
            for window in self._windows
        )
        waiting = max((now - flight.departed for flight in self._under_way.values()), default=0.0)
        return PaceSnapshot(
            windows=uses,
            guard=max(waiting, self._slowest) - self._quickest + MARGIN,
            held_until=self._held_until,
            departures=self._own,
        )

    def _learn(self, latency: float) -> None:
        self._latencies.append(latency)
        known, smallest, self._slowest = len(self._latencies), min(self._latencies), max(self._latencies)
        if known >= ENOUGH:
            self._quickest = max(0.0, smallest - (self._slowest - smallest) * CAUTION / math.sqrt(known))
