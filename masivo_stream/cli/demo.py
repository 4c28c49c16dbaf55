"""`masivo-stream demo`: a whole migration on this machine alone."""

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from masivo_stream.cli.options import Switch, check_here
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from masivo_stream.edges.secret import Credentials
    from masivo_stream.flow.exports import Exports
    from masivo_stream.model.plan import Plan
    from masivo_stream.model.settings import Settings
    from masivo_stream.model.summary import Summary
    from masivo_stream.sandbox import Sandbox

_LIMITS = "1/0.1s"


def demo(
    *,
    records: int = 2000,
    seed: int = 1,
    invalid: float = 0.0,
    directory: str | None = None,
    json: Annotated[bool, Switch] = False,
) -> int:
    """Migrate a generated export into a sandbox in this process. Needs nothing, takes seconds.

    Example: `masivo-stream demo --invalid 0.01`

    Parameters
    ----------
    records
        Customers to generate, each with events and transactions.
    seed
        The same seed gives the same export.
    invalid
        Share of faulty lines to mix in; the demo then ends with 3 and leaves dead letters to look at.
    directory
        Directory for the export and the state. Default: a new temporary directory.
    json
        Print the summary as one JSON document on standard output.
    """
    import anyio
    from msgspec import structs
    from rich.console import Console

    from masivo_stream.cli.output import show_summary

    if records < 1 or not 0 <= invalid <= 0.9:  # noqa: PLR2004 - what the generator can mix in
        raise ConfigurationError(
            "these numbers leave nothing to show",
            operation="demo",
            hint="use --records of 1 or more, and --invalid from 0 to 0.9",
        )
    check_here(directory, "--directory")
    place = Path(directory) if directory else Path(tempfile.mkdtemp(prefix="masivo-demo-"))
    console = Console(stderr=json, highlight=False, soft_wrap=True)
    summary = anyio.run(partial(_demo, console, place, records=records, seed=seed, invalid=invalid))
    code = show_summary(structs.replace(summary, next_steps=()), json=json)  # the sandbox is gone: no step can follow
    console.print(f"export and dead letters: {place}", markup=False)
    return code


async def _demo(console: "Console", place: Path, *, records: int, seed: int, invalid: float) -> "Summary":
    from masivo_stream.edges.config import load_settings
    from masivo_stream.edges.secret import Credentials, Secret
    from masivo_stream.flow.commands.plan import plan
    from masivo_stream.sandbox import SandboxOptions, parse_limits, running

    exports = _generate(console, place, records=records, seed=seed, invalid=invalid)
    state = _free_state(place)
    options = SandboxOptions(limits=parse_limits(_LIMITS), visible_after=0.3)
    async with running(options) as sandbox:
        settings = load_settings(
            flags={
                "base_url": sandbox.url,
                "limit": _LIMITS,
                "state_dir": str(state),
                "shared_dir": str(state),
                "first_probe": 0.2,
            }
        )
        console.print(f"sandbox: {sandbox.url}, limit {_LIMITS}", markup=False)
        planned = await plan(settings, exports)
        _show_plan(console, planned)
        credentials = Credentials(api_key=Secret(sandbox.api_key))
        summary = await _migrate(settings, credentials, exports)
        await _compare_with_ledger(console, sandbox, summary)
    return summary


def _free_state(place: Path) -> Path:
    """Return a state directory that does not exist yet: that of an earlier demo belongs to a sandbox that is gone."""
    number = 1
    while (state := place / ("state" if number == 1 else f"state-{number}")).exists():
        number += 1
    return state


def _generate(console: "Console", place: Path, *, records: int, seed: int, invalid: float) -> "Exports":
    from masivo_stream.flow.exports import Exports
    from masivo_stream.generate.export import write
    from masivo_stream.model.contract import Kind

    place.mkdir(parents=True, exist_ok=True)
    paths: dict[str, tuple[str]] = {}
    for kind in Kind:
        path = place / f"{kind}.ndjson"
        with path.open("wb") as stream, (place / f"{kind}.ndjson.faults.ndjson").open("wb") as faults:
            written = write(stream, faults, kind=kind, count=records, seed=seed, rate=invalid)
        faulty = f", {written.faulty} faulty lines" if written.faulty else ""
        console.print(f"export: {written.records:,} records of {kind}, {written.items:,} items{faulty}", markup=False)
        paths[kind] = (str(path),)
    return Exports(customers=paths[Kind.CUSTOMERS], events=paths[Kind.EVENTS], transactions=paths[Kind.TRANSACTIONS])


def _show_plan(console: "Console", planned: "Plan") -> None:
    from masivo_stream.model.moments import duration

    requests = ", ".join(f"{kind.requests} for {name}" for name, kind in planned.kinds.items())
    console.print(
        f"plan: {planned.requests} requests ({requests})\n"
        f"plan: {duration(planned.seconds['configured'])} here, {duration(planned.seconds['prod'])} at a production "
        "account's limits",
        markup=False,
    )


async def _migrate(settings: "Settings", credentials: "Credentials", exports: "Exports") -> "Summary":
    from masivo_stream.cli.output import watching
    from masivo_stream.cli.reporting import draw
    from masivo_stream.flow.commands.migrate import migrate
    from masivo_stream.flow.runtime import Reporting, Runtime

    with watching(settings.log, quiet=False, warnings_only=True) as observer:
        return await migrate(
            settings,
            credentials,
            exports,
            observer=observer,
            handle_signals=True,
            runtime=Runtime(reporting=Reporting(draw=draw)),
        )


async def _compare_with_ledger(console: "Console", sandbox: "Sandbox", summary: "Summary") -> None:
    """Compare what the sandbox applied with what was accepted."""
    import anyio

    with anyio.move_on_after(10):
        while (ledger := sandbox.ledger()).queue:  # noqa: ASYNC110 - the sandbox has no event for it
            await anyio.sleep(0.1)
    applied = {
        "customers": (sum(ledger.customers.values()), max(ledger.customers.values(), default=0)),
        "events": (
            sum(sum(purchases.values()) for purchases in ledger.events.values()),
            max((max(purchases.values()) for purchases in ledger.events.values()), default=0),
        ),
        "transactions": (sum(ledger.transactions.values()), 1),
    }
    for kind, (items, most) in applied.items():
        accepted = summary.kinds[kind].items_accepted if kind in summary.kinds else 0
        comparison = "as accepted" if items == accepted and most <= 1 else f"but {accepted:,} were accepted"
        console.print(f"ledger: {items:,} {kind} applied, {comparison}", markup=False)
