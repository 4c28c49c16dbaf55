"""Deliver one batch: wait for its slot, send it, decide by the outcome, and repeat if that is right.

The order carries the delivery guarantee: the journal knows of an attempt before its first byte, and of its outcome
before the flow goes on. From the note of the attempt to the note of the outcome nothing can cancel.
"""

from collections.abc import Callable

import anyio
from msgspec import Struct, field

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
from masivo_stream.flow.protocols import AttemptRecorder, Sender
from masivo_stream.flow.rate_limit import Departure, RateLimiter
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import (
    Accepted,
    Answer,
    Attempt,
    Cause,
    Failure,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.errors import BugError, DeniedError, ExitCode, MasivoStreamError, OutageError
from masivo_stream.model.notices import BatchDeparted, BatchSent, BatchWaits, QuotaCorrected
from masivo_stream.model.settings import Settings


class Backoff(Struct, frozen=True):
    """How a run repeats: one for all batches and kinds."""

    policy: RetryPolicy
    chance: Callable[[], float]
    """Returns numbers in [0, 1), for the jitter."""
    health: Health = field(default_factory=Health)

    def decide(self, outcome: Outcome, history: AttemptHistory, *, repeatable: bool, now: float) -> Decision:
        """Return what follows an outcome; `core.sending.backoff` has the rules."""
        return decide(outcome, history, self.health, self.policy, repeatable=repeatable, now=now, chance=self.chance())


def make_backoff(settings: Settings, chance: Callable[[], float]) -> Backoff:
    """Return how the settings want a run to repeat."""
    policy = RetryPolicy(
        first_delay=settings.retry.first_delay,
        longest_delay=settings.retry.longest_delay,
        outage_limit=settings.retry.outage_limit,
        longest_hold=settings.limits.longest_hold,
    )
    return Backoff(policy, chance)


class WireSlots:
    """At most a number of batches on the wire at the same time; the number may change meanwhile."""

    def __init__(self, most: int) -> None:
        """Allow `most`."""
        self._most, self._too_many = most, 0
        self._free = anyio.Semaphore(most, fast_acquire=True)

    def change(self, most: int) -> None:
        """Allow `most` from now on."""
        for _ in range(self._most, most):
            self._release()
        for _ in range(most, self._most):
            try:
                self._free.acquire_nowait()
            except anyio.WouldBlock:
                self._too_many += 1  # the next one that is free is taken away
        self._most = most

    def _release(self) -> None:
        if self._too_many:
            self._too_many -= 1
        else:
            self._free.release()

    async def __aenter__(self) -> None:
        """Wait for a free one, and take it."""
        await self._free.acquire()

    async def __aexit__(self, *_exc: object) -> None:
        """Give it back."""
        self._release()


class Delivery:
    """Deliver batches, one call each; calls may run side by side."""

    def __init__(
        self,
        sender: Sender,
        limiter: RateLimiter,
        recorder: AttemptRecorder,
        *,
        backoff: Backoff,
        stop: StopControl,
        observer: Observer,
        in_flight: int,
    ) -> None:
        """Send by `sender` when `limiter` lets requests leave; `recorder` notes each attempt.

        At most `in_flight` batches are on the wire, or noted to be, at the same time.
        """
        self._sender, self._limiter, self._recorder = sender, limiter, recorder
        self._backoff, self._stop, self._clock = backoff, stop, stop.clock
        self._observer = observer
        self._slots = WireSlots(in_flight)

    def change_in_flight(self, most: int) -> None:
        """Have at most `most` batches on the wire from now on; those that are there end as usual."""
        self._slots.change(most)

    async def deliver(self, batch: Batch) -> Settle | Hold | Halt:
        """Send until there is nothing more to try. Cancelled between two attempts, the batch was not applied."""
        history = AttemptHistory()
        while True:
            match await self._try(batch, history):
                case Settle() | Hold() | Halt() as decision:
                    return decision
                case Retry(after, why):
                    self._observer.notify(BatchWaits(kind=batch.kind, batch=batch.id, why=why, seconds=after))
                    await self._clock.sleep(after)
                case Refresh():
                    pass

    async def _try(self, batch: Batch, history: AttemptHistory) -> Decision:
        # Before the slot: a token call waits for a slot of its own.
        token = await self._sender.prepare()
        # 1. No token came: nothing of the batch was sent.
        if not isinstance(token, str):
            return self._decide(batch, classify(token), history)
        asked = self._clock.now()
        with anyio.CancelScope() as until_noted:
            async with self._slots, self._limiter.departure() as departure:
                # 2. The wait was longer than the token's life: a 401 would waste the slot.
                if not self._sender.fresh(token):
                    departure.unsent()
                    return Refresh()
                # 3. An attempt. From here to the note of its outcome nothing cancels: a batch that was noted and never
                # sent, or sent and never settled, would be in doubt after the next start.
                until_noted.shield = True
                await self._recorder.begin(batch)
                departure.leave()
                began, history.attempts = self._clock.now(), history.attempts + 1
                attempt = await self._make_attempt(batch, token, departure)
                outcome = classify(attempt)
                made = _Made(attempt, history.attempts, began - asked, self._clock.now() - began)
                decision = self._decide(batch, outcome, history)
                if (
                    isinstance(outcome, Unauthorized)
                    and isinstance(decision, Refresh)
                    and not self._sender.renew(token)
                ):
                    decision = no_fresh_token(outcome)
            # The next one may leave while this one's outcome is noted: the journal notes both at once, if it can.
            await self._recorder.settle(batch, decision)
            self._notify_sent(batch, outcome, made)
        return decision

    async def _make_attempt(self, batch: Batch, token: str, departure: Departure) -> Attempt:
        """Make the attempt, unless the run was stopped. If a stop cuts it short, it may or may not have arrived."""
        sent = False

        def departed() -> None:
            nonlocal sent
            sent = True

        made: list[Attempt] = []
        with self._stop.flight():
            # The run may have been stopped while this attempt was noted: by a signal, or by the outcome noted with it.
            if self._stop.cause is None:
                self._observer.notify(BatchDeparted(kind=batch.kind, batch=batch.id, in_flight=self._stop.in_flight))
                made.append(await self._sender.send(batch.kind, batch.body, token, departed))
        if sent:
            self._recorder.count_request(len(batch.body))
        attempt = made[0] if made else Failure(cause=Cause.CUT_SHORT, sent=sent)
        if isinstance(attempt, Answer):
            self._notify_correction(departure.answered(attempt))
        elif not attempt.sent:
            departure.unsent()
        return attempt

    def _notify_correction(self, correction: Correction) -> None:
        if correction.held_until:
            seconds = correction.held_until - self._clock.now()
            self._observer.notify(QuotaCorrected(seconds=seconds, foreign=correction.foreign))

    def _decide(self, batch: Batch, outcome: Outcome, history: AttemptHistory) -> Decision:
        repeatable = CONTRACTS[batch.kind].repeatable
        # A pause that a person asked for is no time in which the API did not answer.
        now = self._clock.now() - self._limiter.switch.off_seconds
        decision = self._backoff.decide(outcome, history, repeatable=repeatable, now=now)
        if isinstance(outcome, Throttled):
            self._recorder.count_throttled()
            after = decision.after if isinstance(decision, Retry) else outcome.after or 0.0
            self._limiter.hold(after)  # the quota is the account's: the others wait as well
        elif isinstance(decision, Hold):
            self._limiter.hold(decision.after)
        return decision

    def _notify_sent(self, batch: Batch, outcome: Outcome, made: "_Made") -> None:
        self._observer.notify(
            BatchSent(
                kind=batch.kind,
                batch=batch.id,
                records=len(batch.entries),
                items=batch.items,
                size=len(batch.body),
                outcome=_word(outcome),
                seconds=made.seconds,
                remark=_remark(outcome),
                in_flight=self._stop.in_flight,
                attempt=made.number,
                status=made.attempt.status if isinstance(made.attempt, Answer) else 0,
                waited=made.waited,
            )
        )


class _Made(Struct, frozen=True):
    """An attempt that was made: its number, and the seconds before it and until its answer."""

    attempt: Attempt
    number: int
    waited: float
    seconds: float


def _remark(outcome: Outcome) -> str:
    """Return what may be shown of an outcome: never the API's own words about a batch, which may quote a record."""
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
