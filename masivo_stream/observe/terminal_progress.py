"""Show progress on a terminal: when the run will end, a line per kind, and what the run waits for."""

from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from masivo_stream.model.snapshot import KindSnapshot, RunSnapshot
from masivo_stream.observe.end_lines import ending_lines, unread_line, waiting_line
from masivo_stream.observe.live_display import LiveDisplay
from masivo_stream.observe.to_do_lines import to_do_lines
from masivo_stream.observe.warning_counts import warning_line

REFRESHES = 4
"""The most per second."""

_WIDE = 100
"""From this number of columns on there is room for all figures."""

_BAR = 16
"""Columns of a bar on a narrow terminal: as many as its longest word needs."""

_LONG_BAR = 22

_MOST_WARNINGS = 4
"""Causes that are shown while they last, the latest ones."""

_RECENT = 60.0
"""The rate is calculated over at least this number of seconds."""

_STATES = {
    "ahead": "not begun",
    "visible": "becoming visible",
    "done": "done",
    "left": "stopped",
}


class TerminalProgress(LiveDisplay):
    """Show snapshots on `console`. A context manager: the display is removed when it ends."""

    def __init__(self, console: Console, snapshot: Callable[[], RunSnapshot]) -> None:
        """Write to `console`, a terminal; `snapshot` is called in another thread."""
        super().__init__(console, lambda: draw(snapshot(), width=console.width), refreshes=REFRESHES)


def draw(snapshot: RunSnapshot, *, width: int) -> RenderableType:
    """Return what is shown of `snapshot` in `width` columns."""
    if not snapshot.phases:
        return Group(*map(Text, ending_lines(snapshot))) if snapshot.paused is not None else Text("starting")
    warnings = [warning_line(warning, snapshot.now) for warning in snapshot.warnings[-_MOST_WARNINGS:]]
    says_it = snapshot.wait.what == "retry" and any(warning.again_at for warning in snapshot.warnings)
    waiting = "" if says_it else waiting_line(snapshot)
    lines = [line for line in (waiting, rate_line(snapshot)) if line]
    shown = (Text(line, no_wrap=True, overflow="ellipsis") for line in lines)
    first = [(line, "bold") for line in ending_lines(snapshot)]
    below = [*((line, "dim") for line in (unread_line(snapshot),) if line), *((line, "yellow") for line in warnings)]
    return Group(
        Text(),
        *(Text(line, style=style) for line, style in first),
        *(Text(line, style=style, overflow="fold") for line, style in to_do_lines(snapshot)),
        _table(snapshot, wide=width >= _WIDE),
        *(Text(line, style=style) for line, style in below),
        *shown,
    )


def _table(snapshot: RunSnapshot, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("kind", no_wrap=True)
    table.add_column("", no_wrap=True, width=_LONG_BAR if wide else _BAR)
    for name in _numbers_shown(wide=wide):
        table.add_column(name, justify="right", no_wrap=True)
    for phase in snapshot.phases:
        table.add_row(phase.kind.value, _bar(phase), *_figures(phase, wide=wide))
    return table


def _numbers_shown(*, wide: bool) -> tuple[str, ...]:
    items = ("items",) if wide else ()
    return ("requests", "accepted", *items, "dead", "in doubt")


def _figures(phase: KindSnapshot, *, wide: bool) -> Iterator[Text]:
    figures, needed = phase.figures, phase.requests_needed
    known = needed is not None and phase.state in {"working", "left"}
    yield Text(f"{figures.requests:,} of {needed:,}" if known else f"{figures.requests:,}")
    yield Text(f"{figures.accepted:,}")
    if wide:
        yield Text(f"{figures.items_accepted:,}")
    yield Text(f"{figures.dead:,}", style="yellow" if figures.dead else "dim")
    yield Text(f"{figures.in_doubt:,}", style="red" if figures.in_doubt else "dim")


def _bar(phase: KindSnapshot) -> RenderableType:
    if phase.state in _STATES:
        return Text(
            _STATES[phase.state], style="green" if phase.state == "done" and not phase.figures.in_doubt else "dim"
        )
    if not phase.requests_needed:
        return Text("working")
    share = min(1.0, phase.figures.requests / phase.requests_needed)
    bar = Table.grid(expand=True, padding=(0, 1, 0, 0))
    bar.add_column(ratio=1)
    bar.add_column(justify="right", width=4)
    bar.add_row(
        ProgressBar(total=1.0, completed=share, complete_style="cyan", finished_style="green"), f"{int(share * 100)} %"
    )
    return bar


def rate_line(snapshot: RunSnapshot) -> str:
    """Return the rate over the last minute or more."""
    since = snapshot.now - _RECENT
    recent = [point for point in snapshot.time_line if point.at + point.seconds > since]
    if not recent:
        return ""
    minutes = max(snapshot.now - recent[0].at, recent[0].seconds) / 60
    requests, items = sum(point.requests for point in recent), sum(point.items for point in recent)
    throttled = f", {snapshot.throttled:,} throttled in total" if snapshot.throttled else ""
    return f"{requests / minutes:,.1f} requests and {items / minutes:,.0f} items per minute{throttled}"
