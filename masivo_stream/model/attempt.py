"""What one HTTP request came back with. The edge reports it, `core.sending.classify` decides what it means."""

import enum

from msgspec import Struct


class Cause(enum.StrEnum):
    """Why a request has no complete answer."""

    REFUSED = "connection refused"
    RESOLVE = "host name not resolved"
    UNROUTABLE = "no route to the host"
    CONNECT_TIMEOUT = "connecting took too long"
    CERTIFICATE = "certificate not trusted"
    TLS = "TLS handshake failed"
    PROXY = "proxy refused the tunnel"
    NO_PROXY = "the proxy cannot be reached"
    PROXY_AUTH = "proxy wants credentials"
    RESET = "connection lost"
    TIMEOUT = "no answer in time"
    PROTOCOL = "answer is not HTTP"
    TOKEN = "the token call had no usable answer"  # noqa: S105 - a sentence, not a token
    FOREIGN = "the answer is not the API's, or cannot be read"
    CUT_SHORT = "given up while in flight"


class Body(enum.StrEnum):
    """What an answer's body is, by its bytes and not by its `Content-Type`; the values are words for a sentence."""

    EMPTY = "no body"
    OBJECT = "a JSON object"
    ERRORS = "a JSON object that reports errors"
    JSON = "JSON that is not an object"
    PAGE = "a web page"
    TEXT = "text that is not JSON"
    UNREAD = "a body that cannot be read"
    """It is cut off, too long, or in an encoding that we do not unpack."""


class Answer(Struct, frozen=True, kw_only=True):
    """The status line and headers of an answer arrived; its body may be missing."""

    status: int
    body: Body = Body.EMPTY
    server: str = ""
    """The `Server` header, printable and capped."""
    trace: str = ""
    """The header by which an operator finds the request again, such as `CF-Ray: 8f…`; printable and capped."""
    complete: bool = True
    """Whether the body was read to its end, or to the cap."""
    error: str = ""
    details: str = ""
    """The words of a refusal, in general and about records (`core.sending.answer_body`): untrusted text, capped."""
    retry_after: str | None = None
    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    date: str | None = None
    """The headers `Retry-After`, `X-RateLimit-*` and `Date`, as they came (`core.pacing.rate_headers` reads them)."""


class Failure(Struct, frozen=True, kw_only=True):
    """No status is known. `sent`: whether a byte of the request may have left."""

    cause: Cause
    sent: bool


Attempt = Answer | Failure
