"""Revert: take back what was migrated in a period."""

from datetime import datetime

from masivo_stream.core.classify import classify
from masivo_stream.core.explain import is_rfc3339
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.sender import open_sender
from masivo_stream.model.attempt import Answer, Failure
from masivo_stream.model.errors import ConfigurationError, DeniedError, OutageError
from masivo_stream.model.outcome import (
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
from masivo_stream.model.settings import Settings

_OPERATION = "revert a migration"


async def revert(
    settings: Settings, *, credentials: Credentials, start: str, end: str, clock: Clock | None = None
) -> None:
    """Have the API take back the customers migrated between `start` and `end` (RFC 3339), with all that is theirs.

    One request, never repeated by itself: what a second one would take back is for a person to decide.

    Raises:
        ConfigurationError: a date is none, or the period is empty.
        DeniedError: the API says no.
        OutageError: the API did not answer, or not legibly; the revert may have happened.
    """
    for name, text in (("--from", start), ("--to", end)):
        if not is_rfc3339(text):
            raise ConfigurationError(
                f"{name} is no date-time with zone",
                operation=_OPERATION,
                place=name,
                hint="such as 2026-01-31T00:00:00Z",
            )
    if datetime.fromisoformat(start) >= datetime.fromisoformat(end):
        raise ConfigurationError(
            "the period is empty: --from is not before --to", operation=_OPERATION, place="--from", hint="swap them"
        )
    clock = clock or SystemClock()
    async with open_sender(settings.api, credentials, clock) as sender:
        reply = await sender.revert(start, end)
    match reply.attempt:
        case Answer(status=status) as answer:
            _judge(status, classify(answer))
        case Failure(cause=cause, sent=sent):
            raise OutageError(
                f"{cause.value}; {'the revert may have happened' if sent else 'nothing was sent'}",
                operation=_OPERATION,
                hint=_LOOK_FIRST if sent else "start again later",
            )


_LOOK_FIRST = "look at the account's dashboard before you try again"


def _judge(status: int, outcome: Outcome) -> None:
    match outcome:
        case Accepted():
            return
        case Throttled() | Unreachable():
            raise OutageError(
                f"the API answers {status}; nothing was taken back", operation=_OPERATION, hint="try later"
            )
        case InDoubt() | Stop(in_doubt=True):
            message = f"the API answers {status}; the revert may have happened"
            raise OutageError(message, operation=_OPERATION, hint=_LOOK_FIRST)
        case Refused() | TooLarge() | Unauthorized() | Stop():
            raise DeniedError(
                f"the API answers {status}; nothing was taken back",
                operation=_OPERATION,
                hint="check the period, the key's permissions and base_url",
            )
