"""Show the progress of a fleet on a terminal: a line per account, those first that a person should look at."""

from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.moments import rough_duration
from masivo_stream.observe.live_display import LiveDisplay

REFRESHES = 2
"""The most per second."""

_AROUND = 5
"""Lines of the terminal that are not accounts."""


class FleetProgress(LiveDisplay):
    """Show snapshots on `console`. A context manager: the display is removed when it ends."""

    def __init__(self, console: Console, snapshot: Callable[[], FleetSnapshot]) -> None:
        """Write to `console`, a terminal; `snapshot` is called in another thread."""
        super().__init__(console, lambda: draw_fleet(snapshot(), lines=console.height), refreshes=REFRESHES)


def draw_fleet(fleet: FleetSnapshot, *, lines: int) -> RenderableType:
    """Return what is shown of a fleet in a number of lines."""
    rows = sorted(fleet.accounts, key=_urgency)
    most = max(1, lines - _AROUND)
    shown, hidden = rows[:most], rows[most:]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("account", no_wrap=True)
    for name in ("sent", "accepted", "dead", "in doubt"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis")
    for row in shown:
        table.add_row(printable(row.name), *_figures(row), Text(printable(row.attention or row.state)))
    ended = sum(row.ended for row in rows)
    words = [f"{ended} of {len(rows)} accounts have ended"]
    if hidden:
        words.append(f"{len(hidden)} more accounts are not shown")
    if fleet.ends_at is not None:
        words.append(f"about {rough_duration(max(0.0, fleet.ends_at - fleet.now))} left")
    return Group(Text(), table, Text("; ".join(words), no_wrap=True, overflow="ellipsis"))


def _urgency(row: AccountRow) -> tuple[bool, bool]:
    return not row.attention, row.ended


def _figures(row: AccountRow) -> tuple[Text, ...]:
    sent = f"{row.requests:,} of {row.requests_needed:,}" if row.requests_needed else f"{row.requests:,}"
    return (
        Text(sent),
        Text(f"{row.accepted:,}"),
        Text(f"{row.dead:,}", style="yellow" if row.dead else "dim"),
        Text(f"{row.in_doubt:,}", style="red" if row.in_doubt else "dim"),
    )
