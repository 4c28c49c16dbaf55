"""The client of a command: the API client, its tokens, the rate limiters, and reading back through them.

A batch already has a slot when it is sent (`flow.pipeline.deliver`). Every other call, token calls included, waits for
its slot here. `ApiConnection` is what a command has once it is connected.

Proxies that environment variables name are not used. Other programs use them without being asked, so a person may miss
that this one does not: if the API cannot be reached, the error says so.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from urllib.parse import urlsplit

from msgspec import Struct

from masivo_stream.core.redact import mask_url
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
from masivo_stream.model.errors import DeniedError, MasivoStreamError
from masivo_stream.model.notices import AccountKnown, ProxyUnused
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import ApiSettings, Settings

_UNREACHED = frozenset(
    {Cause.REFUSED, Cause.RESOLVE, Cause.UNROUTABLE, Cause.CONNECT_TIMEOUT, Cause.CERTIFICATE, Cause.TLS, Cause.RESET}
)
"""Failures in a network that lets requests through only by its proxy."""


class Proxies:
    """Follows the attempts, and explains a failure if an unused proxy may be the reason."""

    def __init__(self, api: ApiSettings, observer: Observer, environment: Mapping[str, str] = os.environ) -> None:
        """Look for a proxy that other programs would use for the API; none if `--proxy` names one."""
        self._found = None if api.proxy else unused_proxy(api.base_url, environment)
        self._observer = observer
        self._unreached = self._notified = False

    def note(self, attempt: Attempt) -> None:
        """Follow an attempt; notify the observer of the first one that did not reach the API."""
        if isinstance(attempt, Answer):
            self._unreached = False
        elif isinstance(attempt, Failure) and not attempt.sent and attempt.cause in _UNREACHED:
            self._unreached = True
            if self._found is not None and not self._notified:
                self._notified = True
                self._observer.notify(ProxyUnused(variable=self._found[0], proxy=self._found[1]))

    def explain(self, error: MasivoStreamError | None) -> None:
        """Add the unused proxy to an error's hint, if the last attempts did not reach the API."""
        if error is not None and self._found is not None and self._unreached:
            error.hint = f"{error.hint}; {explain_unused(*self._found)}" if error.hint else explain_unused(*self._found)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Explain the error that is raised inside, if one is."""
        try:
            yield
        except MasivoStreamError as error:
            self.explain(error)
            raise


def unused_proxy(url: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the variable that names a proxy for a URL, and the proxy without its secrets; None if no variable does."""
    parts = urlsplit(url)
    if _is_exempt(parts.hostname or "", environment.get("no_proxy") or environment.get("NO_PROXY") or ""):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        for variable in (name.upper(), name):
            if value := environment.get(variable, "").strip():
                return variable, mask_url(value if "://" in value else f"http://{value}")
    return None


def explain_unused(variable: str, proxy: str) -> str:
    """Return a sentence: the proxy is not used, and how to use it."""
    return f"{variable} names a proxy ({proxy}), which is used only if --proxy names it"


def _is_exempt(host: str, exempt: str) -> bool:
    """Return whether a list of host names and domains holds a host, as curl and others read it."""
    names = [name.strip().lstrip("*.").lower() for name in exempt.split(",")]
    return "*" in exempt.split(",") or any(name and (host == name or host.endswith(f".{name}")) for name in names)


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

    async def read(self, path: str) -> Reply:
        """Read something about the whole account; `path` is below the base URL, with its query."""
        return await self._call(self._limiters.general, lambda token: self._client.read(path, token))

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

    async def admit(token: str) -> None:
        await binding.admit(token)
        observer.notify(AccountKnown(account=binding.noted.shown))

    with open_limiters(settings, binding.credentials, exports, observer, binding.clock) as limiters:
        async with open_client(
            settings.api, binding.credentials, binding.clock, limiters, admit=admit, note=note
        ) as client:
            yield ApiConnection(client, limiters)
