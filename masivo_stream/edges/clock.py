"""The machine's clock, and a fake one. The fake one is part of the package, so that users can test with it."""

import heapq
import time
from datetime import UTC, datetime

import anyio
import anyio.lowlevel


class SystemClock:
    """The machine's clocks."""

    now = staticmethod(time.monotonic)  # the function itself: it is called several times for each batch

    def wall(self) -> datetime:
        """Return the system's date and time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await anyio.sleep(seconds)


_TURNS = 30
"""Turns of the event loop before asking whether all tasks wait: if some do not, asking costs a tenth of a second."""


class FakeClock:
    """A clock that does not move until `advance`, or that jumps to the next sleeper while `run` is at work."""

    def __init__(self, start: float = 1000.0) -> None:
        """Begin at `start` seconds; the wall clock begins at a fixed date."""
        self._now = start
        self._start = start
        self._sleepers: list[tuple[float, int, anyio.Event]] = []
        self._count = 0

    def now(self) -> float:
        """Return the virtual time."""
        return self._now

    def wall(self) -> datetime:
        """Return a date as far after the fixed one as the virtual time has run."""
        return datetime.fromtimestamp(1_700_000_000 + self._now - self._start, UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait until the virtual time has come."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        self._count += 1
        woken = anyio.Event()
        sleeper = (self._now + seconds, self._count, woken)
        heapq.heappush(self._sleepers, sleeper)
        try:
            await woken.wait()
        except BaseException:  # cancelled: time must not jump to a moment for which no task waits any more
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)
            raise

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake the tasks that slept until then."""
        target = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= target:
            self._wake_next()
        self._now = target

    async def run(self) -> None:
        """Jump to the next sleeper whenever all other tasks wait. Never returns: cancel it."""
        while True:
            for _ in range(_TURNS):
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            if self._sleepers:
                self._wake_next()
            else:
                await anyio.sleep(0.001)

    def _wake_next(self) -> None:
        moment, _, woken = heapq.heappop(self._sleepers)
        self._now = max(self._now, moment)
        woken.set()
