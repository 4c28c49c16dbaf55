"""Pause and resume accounts of a fleet, all of them or some, while they are at work or before they begin."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from masivo_stream.core.next_steps import resume_fleet_command
from masivo_stream.edges.files.state_dir import JOURNAL
from masivo_stream.flow.commands.pause import pause, resume
from masivo_stream.flow.fleet_file import Fleet, FleetAccount
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.fleet import AccountFailure, AccountPause, FleetPause, worst_of
from masivo_stream.model.pause import PauseAnswer


def pause_fleet(fleet: Fleet, *, only: Sequence[str] = (), runtime: Runtime | None = None) -> FleetPause:
    """Let accounts send nothing new until they are resumed, also those that have not begun: they wait when they begin.

    Args:
        fleet: the accounts.
        only: the names that were given for them, for the command that resumes the same ones.
        runtime: the clock; the default is right for a program.

    Returns:
        Whether each account is paused now: one that cannot be paused leaves the others alone.
    """
    found = _each(fleet, partial(pause, not_begun=True, runtime=runtime))
    return FleetPause(
        exit_code=worst_of(each.exit_code for each in found),
        accounts=found,
        command=resume_fleet_command(fleet.file, only),
    )


def resume_fleet(fleet: Fleet) -> FleetPause:
    """End the pauses of accounts; one that is not paused stays as it is."""
    found = _each(fleet, partial(resume, not_begun=True))
    return FleetPause(exit_code=worst_of(each.exit_code for each in found), accounts=found)


def _each(fleet: Fleet, change: Callable[[str], PauseAnswer]) -> tuple[AccountPause, ...]:
    return tuple(_one(account, change) for account in fleet.accounts)


def _one(account: FleetAccount, change: Callable[[str], PauseAnswer]) -> AccountPause:
    directory = account.settings.state.state_dir
    begun = (Path(directory) / JOURNAL).exists()
    try:
        return AccountPause(name=account.name, answer=change(directory), begun=begun)
    except MasivoStreamError as error:
        failure = AccountFailure(message=str(error), operation=error.operation, place=error.place, hint=error.hint)
        return AccountPause(name=account.name, exit_code=int(error.exit_code), failure=failure, begun=begun)
