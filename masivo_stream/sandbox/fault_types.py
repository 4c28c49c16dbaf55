"""The faults that a sandbox can inject, as values.

`fault_language` reads them from text, `fault_injection` applies them. Each one imitates something that real networks,
gateways and servers do.
"""

import enum

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.sandbox.fault_bodies import BodyCompression, Content, NamedBy


class CallTarget(enum.StrEnum):
    """The group of calls that a request belongs to."""

    CUSTOMERS = "customers"
    EVENTS = "events"
    TRANSACTIONS = "transactions"
    AUTH = "auth"
    READ = "read"
    REVERT = "revert"


MIGRATE = frozenset(CallTarget(kind.value) for kind in Kind)
"""The three calls that carry records."""


class CutPoint(enum.StrEnum):
    """When a connection is cut: RST before the body is read or after the effect, FIN in the body or status line."""

    BEFORE = "before"
    AFTER = "after"
    MID = "mid"
    STATUS = "status"


class DelayPlace(enum.StrEnum):
    """Where a delay is: before the request is read, or between its effect and its answer."""

    ARRIVAL = "arrival"
    ANSWER = "answer"


class StatusFault(Struct, frozen=True, kw_only=True):
    """Answer `code`; `retry_after` is the header's text, None for no header.

    `type`: the body's type, None for the right one, empty for none. `server` and `ray`: headers of the claimed sender.
    """

    code: int
    applied: bool = False
    retry_after: str | None = None
    body: Content = Content.REFUSAL
    type: str | None = None
    server: str = ""
    ray: str = ""


class Reset(Struct, frozen=True, kw_only=True):
    """Cut the connection."""

    when: CutPoint = CutPoint.AFTER


class Hang(Struct, frozen=True, kw_only=True):
    """Send nothing for `seconds`, then cut the connection."""

    seconds: float
    applied: bool = False


class Delay(Struct, frozen=True, kw_only=True):
    """Delay by `seconds`, and by up to `jitter` seconds more."""

    seconds: float
    jitter: float = 0.0
    where: DelayPlace = DelayPlace.ARRIVAL


class Drip(Struct, frozen=True, kw_only=True):
    """Spread the answer's bytes over `seconds`."""

    seconds: float


class Garbage(Struct, frozen=True, kw_only=True):
    """Answer with bytes that are not HTTP."""

    applied: bool = False


class Html(Struct, frozen=True, kw_only=True):
    """Answer `code` with a page."""

    applied: bool = False
    code: int = 200
    type: str | None = None
    server: str = ""
    ray: str = ""


class Redirect(Struct, frozen=True, kw_only=True):
    """Point to another origin."""

    code: int
    to: str
    applied: bool = False


class Empty(Struct, frozen=True):
    """Answer without a body."""


class Vague(Struct, frozen=True):
    """Refuse without a reason."""


class Shape(Struct, frozen=True, kw_only=True):
    """Refuse in another shape, and name the bad entry in the way of `by`."""

    content: Content
    by: NamedBy = NamedBy.PATH


class Multistatus(Struct, frozen=True, kw_only=True):
    """Answer 207: the first `entries` customers are refused, the others take effect."""

    entries: int


class Pack(Struct, frozen=True, kw_only=True):
    """Compress the body of any answer."""

    packing: BodyCompression


class Firewall(Struct, frozen=True, kw_only=True):
    """Answer `page` to a request that holds `text` in path or body; the request does not reach the API."""

    text: str
    page: StatusFault


class NoSlash(Struct, frozen=True, kw_only=True):
    """Answer 404 to a path that holds `%2F`, like some gateways."""

    body: Content = Content.PAGE


class Partial(Struct, frozen=True):
    """Refuse, although the first half took effect."""


class Late(Struct, frozen=True, kw_only=True):
    """Take effect `seconds` later than usual."""

    seconds: float


class Lose(Struct, frozen=True, kw_only=True):
    """Accept, but the first `entries` customers' entries never take effect."""

    entries: int


class Spoil(Struct, frozen=True, kw_only=True):
    """Accept, but amounts of the first `entries` customers' entries are off by one."""

    entries: int


class LateDuplicate(Struct, frozen=True):
    """Ignore a customer's earlier transactions in the queue."""


class BadToken(Struct, frozen=True):
    """Answer the token call without a token."""


Behaviour = (
    StatusFault
    | Reset
    | Hang
    | Delay
    | Drip
    | Garbage
    | Html
    | Redirect
    | Empty
    | Vague
    | Shape
    | Multistatus
    | Pack
    | NoSlash
    | Firewall
    | Partial
    | Late
    | Lose
    | Spoil
    | LateDuplicate
    | BadToken
)


class Fault(Struct, frozen=True, kw_only=True):
    """A behaviour and the requests that get it."""

    behaviour: Behaviour
    on: frozenset[CallTarget] = MIGRATE
    rate: float = 1.0
    times: int | None = None
    at: int | None = None
