"""The gate: all requests of one scope leave through it, one after the other, when the pacer allows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from masivo_stream.core.pace import Pacer
from masivo_stream.edges.clock import Clock


class Departure:
    """One request that may leave now."""

    def __init__(self, pacer: Pacer, clock: Clock, turn: anyio.Semaphore) -> None:
        """Take the turn, which is given back when the request has left."""
        self._pacer, self._clock, self._turn = pacer, clock, turn
        self._ticket = pacer.depart(clock.now())
        self._gone = False

    def left(self) -> None:
        """Note that the first bytes have left: until here connecting may have taken time. The next may come."""
        if not self._gone:
            self._gone = True
            self._pacer.postpone(self._ticket, self._clock.now())
            self._turn.release()

    def answered(self) -> None:
        """Note that the server has answered."""
        self._pacer.arrived(self._ticket, self._clock.now())

    def close(self) -> None:
        """Note that nothing more will come; what never left uses up no slot."""
        if self._gone:
            self._pacer.lost(self._ticket, self._clock.now())
            return
        self._pacer.withdraw(self._ticket)
        self._gone = True
        self._turn.release()


class Gate:
    """Hand out departures in the pacer's time."""

    def __init__(self, pacer: Pacer, clock: Clock) -> None:
        """Guard `pacer`."""
        self.pacer = pacer
        self._clock = clock
        # Without windows there is no order to keep, and connecting one after the other would only cost.
        self._turn = anyio.Semaphore(1 if pacer.limited else 1024)

    @asynccontextmanager
    async def departure(self) -> AsyncIterator[Departure]:
        """Wait for a slot and use it. Until the slot has come, cancelling costs nothing."""
        await self._turn.acquire()
        try:
            while (wait := self.pacer.reserve(self._clock.now())) > 0:
                await self._clock.sleep(wait)
        except BaseException:
            self._turn.release()
            raise
        departure = Departure(self.pacer, self._clock, self._turn)
        try:
            yield departure
        finally:
            departure.close()

    def hold(self, seconds: float) -> None:
        """Let nothing leave for a while."""
        self.pacer.hold(self._clock.now() + seconds)
