"""Decide when the next request may depart, so that the server never sees more arrivals than its windows allow.

Several sliding windows apply at once ("1 in 5 s", "1000 in an hour"). The server counts arrivals, but only departures
are known here. The latency between the two varies: a quick request after a slow one arrives closer to it than it
departed.

**The rule** uses two bounds. A request has arrived no later than its answer came. And the next request will need at
least the smallest latency seen. So it may depart when it would find the window open even if it arrived that quickly:

    departure + smallest latency  >=  answer to the request that opens the window + the window + MARGIN

If the latency is steady, this costs MARGIN per request. Otherwise it costs at most the spread of the latencies (largest
minus smallest) in addition, and half of that on average. Latency is everything from the moment a request leaves to its
answer, connecting included, so the time for connecting costs no slot either. What happens between its slot and that
moment is no part of it (`leave`): the note in the journal. While a disk is busy, every note is slow. If that counted,
the first request after it would arrive that much too early.

**The guard** against what is not known:

* A request without an answer may be arriving only now, or as late as the slowest answer seen. The same holds for the
  requests of other processes, until an answer is no longer to be expected (UNSEEN).
* Until ENOUGH answers are known, the smallest latency counts as 0. After that it counts as the smallest one seen, less
  a part of the spread, CAUTION / sqrt(n) for n answers. Reason: if each way takes any time up to s, the smallest of n
  round trips is about 1.25 s / sqrt(n) above the least possible one, so CAUTION = 2 errs on the safe side.
* It cannot foresee a latency that drops suddenly (a new route), a request that arrives although it seems lost, or a
  latency that is longer than the window itself, where the guard ends.

**The server's word** (`core.pacing.rate_headers`) corrects the count. If it says that nothing remains of a window,
nothing departs before its reset. But the reset is in whole seconds, rounded up, so while it agrees with the count here
to within a second and a latency, the count here is more exact. While something remains, the count here decides. If the
server counts more requests in a window than are known here, another program uses the account: that is reported, as it
explains later waits.

**Windows with hours** (`core.pacing.timetable`) are kept in the same way, each for the requests that left in its hours.
They are not the server's, so its word is never about them.

Moments are seconds of any clock that does not go back.
"""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.core.pacing.timetable import NO_HOURS, Timetable
from masivo_stream.model.window import Window

MARGIN = 0.02
"""Seconds added to each window, for what scheduling on both sides may cost in addition to the network."""

REMEMBERED = 200
"""Latencies remembered: enough to know the spread, few enough to forget a bad minute."""

ENOUGH = 20
"""Answers that are needed before the smallest latency counts: fewer may all be slow by chance."""

CAUTION = 2.0
"""How much too large the smallest latency seen may be, as a part of the spread divided by the root of the answers."""

UNSEEN = 1.0
"""Seconds that a request may need whose answer is not seen here: its process died, or still waits for it."""

ROUNDING = 1.0
"""Seconds by which a reset in whole seconds may be too late."""


class WindowCount(Struct, frozen=True):
    """How much of one window is used at some moment."""

    window: Window
    used: int
    """Requests known here."""
    foreign: int = 0
    """Further requests that the server counts and that are not known here."""


class PaceSnapshot(Struct, frozen=True, kw_only=True):
    """The state of a pacer, for people and metrics."""

    windows: tuple[WindowCount, ...]
    guard: float
    """Seconds per request that the spread of latencies and MARGIN cost at most."""
    held_until: float
    departures: int
    """Of this process."""


class Correction(Struct, frozen=True, kw_only=True):
    """What the headers of an answer have changed."""

    held_until: float
    """The moment before which nothing departs now; 0.0 if nothing changed."""
    foreign: int
    """Requests that the server counts in one of the windows and that are not known here."""


class _Flight:
    """A departure, and the latest moment at which it and all departures before it can have arrived, as known so far."""

    __slots__ = ("arrived", "departed", "number")

    def __init__(self, number: int, departed: float, arrived: float) -> None:
        self.number = number
        self.departed = departed
        self.arrived = arrived


class Pacer:
    """Decide the departures of one scope, one at a time: `reserve` until it returns 0.0, then `depart`.

    When the request is answered, call `arrived`, then `correct` with the answer's headers; `lost` if there is no
    answer.
    """

    def __init__(self, windows: Iterable[Window], timetable: Timetable = NO_HOURS) -> None:
        """Keep to all of `windows`; an empty list means no limit. `timetable` knows when hours hold."""
        self._windows = tuple(windows)
        self._timetable = timetable
        self._set_up()
        self._under_way: dict[int, _Flight] = {}
        self._foreign: dict[Window, int] = {}
        self._held_until = 0.0
        self._numbers = self._own = 0
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._slowest = self._quickest = 0.0
        """The largest latency, and the least that the next request will need."""

    def _set_up(self) -> None:
        """Begin to count for the windows."""
        self.limited = bool(self._windows)
        """Whether there is any window."""
        self.timed = any(window.hours is not None for window in self._windows)
        """Whether a window has hours."""
        self._flights: deque[_Flight] = deque(maxlen=max((window.limit for window in self._windows), default=0))
        """In the order of departure, as many as the largest window counts; `arrived` never decreases."""
        self._timed: dict[Window, deque[_Flight]] = {
            window: deque(maxlen=window.limit) for window in self._windows if window.hours is not None
        }
        """The same of the departures in the hours of a window."""

    def change(self, windows: Iterable[Window], timetable: Timetable, departures: Sequence[float]) -> None:
        """Keep to other windows from now on.

        `departures` are those known of all processes, ascending: windows may reach back further than those before.
        Of these, the last ones are known here already.
        """
        known = sorted({flight.number: flight for flight in self._known()}.values(), key=lambda flight: flight.number)
        earlier = departures[: max(0, len(departures) - len(known))]
        first = known[0] if known else _Flight(self._numbers + 1, math.inf, math.inf)
        older = [
            _Flight(first.number - len(earlier) + place, departed, min(departed + UNSEEN, first.arrived))
            for place, departed in enumerate(earlier)
            if departed <= first.departed
        ]
        self._windows, self._timetable = tuple(windows), timetable
        self._set_up()
        for flight in (*older, *known):
            self._add(flight)

    def _known(self) -> Iterator[_Flight]:
        for flights in (self._flights, *self._timed.values()):
            yield from flights

    def _add(self, flight: _Flight) -> None:
        self._flights.append(flight)
        for window, counted in self._timed.items():
            if self._timetable.in_force(window, flight.departed):
                counted.append(flight)

    @property
    def horizon(self) -> float:
        """The seconds for which a departure counts: the longest window, with the largest guard."""
        return 2 * self.longest

    @property
    def longest(self) -> float:
        """The seconds of the longest window; 0.0 if there is no window."""
        return max((window.seconds for window in self._windows), default=0.0)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows that count."""
        return self._windows

    @property
    def seconds_each(self) -> float:
        """The seconds between two requests that the fastest window allows at least; 0.0 if there is no window."""
        return min((window.seconds / window.limit for window in self._windows if window.limit), default=0.0)

    def reserve(self, now: float) -> float:
        """Return the seconds to wait before asking again; 0.0 means that a request may depart now.

        If an answer that is still missing decides about a window, the wait is short, since that answer may come soon.
        """
        soonest = self._earliest(now, known_only=True)
        return soonest - now if soonest > now else max(0.0, self.earliest(now) - now)

    def earliest(self, now: float) -> float:
        """Return the moment of the next allowed departure, by what is known at `now`."""
        return self._earliest(now, known_only=False)

    def _earliest(self, now: float, *, known_only: bool) -> float:
        """Return the earliest departure that all windows allow; `known_only`: as if missing answers were no guard."""
        earliest = self._held_until
        for window in self._windows:
            if window.hours is None:
                earliest = max(earliest, self._opens(window, self._flights, now, known_only=known_only))
        if not self._timed:
            return earliest
        return self._timetable.first_allowed(max(earliest, now), self._timed_opens(now, known_only=known_only))

    def _timed_opens(self, now: float, *, known_only: bool) -> list[tuple[Window, float]]:
        return [
            (window, self._opens(window, flights, now, known_only=known_only))
            for window, flights in self._timed.items()
        ]

    def awaited(self, now: float) -> Window | None:
        """Return the window that decides when the next request may depart; None if none does, or the server's word."""
        earliest, decides = max(self._held_until, now), None
        for window in self._windows:
            if window.hours is None and (opens := self._opens(window, self._flights, now, known_only=False)) > earliest:
                earliest, decides = opens, window
        return self._timetable.find_allowed(earliest, self._timed_opens(now, known_only=False))[1] or decides

    def _opens(self, window: Window, flights: deque[_Flight], now: float, *, known_only: bool) -> float:
        """Return the moment from which on a window has room for a request more; `flights` are those it counts."""
        if not window.limit:
            return math.inf
        if len(flights) < window.limit:
            return 0.0
        opening = flights[-window.limit]  # when this one leaves the window, there is room for the next
        arrival = opening.arrived if known_only else self._arrival(opening, now)
        guard = max(arrival - self._quickest - opening.departed, 0.0) + MARGIN
        return opening.departed + window.seconds + min(guard, window.seconds)

    def _arrival(self, opening: _Flight, now: float) -> float:
        """Return the latest moment at which `opening` and all departures before it can have arrived."""
        latest = opening.arrived
        for flight in self._under_way.values():
            if flight.number <= opening.number:
                latest = max(latest, now, flight.departed + self._slowest)
        return latest

    def depart(self, now: float) -> int:
        """Record a departure at `now`; return its ticket."""
        self._own += 1
        return self._depart(now)

    def _depart(self, now: float) -> int:
        self._numbers += 1
        before = self._flights[-1].arrived if self._flights else now
        flight = _Flight(self._numbers, now, max(now, before))
        self._add(flight)
        self._under_way[flight.number] = flight
        return flight.number

    def leave(self, ticket: int, now: float) -> None:
        """Record that a request whose departure was recorded leaves only at `now`."""
        flight = self._under_way.get(ticket)
        if flight is not None and now > flight.departed:
            flight.departed = now
            self._reach(ticket, now)

    def arrived(self, ticket: int, now: float) -> None:
        """Record that the request with this ticket was answered at `now`, and learn its latency."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            self._learn(now - flight.departed)
            self._reach(ticket, now)

    def lost(self, ticket: int, now: float) -> None:
        """Record that a request has no answer: it has no latency to learn, but may have arrived as late as `now`."""
        flight = self._under_way.pop(ticket, None)
        if flight is not None:
            self._reach(ticket, now)

    def count_other(self, departed: float) -> int:
        """Record a departure of another process; return its ticket for `lost`, as its answer is not seen here."""
        return self._depart(departed)

    def _reach(self, number: int, arrived: float) -> None:
        """Note that a departure, and so all later ones, may have arrived as late as `arrived`."""
        for each in reversed(self._flights):
            if each.number < number:
                break
            each.arrived = max(each.arrived, arrived)

    def withdraw(self, ticket: int) -> None:
        """Take a departure back: no byte of the request left."""
        self._under_way.pop(ticket, None)
        for flights in (self._flights, *self._timed.values()):
            for flight in reversed(flights):
                if flight.number == ticket:
                    flights.remove(flight)
                    break

    @property
    def held_until(self) -> float:
        """The moment before which nothing departs, whatever the windows allow."""
        return self._held_until

    def hold(self, until: float) -> None:
        """Let nothing depart before `until`, as the server has asked."""
        self._held_until = max(self._held_until, until)

    def correct(self, ticket: int, headers: RateHeaders, now: float) -> Correction:
        """Use what the server says of its windows in the answer to `ticket`, which has just `arrived`."""
        foreign, until = self._count_foreign(ticket, headers), 0.0
        if self._windows and headers.remaining == 0 and headers.reset:
            tolerance = ROUNDING + (self._latencies[-1] if self._latencies else 0.0)
            if now + headers.reset > self.earliest(now) + tolerance:
                until = now + headers.reset
                self.hold(until)
        return Correction(held_until=until, foreign=foreign)

    def _count_foreign(self, ticket: int, headers: RateHeaders) -> int:
        """Return how many requests the server counts in the window it describes beyond those known to be in it."""
        if headers.limit is None or headers.remaining is None:
            return 0
        shortest = 0.0 if headers.reset is None else headers.reset - ROUNDING
        described = [w for w in self._windows if w.limit == headers.limit and w.seconds >= shortest and w.hours is None]
        if not described:
            return 0
        window = min(described, key=lambda window: window.seconds)
        beyond = bisect_right(self._flights, ticket, key=lambda flight: flight.number)
        opens = (self._flights[beyond - 1].departed if beyond else 0.0) - window.seconds
        known = beyond - bisect_right(self._flights, opens, key=lambda flight: flight.arrived)
        self._foreign[window] = max(0, headers.limit - headers.remaining - known)
        return self._foreign[window]

    def moments(self, since: float) -> list[float]:
        """Return the moments after `since` of departures that may still count, in ascending order."""
        return sorted(flight.departed for flight in set(self._known()) if flight.departed > since)

    def snapshot(self, now: float) -> PaceSnapshot:
        """Return the state of the pacer at `now`."""
        uses = tuple(
            WindowCount(
                window,
                sum(1 for flight in self._timed.get(window, self._flights) if flight.departed > now - window.seconds),
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
        """Learn from one latency: the spread, and, from ENOUGH answers on, the least that a request needs."""
        self._latencies.append(latency)
        known, smallest, self._slowest = len(self._latencies), min(self._latencies), max(self._latencies)
        if known >= ENOUGH:
            self._quickest = max(0.0, smallest - (self._slowest - smallest) * CAUTION / math.sqrt(known))
