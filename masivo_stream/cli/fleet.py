"""`masivo-stream fleet`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, RunFlags, config_file, read_flags

if TYPE_CHECKING:
    from masivo_stream.edges.fleet_file import Fleet
    from masivo_stream.flow.runtime import Runtime
    from masivo_stream.model.fleet import FleetResult
    from masivo_stream.observe.fleet_watch import FleetRuns


@Parameter(name="*")
@dataclass(kw_only=True)
class FleetFlags:
    """Which accounts."""

    only: Annotated[list[str] | None, Parameter(negative="")] = None
    "Name of an account, repeatable: only these. Default: all."


def fleet(
    action: Literal["plan", "migrate", "status"],
    file: str,
    *,
    accounts: FleetFlags | None = None,
    run: RunFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Plan, migrate, or show the state of many accounts at once; a fleet file names them.

    Accounts do not wait for each other: each sends as fast as its own limits allow. If one fails, the others go on.
    Ends with the worst exit code. Started again, the same command continues.

    Example: `masivo-stream fleet migrate fleet.toml`

    Parameters
    ----------
    action
        plan, migrate or status.
    file
        The fleet file; docs/fleets.md describes it.
    """
    from masivo_stream.edges.fleet_file import load_fleet

    common = common or CommonFlags()
    named = load_fleet(file, environment=os.environ, flags=read_flags(common, run), config=config_file(common))
    chosen = named.only((accounts or FleetFlags()).only or ())
    match action:
        case "plan":
            return _show(_plan(chosen, quiet=common.quiet), json=common.json, planned=True)
        case "status":
            from masivo_stream.flow.commands.fleet import fleet_status

            return _show(fleet_status(chosen), json=common.json)
        case "migrate":
            return _show(_migrate(chosen, run or RunFlags(), common), json=common.json)


def _plan(fleet: "Fleet", *, quiet: bool) -> "FleetResult":
    import anyio

    from masivo_stream.flow.commands.fleet import plan_fleet

    def progress(name: str) -> None:
        if not quiet:
            sys.stderr.write(f"planning {name}\n")

    return anyio.run(plan_fleet, fleet, progress)


def _migrate(fleet: "Fleet", run: RunFlags, common: CommonFlags) -> "FleetResult":
    import gc

    import anyio

    from masivo_stream.flow.commands.fleet import FleetRuntime, migrate_fleet
    from masivo_stream.monitor.fleet_server import beside_monitor

    gc.freeze()  # see `cli.watched`
    with _watching(fleet, quiet=common.quiet) as runs:
        runtime = FleetRuntime(runtime_of=_runtime_of(fleet.file, run, common), watch=runs, handle_signals=True)

        async def work() -> "FleetResult":
            async with beside_monitor(fleet.settings.monitor.monitor, runs):
                return await migrate_fleet(fleet, runtime)

        return anyio.run(work)


def _runtime_of(file: str, run: RunFlags, common: CommonFlags) -> "Callable[[str], Runtime]":
    """Return what makes the runtime of an account: its report names commands for that account alone."""
    from masivo_stream.cli.reporting import draw, spell_flags
    from masivo_stream.flow.reporting.run_report import Reporting
    from masivo_stream.flow.runtime import Runtime
    from masivo_stream.model.summary import Invocation

    def runtime(name: str) -> Runtime:
        again = ("masivo-stream", "fleet", "migrate", file, "--only", name, *spell_flags(common), *spell_flags(run))
        options = tuple(spell_flags(replace(common, fleet=f"{file}:{name}")))
        return Runtime(reporting=Reporting(invocation=Invocation(again=again, options=options), draw=draw))

    return runtime


@contextmanager
def _watching(fleet: "Fleet", *, quiet: bool) -> "Iterator[FleetRuns]":
    """Yield what watches the runs: it shows progress on a terminal, and writes log lines elsewhere."""
    from masivo_stream.cli.output import LateLog
    from masivo_stream.observe.fleet_watch import FleetRuns

    log = fleet.settings.log
    terminal = sys.stderr.isatty() and not quiet
    level = "warning" if terminal and log.log_level == "info" else log.log_level
    runs = FleetRuns([each.name for each in fleet.accounts], LateLog(level=level, form=log.log_format))
    if not terminal:
        yield runs
        return
    from rich.console import Console

    from masivo_stream.observe.fleet_progress import FleetProgress

    with FleetProgress(Console(stderr=True), runs.snapshot):
        yield runs


def _show(found: "FleetResult", *, json: bool, planned: bool = False) -> int:
    from masivo_stream.cli.output import answer, print_json

    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.fleet_table import print_fleet, print_fleet_plan

    show = print_fleet_plan if planned else print_fleet
    return answer(lambda: show(Output(), found), found.exit_code, question=True)
