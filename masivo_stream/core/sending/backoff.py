"""Decide what follows the outcome of an attempt. Only this module decides that a request is repeated.

1. If the batch certainly was not applied, it is sent again, with capped exponential backoff and full jitter (Brooker,
   "Exponential Backoff And Jitter", AWS Architecture Blog, 2015), until `outage_limit`.
2. If it may have been applied, it is sent again only if that is harmless (the contract's `repeatable`). Otherwise it
   stays in doubt, and nothing is sent for a while.
3. After a 429 the same batch waits; after a 401 it is sent with one fresh token. Neither counts as a failure.
4. A refused batch is never sent again as it is.
5. A success that is not the API's, or that the contract does not name, will not change by waiting. A few of them in a
   row stop the run, even if sending again is harmless.
"""

from typing import assert_never

from msgspec import Struct

from masivo_stream.core.sending.answer_body import FOREIGN_HINT
from masivo_stream.model.attempt import (
    Accepted,
    InDoubt,
    Outcome,
    Refused,
    Stop,
    Throttled,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from masivo_stream.model.errors import ExitCode

FIRST_THROTTLE_WAIT = 5.0
"""Seconds to wait if a 429 does not say how long; doubled with each further 429."""

THROTTLED_AGAIN_WAIT = 0.25
"""Seconds to wait at least if the wait that a 429 asked for was too short; doubled each time."""

LONGEST_THROTTLE_WAIT = 60.0
"""Seconds to which both grow at most."""

MOST_FOREIGN_ANSWERS = 3
"""Web pages in a row, in place of the API's answers, that stop the run: something else is answering."""

MOST_UNCLEAR_ANSWERS = 3
"""Successes in a row that the contract does not name, which stop the run: the vendor has to say what they mean."""

MOST_DOUBTS = 5
"""Batches in a row that come into doubt, which stop the run: an outage must not put a whole export in doubt."""

UNCLEAR_HINT = (
    "ask the vendor what this answer means; if you start again, customers are sent again, and batches in doubt wait"
    " for masivo-stream resolve"
)


class Retry(Struct, frozen=True):
    """Send the same batch again, not before `after` seconds, because of `why`."""

    after: float
    why: str = ""
    doubtful: bool = False
    """Whether the attempt may have been applied."""


class Refresh(Struct, frozen=True):
    """Get a fresh token, then send the same batch again."""


class Hold(Struct, frozen=True):
    """Leave the batch in doubt, and send nothing for `after` seconds: the next batch might come into doubt as well."""

    why: str
    after: float


class Settle(Struct, frozen=True):
    """The outcome is final for this batch: accepted, refused or too large."""

    outcome: Accepted | Refused | TooLarge


class Halt(Struct, frozen=True):
    """Stop the run. The batch stays pending, or in doubt."""

    exit_code: ExitCode
    why: str
    hint: str
    in_doubt: bool = False


Decision = Retry | Refresh | Hold | Settle | Halt


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """When to repeat a request: the settings of the same names, in seconds."""

    first_delay: float
    longest_delay: float
    outage_limit: float
    longest_hold: float


class AttemptHistory(Struct, kw_only=True):
    """What happened to one batch so far. Moments are the caller's clock's, in seconds."""

    attempts: int = 0
    """Attempts in this process."""
    failures: int = 0
    throttles: int = 0
    refreshed: bool = False
    """The last attempt was answered by a 401, and a fresh token was fetched."""
    failing_since: float | None = None
    """When the first of the failures in a row was; a 429 between them starts the time again."""
    throttled_since: float | None = None
    """When the first of the 429s in a row was."""


class Health(Struct, kw_only=True):
    """How the API has answered the latest batches of a run, whatever their kind."""

    foreign: int = 0
    """Web pages in place of the API's answers, in a row."""
    unclear: int = 0
    """Successes that the contract does not name, in a row."""
    doubts: int = 0
    """Batches in a row that are in doubt."""


def backoff(policy: RetryPolicy, failures: int, chance: float) -> float:
    """Return the delay in seconds after a number of failures; `chance` in [0, 1) spreads it over the whole range."""
    # 2 ** failures overflows a float after 1023 failures, less than two hours at a 5 s cap: compare exponents first.
    doublings = min(failures - 1, 62)
    return min(policy.longest_delay, policy.first_delay * 2.0**doublings) * (1.0 - chance)


def decide(
    outcome: Outcome,
    history: AttemptHistory,
    health: Health,
    policy: RetryPolicy,
    *,
    repeatable: bool,
    now: float,
    chance: float,
) -> Decision:
    """Return what to do after `outcome`, and note it in the batch's `history` and the run's `health`.

    Args:
        outcome: what the attempt came to.
        history: of this batch; updated.
        health: of the run; updated.
        policy: the settings.
        repeatable: whether the batch may be sent again although it may have been applied.
        now: the moment, in seconds of any clock that does not go back.
        chance: a random number in [0, 1), for the jitter.
    """
    if not isinstance(outcome, Unauthorized):
        history.refreshed = False  # the token was accepted, so a later 401 means that it expired
    if isinstance(outcome, Accepted | Refused | TooLarge | Throttled | Unauthorized) and not _by_another(outcome):
        health.foreign = health.unclear = health.doubts = 0  # the API itself has answered
    if not isinstance(outcome, Throttled):
        history.throttled_since = None
    match outcome:
        case Accepted() | Refused() | TooLarge():
            return Settle(outcome)
        case Unauthorized():
            return _unauthorized(history, outcome)
        case Throttled():
            return _throttled(history, policy, outcome, now)
        case Unreachable(why):
            return _failed(history, policy, why, now=now, chance=chance, at_least=0.0)
        case InDoubt():
            return _in_doubt(outcome, history, health, policy, repeatable=repeatable, now=now, chance=chance)
        case Stop(exit_code, why, hint, in_doubt):
            return Halt(exit_code, why, hint, in_doubt=in_doubt)
        case _:
            assert_never(outcome)


def _in_doubt(
    outcome: InDoubt,
    history: AttemptHistory,
    health: Health,
    policy: RetryPolicy,
    *,
    repeatable: bool,
    now: float,
    chance: float,
) -> Decision:
    why, at_least = outcome.why, outcome.after or 0.0
    health.foreign += outcome.foreign
    health.unclear += outcome.unclear
    if health.foreign >= MOST_FOREIGN_ANSWERS:
        return Halt(ExitCode.DENIED, why, FOREIGN_HINT, in_doubt=True)
    if health.unclear >= MOST_UNCLEAR_ANSWERS:
        return Halt(ExitCode.DENIED, f"{health.unclear} answers in a row: {why}", UNCLEAR_HINT, in_doubt=True)
    if not repeatable:
        return _doubted(health, policy, why, chance=chance, at_least=at_least)
    return _failed(history, policy, why, now=now, chance=chance, at_least=at_least, doubtful=True)


def no_fresh_token(outcome: Unauthorized) -> Halt:
    """Return the stop after a 401 that a fresh token did not, or cannot, change."""
    if outcome.by:
        return Halt(ExitCode.DENIED, outcome.by, FOREIGN_HINT)
    return Halt(
        ExitCode.DENIED,
        "401: the API does not accept the token",
        "check the API key or MASIVO_TOKEN, and that base_url and auth_url belong together",
    )


def _by_another(outcome: Accepted | Refused | TooLarge | Throttled | Unauthorized) -> bool:
    """Return whether this answer certainly came from something else than the API."""
    match outcome:
        case Refused(foreign=foreign):
            return foreign
        case Throttled(by=by) | Unauthorized(by=by):
            return bool(by)
        case _:
            return False


def _unauthorized(history: AttemptHistory, outcome: Unauthorized) -> Decision:
    if history.refreshed:
        return no_fresh_token(outcome)
    history.refreshed = True
    return Refresh()


def _doubted(health: Health, policy: RetryPolicy, why: str, *, chance: float, at_least: float) -> Decision:
    """Leave a batch in doubt; stop if batch after batch comes into doubt."""
    health.doubts += 1
    if health.doubts >= MOST_DOUBTS:
        hint = "start again when the API answers; batches in doubt stay listed"
        return Halt(ExitCode.OUTAGE, f"{health.doubts} batches in a row are in doubt: {why}", hint, in_doubt=True)
    return Hold(why, max(backoff(policy, health.doubts, chance), min(at_least, policy.longest_hold)))


def _throttled(history: AttemptHistory, policy: RetryPolicy, outcome: Throttled, now: float) -> Decision:
    after, what = outcome.after, outcome.by or "429"
    history.throttles += 1
    history.failing_since = None  # the API has answered, so the wait is not an outage
    if history.throttled_since is None:
        history.throttled_since = now
    if now - history.throttled_since > policy.longest_hold:
        return Halt(
            ExitCode.OUTAGE,
            f"{what}: no other answer for {now - history.throttled_since:.0f} s, longer than longest_hold",
            "start again when the quota is free; another program may be using it",
        )
    doublings = min(history.throttles - 1, 62)
    if after is None:
        after = min(LONGEST_THROTTLE_WAIT, FIRST_THROTTLE_WAIT * 2.0**doublings)
    elif doublings:  # the wait that the server asked for was too short
        after = max(after, min(LONGEST_THROTTLE_WAIT, THROTTLED_AGAIN_WAIT * 2.0**doublings))
    if after > policy.longest_hold:
        return Halt(
            ExitCode.OUTAGE,
            f"{what}: the server asks to wait {after:.0f} s, longer than longest_hold ({policy.longest_hold:.0f} s)",
            "start again when the quota is free, or raise longest_hold",
        )
    return Retry(after, outcome.by or "429: too many requests")


def _failed(
    history: AttemptHistory,
    policy: RetryPolicy,
    why: str,
    *,
    now: float,
    chance: float,
    at_least: float,
    doubtful: bool = False,
) -> Decision:
    history.failures += 1
    if history.failing_since is None:
        history.failing_since = now
    if now - history.failing_since >= policy.outage_limit:
        return Halt(
            ExitCode.OUTAGE,
            f"no answer for {now - history.failing_since:.0f} s: {why}",
            "start again when the API can be reached",
            in_doubt=doubtful,
        )
    # The wait that a 503 asks for is capped: an absurd one must not stall a batch for ever.
    return Retry(max(backoff(policy, history.failures, chance), min(at_least, policy.longest_hold)), why, doubtful)
