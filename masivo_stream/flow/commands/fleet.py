"""Fleet: one command for many accounts. What happens to one account does not touch the others.

Each account has its own rate windows, so N accounts send N requests where one sends one. All runs share one event loop
and the process's signals.
"""

import re
import shlex
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

import anyio
from anyio import CapacityLimiter, from_thread, lowlevel
from msgspec import UNSET, Struct, structs

from masivo_stream.core.reading.object_urls import is_url
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.files.state_dir import JOURNAL
from masivo_stream.edges.secret import API_KEY_VARIABLE
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.exports import Exports, exports_in
from masivo_stream.flow.fleet_file import Fleet, FleetAccount, FleetFileAgain, find_shared_keys
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.retry_copies import writing_dead_letters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.stop import SharedSignals, watch_loop_lag
from masivo_stream.model.errors import BugError, ConfigurationError, MasivoStreamError
from masivo_stream.model.fleet import AccountFailure, AccountResult, FleetResult, fail, join
from masivo_stream.model.notices import Notice
from masivo_stream.model.summary import Summary

_T = TypeVar("_T", bound=Struct)


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
    observer: Observer | None = None
    """Receives notices that are about no account."""
    checks_at_once: int = 4
    """How many accounts at a time have their exports checked: enough to use the cores while some wait for the disk."""
    handle_signals: bool = False
    """Whether SIGINT and SIGTERM stop all runs in an orderly way, and SIGHUP has the fleet file read again. Only in the
    main thread."""
    reread: Callable[[], Fleet] | None = None
    """Reads the fleet file again, as it was read at the start. None: SIGHUP changes nothing."""


async def migrate_fleet(fleet: Fleet, runtime: FleetRuntime | None = None) -> FleetResult:
    """Migrate the exports of every account, at most `fleet.at_once` at the same time.

    What happens to one account is part of the result, and raises nothing.

    Returns:
        The summary of each account, or why it could not begin. The exit code is the worst.

    Raises:
        ConfigurationError: two accounts have the same key. Nothing was sent: which one is wrong is unknown.
    """
    runtime = runtime or FleetRuntime()
    for error in find_shared_keys(fleet).values():
        raise error
    signals = SharedSignals(runtime.observer)
    # A few checks at a time: the first ones send while others are checked, and only their notes are on the disk.
    limiter, turn_to_check = CapacityLimiter(fleet.at_once), CapacityLimiter(runtime.checks_at_once)
    again = _read_again(fleet, runtime, signals)
    found = dict[str, AccountResult]()

    async def migrate_one(account: FleetAccount) -> None:
        own = runtime.runtime_of(account.name)
        own = structs.replace(own, turn_to_check=turn_to_check, reread=again and partial(again.settings_of, account))
        command = shlex.join(own.reporting.invocation.again)
        async with limiter:
            if (error := signals.received) is not None:
                found[account.name] = fail(account.name, error, command=command)
            else:
                work = partial(_migrate, account, own, signals, runtime.watch)
                found[account.name] = name_key(await _isolated(account.name, work, command=command), account)
        if runtime.watch is not None:
            runtime.watch.ended(found[account.name])

    async with anyio.create_task_group() as beside:
        beside.start_soon(watch_loop_lag, SystemClock(), signals)
        if runtime.handle_signals:
            await beside.start(signals.obey)
        async with anyio.create_task_group() as runs:
            for account in fleet.accounts:
                runs.start_soon(migrate_one, account)
        beside.cancel_scope.cancel()
    return join(found[account.name] for account in fleet.accounts)


def _read_again(fleet: Fleet, runtime: FleetRuntime, signals: SharedSignals) -> FleetFileAgain | None:
    """Return what reads the fleet file again after SIGHUP; None if nothing does."""
    observer, read = runtime.observer, runtime.reread
    if read is None:
        return None

    def notify(notice: Notice) -> None:
        if observer is not None:
            from_thread.run_sync(observer.notify, notice)

    return FleetFileAgain(fleet, read, hang_ups=lambda: signals.hang_ups, notify=notify)


async def _migrate(
    account: FleetAccount, runtime: Runtime, signals: SharedSignals, watch: FleetWatch | None
) -> AccountResult:
    credentials, exports = account.credentials(), await _look_up(account, signals)
    summary = await migrate(
        account.settings,
        credentials,
        exports,
        observer=watch.observer_of(account.name) if watch is not None else None,
        handle_signals=signals,
        runtime=runtime,
    )
    return AccountResult(name=account.name, exit_code=summary.exit_code, summary=summary)


async def _look_up(account: FleetAccount, signals: SharedSignals) -> Exports:
    """Find the exports of an account if they are in object storage, beside the other accounts' runs.

    Object storage may not answer for an hour. So a thread of its own waits for it, which a stop leaves behind.

    Raises:
        Interrupted: a signal came first.
        InputError: an export does not exist, or object storage does not answer.
    """
    outcome, done = list[Exports | Exception](), anyio.Event()
    if not any(map(is_url, (account.directory, *account.customers, *account.events, *account.transactions))):
        return exports_of(account)
    loop = lowlevel.current_token()

    def find() -> None:
        try:
            outcome.append(exports_of(account).found(account.settings.retry))
        except Exception as error:  # noqa: BLE001 - it is raised below
            outcome.append(error)
        with suppress(RuntimeError):  # the loop has ended
            from_thread.run_sync(done.set, token=loop)

    async with anyio.create_task_group() as first:
        first.start_soon(_cancel_after, done.wait, first.cancel_scope)
        first.start_soon(_cancel_after, signals.wait, first.cancel_scope)
        threading.Thread(target=find, daemon=True).start()
    if not outcome:
        raise signals.received or RuntimeError("one of the two came first")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


async def _cancel_after(come: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
    await come()
    scope.cancel()


def name_key(result: AccountResult, account: FleetAccount) -> AccountResult:
    """Return the result with the account's own key where its steps speak of the key that other commands take."""

    def in_fleet(field: str, text: str) -> str:
        text = _OTHERS_KEY.sub(lambda _: account.key, text)
        return _in_fleet(text, account) if field in {"hint", "text"} else text

    def named(part: _T, *fields: str) -> _T:
        return structs.replace(part, **{field: in_fleet(field, getattr(part, field)) for field in fields})

    if isinstance(failure := result.failure, AccountFailure):
        if failure.operation == "read the secrets":  # a line of a key file may begin with the name of all keys
            return result
        return structs.replace(result, failure=named(failure, "message", "place", "hint"))
    if not isinstance(summary := result.summary, Summary):
        return result
    steps = tuple(named(step, "text") for step in summary.next_steps)
    return structs.replace(result, summary=structs.replace(named(summary, "hint", "message"), next_steps=steps))


def _in_fleet(text: str, account: FleetAccount) -> str:
    """Return advice with words about the flags in it that `fleet` does not have."""
    text = text.replace(_LIMITS, 'settings.limits.limit = ["1/5s", "1000/h"] in the fleet file')
    if "masivo-stream " in text:
        return text  # the flags belong to a command that is written out
    flags = dict.fromkeys(_OTHERS_FLAGS.findall(text))
    if "--state-dir" in flags:
        del flags["--state-dir"]
        text += "; here, that is state_dir = in the account's table of the fleet file"
    if flags:
        file = account.place.rpartition(": account ")[0]
        text += f"; give {' or '.join(flags)} to: masivo-stream migrate --fleet {shlex.quote(f'{file}:{account.name}')}"
    return text


_LIMITS = "--limit 1/5s --limit 1000/h"
_OTHERS_FLAGS = re.compile(r"--(?:again|state-dir|same-account|moved|max-dead|skip-checks|limit)\b")
"""Flags of `migrate` that are in advice and that `fleet` does not have."""


_OTHERS_KEY = re.compile(rf"\b{API_KEY_VARIABLE}\b")


async def plan_fleet(fleet: Fleet, progress: Callable[[str], None] = lambda _: None) -> FleetResult:
    """Plan the migration of every account, one after the other; `progress` is called with the name of each.

    An account without a key is planned, too, with a warning.

    Returns:
        The plan of each account, or why it could not be made. The exit code is the worst.
    """
    results, shared = [], find_shared_keys(fleet)
    for account in fleet.accounts:
        progress(account.name)
        if (error := shared.get(account.name)) is not None:
            results.append(fail(account.name, error))
        else:
            results.append(name_key(await _isolated(account.name, partial(_plan, account)), account))
    return join(results)


async def _plan(account: FleetAccount) -> AccountResult:
    credentials, warnings = None, list[str]()
    if account.has_key:
        credentials = account.credentials()
    else:
        try:
            account.credentials()
        except ConfigurationError as error:
            warnings.append(f"{error}: {error.hint}")
    exports, directory = exports_of(account), account.settings.state.state_dir
    begun = (Path(directory) / JOURNAL).exists()  # then its dead letters must not be overwritten
    state = status(directory) if begun else UNSET
    with nullcontext(None) if begun else writing_dead_letters(directory) as files:
        found = await plan(account.settings, exports, credentials=credentials, files=files)
    found = structs.replace(found, warnings=[_in_fleet(each, account) for each in (*found.warnings, *warnings)])
    return AccountResult(name=account.name, exit_code=found.summary.exit_code, plan=found, summary=state)


def exports_of(account: FleetAccount) -> Exports:
    """Return the exports of an account.

    Raises:
        ConfigurationError: there is no export in its directory.
    """
    found = exports_in(account.directory) if account.directory else Exports()
    return Exports(
        customers=(*found.customers, *account.customers),
        events=(*found.events, *account.events),
        transactions=(*found.transactions, *account.transactions),
        parts=account.parts,
    )


async def _isolated(name: str, work: Callable[[], Awaitable[AccountResult]], *, command: str = "") -> AccountResult:
    """Do the work for one account; whatever it raises is its result. `command` tries again."""
    try:
        return await work()
    except MasivoStreamError as error:
        return fail(name, error, command=_command_in(error.hint) or command)
    except Exception as error:  # noqa: BLE001 - a bug that one export brings to light must not end the other runs
        return fail(name, _as_bug(error), command=command)


def _command_in(hint: str) -> str:
    """Return the first command that a hint names: the same command again would only lead to the same hint."""
    found = _COMMAND.search(hint)
    try:
        return shlex.join(shlex.split(found[0])) if found is not None else ""
    except ValueError:  # the end of a quotation is not among it
        return ""


_COMMAND = re.compile(r"(?<=: )masivo-stream [a-z]+ [^;]+")


def _as_bug(error: Exception) -> BugError:
    """Return a bug without the text of the exception, which may quote a record."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return BugError(
        f"this is a bug in masivo-stream: {type(error).__name__}",
        operation="work on an account",
        place=", called by ".join(islice(_calls(error.__traceback__), _CALLS_SHOWN)),
        hint="please report it with these places; the other accounts were not touched by it",
    )


_CALLS_SHOWN = 5


def _calls(trace: TracebackType | None) -> Iterator[str]:
    """Yield where in this package an exception came from, the innermost call first."""
    found = []
    while trace is not None:
        _, package, file = trace.tb_frame.f_code.co_filename.rpartition("masivo_stream")
        if package:
            found.append(f"{file.lstrip('/')}:{trace.tb_lineno}")
        trace = trace.tb_next
    yield from reversed(found)
