"""Read something about the whole account, such as its rewards: a few tries, and the reason if there is no answer."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from masivo_stream.core.sending.answer_body import is_foreign, whose
from masivo_stream.core.sending.backoff import FIRST_THROTTLE_WAIT, no_fresh_token
from masivo_stream.core.sending.classify import classify
from masivo_stream.flow.client import ApiConnection
from masivo_stream.model.attempt import Answer, Attempt, Stop, Throttled, Unauthorized
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.ports import Clock

_SUCCESS = range(200, 300)
PAUSES = (1.0, 4.0)
"""Seconds between the tries of one read."""

T = TypeVar("T")


class Unreadable(Struct, frozen=True):
    """Why there is no legible answer. `hint`: what to do about it if every further read would end in the same way."""

    why: str
    hint: str = ""


class AccountReader:
    """Reads about the account, through the general limiter."""

    def __init__(self, connection: ApiConnection, clock: Clock, operation: str) -> None:
        """Read through `connection`; errors say that `operation` was being done."""
        self._connection, self._clock, self._operation = connection, clock, operation
        self.requests = 0
        """Reads that were sent."""

    async def get(self, path: str, schema: type[T], *, strict: bool = True) -> T | Unreadable:
        """Return what one answer holds; `path` is below the base URL, with its query.

        If not `strict`, numbers may be written as texts.

        Raises:
            DeniedError: the token is refused.
        """
        why = ""
        for pause in (*PAUSES, None):
            reply = await self._connection.client.read(path)
            self.requests += isinstance(reply.attempt, Answer) or reply.attempt.sent
            match reply.attempt:
                case Answer(status=status, complete=True) as answer if status in _SUCCESS and not is_foreign(answer):
                    try:
                        return msgspec.json.decode(reply.body, type=schema, strict=strict)
                    except (ValueError, RecursionError) as error:
                        return Unreadable(f"the answer has another shape than documented: {error}")
                case attempt:
                    why = describe(attempt)
            match classify(attempt):
                case Unauthorized() as outcome:
                    halt = no_fresh_token(outcome)
                    raise DeniedError(halt.why, operation=self._operation, hint=halt.hint)
                case Throttled(after):
                    self._connection.limiters.general.hold(after or FIRST_THROTTLE_WAIT)
                case Stop(hint=hint):
                    return Unreadable(why, hint)
                case _ if pause is not None:
                    await self._clock.sleep(pause)
        return Unreadable(why)


def describe(attempt: Attempt) -> str:
    """Return what an attempt without a legible answer came back with."""
    if not isinstance(attempt, Answer):
        return attempt.cause.value
    if is_foreign(attempt):
        return whose(attempt)
    if attempt.status in _SUCCESS:
        return "the answer was cut off"
    words = ": ".join(filter(None, (attempt.error, attempt.details)))
    return f"the API answered {attempt.status}{f' ({words})' if words else ''}"
