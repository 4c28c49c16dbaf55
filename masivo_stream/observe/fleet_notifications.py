"""Send the notifications of a fleet: those of each account, what comes to several accounts once, and its end."""

import asyncio
import shlex
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from msgspec import UnsetType

from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.fleet import FleetResult
from masivo_stream.model.settings import NotifySettings, Settings
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.observe.attention import SharedOccasions
from masivo_stream.observe.fleet_watch import FleetRuns
from masivo_stream.observe.notifications import FleetPlace, Notifications, receivers_of


@asynccontextmanager
async def fleet_notifying(
    file: str, settings: Settings, accounts: Mapping[str, Settings], runs: FleetRuns
) -> AsyncIterator[Callable[[FleetResult], Awaitable[None]]]:
    """Send notifications meanwhile; yield what sends those about the end, and waits for receivers.

    Args:
        file: the fleet file.
        settings: those of the fleet itself: its receivers get one document when all accounts have ended.
        accounts: those of each account, by its name.
        runs: what watches them.
    """
    of_accounts: dict[str, Notifications] = {}
    of_fleet: list[Notifications] = []

    async def ended(found: FleetResult) -> None:
        for result in found.accounts:
            if result.name in of_accounts and not isinstance(result.failure, UnsetType):
                of_accounts[result.name].stopped(result.exit_code, result.failure.message, result.failure.hint)
        for each in of_fleet:
            each.fleet_ended(found, shlex.join(["masivo-stream", "fleet", "status", file]))
        await _finish([*of_accounts.values(), *of_fleet])

    shared: defaultdict[tuple[str, str], SharedOccasions] = defaultdict(SharedOccasions)
    async with AsyncExitStack() as sending:
        for name, own in accounts.items():
            notify, watch = own.notify, runs.accounts[name]
            if not _wanted(notify):
                continue
            passes = partial(shared[notify.notify, notify.notify_command].passes, name)
            place = FleetPlace(fleet=file, account_name=name, passes=passes)
            receivers = receivers_of(notify, own.api.ca_file)
            made = Notifications(notify, own.state.state_dir, watch.builder.snapshot, receivers=receivers, place=place)
            await sending.enter_async_context(made.sending(runs.log_of(name).notify))
            runs.add(name, made)
            of_accounts[name] = made
        if _wanted(settings.notify):
            receivers, place = receivers_of(settings.notify, settings.api.ca_file), FleetPlace(fleet=file)
            made = Notifications(settings.notify, "", _nothing_is_shown, receivers=receivers, place=place)
            await sending.enter_async_context(made.sending(runs.own_log.notify))
            of_fleet.append(made)
        try:
            yield ended
        except MasivoStreamError as error:  # before any account began
            _stopped(error, of_fleet or _one_for_each_receiver(of_accounts, accounts))
            await _finish([*of_accounts.values(), *of_fleet])
            raise


async def _finish(made: Iterable[Notifications]) -> None:
    """Wait for all receivers together, not for one after the other."""
    await asyncio.gather(*(each.finish() for each in made))


def _stopped(error: MasivoStreamError, made: Iterable[Notifications]) -> None:
    for each in made:
        each.stopped(int(error.exit_code), str(error), error.hint)


def _one_for_each_receiver(
    made: Mapping[str, Notifications], accounts: Mapping[str, Settings]
) -> Iterable[Notifications]:
    """Return those of one account for each receiver: it hears once of what concerns all."""
    found = {(accounts[name].notify.notify, accounts[name].notify.notify_command): each for name, each in made.items()}
    return found.values()


def _wanted(notify: NotifySettings) -> bool:
    return bool(notify.notify or notify.notify_command)


def _nothing_is_shown() -> RunSnapshot:
    return RunSnapshot(version="", began=0.0, now=0.0, phases=())
