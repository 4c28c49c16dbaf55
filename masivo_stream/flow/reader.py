"""Read back under the general limiter, and keep to what the API answers."""

from collections.abc import Awaitable, Callable

from masivo_stream.core.classify import classify
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
        """Read through `sender`, when `gate` allows."""
        self._sender, self._gate = sender, gate

    async def read_customer(self, customer: str) -> Reply:
        """Read one customer.

        Raises:
            DeniedError: the API does not let us read.
        """
        return await self._read(lambda: self._sender.read_customer(customer))

    async def read_transactions(self, customer: str, year: int) -> Reply:
        """Read one customer's transactions of a year.

        Raises:
            DeniedError: the API does not let us read.
        """
        return await self._read(lambda: self._sender.read_transactions(customer, year))

    async def _read(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        async with self._gate.departure() as departure:
            departure.left()  # while it is answered, others may leave: uploads pass through this gate, too
            reply = await call()
            if isinstance(reply.attempt, Answer):
                departure.answered()
        return self._heed(reply)

    def _heed(self, reply: Reply) -> Reply:
        if isinstance(reply.attempt, Answer) and reply.attempt.status != _NOT_FOUND:
            match classify(reply.attempt):
                case Throttled(after):
                    self._gate.hold(after or FIRST_THROTTLE_WAIT)
                case Stop(why=why):
                    raise DeniedError(
                        f"customers cannot be read back: {why}",
                        operation="read a customer back",
                        hint="check the API key's permissions",
                    )
                case _:
                    pass
        return reply
