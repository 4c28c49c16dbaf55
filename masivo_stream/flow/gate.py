"""The gate: all requests of one scope leave through it, one after the other, when the pacer allows.

Other processes use the same account's windows: where a quota is shared, their departures count, and ours are noted
there before they leave. A quota that cannot be written is left behind: the server's 429 still keeps us polite.
"""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import anyio

from masivo_stream.core.pace import Pacer
from masivo_stream.edges.clock import Clock
from masivo_stream.model.errors import OutageError, StorageError


class Quota(Protocol):
    """What of an account's windows is used, whoever used it."""

    def reserve(self, scope: str, horizon: float, decide: Callable[[Sequence[float], float], float]) -> int | float:
        """Note a departure if `decide` returns 0, and return its number (int); else the seconds to wait (float)."""
        ...

    def leave(self, number: int) -> None:
        """Note that a departure has left only now."""
        ...

    def withdraw(self, number: int) -> None:
        """Take a departure back."""
        ...

    def hold(self, scope: str, seconds: float) -> None:
        """Let nothing depart for a while, whoever it is."""
        ...


class Ledger:
    """One scope's part of a shared quota; silent from the first failure on."""

    def __init__(self, scope: str, quota: Quota | None, lost: Callable[[StorageError], None]) -> None:
        """Keep to `quota` while it can be used; tell `lost` when it cannot."""
        self._scope, self._quota, self._lost = scope, quota, lost

    def reserve(self, horizon: float, decide: Callable[[Sequence[float], float], float]) -> int | float:
        """As the quota does; without one, the number is 0."""
        if self._quota is not None:
            try:
                return self._quota.reserve(self._scope, horizon, decide)
            except StorageError as error:
                self._give_up(error)
        wait = decide((), 0.0)
        return float(wait) if wait > 0 else 0

    def leave(self, number: int) -> None:
        """As the quota does."""
        self._tell(lambda quota: quota.leave(number))

    def withdraw(self, number: int) -> None:
        """As the quota does."""
        self._tell(lambda quota: quota.withdraw(number))

    def hold(self, seconds: float) -> None:
        """As the quota does."""
        self._tell(lambda quota: quota.hold(self._scope, seconds))

    def _tell(self, what: Callable[[Quota], None]) -> None:
        if self._quota is not None:
            try:
                what(self._quota)
            except StorageError as error:
                self._give_up(error)

    def _give_up(self, error: StorageError) -> None:
        self._quota = None
        self._lost(error)


class Departure:
    """One request that may leave now."""

    def __init__(self, pacer: Pacer, clock: Clock, turn: anyio.Semaphore, ledger: Ledger, number: int) -> None:
        """Take the turn, which is given back when the request has left."""
        self._pacer, self._clock, self._turn = pacer, clock, turn
        self._ledger, self._number = ledger, number
        self._ticket = pacer.depart(clock.now())
        self._gone = False

    def left(self) -> None:
        """Note that the first bytes have left: until here connecting may have taken time. The next may come."""
        if not self._gone:
            self._gone = True
            self._pacer.postpone(self._ticket, self._clock.now())
            self._ledger.leave(self._number)
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
        self._ledger.withdraw(self._number)
        self._gone = True
        self._turn.release()


class Gate:
    """Hand out departures in the pacer's time."""

    def __init__(
        self, pacer: Pacer, clock: Clock, ledger: Ledger | None = None, *, longest_hold: float = math.inf
    ) -> None:
        """Guard `pacer`; where there are windows to share, by `ledger`.

        A hold of another process that lasts longer than `longest_hold` seconds is not waited for.
        """
        self.pacer = pacer
        self._longest_hold = longest_hold
        self._clock = clock
        self._ledger = ledger if ledger is not None and pacer.limited else Ledger("", None, lambda _: None)
        # Without windows there is no order to keep, and connecting one after the other would only cost.
        self._turn = anyio.Semaphore(1 if pacer.limited else 1024)

    @asynccontextmanager
    async def departure(self) -> AsyncIterator[Departure]:
        """Wait for a slot and use it. Until the slot has come, cancelling costs nothing.

        Raises:
            OutageError: the server has told another process to wait longer than we do.
        """
        await self._turn.acquire()
        try:
            while isinstance(slot := self._reserve(), float):
                await self._clock.sleep(slot)
        except BaseException:
            self._turn.release()
            raise
        departure = Departure(self.pacer, self._clock, self._turn, self._ledger, slot)
        try:
            yield departure
        finally:
            departure.close()

    def _reserve(self) -> int | float:
        now = self._clock.now()

        def decide(others: Sequence[float], held_until: float) -> float:
            if held_until - now > self._longest_hold:
                raise OutageError(
                    f"429: the server has asked for a wait of {held_until - now:.0f} s more, longer than longest_hold",
                    operation="wait for a slot",
                    hint="start again when the quota is free, or raise longest_hold",
                )
            return self.pacer.reserve(now, others, held_until)

        return self._ledger.reserve(self.pacer.horizon, decide)

    def hold(self, seconds: float) -> None:
        """Let nothing leave for a while."""
        self.pacer.hold(self._clock.now() + seconds)
        self._ledger.hold(seconds)
