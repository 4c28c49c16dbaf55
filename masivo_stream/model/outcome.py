"""Outcomes: what an attempt means for its batch."""

from msgspec import Struct

from masivo_stream.model.errors import ExitCode


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
