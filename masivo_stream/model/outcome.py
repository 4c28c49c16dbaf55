"""Outcomes: what an attempt came to, as far as the batch is concerned."""

from msgspec import Struct

from masivo_stream.model.errors import ExitCode


class Accepted(Struct, frozen=True):
    """Enqueued. `remark` names what was unusual about it, `at` is the server's `Date` header, if it had one.

    Remarks are counted, so they are of few kinds.
    """

    remark: str = ""
    at: str | None = None


class Refused(Struct, frozen=True):
    """Nothing of the batch was applied, and it will be refused again as it is: find the culprits.

    `foreign`: by something that is not the API; `message` says by whom, in our own words.
    """

    status: int
    message: str
    complaint: str = ""
    """The general part of its words."""
    details: str = ""
    """The rest: it may name the culprits."""
    foreign: bool = False


class TooLarge(Struct, frozen=True):
    """Nothing was applied; a smaller batch may pass (413)."""

    message: str


class Throttled(Struct, frozen=True):
    """Nothing was applied; wait `after` seconds. None: the server did not say how long. `by`: who, if not the API."""

    after: float | None
    by: str = ""


class Unauthorized(Struct, frozen=True):
    """Nothing was applied; the token was not taken (401). `by`: who says so, if not the API."""

    by: str = ""


class Unreachable(Struct, frozen=True):
    """Nothing can have been applied; the same batch may be sent again."""

    why: str


class InDoubt(Struct, frozen=True):
    """May or may not have been applied.

    `foreign`: a success that is not the API's (a portal, a proxy page). `unclear`: a success of another kind than the
    contract names. Neither mends itself by waiting.
    """

    why: str
    after: float | None = None
    foreign: bool = False
    unclear: bool = False


class Stop(Struct, frozen=True):
    """The run cannot go on as configured. `in_doubt` is true where the batch may have been applied all the same."""

    exit_code: ExitCode
    why: str
    hint: str
    in_doubt: bool = False


Outcome = Accepted | Refused | TooLarge | Throttled | Unauthorized | Unreachable | InDoubt | Stop
