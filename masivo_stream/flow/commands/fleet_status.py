"""The state of a fleet: what has become of the run of every account, also while it is at work."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from msgspec import UnsetType, structs

from masivo_stream.core.next_steps import resume_command, resume_fleet_command
from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.edges.files.pause_file import read_pause
from masivo_stream.edges.files.state_dir import JOURNAL
from masivo_stream.flow.commands.fleet import exports_of, name_key
from masivo_stream.flow.commands.status import describe_since, status
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.fleet_file import Fleet, FleetAccount
from masivo_stream.model.errors import MasivoStreamError, OutageError
from masivo_stream.model.fleet import AccountResult, FleetResult, fail, join
from masivo_stream.model.pause import Pause
from masivo_stream.model.summary import NextStep, Summary


def fleet_status(fleet: Fleet) -> FleetResult:
    """Return what has become of the run of every account, also while it is at work. Nothing is changed."""
    return join(_status(fleet.file, account) for account in fleet.accounts)


def _status(file: str, account: FleetAccount) -> AccountResult:
    directory = account.settings.state.state_dir
    if not (Path(directory) / JOURNAL).exists():
        if (pause := read_pause(Path(directory))) is not None:
            return fail(account.name, _paused_before(pause), command=resume_fleet_command(file, [account.name]))
        error = _why_not_begun(account) or OutageError(
            "not begun", operation="read the state", place=directory, hint="begin it"
        )
        again = shlex.join(["masivo-stream", "fleet", "migrate", file, "--only", account.name])
        return fail(account.name, error, command=again)
    try:
        found = status(directory)
    except MasivoStreamError as error:
        return fail(account.name, error)
    if not isinstance(found.paused, UnsetType):
        found = structs.replace(found, next_steps=tuple(_resumed_by_fleet(found, file, account)))
    return name_key(AccountResult(name=account.name, exit_code=found.exit_code, summary=found), account)


def _paused_before(pause: Pause) -> MasivoStreamError:
    """Return the error of an account that is paused before it begins."""
    return OutageError(
        f"not begun: {describe_since(pause)}",
        operation="read the state",
        hint="resume it: it sends nothing until then",
    )


def _resumed_by_fleet(found: Summary, file: str, account: FleetAccount) -> Iterator[NextStep]:
    """Yield the steps of a paused run, with the command that resumes it in its fleet: several can then be one."""
    own = resume_command(account.settings.state.state_dir)
    for step in found.next_steps:
        if step.command == own:
            yield structs.replace(step, command=resume_fleet_command(file, [account.name]))
        else:
            yield step


def _why_not_begun(account: FleetAccount) -> MasivoStreamError | None:
    """Return why an account cannot begin, if that can be seen without asking object storage."""
    try:
        account.credentials()
        if is_url(account.directory):
            return None
        named = exports_of(account)
        customers, events, transactions = (
            [path for path in paths if not is_url(path)]
            for paths in (named.customers, named.events, named.transactions)
        )
        Exports(customers=customers, events=events, transactions=transactions).find(account.settings.retry)
    except MasivoStreamError as error:
        return type(error)(f"not begun: {error}", operation=error.operation, place=error.place, hint=error.hint)
    return None
