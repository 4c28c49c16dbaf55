"""What one HTTP request came back with, before anyone judged it. The edge reports, `core.classify` decides."""

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
    PROXY_AUTH = "proxy wants credentials"
    RESET = "connection lost"
    TIMEOUT = "no answer in time"
    PROTOCOL = "answer is not HTTP"
    TOKEN = "the token call had no usable answer"  # noqa: S105 - a sentence, not a token
    CUT_SHORT = "given up while in flight"


class Answer(Struct, frozen=True, kw_only=True):
    """The status line and headers of an answer arrived; its body perhaps not."""

    status: int
    html: bool = False
    """The content type says HTML, which this API never sends."""
    complete: bool = True
    """Whether the body was read to its end (or to our cap)."""
    error: str = ""
    details: str = ""
    """Untrusted text of the server, capped."""
    retry_after: str | None = None
    limit: str | None = None
    remaining: str | None = None
    reset: str | None = None
    date: str | None = None


class Failure(Struct, frozen=True, kw_only=True):
    """No status is known. `sent` says whether a byte of the request may have left."""

    cause: Cause
    sent: bool


Attempt = Answer | Failure
