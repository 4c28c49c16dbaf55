"""Outcomes: what an attempt came to, as far as the batch is concerned."""

from msgspec import Struct

from masivo_stream.model.errors import ExitCode


class Accepted(Struct, frozen=True):
    """Enqueued. `remark` names what was unusual about it, `at` is the server's `Date` header, if it had one."""

    remark: str = ""
    at: str | None = None


class Refused(Struct, frozen=True):
    """Nothing of the batch was applied, and it will be refused again as it is: find the culprits."""

    status: int
    message: str
    complaint: str = ""
    """The general part of its words."""
    details: str = ""
    """The rest: it may name the culprits."""


class TooLarge(Struct, frozen=True):
    """Nothing was applied; a smaller batch may pass (413)."""

    message: str


class Throttled(Struct, frozen=True):
    """Nothing was applied; wait `after` seconds. None: the server did not say how long."""

    after: float | None


class Unauthorized(Struct, frozen=True):
    """Nothing was applied; the token was not taken (401)."""


class Unreachable(Struct, frozen=True):
    """Nothing can have been applied; the same batch may be sent again."""

    why: str


class InDoubt(Struct, frozen=True):
    """May or may not have been applied. `foreign`: something answered that is not the API (a portal, a proxy page)."""

    why: str
    after: float | None = None
    foreign: bool = False


class Stop(Struct, frozen=True):
    """The run cannot go on as configured. `in_doubt` is true where the batch may have been applied all the same."""

    exit_code: ExitCode
    why: str
    hint: str
    in_doubt: bool = False


Outcome = Accepted | Refused | TooLarge | Throttled | Unauthorized | Unreachable | InDoubt | Stop
