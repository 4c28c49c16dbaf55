"""The sandbox's clock. Tests pass one of their own, so that they need not wait.

There are two times for two purposes. `monotonic` never goes back and measures spans (rate windows). `wall` gives the
date of everything that outlives the process (queue, tokens, stored effects) and of everything that people read.
"""

import time
from typing import Protocol

import anyio


class SandboxClock(Protocol):
    """The source of time. All values are in seconds."""

    def monotonic(self) -> float:
        """Return seconds since a fixed moment; never goes back."""
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
        """Return the machine's date."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await anyio.sleep(max(0.0, seconds))
