"""Show the progress of a fleet on a terminal: when it is done, what to do, and a line per account.

Accounts that a person should look at come first.
"""

from collections.abc import Callable
from textwrap import wrap

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from masivo_stream.core.accounting.forecast import percent
from masivo_stream.core.redact import printable
from masivo_stream.model.fleet_snapshot import AccountRow, FleetSnapshot
from masivo_stream.model.moments import rough_duration
from masivo_stream.observe.fleet_lines import (
    count_accounts,
    fleet_end_lines,
    fleet_step_lines,
    fleet_warning_lines,
    more_accounts,
)
from masivo_stream.observe.live_display import LiveDisplay

REFRESHES = 2
"""The most per second."""

_AROUND = 4
"""Lines of the terminal beside the answers, the accounts and the warnings: an empty one, the header, the count, the
cursor's."""

_MOST_WARNINGS = 4
_NARROW = 60
"""From this number of columns on there is room for figures."""

_LONGEST_NAME = 20


class FleetProgress(LiveDisplay):
    """Show snapshots on `console`. A context manager: the display is removed when it ends."""

    def __init__(self, console: Console, snapshot: Callable[[], FleetSnapshot]) -> None:
        """Write to `console`, a terminal; `snapshot` is called in another thread."""
        super().__init__(
            console, lambda: draw_fleet(snapshot(), lines=console.height, width=console.width), refreshes=REFRESHES
        )


def draw_fleet(fleet: FleetSnapshot, *, lines: int, width: int = 80) -> RenderableType:
    """Return what is shown of a fleet in a number of lines and columns."""
    rows = sorted(fleet.accounts, key=_urgency)
    room = max(1, lines - _AROUND)
    answers = [(part, "bold") for line in fleet_end_lines(fleet) for part in wrap(line, width)]
    above = [*answers, *fleet_step_lines(rows)][: max(1, room // 2)]
    below = fleet_warning_lines(fleet, most=min(_MOST_WARNINGS, room // 4))
    most = max(1, room - len(above) - len(below))
    shown, hidden = rows[:most], rows[most:]
    ended = sum(row.ended for row in rows)
    words = [f"{ended} of {count_accounts(len(rows))} {'has' if len(rows) == 1 else 'have'} ended"]
    if hidden:
        words.append(f"{more_accounts(len(hidden))} not shown")
    return Group(
        Text(),
        *(Text(line, style=style, no_wrap=True, overflow="ellipsis") for line, style in above),
        _table(shown, fleet.now, width=width),
        *(Text(line, style="yellow", no_wrap=True, overflow="ellipsis") for line in below),
        Text("; ".join(words), style="dim", no_wrap=True, overflow="ellipsis"),
    )


def _urgency(row: AccountRow) -> tuple[bool, bool, bool]:
    return not row.command, not row.attention, row.ended


def _table(rows: list[AccountRow], now: float, *, width: int) -> Table:
    """Return a line per account. A column of figures that are all 0 is left out: it would push the words aside."""
    alarming = [name for name in ("dead", "in doubt") if any(_number(row, name) for row in rows)]
    figures = [] if width < _NARROW else ["accepted", *alarming]
    cells = [[_short(printable(row.name)), *_done_and_left(row, now)] for row in rows]
    numbers = [[f"{_number(row, name):,}" for name in figures] for row in rows]
    names = ["account", "done", "left", *figures]
    columns = zip(names, *(first + others for first, others in zip(cells, numbers, strict=True)), strict=True)
    used = sum(max(map(len, column)) + len(_GAP) for column in columns)
    table = Table(box=None, pad_edge=False, padding=(0, len(_GAP), 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, justify="left" if name == "account" else "right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=max(_LEAST_WORDS, width - used))
    for row, first, others in zip(rows, cells, numbers, strict=True):
        words = Text(printable(row.attention or row.state))
        shown = [Text(text, style=_style(name, text)) for name, text in zip(figures, others, strict=True)]
        table.add_row(*first, *shown, words)
    return table


_GAP = "  "
_LEAST_WORDS = 8


def _done_and_left(row: AccountRow, now: float) -> tuple[str, str]:
    done = "" if row.share is None else f"{percent(row.share)} %"
    left = "" if row.ends_at is None or row.ended else rough_duration(max(0.0, row.ends_at - now))
    return done, left


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _number(row: AccountRow, name: str) -> int:
    return {"accepted": row.accepted, "dead": row.dead, "in doubt": row.in_doubt}[name]


def _style(name: str, text: str) -> str:
    if text == "0":
        return "dim"
    return {"dead": "yellow", "in doubt": "red"}.get(name, "")
