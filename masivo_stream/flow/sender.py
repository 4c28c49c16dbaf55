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


class CurrentToken:
    """The token in use."""

    def __init__(self) -> None:
        """Begin without one."""
        self.text = ""


class ApiSender:
    """Send with a token that is kept fresh."""

    def __init__(self, client: ApiClient, tokens: Tokens, current: CurrentToken) -> None:
        """Use `client`, which sends the token `current` holds."""
        self._client, self._tokens, self._current = client, tokens, current

    async def prepare(self) -> Attempt | None:
        """Have a token at hand; the attempt that failed to get one, None when ready."""
        token = await self._tokens.get()
        if not isinstance(token, str):
            return token
        self._current.text = token
        return None

    async def send(self, kind: Kind, body: bytes, departed: Callable[[], None]) -> Attempt:
        """Send one batch, once."""
        return await self._client.migrate(kind, body, departed)

    def renew(self) -> bool:
        """Drop the token that was not taken; whether there can be a fresh one."""
        return self._tokens.spent(self._current.text)

    async def read_customer(self, customer: str) -> Reply | None:
        """Read a customer back; None where no token could be had."""
        if await self.prepare() is not None:
            return None
        return await self._with_fresh_token(lambda: self._client.read_customer(customer))

    async def revert(self, start: str, end: str) -> Reply | None:
        """Take back what was migrated in a period; None where no token could be had."""
        if await self.prepare() is not None:
            return None
        return await self._with_fresh_token(lambda: self._client.revert(start, end))

    async def _with_fresh_token(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        reply = await call()
        if isinstance(reply.attempt, Answer) and reply.attempt.status == _UNAUTHORIZED and self.renew():
            await self.prepare()
            reply = await call()
        return reply


@asynccontextmanager
async def open_sender(api: Api, credentials: Credentials, clock: Clock) -> AsyncIterator[ApiSender]:
    """Open the client and the token source the settings and the secrets describe."""
    current = CurrentToken()
    async with open_api(
        base_url=api.base_url,
        auth_url=api.auth_url,
        headers=api.headers,
        request_timeout=api.request_timeout,
        connect_timeout=api.connect_timeout,
        ca_file=api.ca_file,
        proxy=api.proxy,
        token=lambda: current.text,
    ) as client:

        async def authorize() -> tuple[Attempt, bytes]:
            if credentials.api_key is None:
                raise RuntimeError("only an API key gets tokens")
            reply = await client.authorize(credentials.api_key.reveal())
            return reply.attempt, reply.body

        ready = credentials.token.reveal() if credentials.token is not None else None
        yield ApiSender(client, Tokens(ready=ready, call=authorize, now=clock.now), current)
