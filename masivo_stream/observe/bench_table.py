"""Print what the bench measured: one table per kind, and how to read it."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.bench_result import MEGA, Bench, BenchFigures, BenchResult, Stage

MOST_BUSY = 0.5
"""If the sink is busy for a larger share of the time than this, the sink may be the bottleneck."""


def print_bench(console: Console, found: Bench) -> None:
    """Print the tables and the explanation."""
    for kind, export in found.exports.items():
        title = f"{kind}: {export.records:,} records, {export.items:,} items, {export.bytes / MEGA:,.1f} MB"
        console.print(_table(title, [result for result in found.results if result.kind == kind]))
        console.print()
    for line in _explain(found):
        console.print(Text(printable(line)))


def _table(title: str, results: list[BenchResult]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("stage", overflow="fold")
    for name in ("MB/s", "range", "items/s", "CPU s", "RSS MB", "req/s"):
        table.add_column(name, justify="right", overflow="fold")  # a figure is never cut
    for result in results:
        table.add_row(
            result.label,
            _short(result.mb_per_second.median),
            _range(result.mb_per_second),
            f"{result.items_per_second.median:,.0f}",
            f"{result.cpu_seconds.median:.2f}",
            f"{result.peak_rss_bytes / MEGA:,.0f}",
            _short(result.requests_per_second.median) if result.stage is Stage.SEND else "",
        )
    return table


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"  # noqa: PLR2004 - three digits


def _range(figures: BenchFigures) -> str:
    return f"{_short(figures.least)}-{_short(figures.most)}" if figures.least < figures.most else ""


def _explain(found: Bench) -> Iterator[str]:
    machine, times = (
        found.machine,
        "once" if found.rounds == 1 else f"{found.rounds} times, in turn; medians, and the range",
    )
    system = f"{machine.cpu}, {machine.cores} cores; {machine.system}; Python {machine.python}"
    validator = f"; validator: {machine.validator}" if machine.validator else ""
    yield f"{system}; masivo-stream {machine.version}{validator}"
    yield (
        f"Each case was measured {times}. The speed of a machine changes: compare figures of one run only, and "
        "on a shared machine compare CPU time."
    )
    yield (
        "decode: msgspec's typed decoder on the same lines, for comparison. validate: read, split into lines, "
        "validate. pack: also fill batches, as plan does. send: all of migrate, with its journal, without a limit, to "
        f"{found.target or 'a null sink on this machine'}."
    )
    if any("workers" in result.settings for result in found.results):
        yield "workers: processes; all but one validate lines. For an export of less than 16 MiB no more are started."
    # Only this stage sends. In the others one clock tick of the sink for its counts may be as long as the whole stage.
    busiest = max((result.sink_busy for result in found.results if result.stage is Stage.SEND), default=0.0)
    if busiest > MOST_BUSY:
        yield f"The sink was busy for {busiest:.0%} of the time: it may be the bottleneck."
