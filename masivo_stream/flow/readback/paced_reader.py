"""Read back within the limits, and take only the API's own answers at their word.

An answer that something else gave in the API's place, or that is illegible, becomes a failure: it proves neither that a
record is there nor that it is missing. An answer about an id that needs escaping may come from a gateway that refuses
such paths, so it never ends the run.
"""

from masivo_stream.core.sending.answered_by import is_foreign
from masivo_stream.core.sending.backoff import FIRST_THROTTLE_WAIT
from masivo_stream.core.sending.classify import classify
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.edges.api import Reply
from masivo_stream.flow.client import Client
from masivo_stream.flow.rate_limit import RateLimiter
from masivo_stream.model.attempt import Answer, Body, Cause, Failure
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.outcome import Stop, Throttled

_NOT_FOUND = 404


class PacedReader:
    """Reads customers and their transactions back (`model.ports.TransactionReader`)."""

    def __init__(self, sender: Client, limiter: RateLimiter) -> None:
        """Read through `sender`. A 429 holds `limiter`, through which the reads leave."""
        self._sender, self._limiter = sender, limiter

    async def read_customer(self, customer: str) -> Reply:
        """Read one customer.

        Raises:
            DeniedError: the API does not let us read.
        """
        return self._heed(customer, await self._sender.read_customer(customer))

    async def read_transactions(self, customer: str, year: int) -> Reply:
        """Read one customer's transactions of a year.

        Raises:
            DeniedError: the API does not let us read.
        """
        return self._heed(customer, await self._sender.read_transactions(customer, year))

    def _heed(self, customer: str, reply: Reply) -> Reply:
        """Return the reply, as a failure if it is not the API's; hold the limiter, or stop, if the API asks for it."""
        answer = reply.attempt
        if not isinstance(answer, Answer):
            return reply
        if answer.status != _NOT_FOUND:
            match classify(answer):
                case Throttled(after):
                    self._limiter.hold(after or FIRST_THROTTLE_WAIT)
                case Stop(why=why, hint=hint) if is_plain(customer):
                    raise DeniedError(
                        f"customers cannot be read back: {why}", operation="read a customer back", hint=hint
                    )
                case _:
                    pass
        return reply if _is_legible(answer) else Reply(Failure(cause=Cause.FOREIGN, sent=True))


def _is_legible(answer: Answer) -> bool:
    """Return whether an answer is the API's own: only the API knows whether a customer is there."""
    if 200 <= answer.status < 300:
        return answer.body is Body.OBJECT
    return answer.status != _NOT_FOUND or not (is_foreign(answer) or answer.body is Body.UNREAD)
