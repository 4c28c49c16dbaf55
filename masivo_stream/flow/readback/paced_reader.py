"""Read back, and keep to what the API answers.

What something else has answered in its place, or what cannot be read, is no answer here: it shows nothing, and it does
not show that something is missing. What is answered about an id that needs escaping may be the word of a gateway that
takes no such path: it ends nothing.
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
    """Read customers, and what is theirs."""

    def __init__(self, sender: Client, limiter: RateLimiter) -> None:
        """Read through `sender`; what the API asks to wait holds `gate`, through which its reads leave."""
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
    """Return whether an answer may be taken at its word: that a customer is there, or not, only the API says."""
    if 200 <= answer.status < 300:
        return answer.body is Body.OBJECT
    return answer.status != _NOT_FOUND or not (is_foreign(answer) or answer.body is Body.UNREAD)
