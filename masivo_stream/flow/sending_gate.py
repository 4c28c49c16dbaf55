"""The gate that all requests of a run pass: while a person has paused the run, it is closed.

What is in flight is on the other side of it. What waits for a slot, a token or a read waits at the gate instead, and
time limits that count how long the API has not answered leave the pause out (`WorkingClock`).
"""

from datetime import datetime

import anyio

from masivo_stream.model.ports import Clock


class SendingGate:
    """Open until it is closed."""

    def __init__(self, clock: Clock) -> None:
        """Count how long it is closed, by `clock`."""
        self._clock = clock
        self._closed_at: float | None = None
        self._before = 0.0
        self._opened = anyio.Event()

    @property
    def closed(self) -> bool:
        """Whether nothing may be sent."""
        return self._closed_at is not None

    @property
    def closed_seconds(self) -> float:
        """For how long it has been closed until now, all times together."""
        return self._before + (0.0 if self._closed_at is None else self._clock.now() - self._closed_at)

    def close(self) -> None:
        """Let nothing pass."""
        if self._closed_at is None:
            self._closed_at, self._opened = self._clock.now(), anyio.Event()

    def open(self) -> None:
        """Let everything that waits pass."""
        if self._closed_at is not None:
            self._before, self._closed_at = self.closed_seconds, None
            self._opened.set()

    async def passed(self) -> None:
        """Wait until it is open."""
        while self._closed_at is not None:
            await self._opened.wait()


class WorkingClock:
    """A clock that stands still while a gate is closed; a wall clock does not."""

    def __init__(self, clock: Clock, gate: SendingGate) -> None:
        """Go by `clock`."""
        self._clock, self._gate = clock, gate

    def now(self) -> float:
        """Return the seconds in which the gate was open."""
        return self._clock.now() - self._gate.closed_seconds

    def wall(self) -> datetime:
        """Return the date and time in UTC."""
        return self._clock.wall()

    async def sleep(self, seconds: float) -> None:
        """Wait, also while the gate is closed."""
        await self._clock.sleep(seconds)
