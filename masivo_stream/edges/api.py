"""The API: one attempt per call, over aiohttp. It reports what happened and decides nothing.

Hard-won rules (each measured on aiohttp 3.13 and 3.14):

* A new connection for every request (`force_close`): at one request in 5 s a kept connection races the server's own 5 s
  idle timeout (Node's default), and a request lost that way looks like one that was applied. If no limit paces
  requests, a connection is used again within `REUSE_SECONDS`: a new one is a third of a request's work.
* No redirects: across origins aiohttp strips `Authorization`, but neither `x-api-key` nor the body.
* No repetition below: aiohttp sends GET and DELETE once more by itself when the connection is lost.
* No proxy or `.netrc` from the environment (`trust_env` off).
* Whether anything left is known from the traces (`headers_sent`), not from the exception's name.
* The answer's body is capped, as it comes and once more when it is unpacked (`core.sending.answer_body`). Not by
  aiohttp: it reads a body to its end, and raises if it is not what its header says.
"""

import errno
import io
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from masivo_stream.core.redact import printable
from masivo_stream.core.sending.answer_body import Unpacked, Words, kind_of, plain, unpack, words_in
from masivo_stream.model import contract
from masivo_stream.model.attempt import Answer, Attempt, Body, Cause, Failure
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import ApiSettings

REUSE_SECONDS = 1.0
"""How long an idle connection may be used again, if at all: far below any server's idle timeout."""

_PLAIN_BYTES = 1024 * 1024
"""The largest body that aiohttp takes as bytes without a warning (`payload.TOO_LARGE_BYTES_BODY`). A larger one
is passed as a file: that costs three copies, and a turn of the event loop for every 256 KiB."""

MOST_ANSWER_BYTES = 64 * 1024
MOST_WORDS = 1024
"""Characters kept of a server's error text: it is untrusted, and goes into the dead-letter file."""

MOST_READ_BYTES = 16 * 1024 * 1024
"""Bytes of a read-back: a customer with very many transactions."""

MOST_NAME = 100
"""Characters kept of the headers that show which server has answered."""

_TRACES = (
    "CF-Ray",  # Cloudflare, "HTTP request headers"
    "X-Amz-Cf-Id",  # CloudFront
    "X-Azure-Ref",  # Azure Front Door
    "X-Iinfo",  # Imperva
    "X-Sucuri-ID",
    "X-Amzn-RequestId",
    "X-Request-Id",  # nginx, Envoy, and most frameworks
    "X-Correlation-Id",
)
"""Headers by which the operator of the answering server finds the request, the most specific first."""

_UNROUTABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN})


class _Request(Struct):
    """What the traces report of one request."""

    sent: bool = False
    departed: Callable[[], None] | None = None


class Reply(Struct, frozen=True):
    """An attempt and the body of its answer."""

    attempt: Attempt
    body: bytes = b""


class ApiClient:
    """Make requests. Open it with `open_api`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        auth_url: str,
        proxy: str | None,
    ) -> None:
        """Use `session`."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._auth_url = auth_url
        self._proxy = proxy

    async def migrate(
        self, kind: contract.Kind, body: bytes, token: str, departed: Callable[[], None] | None = None
    ) -> Attempt:
        """Send one batch; `departed` is called when its first bytes have left."""
        url = self._base_url + contract.CONTRACTS[kind].path
        return (await self._call("POST", url, _bearer(token), body=body, departed=departed)).attempt

    async def read_customer(self, customer: str, token: str) -> Reply:
        """Read one customer back."""
        return await self._call(
            "GET", self._base_url + contract.customer_path(quote(customer, safe="")), _bearer(token)
        )

    async def read_transactions(self, customer: str, year: int, token: str) -> Reply:
        """Read one customer's transactions of a year."""
        path = contract.customer_transactions_path(quote(customer, safe=""))
        return await self._call("GET", f"{self._base_url}{path}?year={year}", _bearer(token))

    async def read(self, path: str, token: str) -> Reply:
        """Read something about the whole account; `path` is below the base URL, with its query."""
        return await self._call("GET", self._base_url + path, _bearer(token))

    async def revert(self, start: str, end: str, token: str) -> Reply:
        """Take back what was migrated between two RFC 3339 date-times."""
        body = msgspec.json.encode({"start_date": start, "end_date": end})
        return await self._call("DELETE", self._base_url + contract.REVERT_PATH, _bearer(token), body=body)

    async def authorize(self, api_key: str) -> Reply:
        """Ask for a token: the one call that carries the key."""
        return await self._call("GET", self._auth_url, {"x-api-key": api_key})

    async def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        departed: Callable[[], None] | None = None,
    ) -> Reply:
        flight = _Request(departed=departed)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body if body is None or len(body) <= _PLAIN_BYTES else io.BytesIO(body),
                headers=headers,
                allow_redirects=False,
                proxy=self._proxy,
                trace_request_ctx=flight,
            ) as response:
                found = await _read(response, MOST_READ_BYTES if method == "GET" else MOST_ANSWER_BYTES)
                return Reply(_answer(response, found), found.body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # ValueError: an answer that is not HTTP may surface as one.
            return Reply(Failure(cause=_cause(error), sent=flight.sent))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def open_api(settings: ApiSettings, *, reuse: bool = False) -> AsyncIterator[ApiClient]:
    """Open a client; `reuse`: connections may be used again.

    Raises:
        ConfigurationError: the file of certificate authorities cannot be used.
    """
    # Without a file of our own, aiohttp's context is used, made when it was imported: reading all certificates of a
    # system once more takes longer than Python takes to start. From Python 3.10 on it requires TLS 1.2 (bpo-43998).
    connector = aiohttp.TCPConnector(
        force_close=not reuse,
        keepalive_timeout=REUSE_SECONDS if reuse else None,
        limit=0,
        ssl=_tls(settings.ca_file) if settings.ca_file else True,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=settings.request_timeout, sock_connect=settings.connect_timeout),
        headers=_own_headers(settings.headers) | settings.headers,
        auto_decompress=False,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[_traces()],
        middlewares=(_once,),
    ) as session:
        yield ApiClient(
            session,
            base_url=settings.base_url,
            auth_url=settings.auth_url or settings.base_url.rstrip("/") + contract.AUTHORIZE_PATH,
            proxy=settings.proxy or None,
        )


def _own_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of every call, without those that `given` replaces, whatever the case of the names."""
    own = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "masivo-stream"}
    replaced = {name.lower() for name in given}
    return {name: value for name, value in own.items() if name.lower() not in replaced}


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            "the file of certificate authorities cannot be used",
            operation="set up TLS",
            place=f"ca_file = {ca_file}",
            hint="it must hold certificates in PEM form",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Replace the errors for which aiohttp would send the request again (`ClientSession._request`)."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError("connection lost") from error


def _traces() -> aiohttp.TraceConfig:
    async def headers_sent(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        _params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        flight: _Request = context.trace_request_ctx
        flight.sent = True
        if flight.departed is not None:
            flight.departed()

    traces = aiohttp.TraceConfig()
    traces.on_request_headers_sent.append(headers_sent)
    return traces


async def _read(response: aiohttp.ClientResponse, most: int) -> Unpacked:
    """Return what came of the body, up to a cap, unpacked, in UTF-8. The status is known already."""
    pieces: list[bytes] = []
    size, complete = 0, True
    try:
        while size <= most and (piece := await response.content.read(most)):
            pieces.append(piece)
            size += len(piece)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        complete = False
    came = b"".join(pieces)[:most]
    codings = ",".join(response.headers.getall("Content-Encoding", []))
    found = unpack(came, codings, most, complete=complete and size <= most)
    return msgspec.structs.replace(found, body=plain(found.body))


def _answer(response: aiohttp.ClientResponse, found: Unpacked) -> Answer:
    headers = response.headers
    words = words_in(found.body) if response.status >= 400 and found.known and found.complete else Words()
    return Answer(
        status=response.status,
        body=kind_of(found.body, complete=found.complete) if found.known else Body.UNREAD,
        server=printable(headers.get("Server", ""))[:MOST_NAME],
        trace=next((f"{name}: {printable(headers[name])[:MOST_NAME]}" for name in _TRACES if name in headers), ""),
        complete=found.complete,
        error=words.error[:MOST_WORDS],
        details=words.details[:MOST_WORDS],
        faults=words.faults,
        retry_after=headers.get(contract.RETRY_AFTER_HEADER),
        limit=headers.get(contract.LIMIT_HEADER),
        remaining=headers.get(contract.REMAINING_HEADER),
        reset=headers.get(contract.RESET_HEADER),
        date=headers.get("Date"),
    )


def _cause(error: Exception) -> Cause:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return Cause.CERTIFICATE
        case aiohttp.ClientConnectorSSLError():
            return Cause.TLS
        case aiohttp.ClientConnectorDNSError():
            return Cause.RESOLVE
        case aiohttp.ClientHttpProxyError():
            return Cause.PROXY_AUTH if error.status == 407 else Cause.PROXY
        case aiohttp.ClientProxyConnectionError():
            return Cause.NO_PROXY
        case aiohttp.ConnectionTimeoutError():
            return Cause.CONNECT_TIMEOUT
        case aiohttp.ClientConnectorError():
            return _not_connected(error.os_error)
        case TimeoutError():
            return Cause.TIMEOUT
        case aiohttp.ClientResponseError() | ValueError():
            return Cause.PROTOCOL
        case _:
            return Cause.RESET


def _not_connected(error: OSError) -> Cause:
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return Cause.RESET  # in the TLS handshake
    return Cause.UNROUTABLE if error.errno in _UNROUTABLE else Cause.REFUSED
