"""A clock that the test moves, so that no test waits."""

import asyncio

START = 1_750_000_000.0
"""2025-06-15T15:06:40Z."""


class FakeClock:
    def __init__(self) -> None:
        self.elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []
        self._fell_asleep = asyncio.Condition()

    def monotonic(self) -> float:
        return 5_000.0 + self.elapsed

    def wall(self) -> float:
        return START + self.elapsed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        async with self._fell_asleep:
            self._sleepers.append((self.elapsed + seconds, woken))
            self._fell_asleep.notify_all()
        await woken.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake every sleeper whose time has come."""
        self.elapsed += seconds
        for due, woken in self._sleepers:
            if due <= self.elapsed:
                woken.set()
        self._sleepers = [(due, woken) for due, woken in self._sleepers if due > self.elapsed]

    async def wait_for_sleeper(self) -> float:
        """Wait until a task sleeps on this clock; return for how many seconds more."""
        async with self._fell_asleep:
            await self._fell_asleep.wait_for(lambda: self._sleepers)
        return min(due for due, _ in self._sleepers) - self.elapsed
