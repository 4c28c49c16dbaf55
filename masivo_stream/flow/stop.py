"""Stop a run in an orderly way: no new reads, no new requests; what is in flight may land within the drain time.

Everything that only waits (for a slot, a token, the next block) is inside `work`, which is cancelled at once. A request
in flight and the notes about it are inside a shield of their own, from `flight`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.ports import Clock


class StopControl:
    """Stops a run once, for the first cause."""

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
        """Stop for `cause`; only the first call counts."""
        if self.cause is None:
            self.cause = cause
            self._pulled.set()
            self.work.cancel()

    @contextmanager
    def flight(self) -> Iterator[anyio.CancelScope]:
        """Give a request a scope that a stop cancels only after the drain time."""
        with anyio.CancelScope() as scope:
            self._flights.add(scope)
            try:
                yield scope
            finally:
                self._flights.discard(scope)

    async def drain(self) -> None:
        """Wait for a stop, then for the drain time, then give up what is still in flight. Runs beside the work."""
        await self._pulled.wait()
        await self.clock.sleep(self.drain_time)
        for scope in list(self._flights):
            scope.cancel()
