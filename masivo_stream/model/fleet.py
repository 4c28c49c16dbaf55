"""What a fleet's commands find out: an answer per account, and the exit code of all. The JSON form is fixed."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.errors import ExitCode, MasivoStreamError
from masivo_stream.model.pause import PauseAnswer
from masivo_stream.model.plan import Plan
from masivo_stream.model.summary import Summary

_FROM_GOOD_TO_BAD = (
    ExitCode.COMPLETE,
    ExitCode.DEAD_LETTERS,
    ExitCode.IN_DOUBT,
    ExitCode.OUTAGE,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.INPUT,
    ExitCode.DENIED,
    ExitCode.CONFIGURATION,
    ExitCode.BUG,
)
"""After an outage the same command goes on by itself; from bad input on, a person has to correct something first."""


class AccountFailure(Struct, frozen=True, kw_only=True):
    """Why a command could not work on an account."""

    message: str
    operation: str = ""
    place: str = ""
    hint: str = ""
    command: str = ""
    """The command to start once the cause is gone, ready to paste; empty if it is the same command again."""


class AccountResult(Struct, frozen=True, kw_only=True):
    """One account of a fleet: its summary or its plan, or why there is neither.

    If its run has begun, a plan is of all records of its exports, and the summary is the state of that run.
    """

    name: str
    exit_code: int
    summary: Summary | UnsetType = UNSET
    plan: Plan | UnsetType = UNSET
    failure: AccountFailure | UnsetType = UNSET


class FleetResult(Struct, frozen=True, kw_only=True):
    """All accounts, in the sequence of the fleet file."""

    schema: int = 1
    exit_code: int
    """The worst of all accounts."""
    accounts: tuple[AccountResult, ...]


class AccountPause(Struct, frozen=True, kw_only=True):
    """Whether one account of a fleet is paused now, or why that cannot be changed."""

    name: str
    exit_code: int = 0
    answer: PauseAnswer | UnsetType = UNSET
    failure: AccountFailure | UnsetType = UNSET
    begun: bool = True
    """Whether there is a run; one that begins in a pause waits for its end."""


class FleetPause(Struct, frozen=True, kw_only=True):
    """What `fleet pause` and `fleet resume` have done, in the sequence of the fleet file."""

    schema: int = 1
    exit_code: int
    """The worst of all accounts."""
    accounts: tuple[AccountPause, ...]
    command: str = ""
    """The command that resumes these accounts; empty if it has run."""


def worst_of(exit_codes: Iterable[int]) -> int:
    """Return the worst exit code; 0 if there is no exit code."""
    return int(max(map(ExitCode, exit_codes), key=_FROM_GOOD_TO_BAD.index, default=ExitCode.COMPLETE))


def fail(name: str, error: MasivoStreamError, *, command: str = "") -> AccountResult:
    """Return the result of an account on which a command could not work; `command` tries again."""
    failure = AccountFailure(
        message=str(error), operation=error.operation, place=error.place, hint=error.hint, command=command
    )
    return AccountResult(name=name, exit_code=int(error.exit_code), failure=failure)


def join(accounts: Iterable[AccountResult]) -> FleetResult:
    """Return the result of a fleet."""
    found = tuple(accounts)
    return FleetResult(exit_code=worst_of(each.exit_code for each in found), accounts=found)
