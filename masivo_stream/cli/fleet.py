"""`masivo-stream fleet`."""

import os
import resource
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from masivo_stream.cli.options import CanaryFlags, CommonFlags, RunFlags, config_file, read_flags
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.flow.fleet_file import Fleet
    from masivo_stream.flow.runtime import Runtime
    from masivo_stream.model.fleet import FleetResult
    from masivo_stream.observe.fleet_watch import FleetRuns


@Parameter(name="*")
@dataclass(kw_only=True)
class FleetFlags:
    """Which accounts."""

    only: Annotated[list[str] | None, Parameter(negative="")] = None
    "Name of an account, repeatable: only these. Default: all."


@Parameter(name="*")
@dataclass(kw_only=True)
class FleetCommonFlags(CommonFlags):
    """What every command accepts, but not --fleet."""

    fleet: Annotated[str | None, Parameter(show=False)] = None


@Parameter(name="*")
@dataclass(kw_only=True)
class FleetRunFlags(CanaryFlags, RunFlags):
    """How the runs begin, are watched, and end."""


def fleet(
    action: Literal["plan", "migrate", "status", "pause", "resume"],
    file: str,
    *,
    accounts: FleetFlags | None = None,
    run: FleetRunFlags | None = None,
    common: FleetCommonFlags | None = None,
) -> int:
    """Plan, migrate, show, pause or resume many accounts at once; a fleet file names them.

    Accounts do not wait for each other: each sends as fast as its own limits allow. If one fails, the others go on.
    Ends with the worst exit code. Started again, the same command continues.

    Example: `masivo-stream fleet migrate fleet.toml`

    Parameters
    ----------
    action
        plan, migrate, status, pause or resume.
    file
        The fleet file; docs/fleets.md describes it.
    """
    from masivo_stream.flow.fleet_file import load_fleet

    common = common or FleetCommonFlags()
    _check_flags(action, run or FleetRunFlags(), common)
    load = partial(load_fleet, file, environment=os.environ, flags=read_flags(common, run), config=config_file(common))
    only = (accounts or FleetFlags()).only or []
    chosen = load().only(only)
    match action:
        case "plan":
            return _show(_plan(chosen, quiet=common.quiet), json=common.json, only=only, planned=True)
        case "status":
            from masivo_stream.flow.commands.fleet_status import fleet_status

            return _show(fleet_status(chosen), json=common.json, only=only)
        case "migrate":
            found = _migrate(chosen, run or FleetRunFlags(), common, load)
            return _show(found, json=common.json, only=only, question=False)
        case "pause" | "resume":
            return _pause(chosen, pausing=action == "pause", only=only, json=common.json)


def _check_flags(action: str, run: FleetRunFlags, common: CommonFlags) -> None:
    """Check that no flag was given that would have no effect."""
    without = {"migrate": (), "plan": _AFTER_PLANNING}.get(action, (*_AFTER_PLANNING, "canary"))
    given = ["--fleet"] if common.fleet else []
    given += [f"--{name.replace('_', '-')}" for name in without if getattr(run, name) not in (None, False)]
    if given:
        hint = "leave it out, and write the account as FILE --only NAME" if given[0] == "--fleet" else "leave it out"
        what = f"{given[0]} has no effect on fleet {action}"
        raise ConfigurationError(what, operation="read the command", place=given[0], hint=hint)


_AFTER_PLANNING = ("no_verify", "publish", "notify", "notify_command", "monitor")
"""Flags about what only a migration does."""


def _pause(fleet: "Fleet", *, pausing: bool, only: "Sequence[str]", json: bool) -> int:
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.flow.commands.fleet_pause import pause_fleet, resume_fleet

    found = pause_fleet(fleet, only=only) if pausing else resume_fleet(fleet)
    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.fleet_pause_list import print_fleet_pause

    return answer(lambda: print_fleet_pause(Output(), found), found.exit_code, question=True)


def _plan(fleet: "Fleet", *, quiet: bool) -> "FleetResult":
    import anyio

    from masivo_stream.flow.commands.fleet import plan_fleet

    def progress(name: str) -> None:
        if not quiet:
            sys.stderr.write(f"planning {name}\n")

    return anyio.run(plan_fleet, fleet, progress)


def _migrate(fleet: "Fleet", run: RunFlags, common: CommonFlags, reread: "Callable[[], Fleet]") -> "FleetResult":
    import anyio

    from masivo_stream.cli.collector import calm_collector
    from masivo_stream.cli.watched import Pointer, hang_ups_ignored
    from masivo_stream.flow.commands.fleet import FleetRuntime, migrate_fleet
    from masivo_stream.monitor.fleet_server import beside_monitor
    from masivo_stream.observe.fleet_notifications import fleet_notifying

    _make_room_for_files(fleet)
    _give_memory_back()
    calm_collector()
    with hang_ups_ignored(), _watching(fleet, quiet=common.quiet) as runs:
        runtime = FleetRuntime(
            runtime_of=_runtime_of(fleet.file, run, common),
            watch=runs,
            observer=runs.own_log,
            handle_signals=True,
            reread=reread,
        )
        pointer = Pointer() if sys.stderr.isatty() and not common.quiet else None

        async def work() -> "FleetResult":
            monitored = beside_monitor(fleet.settings.monitor.monitor, runs, pointer)
            own = {each.name: each.settings for each in fleet.accounts}
            notifying = fleet_notifying(fleet.file, fleet.settings, own, runs)
            async with _traced(runs), monitored, notifying as ended:
                found = await migrate_fleet(fleet, runtime)
                await ended(found)
                return found

        return anyio.run(work)


@asynccontextmanager
async def _traced(runs: "FleetRuns") -> "AsyncIterator[None]":
    """Send the spans of all accounts meanwhile, if the environment names a collector."""
    from masivo_stream.cli.watched import make_span_export, spans_wanted

    if not spans_wanted():
        yield
        return
    from masivo_stream.observe.batch_spans import BatchSpans, tracing

    async with tracing(make_span_export, runs.own_log.notify) as export:
        if export is not None:
            for name in runs.accounts:
                runs.add(name, BatchSpans(export, account_name=name))
        yield


FILES = 100
FILES_OF_AN_ACCOUNT = 24
"""Files that a process has open, and those of each account: journal, quota, locks, exports, connections."""


def _make_room_for_files(fleet: "Fleet") -> None:
    """Let this process open the files of all accounts. Many systems allow 1024 to a process that asks for no more.

    Raises:
        ConfigurationError: the system does not allow as many.
    """
    accounts = min(fleet.at_once, len(fleet.accounts))
    needed = FILES + accounts * FILES_OF_AN_ACCOUNT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        if most < needed:
            fewer = max(1, (most - FILES) // FILES_OF_AN_ACCOUNT)
            raise ConfigurationError(
                f"{accounts} accounts at once need {needed} open files, and this process may have {most}",
                operation="begin the runs",
                place=fleet.file,
                hint=f"raise the limit (ulimit -n {needed}), or write at_once = {fewer} above the first table",
            )


def _give_memory_back() -> None:
    """Let what glibc allocates in one piece of 128 KiB or more (blocks, bodies) go back to the system when it is freed.

    By itself it raises this limit, and keeps the pieces between others that are in use: a fifth of a fleet's memory.
    """
    import ctypes

    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 128 * 1024)


_M_MMAP_THRESHOLD = -3
"""malloc.h of glibc; mallopt(3)."""


def _runtime_of(file: str, run: RunFlags, common: CommonFlags) -> "Callable[[str], Runtime]":
    """Return what makes the runtime of an account: its report names commands for that account alone."""
    from masivo_stream.cli.reporting import draw, spell_flags
    from masivo_stream.flow.commands_of_run import find_working_directory
    from masivo_stream.flow.runtime import Reporting, Runtime
    from masivo_stream.model.summary import Invocation

    def runtime(name: str) -> Runtime:
        again = ("masivo-stream", "fleet", "migrate", file, "--only", name, *spell_flags(common), *spell_flags(run))
        options = tuple(spell_flags(replace(common, fleet=f"{file}:{name}")))
        words = Invocation(again=again, options=options, directory=find_working_directory())
        return Runtime(reporting=Reporting(invocation=words, draw=draw))

    return runtime


@contextmanager
def _watching(fleet: "Fleet", *, quiet: bool) -> "Iterator[FleetRuns]":
    """Yield what watches the runs: it shows progress on a terminal, and writes log lines elsewhere."""
    from masivo_stream.cli.output import LateLog, shows_sentences, write_error
    from masivo_stream.observe.fleet_warnings import FleetWarnings
    from masivo_stream.observe.fleet_watch import FleetRuns
    from masivo_stream.observe.progress_notes import ProgressNotes

    log, terminal = fleet.settings.log, sys.stderr.isatty() and not quiet
    warnings = FleetWarnings(write_error) if shows_sentences(log, terminal=terminal) else None
    level = "warning" if terminal and log.log_level == "info" else log.log_level
    late = LateLog(level="error" if warnings is not None else level, form=log.log_format)
    runs = FleetRuns([each.name for each in fleet.accounts], late, warnings=warnings)
    for each in fleet.accounts:
        snapshot = runs.accounts[each.name].builder.snapshot
        runs.add(each.name, ProgressNotes(snapshot, each.settings.state.state_dir))
    if not terminal:
        yield runs
        return
    from rich.console import Console

    from masivo_stream.observe.fleet_progress import FleetProgress

    with FleetProgress(Console(stderr=True), runs.snapshot):
        yield runs
        if warnings is not None:
            warnings.close()


def _show(
    found: "FleetResult", *, json: bool, only: "Sequence[str]", planned: bool = False, question: bool = True
) -> int:
    from masivo_stream.cli.output import answer, print_json

    if json:
        return print_json(found, found.exit_code, question=question)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.fleet_table import print_fleet, print_fleet_plan

    show = print_fleet_plan if planned else print_fleet
    return answer(lambda: show(Output(), found, only), found.exit_code, question=question)
