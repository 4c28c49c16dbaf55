"""Read back, and keep to what the API answers.

What is answered about an id that needs escaping may be the word of a gateway that takes no such path: it ends nothing.
"""

from masivo_stream.core.classify import classify
from masivo_stream.core.path_ids import is_plain
from masivo_stream.core.retry import FIRST_THROTTLE_WAIT
from masivo_stream.edges.api import Reply
from masivo_stream.flow.gate import Gate
from masivo_stream.flow.sender import ApiSender
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.outcome import Stop, Throttled

_NOT_FOUND = 404


class PacedReader:
    """Read customers, and what is theirs."""

    def __init__(self, sender: ApiSender, gate: Gate) -> None:
        """Read through `sender`; what the API asks to wait holds `gate`, through which its reads leave."""
        self._sender, self._gate = sender, gate

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
        if isinstance(reply.attempt, Answer) and reply.attempt.status != _NOT_FOUND:
            match classify(reply.attempt):
                case Throttled(after):
                    self._gate.hold(after or FIRST_THROTTLE_WAIT)
                case Stop(why=why) if is_plain(customer):
                    raise DeniedError(
                        f"customers cannot be read back: {why}",
                        operation="read a customer back",
                        hint="check the API key's permissions",
                    )
                case _:
                    pass
        return reply
