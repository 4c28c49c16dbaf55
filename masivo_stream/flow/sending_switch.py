"""The switch by which a person lets a run send or not: while it is off, no request leaves.

What is in flight ends as usual. What waits for a slot, a token or a read waits for the switch instead, and time limits
that count how long the API has not answered leave that time out (`WorkingClock`).
"""

from datetime import datetime

import anyio

from masivo_stream.model.ports import Clock


class SendingSwitch:
    """On until it is turned off."""

    def __init__(self, clock: Clock) -> None:
        """Count how long it is off, by `clock`."""
        self._clock = clock
        self._off_since: float | None = None
        self._before = 0.0
        self._turned_on = anyio.Event()

    @property
    def off(self) -> bool:
        """Whether nothing may be sent."""
        return self._off_since is not None

    @property
    def off_seconds(self) -> float:
        """For how long it has been off until now, all times together."""
        return self._before + (0.0 if self._off_since is None else self._clock.now() - self._off_since)

    def turn_off(self) -> None:
        """Let no request leave."""
        if self._off_since is None:
            self._off_since, self._turned_on = self._clock.now(), anyio.Event()

    def turn_on(self) -> None:
        """Let requests leave that wait for it."""
        if self._off_since is not None:
            self._before, self._off_since = self.off_seconds, None
            self._turned_on.set()

    async def wait_until_on(self) -> None:
        """Return when it is on."""
        while self._off_since is not None:
            await self._turned_on.wait()


class WorkingClock:
    """A clock that stops while a switch is off; its date and time go on."""

    def __init__(self, clock: Clock, switch: SendingSwitch) -> None:
        """Go by `clock`."""
        self._clock, self._switch = clock, switch

    def now(self) -> float:
        """Return the seconds in which the switch was on."""
        return self._clock.now() - self._switch.off_seconds

    def wall(self) -> datetime:
        """Return the date and time in UTC."""
        return self._clock.wall()

    async def sleep(self, seconds: float) -> None:
        """Wait, also while the switch is off."""
        await self._clock.sleep(seconds)
