"""One HTTP request: what it came back with, and what that means for its batch.

The edge reports an attempt (`Answer` or `Failure`); `core.sending.classify` decides its outcome, exactly one of the
types below.
"""

import enum

from msgspec import Struct

from masivo_stream.model.errors import ExitCode


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


class NamedFault(Struct, frozen=True):
    """One fault that a refusal names by the path of a field."""

    index: int
    """In the body's list `customers`."""
    path: tuple[str | int, ...]
    """From the customer down: names of fields and indexes of list items."""
    message: str
    """Untrusted text, capped."""


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
    faults: tuple[NamedFault, ...] = ()
    """What the words name by the path of a field."""
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


# Outcomes: what an attempt means for its batch.


class Accepted(Struct, frozen=True):
    """Enqueued. `remark` names what was unusual about the answer, `at` is its `Date` header, if it has one.

    Remarks are counted by their text, so there are only a few different ones.
    """

    remark: str = ""
    at: str | None = None


class Refused(Struct, frozen=True):
    """Nothing of the batch was applied, and it would be refused again as it is: isolate the bad records.

    `foreign`: something else than the API refused it; `message` names it in our own words.
    """

    status: int
    message: str
    complaint: str = ""
    """The general part of the server's message."""
    details: str = ""
    """The rest of the message: it may name the bad records."""
    foreign: bool = False
    faults: tuple[NamedFault, ...] = ()
    """What the message names by the path of a field."""


class TooLarge(Struct, frozen=True):
    """Nothing was applied; a smaller batch may be accepted (413)."""

    message: str


class Throttled(Struct, frozen=True):
    """Nothing was applied; wait `after` seconds. None: the server gave no time. `by`: what answered, if not the API."""

    after: float | None
    by: str = ""


class Unauthorized(Struct, frozen=True):
    """Nothing was applied; the token was refused (401). `by`: what answered, if not the API."""

    by: str = ""


class Unreachable(Struct, frozen=True):
    """Nothing can have been applied; the same batch may be sent again."""

    why: str


class InDoubt(Struct, frozen=True):
    """May or may not have been applied.

    `foreign`: a success that is not the API's (a portal, a proxy page). `unclear`: a success that the contract does not
    name. Neither goes away by waiting.
    """

    why: str
    after: float | None = None
    foreign: bool = False
    unclear: bool = False


class Stop(Struct, frozen=True):
    """The run cannot continue as configured. `in_doubt`: the batch may still have been applied."""

    exit_code: ExitCode
    why: str
    hint: str
    in_doubt: bool = False


Outcome = Accepted | Refused | TooLarge | Throttled | Unauthorized | Unreachable | InDoubt | Stop
