"""Revert: take back what was migrated in a period."""

from masivo_stream.core.classify import classify
from masivo_stream.core.explain import is_rfc3339
from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.sender import open_sender
from masivo_stream.model.attempt import Answer, Failure
from masivo_stream.model.errors import ConfigurationError, DeniedError, OutageError
from masivo_stream.model.outcome import Accepted
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
    clock = clock or SystemClock()
    async with open_sender(settings.api, credentials, clock) as sender:
        reply = await sender.revert(start, end)
    if reply is None:
        raise OutageError("no token could be had", operation=_OPERATION, hint="start again when the API can be reached")
    match reply.attempt:
        case Answer() as answer if isinstance(classify(answer), Accepted):
            return
        case Answer(status=status, error=error, details=details) if status < 500:
            words = ": ".join(word for word in (error, details) if word)
            raise DeniedError(
                f"the API answers {status}{f' ({words})' if words else ''}",
                operation=_OPERATION,
                hint="check the period, the key's permissions and base_url",
            )
        case Answer(status=status):
            raise OutageError(
                f"the API answers {status}; the revert may have happened",
                operation=_OPERATION,
                hint="look at the account's dashboard before you try again",
            )
        case Failure(cause=cause, sent=sent):
            raise OutageError(
                f"{cause.value}; {'the revert may have happened' if sent else 'nothing was sent'}",
                operation=_OPERATION,
                hint="look at the account's dashboard before you try again" if sent else "start again later",
            )
