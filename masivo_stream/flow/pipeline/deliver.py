"""One batch's life: waiting for its slot, in flight, judged, and again if that is right.

Order is everything here: the journal knows of an attempt before its first byte, and of its outcome before the flow goes
on. From the note of the attempt to the note of the outcome nothing can cancel.
"""

from collections.abc import Callable
from typing import Protocol

import anyio

from masivo_stream.core.accounting.tally import Tally
from masivo_stream.core.pacing.pace import Correction
from masivo_stream.core.sending.backoff import (
    AttemptHistory,
    Decision,
    Halt,
    Health,
    Hold,
    Refresh,
    Retry,
    RetryPolicy,
    Settle,
    decide,
    no_fresh_token,
)
from masivo_stream.core.sending.classify import classify
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.rate_limit import Departure, RateLimiter
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Answer, Attempt, Cause, Failure
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import BugError, DeniedError, ExitCode, MasivoStreamError, OutageError
from masivo_stream.model.notices import BatchDeparted, BatchSent, BatchWaits, QuotaCorrected
from masivo_stream.model.outcome import (
    Accepted,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.ports import Clock


class Sender(Protocol):
    """Who puts a batch on the wire: one attempt a call."""

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        ...

    def fresh(self, token: str) -> bool:
        """Tell whether a token is still to be used."""
        ...

    async def send(self, kind: Kind, body: bytes, token: str, departed: Callable[[], None]) -> Attempt:
        """Send, calling `departed` when the first bytes have left."""
        ...

    def renew(self, token: str) -> bool:
        """Drop a token that was not taken; whether there can be a fresh one."""
        ...


class AttemptRecorder(Protocol):
    """Who keeps account of batches, durably, before the flow goes on. Called where nothing can cancel."""

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        ...

    async def conclude(self, batch: Batch, decision: Decision) -> None:
        """Count what came of an attempt, and note it."""
        ...


class Delivery:
    """Deliver batches of one kind, one call each; calls may run side by side."""

    def __init__(
        self,
        kind: Kind,
        *,
        sender: Sender,
        limiter: RateLimiter,
        policy: RetryPolicy,
        stop: StopControl,
        clock: Clock,
        chance: Callable[[], float],
        health: Health,
        tally: Tally,
        observer: Observer,
        in_flight: int,
    ) -> None:
        """Leave through `gate`; `chance` gives numbers in [0, 1), `health` is the run's.

        At most `in_flight` batches are on the wire, or noted to be, at the same time.
        """
        self._contract = CONTRACTS[kind]
        self._sender, self._limiter = sender, limiter
        self._policy, self._stop, self._clock, self._chance = policy, stop, clock, chance
        self._tally, self._observer = tally, observer
        self._health = health
        self._slots = anyio.Semaphore(in_flight, fast_acquire=True)

    async def deliver(self, batch: Batch, keeper: AttemptRecorder) -> Settle | Hold | Halt:
        """Send until there is nothing more to try. Cancelled between two attempts, the batch was not applied."""
        history = AttemptHistory()
        while True:
            match await self._try(batch, history, keeper):
                case Settle() | Hold() | Halt() as decision:
                    return decision
                case Retry(after, why):
                    self._observer.notify(BatchWaits(kind=batch.kind, batch=batch.id, why=why, seconds=after))
                    await self._clock.sleep(after)
                case Refresh():
                    pass

    async def _try(self, batch: Batch, history: AttemptHistory, keeper: AttemptRecorder) -> Decision:
        token = await self._sender.prepare()  # before the slot: a token call waits for one of its own
        if not isinstance(token, str):  # nothing of the batch was sent
            return self._decide(classify(token), history)
        with anyio.CancelScope() as until_noted:
            async with self._slots, self._limiter.departure() as departure:
                if not self._sender.fresh(token):  # the wait was longer than its life: a 401 would waste the slot
                    departure.unsent()
                    return Refresh()
                until_noted.shield = True
                await keeper.begin(batch)
                began = self._clock.now()
                outcome = classify(await self._fly(batch, token, departure))
                seconds = self._clock.now() - began
                decision = self._decide(outcome, history)
                if (
                    isinstance(outcome, Unauthorized)
                    and isinstance(decision, Refresh)
                    and not self._sender.renew(token)
                ):
                    decision = no_fresh_token(outcome)
            # The next one may leave while this one's outcome is noted: the journal notes both at once, if it can.
            await keeper.conclude(batch, decision)
            self._take_notice(batch, outcome, seconds)
        return decision

    async def _fly(self, batch: Batch, token: str, departure: Departure) -> Attempt:
        """Make the attempt; cut short by the brake, it may or may not have arrived. After it none begins."""
        sent = False

        def left() -> None:
            nonlocal sent
            sent = True

        landed: list[Attempt] = []
        with self._stop.flight():
            # The brake may have been pulled while this attempt was noted: by a signal, or by the outcome noted with it.
            if self._stop.cause is None:
                self._observer.notify(BatchDeparted(kind=batch.kind, batch=batch.id, in_flight=self._stop.in_flight))
                landed.append(await self._sender.send(self._contract.kind, batch.body, token, left))
        if sent:
            self._tally.sent(len(batch.body))
        attempt = landed[0] if landed else Failure(cause=Cause.CUT_SHORT, sent=sent)
        if isinstance(attempt, Answer):
            self._take_correction(departure.answered(attempt))
        elif not attempt.sent:
            departure.unsent()
        return attempt

    def _take_correction(self, correction: Correction) -> None:
        if correction.held_until:
            seconds = correction.held_until - self._clock.now()
            self._observer.notify(QuotaCorrected(seconds=seconds, foreign=correction.foreign))

    def _decide(self, outcome: Outcome, history: AttemptHistory) -> Decision:
        decision = decide(
            outcome,
            history,
            self._health,
            self._policy,
            repeatable=self._contract.repeatable,
            now=self._clock.now(),
            chance=self._chance(),
        )
        if isinstance(outcome, Throttled):
            self._tally.throttled()
            after = decision.after if isinstance(decision, Retry) else outcome.after or 0.0
            self._limiter.hold(after)  # the quota is the account's: the others wait as well
        elif isinstance(decision, Hold):
            self._limiter.hold(decision.after)
        return decision

    def _take_notice(self, batch: Batch, outcome: Outcome, seconds: float) -> None:
        self._observer.notify(
            BatchSent(
                kind=batch.kind,
                batch=batch.id,
                records=len(batch.entries),
                items=batch.items,
                size=len(batch.body),
                outcome=_word(outcome),
                seconds=seconds,
                remark=_remark(outcome),
                in_flight=self._stop.in_flight,
            )
        )


def _remark(outcome: Outcome) -> str:
    """Return what may be told of an outcome: never the API's own words about a batch, which may quote a record."""
    match outcome:
        case Accepted(remark=remark):
            return remark
        case Refused(foreign=True, message=message):
            return message
        case Throttled(by=by) | Unauthorized(by=by):
            return by
        case InDoubt(why=why) | Unreachable(why=why) | Stop(why=why):
            return why
        case _:
            return ""


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


def halt_error(halt: Halt, place: str) -> MasivoStreamError:
    """Return the error that stops a run for `halt`."""
    kinds: dict[ExitCode, type[MasivoStreamError]] = {
        ExitCode.OUTAGE: OutageError,
        ExitCode.DENIED: DeniedError,
    }
    kind = kinds.get(halt.exit_code, BugError)
    return kind(halt.why, operation="send a batch", place=place, hint=halt.hint)
