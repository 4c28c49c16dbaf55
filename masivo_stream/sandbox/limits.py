"""Judge arrivals against sliding rate windows: the machine behind `X-RateLimit-*` and 429.

A window of `limit` requests in `seconds` counts the arrivals of the last `seconds`; an arrival exactly that
long after another no longer sees it. A refused arrival does not count (decision: the page on resource limits does
not say; counting it would starve a client that asks too early).

Invariants: no span of `seconds` ever holds more than `limit` accepted arrivals, and an arrival `retry_after`
seconds after a refusal finds room, provided nobody else came in between. Memory is bounded by the sum of the limits.
"""

import math
from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.window import Window


class TightestWindow(Struct, frozen=True, kw_only=True):
    """How the tightest window stands after an arrival: what the `X-RateLimit-*` headers tell."""

    limit: int
    remaining: int
    reset: int
    """Whole seconds, rounded up, until the window's oldest arrival leaves it."""


class Passed(Struct, frozen=True, kw_only=True):
    """The arrival is admitted. `quota` is None where no window applies."""

    quota: TightestWindow | None


class OverLimit(Struct, frozen=True, kw_only=True):
    """The arrival is refused; after `retry_after` whole seconds there is room again."""

    quota: TightestWindow
    retry_after: int


class Limiter:
    """The windows of one account, over whichever calls the owner feeds it."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._logs = [(window, deque[float]()) for window in windows]

    def arrive(self, now: float) -> Passed | OverLimit:
        """Judge an arrival at `now` (monotonic seconds) and count it if it passes."""
        self._forget(now)
        full = [(window, log) for window, log in self._logs if len(log) >= window.limit]
        if full:
            # The longest wait rules: until then at least one window stays full.
            waits = [_whole_wait(log[0] + window.seconds, now) for window, log in full]
            longest = max(waits)
            window = full[waits.index(longest)][0]
            return OverLimit(quota=TightestWindow(limit=window.limit, remaining=0, reset=longest), retry_after=longest)
        for _, log in self._logs:
            log.append(now)
        return Passed(quota=self._tightest(now))

    def take_back(self) -> None:
        """Uncount the last admitted arrival: another limiter refused the same request."""
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
    # Both are positive, so that the rounded sum of `now` and this never falls short of `until`.
    return math.ceil(until - now)
