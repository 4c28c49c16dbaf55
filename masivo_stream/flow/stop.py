"""The brake: stop in order. No new reads, no new requests; what is in flight may land within the drain time.

Everything that only waits (for a slot, a token, the next block) stands inside `work`, which is cancelled at once. A
request in flight and the notes about it stand inside a shield of their own, from `flight`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.ports import Clock


class StopControl:
    """Stop a run, once, for a reason."""

    def __init__(self, clock: Clock, *, drain_time: float) -> None:
        """Let requests in flight finish for `drain_time` seconds."""
        self.work = anyio.CancelScope()
        self.cause: MasivoStreamError | None = None
        self.clock = clock
        self.drain_time = drain_time
        self._pulled = anyio.Event()
        self._flights: set[anyio.CancelScope] = set()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._flights)

    def pull(self, cause: MasivoStreamError) -> None:
        """Stop for `cause`; the first one counts."""
        if self.cause is None:
            self.cause = cause
            self._pulled.set()
            self.work.cancel()

    @contextmanager
    def flight(self) -> Iterator[anyio.CancelScope]:
        """Give a request a scope that the brake reaches only after the drain time."""
        with anyio.CancelScope() as scope:
            self._flights.add(scope)
            try:
                yield scope
            finally:
                self._flights.discard(scope)

    async def drain(self) -> None:
        """Once pulled, wait for the drain time, then give up what is still in flight. Runs beside the work."""
        await self._pulled.wait()
        await self.clock.sleep(self.drain_time)
        for scope in list(self._flights):
            scope.cancel()
