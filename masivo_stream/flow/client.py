"""The client of a command: the API client, its tokens, the rate limiters, and reading back through them.

A batch already has a slot when it is sent (`flow.pipeline.deliver`). Every other call, token calls included, waits for
its slot here. `ApiConnection` is what a command has once it is connected.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

from msgspec import Struct

from masivo_stream.core.sending.answer_body import is_foreign
from masivo_stream.core.sending.backoff import FIRST_THROTTLE_WAIT
from masivo_stream.core.sending.classify import classify
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.edges.api import ApiClient, Reply, open_api
from masivo_stream.edges.secret import Credentials
from masivo_stream.edges.token import Tokens
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.rate_limit import RateLimiter, RateLimiters, open_limiters
from masivo_stream.model.attempt import Answer, Attempt, Body, Cause, Failure, Stop, Throttled
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import DeniedError
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import ApiSettings, Settings

_UNAUTHORIZED, _NOT_FOUND = 401, 404


class Client:
    """Sends requests with a token that is kept fresh."""

    def __init__(
        self,
        client: ApiClient,
        tokens: Tokens,
        limiters: RateLimiters,
        note: Callable[[Attempt], None] = lambda _attempt: None,
    ) -> None:
        """Send through `client` with tokens from `tokens`, when `limiters` allow it; `note` receives every attempt."""
        self._client, self._tokens, self._limiters, self._note = client, tokens, limiters, note

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        return await self._tokens.get()

    def fresh(self, token: str) -> bool:
        """Return whether a token may still be used."""
        return self._tokens.fresh(token)

    async def send(self, kind: Kind, body: bytes, token: str, departed: Callable[[], None]) -> Attempt:
        """Send one batch, once."""
        attempt = await self._client.migrate(kind, body, token, departed)
        self._note(attempt)
        return attempt

    def renew(self, token: str) -> bool:
        """Drop a token that the API refused; return whether there can be a fresh one."""
        return self._tokens.spent(token)

    async def read_customer(self, customer: str) -> Reply:
        """Read one customer back."""
        return await self._call(self._limiters.general, lambda token: self._client.read_customer(customer, token))

    async def read_transactions(self, customer: str, year: int) -> Reply:
        """Read the transactions of one customer in one year back."""
        limiter = self._limiters.general
        return await self._call(limiter, lambda token: self._client.read_transactions(customer, year, token))

    async def revert(self, start: str, end: str) -> Reply:
        """Take back what was migrated in a period."""
        return await self._call(self._limiters.revert, lambda token: self._client.revert(start, end, token))

    async def _call(self, limiter: RateLimiter, call: Callable[[str], Awaitable[Reply]]) -> Reply:
        """Make a call; once more with a fresh token if the API refused the first one."""
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
    """Make a call when `limiter` allows it; return None, with nothing sent, if by then `still` is false."""
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
    """Open the client and the token source that settings and credentials describe.

    `admit` checks each new token and may raise; `note` receives every attempt.
    """
    async with open_api(api, reuse=not limiters.limited) as client:

        async def authorize() -> tuple[Attempt, bytes]:
            if credentials.api_key is None:
                raise RuntimeError("only an API key gets tokens")
            key = credentials.api_key.reveal()
            reply = await pass_through(limiters.general, lambda: client.authorize(key))
            if reply is None:
                raise RuntimeError("a token call is never dropped")
            note(reply.attempt)
            return reply.attempt, reply.body

        ready = credentials.token.reveal() if credentials.token is not None else None
        yield Client(client, Tokens(ready=ready, call=authorize, now=clock.now, admit=admit), limiters, note)


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


class ApiConnection(Struct, frozen=True):
    """What sends requests to the API, and what paces them."""

    client: Client
    limiters: RateLimiters

    @property
    def reader(self) -> PacedReader:
        """Reads customers and transactions back, through the general limiter."""
        return PacedReader(self.client, self.limiters.general)


@asynccontextmanager
async def open_connection(
    settings: Settings,
    binding: AccountBinding,
    exports: Iterable[str],
    *,
    observer: Observer,
    note: Callable[[Attempt], None],
) -> AsyncIterator[ApiConnection]:
    """Claim the exports at these paths for this process, then open the limiters and the client. Nothing is sent.

    `note` receives every attempt.

    Raises:
        ConfigurationError: another run is sending one of the exports to this account.
    """
    with open_limiters(settings, binding.credentials, exports, observer, binding.clock) as limiters:
        async with open_client(
            settings.api, binding.credentials, binding.clock, limiters, admit=binding.admit, note=note
        ) as client:
            yield ApiConnection(client, limiters)
