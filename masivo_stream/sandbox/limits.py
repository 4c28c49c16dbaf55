"""Check arrivals against sliding rate windows, which give `X-RateLimit-*` and 429.

A window of `limit` requests in `seconds` counts the arrivals of the last `seconds`. An arrival exactly that long ago
no longer counts. A refused arrival does not count. (Decision: the page on resource limits does not say. If it counted,
a client that asks too early would never get through.)

Invariants: no span of `seconds` holds more than `limit` accepted arrivals. An arrival `retry_after` seconds after a
refusal is accepted if no other request came in between. Memory is bounded by the sum of the limits.
"""

import math
from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.window import Window


class TightestWindow(Struct, frozen=True, kw_only=True):
    """The tightest window after an arrival: the content of the `X-RateLimit-*` headers."""

    limit: int
    remaining: int
    reset: int
    """Whole seconds, rounded up, until the window's oldest arrival leaves it."""


class Passed(Struct, frozen=True, kw_only=True):
    """The arrival is accepted. `quota` is None if there is no window."""

    quota: TightestWindow | None


class OverLimit(Struct, frozen=True, kw_only=True):
    """The arrival is refused; after `retry_after` whole seconds another one is accepted."""

    quota: TightestWindow
    retry_after: int


class Limiter:
    """The rate windows of one account, over the calls that the caller passes to `arrive`."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._logs = [(window, deque[float]()) for window in windows]

    def arrive(self, now: float) -> Passed | OverLimit:
        """Check an arrival at `now` (monotonic seconds), and count it if it is accepted."""
        self._forget(now)
        full = [(window, log) for window, log in self._logs if len(log) >= window.limit]
        if full:
            # The longest wait counts: before it ends, at least one window is full.
            waits = [_whole_wait(log[0] + window.seconds, now) for window, log in full]
            longest = max(waits)
            window = full[waits.index(longest)][0]
            return OverLimit(quota=TightestWindow(limit=window.limit, remaining=0, reset=longest), retry_after=longest)
        for _, log in self._logs:
            log.append(now)
        return Passed(quota=self._tightest(now))

    def take_back(self) -> None:
        """Remove the last accepted arrival, because another limiter refused the same request."""
        for _, log in self._logs:
            log.pop()

    def _forget(self, now: float) -> None:
        for window, log in self._logs:
            while log and log[0] + window.seconds <= now:
                log.popleft()

    def _tightest(self, now: float) -> TightestWindow | None:
        states = [
            TightestWindow(
                limit=window.limit,
                remaining=window.limit - len(log),
                reset=_whole_wait(log[0] + window.seconds, now),
            )
            for window, log in self._logs
        ]
        return min(states, key=lambda quota: (quota.remaining, -quota.reset), default=None)


def _whole_wait(until: float, now: float) -> int:
    # Both are positive, so the sum of `now` and this result is never less than `until`.
    return math.ceil(until - now)
