"""Join the API client, its tokens and the gates into a sender.

Batches come with a slot of their own (`flow.pipeline.deliver`); everything else, token calls among it, waits for one
here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from masivo_stream.edges.api import ApiClient, Reply, open_api
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.token import Tokens
from masivo_stream.flow.limiters import RateLimiters
from masivo_stream.flow.rate_limit import RateLimiter
from masivo_stream.model.attempt import Answer, Attempt
from masivo_stream.model.contract import Kind
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import ApiSettings

_UNAUTHORIZED = 401


class Client:
    """Send with a token that is kept fresh."""

    def __init__(
        self,
        client: ApiClient,
        tokens: Tokens,
        limiters: RateLimiters,
        note: Callable[[Attempt], None] = lambda _attempt: None,
    ) -> None:
        """Use `client` with what `tokens` gives, when `gates` allow; `note` is told of every attempt."""
        self._client, self._tokens, self._limiters, self._note = client, tokens, limiters, note

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        return await self._tokens.get()

    def fresh(self, token: str) -> bool:
        """Tell whether a token is still to be used."""
        return self._tokens.fresh(token)

    async def send(self, kind: Kind, body: bytes, token: str, departed: Callable[[], None]) -> Attempt:
        """Send one batch, once."""
        attempt = await self._client.migrate(kind, body, token, departed)
        self._note(attempt)
        return attempt

    def renew(self, token: str) -> bool:
        """Drop a token that was not taken; whether there can be a fresh one."""
        return self._tokens.spent(token)

    async def read_customer(self, customer: str) -> Reply:
        """Read a customer back."""
        return await self._call(self._limiters.general, lambda token: self._client.read_customer(customer, token))

    async def read_transactions(self, customer: str, year: int) -> Reply:
        """Read a customer's transactions of a year."""
        limiter = self._limiters.general
        return await self._call(limiter, lambda token: self._client.read_transactions(customer, year, token))

    async def revert(self, start: str, end: str) -> Reply:
        """Take back what was migrated in a period."""
        return await self._call(self._limiters.revert, lambda token: self._client.revert(start, end, token))

    async def _call(self, limiter: RateLimiter, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Make a call; once more with a fresh token, where the first one was not taken."""
        renewed = False
        while True:
            token = await self._tokens.get()
            if not isinstance(token, str):
                return Reply(token)
            reply = await pass_through(limiter, partial(call, token), still=partial(self._tokens.fresh, token))
            if reply is None:
                continue
            self._note(reply.attempt)
            taken = not (isinstance(reply.attempt, Answer) and reply.attempt.status == _UNAUTHORIZED)
            if taken or renewed or not self.renew(token):
                return reply
            renewed = True


async def pass_through(
    limiter: RateLimiter, call: Callable[[], Awaitable[Reply]], still: Callable[[], bool] = lambda: True
) -> Reply | None:
    """Make a call when `gate` allows; None, and nothing was sent, if by then it is not `still` to be made."""
    async with limiter.departure() as departure:
        if not still():
            departure.unsent()
            return None
        reply = await call()
        if isinstance(reply.attempt, Answer):
            departure.answered(reply.attempt)
        elif not reply.attempt.sent:
            departure.unsent()
    return reply


@asynccontextmanager
async def open_client(
    api: ApiSettings,
    credentials: Credentials,
    clock: Clock,
    limiters: RateLimiters,
    admit: Callable[[str], Awaitable[None]],
    note: Callable[[Attempt], None] = lambda _attempt: None,
) -> AsyncIterator[Client]:
    """Open the client and the token source the settings and the secrets describe.

    `admit` may raise at a token that was got; `note` is told of every attempt.
    """
    async with open_api(api, reuse=not limiters.limited) as client:

        async def authorize() -> tuple[Attempt, bytes]:
            if credentials.api_key is None:
                raise RuntimeError("only an API key gets tokens")
            key = credentials.api_key.reveal()
            reply = await pass_through(limiters.general, lambda: client.authorize(key))
            if reply is None:
                raise RuntimeError("a token call is always to be made")
            note(reply.attempt)
            return reply.attempt, reply.body

        ready = credentials.token.reveal() if credentials.token is not None else None
        yield Client(client, Tokens(ready=ready, call=authorize, now=clock.now, admit=admit), limiters, note)
