"""Join the API client and its tokens into a sender."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from masivo_stream.edges.api import ApiClient, Reply, open_api
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.token import Tokens
from masivo_stream.model.attempt import Answer, Attempt
from masivo_stream.model.contract import Kind
from masivo_stream.model.settings import Api

_UNAUTHORIZED = 401


class ApiSender:
    """Send with a token that is kept fresh."""

    def __init__(self, client: ApiClient, tokens: Tokens) -> None:
        """Use `client` with what `tokens` gives."""
        self._client, self._tokens = client, tokens

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        return await self._tokens.get()

    async def send(self, kind: Kind, body: bytes, token: str, departed: Callable[[], None]) -> Attempt:
        """Send one batch, once."""
        return await self._client.migrate(kind, body, token, departed)

    def renew(self, token: str) -> bool:
        """Drop a token that was not taken; whether there can be a fresh one."""
        return self._tokens.spent(token)

    async def read_customer(self, customer: str) -> Reply:
        """Read a customer back."""
        return await self._with_token(lambda token: self._client.read_customer(customer, token))

    async def read_transactions(self, customer: str, year: int) -> Reply:
        """Read a customer's transactions of a year."""
        return await self._with_token(lambda token: self._client.read_transactions(customer, year, token))

    async def revert(self, start: str, end: str) -> Reply:
        """Take back what was migrated in a period."""
        return await self._with_token(lambda token: self._client.revert(start, end, token))

    async def _with_token(self, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Make a call; once more with a fresh token, where the first one was not taken."""
        for renewed in (False, True):
            token = await self._tokens.get()
            if not isinstance(token, str):
                return Reply(token)
            reply = await call(token)
            taken = not (isinstance(reply.attempt, Answer) and reply.attempt.status == _UNAUTHORIZED)
            if taken or renewed or not self.renew(token):
                break
        return reply


@asynccontextmanager
async def open_sender(api: Api, credentials: Credentials, clock: Clock) -> AsyncIterator[ApiSender]:
    """Open the client and the token source the settings and the secrets describe."""
    async with open_api(
        base_url=api.base_url,
        auth_url=api.auth_url,
        headers=api.headers,
        request_timeout=api.request_timeout,
        connect_timeout=api.connect_timeout,
        ca_file=api.ca_file,
        proxy=api.proxy,
    ) as client:

        async def authorize() -> tuple[Attempt, bytes]:
            if credentials.api_key is None:
                raise RuntimeError("only an API key gets tokens")
            reply = await client.authorize(credentials.api_key.reveal())
            return reply.attempt, reply.body

        ready = credentials.token.reveal() if credentials.token is not None else None
        yield ApiSender(client, Tokens(ready=ready, call=authorize, now=clock.now))
