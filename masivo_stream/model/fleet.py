"""What a fleet's commands find out: an answer per account, and the exit code of all. The JSON form is fixed."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.errors import ExitCode, MasivoStreamError
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


def fail(name: str, error: MasivoStreamError, *, command: str = "") -> AccountResult:
    """Return the result of an account on which a command could not work; `command` tries again."""
    failure = AccountFailure(
        message=str(error), operation=error.operation, place=error.place, hint=error.hint, command=command
    )
    return AccountResult(name=name, exit_code=int(error.exit_code), failure=failure)


def join(accounts: Iterable[AccountResult]) -> FleetResult:
    """Return the result of a fleet."""
    found = tuple(accounts)
    worst = max((ExitCode(each.exit_code) for each in found), key=_FROM_GOOD_TO_BAD.index, default=ExitCode.COMPLETE)
    return FleetResult(exit_code=int(worst), accounts=found)
