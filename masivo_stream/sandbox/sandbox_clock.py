"""The sandbox's sense of time, as a seam: tests bring their own, so nothing waits for real.

Two times, since they answer two questions. `monotonic` measures spans (rate windows) and never steps back;
`wall` dates what outlives the process (queue, tokens, stored effects) and what people read.
"""

import time
from typing import Protocol

import anyio


class SandboxClock(Protocol):
    """Where the time comes from. All values in seconds."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never steps back."""
        ...

    def wall(self) -> float:
        """Return seconds since 1970-01-01T00:00:00Z."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`, at once for zero or less."""
        ...


class SandboxSystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return the machine's monotonic time."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the machine's idea of the date."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await anyio.sleep(max(0.0, seconds))
