"""Fleet: one command for many accounts. What happens to one account does not touch the others.

Each account has its own rate windows, so N accounts send N requests where one sends one. All runs share one event loop
and the process's signals.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import anyio
from anyio import CapacityLimiter
from msgspec import Struct

from masivo_stream.edges.fleet_file import Fleet, FleetAccount
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.stop import SharedSignals
from masivo_stream.model.errors import BugError, MasivoStreamError
from masivo_stream.model.fleet import AccountResult, FleetResult, fail, join


class FleetWatch(Protocol):
    """Watches the runs of a fleet."""

    def observer_of(self, name: str) -> Observer:
        """Return what receives the notices of an account's run."""
        ...

    def ended(self, result: AccountResult) -> None:
        """Receive the result of an account as soon as it is known."""
        ...


class FleetRuntime(Struct, frozen=True, kw_only=True):
    """What a fleet's runs take from their surroundings."""

    runtime_of: Callable[[str], Runtime] = lambda _: Runtime()
    """Returns the runtime of an account's run."""
    watch: FleetWatch | None = None
    handle_signals: bool = False
    """Whether SIGINT and SIGTERM stop all runs in an orderly way. Only in the main thread."""


async def migrate_fleet(fleet: Fleet, runtime: FleetRuntime | None = None) -> FleetResult:
    """Migrate the exports of every account, at most `fleet.at_once` at the same time. It never raises for an account.

    Returns:
        The summary of each account, or why it could not begin. The exit code is the worst.
    """
    runtime, signals = runtime or FleetRuntime(), SharedSignals()
    limiter, found = CapacityLimiter(fleet.at_once), dict[str, AccountResult]()

    async def migrate_one(account: FleetAccount) -> None:
        async with limiter:
            if signals.received is not None:
                found[account.name] = fail(account.name, signals.received)
            else:
                found[account.name] = await _isolated(account.name, partial(_migrate, account, runtime, signals))
        if runtime.watch is not None:
            runtime.watch.ended(found[account.name])

    async with anyio.create_task_group() as beside:
        if runtime.handle_signals:
            await beside.start(signals.obey)
        async with anyio.create_task_group() as runs:
            for account in fleet.accounts:
                runs.start_soon(migrate_one, account)
        beside.cancel_scope.cancel()
    return join(found[account.name] for account in fleet.accounts)


async def _migrate(account: FleetAccount, runtime: FleetRuntime, signals: SharedSignals) -> AccountResult:
    summary = await migrate(
        account.settings,
        account.credentials(),
        exports_of(account),
        observer=runtime.watch.observer_of(account.name) if runtime.watch is not None else None,
        handle_signals=signals,
        runtime=runtime.runtime_of(account.name),
    )
    return AccountResult(name=account.name, exit_code=summary.exit_code, summary=summary)


async def plan_fleet(fleet: Fleet, progress: Callable[[str], None] = lambda _: None) -> FleetResult:
    """Plan the migration of every account, one after the other; `progress` is called with the name of each.

    Returns:
        The plan of each account, or why there is none. The exit code is the worst.
    """

    async def plan_one(account: FleetAccount) -> AccountResult:
        found = await plan(account.settings, exports_of(account), credentials=account.credentials())
        return AccountResult(name=account.name, exit_code=found.summary.exit_code, plan=found)

    results = []
    for account in fleet.accounts:
        progress(account.name)
        results.append(await _isolated(account.name, partial(plan_one, account)))
    return join(results)


def fleet_status(fleet: Fleet) -> FleetResult:
    """Return what has become of the run of every account, also while it is at work. Nothing is changed."""
    return join(map(_status, fleet.accounts))


def _status(account: FleetAccount) -> AccountResult:
    try:
        found = status(account.settings.state.state_dir)
    except MasivoStreamError as error:
        return fail(account.name, error)
    return AccountResult(name=account.name, exit_code=found.exit_code, summary=found)


def exports_of(account: FleetAccount) -> Exports:
    """Return the exports of an account."""
    return Exports(customers=account.customers, events=account.events, transactions=account.transactions)


async def _isolated(name: str, work: Callable[[], Awaitable[AccountResult]]) -> AccountResult:
    """Do the work for one account; whatever it raises is its result."""
    try:
        return await work()
    except MasivoStreamError as error:
        return fail(name, error)
    except Exception as error:  # noqa: BLE001 - a bug that one export brings to light must not end the other runs
        return fail(name, _as_bug(error))


def _as_bug(error: Exception) -> BugError:
    """Return a bug without the text of the exception, which may quote a record."""
    place, innermost = "", error.__traceback__
    while innermost is not None:
        place = f"{innermost.tb_frame.f_code.co_filename.rpartition('masivo_stream')[2]}:{innermost.tb_lineno}"
        innermost = innermost.tb_next
    return BugError(
        f"this is a bug in masivo-stream: {type(error).__name__}",
        operation="work on an account",
        place=place.lstrip("/\\"),
        hint="please report it; the other accounts went on",
    )
