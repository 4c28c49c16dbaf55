"""Print control totals: a column per kind and a row per figure, then each reward. It fits 80 columns.

They are what a person compares with the system that exported the files, and signs.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.findings import ExportChecks, FileTotals, KindTotals, RewardBalance
from masivo_stream.observe.figure_words import decimal, name_of, shown_figures
from masivo_stream.observe.hanging_text import print_hanging

MOST_FILES = 10
"""Files whose totals are shown, if a kind has several."""

MOST_REWARDS = 10
"""Rewards that are shown; `--json` has all."""

MEANING = "of every record that is right by itself, also of those held back, and of copies"
"""Which records the totals are of."""

_RULE = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
_HEAD = " rewards          "


def print_control_totals(console: Console, checks: ExportChecks) -> None:
    """Print the totals of all right records: by kind, by reward, and by file if a kind has several."""
    if not checks.by_kind:
        return
    console.print(_by_kind(checks.by_kind))
    print_hanging(console, MEANING, " ")
    console.print()
    if checks.rewards:
        for line in _rewards(checks.rewards[:MOST_REWARDS], console.width):
            console.print(Text(line, overflow="fold"))
        _print_more(console, len(checks.rewards) - MOST_REWARDS, "reward")
        console.print()
    several = {each.kind for each in checks.by_kind if each.files > 1}
    files = [each for each in checks.totals if each.kind in several]
    for totals in files[:MOST_FILES]:
        prefix = "totals: "
        for line in describe_totals(totals):
            print_hanging(console, printable(line), prefix)
            prefix = " " * len(prefix)
    _print_more(console, len(files) - MOST_FILES, "file")
    if files:
        console.print()


def describe_totals(totals: FileTotals) -> Iterator[str]:
    """Yield lines with the control totals of a file."""
    text = f"{totals.file}: {totals.records:,} {totals.kind}"
    if totals.items != totals.records:
        text += f", {totals.items:,} items"
    if totals.orders:
        text += f", orders of {decimal(totals.value)}, discounted {decimal(totals.discounted_value)}"
    if totals.first is not None and totals.last is not None:
        text += f", from {totals.first.date()} to {totals.last.date()}"
    yield text
    for each in totals.rewards:
        moved = f"earned {decimal(each.earned)}, spent {decimal(each.spent)}, "
        yield f"reward {name_of(each)}: {moved if totals.kind == 'transactions' else ''}left {decimal(each.left)}"


def _by_kind(kinds: Sequence[KindTotals]) -> Table:
    table = _table("control totals", *(each.kind for each in kinds))
    figures: dict[str, list[str]] = {
        "files": [f"{each.files:,}" for each in kinds],
        "records": [f"{each.records:,}" for each in kinds],
        "items": [f"{each.items:,}" for each in kinds],
    }
    if any(each.orders for each in kinds):
        figures |= {
            "orders": [f"{each.orders:,}" if each.orders else "" for each in kinds],
            "  value": [decimal(each.value) if each.orders else "" for each in kinds],
            "  discounted": [decimal(each.discounted_value) if each.orders else "" for each in kinds],
        }
    figures |= {
        "first date": [_date(each.first) for each in kinds],
        "last date": [_date(each.last) for each in kinds],
    }
    for name, values in figures.items():
        table.add_row(name, *values)
    return table


def _rewards(rewards: Sequence[RewardBalance], width: int) -> Iterator[str]:
    """Yield the lines of a table with two rows a reward: its id and name, and below them its figures.

    An id takes half of 80 columns. If the figures are too long for one row, each has its own.
    """
    shown = shown_figures(rewards)
    rows = [[decimal(getattr(each, name)) for name in shown] for each in rewards]
    widths = [max(map(len, column)) for column in zip(shown, *rows, strict=True)]
    fits = len(_HEAD) + sum(widths) + 2 * len(widths) <= width

    def align(head: str, row: Sequence[str]) -> str:
        cells = (text.rjust(room + 2) for text, room in zip(row, widths, strict=True))
        return f"{head.ljust(len(_HEAD))}{''.join(cells)}"

    yield align(_HEAD, shown) if fits else _HEAD
    for each, row in zip(rewards, rows, strict=True):
        yield f" {printable(name_of(each))}"
        if fits:
            yield align("", row)
        else:
            yield from (f"   {name} {text}" for name, text in zip(shown, row, strict=True))


def _table(title: str, *columns: str) -> Table:
    table = Table(box=_RULE, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column(title, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")  # a figure is never cut
    return table


def _date(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()


def _print_more(console: Console, more: int, noun: str) -> None:
    if more > 0:
        console.print(Text(f"and {more:,} more {noun}{'s' if more > 1 else ''}, see --json"))
