"""One batch's life: planned, waiting for its slot, in flight, judged, and again if that is right.

Order is everything here: the journal knows of a batch before it waits, of an attempt before its first byte, and of an
outcome before anything is counted. From the note of the attempt to the note of the outcome nothing can cancel.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

import anyio

from masivo_stream.core.classify import classify
from masivo_stream.core.retry import (
    Again,
    Decision,
    Halt,
    History,
    Hold,
    Refresh,
    RetryPolicy,
    Settle,
    decide,
)
from masivo_stream.core.tally import Tally
from masivo_stream.edges.clock import Clock
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.gate import Departure, Gate
from masivo_stream.flow.observer import Observer
from masivo_stream.model.attempt import Attempt, Cause, Failure
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.notices import BatchSent, BatchWaits
from masivo_stream.model.outcome import Accepted, Outcome, Refused, Throttled, Unauthorized


class Sender(Protocol):
    """Who puts a batch on the wire: one attempt a call."""

    async def prepare(self) -> Attempt | None:
        """Have a token at hand; the attempt that failed to get one, None when ready."""
        ...

    async def send(self, kind: Kind, body: bytes, departed: Callable[[], None]) -> Attempt:
        """Send, calling `departed` when the first bytes have left."""
        ...

    def renew(self) -> bool:
        """Drop the token that was not taken; whether there can be a fresh one."""
        ...


class Journal(Protocol):
    """Who writes down how batches stand, durably, before the flow goes on."""

    async def plan(self, batch: Batch) -> None:
        """Note a batch before it waits for its slot."""
        ...

    async def send(self, batch: Batch) -> None:
        """Note that the next thing that happens is the first byte."""
        ...

    async def unsent(self, batch: Batch) -> None:
        """Note that an attempt certainly applied nothing, and another will follow."""
        ...

    async def settle(self, batch: Batch) -> None:
        """Note that a batch is final: accepted, or refused and taken apart."""
        ...

    async def doubt(self, batch: Batch) -> None:
        """Note that nobody knows whether a batch was applied."""
        ...


class Delivery:
    """Deliver batches of one kind, one call each; calls may run side by side."""

    def __init__(
        self,
        kind: Kind,
        *,
        sender: Sender,
        journal: Journal,
        gates: tuple[Gate, ...],
        policy: RetryPolicy,
        brake: Brake,
        clock: Clock,
        chance: Callable[[], float],
        tally: Tally,
        observer: Observer,
    ) -> None:
        """Pass through all of `gates`, in their order; `chance` gives numbers in [0, 1)."""
        self._contract = CONTRACTS[kind]
        self._sender, self._journal, self._gates = sender, journal, gates
        self._policy, self._brake, self._clock, self._chance = policy, brake, clock, chance
        self._tally, self._observer = tally, observer
        self._foreign = 0

    async def deliver(self, batch: Batch) -> Settle | Hold | Halt:
        """Send until there is nothing more to try. Cancelled before an attempt, the batch stays planned."""
        await self._journal.plan(batch)
        history = History(foreign=self._foreign)
        while True:
            decision = await self._try(batch, history)
            self._foreign = history.foreign
            match decision:
                case Settle() | Hold() | Halt():
                    return decision
                case Again(after):
                    self._tell_waiting(batch, history, after)
                    await self._clock.sleep(after)
                case Refresh():
                    if not self._sender.renew():
                        history.refreshed = True  # a ready token cannot be renewed: the same answer will end it

    async def _try(self, batch: Batch, history: History) -> Decision:
        unready = await self._sender.prepare()
        if unready is not None:  # nothing of the batch was sent
            return self._decide(classify(unready), history)
        async with AsyncExitStack() as stack:
            departures = [await stack.enter_async_context(gate.departure()) for gate in self._gates]
            with anyio.CancelScope(shield=True):
                await self._journal.send(batch)
                began = self._clock.now()
                outcome = classify(await self._fly(batch, departures))
                self._take_notice(batch, outcome, self._clock.now() - began)
                decision = self._decide(outcome, history)
                await self._note(batch, decision)
        return decision

    async def _fly(self, batch: Batch, departures: list[Departure]) -> Attempt:
        """Make the attempt; cut short by the brake, it may or may not have arrived."""
        sent = False

        def left() -> None:
            nonlocal sent
            sent = True
            for departure in departures:
                departure.left()

        landed: list[Attempt] = []
        with self._brake.flight():
            landed.append(await self._sender.send(self._contract.kind, batch.body, left))
        if not landed:
            return Failure(cause=Cause.CUT_SHORT, sent=sent)
        attempt = landed[0]
        if not isinstance(attempt, Failure):
            for departure in departures:
                departure.answered()
        return attempt

    def _decide(self, outcome: Outcome, history: History) -> Decision:
        decision = decide(
            outcome,
            history,
            self._policy,
            repeatable=self._contract.repeatable,
            now=self._clock.now(),
            chance=self._chance(),
        )
        if isinstance(outcome, Throttled):
            self._tally.throttled()
            if isinstance(decision, Again):
                for gate in self._gates:
                    gate.hold(decision.after)  # the quota is the account's: the others wait as well
        return decision

    async def _note(self, batch: Batch, decision: Decision) -> None:
        match decision:
            case Settle():
                await self._journal.settle(batch)
            case Hold():
                await self._journal.doubt(batch)
            case Halt(in_doubt=True) if not self._contract.repeatable:
                await self._journal.doubt(batch)
            case Halt() | Again() | Refresh():
                await self._journal.unsent(batch)

    def _take_notice(self, batch: Batch, outcome: Outcome, seconds: float) -> None:
        self._tally.sent(len(batch.body))
        self._observer.notify(
            BatchSent(
                kind=batch.kind,
                batch=batch.id,
                records=len(batch.entries),
                items=batch.items,
                size=len(batch.body),
                outcome=_word(outcome),
                seconds=seconds,
                remark=outcome.remark if isinstance(outcome, Accepted) else getattr(outcome, "why", ""),
            )
        )

    def _tell_waiting(self, batch: Batch, history: History, after: float) -> None:
        why = "throttled" if history.failures == 0 else f"failed {history.failures} times"
        self._observer.notify(BatchWaits(kind=batch.kind, batch=batch.id, why=why, seconds=after))


def _word(outcome: Outcome) -> str:
    match outcome:
        case Refused(status=status):
            return f"refused ({status})"
        case Unauthorized():
            return "token not taken"
        case _:
            return _WORDS[type(outcome).__name__]


_WORDS = {
    "Accepted": "accepted",
    "TooLarge": "too large",
    "Throttled": "throttled",
    "Unreachable": "unreachable",
    "InDoubt": "in doubt",
    "Stop": "stop",
}
