"""Print what a fleet's commands found out: a line per account, then what to do about those that need a person."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET, UnsetType
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream import __version__
from masivo_stream.core.accounting.forecast import percent
from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fleet import AccountResult, FleetResult
from masivo_stream.model.fleet_snapshot import (
    AccountRow,
    FleetSnapshot,
    describe_account,
    describe_fleet,
    describe_fleet_share,
)
from masivo_stream.model.moments import rough_duration
from masivo_stream.model.plan import Plan
from masivo_stream.model.status import Status
from masivo_stream.observe.fleet_lines import fleet_end_lines
from masivo_stream.observe.fleet_steps import is_paused, print_fleet_steps
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.summary_table import with_figures_of


def print_fleet(console: Console, fleet: FleetResult, only: Sequence[str] = ()) -> None:
    """Print the result of `fleet migrate` or `fleet status`; `only` names the accounts that were chosen, if not all."""
    rows = [_row(account) for account in fleet.accounts]
    snapshot = _snapshot(fleet, rows)
    for line in fleet_end_lines(snapshot) if snapshot.share != 1 else ():  # then the table says it all
        print_hanging(console, line, "", "bold")
    _print_table(console, fleet, rows)
    print_fleet_steps(console, fleet.accounts, only)
    for account in fleet.accounts:
        for warning in () if isinstance(account.summary, UnsetType) else account.summary.warnings:
            print_hanging(console, f"warning: {printable(warning)}", f"{printable(account.name)}: ")


_COLUMNS = ("done", "accepted", "dead", "in doubt", "left", "requests")
_LEFT_OUT = ("requests", "left", "accepted", "in doubt", "dead", "done")
"""Columns that are left out of a narrow table, the first one first."""

_LEAST_WORDS = 13
"""As many columns as the longest word about a run takes."""


def _print_table(console: Console, fleet: FleetResult, rows: Sequence[AccountRow]) -> None:
    """Print a line per account, and their sums, in the columns for which there is room."""
    cells = {name: [_cell(name, account, row) for account, row in zip(fleet.accounts, rows, strict=True)]
             for name in _COLUMNS}  # fmt: skip
    sums = {name: f"{sum(_figure(name, each) for each in fleet.accounts):,}" for name in _COLUMNS if name != "done"}
    sums["done"] = "" if (share := describe_fleet_share(rows)) is None else f"{percent(share)} %"
    widths = {name: max(map(cell_len, (name, sums[name], *cells[name]))) + _GAP for name in _COLUMNS}
    names = [printable(account.name) for account in fleet.accounts]
    shown = list(_COLUMNS)
    room = console.width - max(map(cell_len, ("account", *names))) - _GAP - _LEAST_WORDS
    for name in _LEFT_OUT:
        if sum(widths[each] for each in shown) > room:
            shown.remove(name)
    table = _table(*shown)
    for place, account in enumerate(fleet.accounts):
        table.add_row(
            names[place], *(_styled(name, cells[name][place]) for name in shown), _outcome(account, rows[place])
        )
    table.add_section()
    table.add_row("all", *(sums[name] for name in shown), f"exit code {fleet.exit_code}")
    console.print(table)


_GAP = 2


def _figure(name: str, account: AccountResult) -> int:
    """Return a figure of an account; what is left is what is pending and what was not read yet."""
    if isinstance(account.summary, UnsetType):
        return 0
    kinds, unread = account.summary.kinds.values(), sum(account.summary.unread.values())
    found = {
        "accepted": sum(each.accepted for each in kinds),
        "dead": sum(each.dead for each in kinds),
        "in doubt": sum(each.in_doubt for each in kinds),
        "left": sum(each.pending for each in kinds) + unread,
        "requests": sum(each.requests for each in kinds),
    }
    return found[name]


def _cell(name: str, account: AccountResult, row: AccountRow) -> str:
    if isinstance(account.summary, UnsetType):
        return ""
    if name == "done":
        return "" if row.share is None else f"{percent(row.share)} %"
    return f"{_figure(name, account):,}"


def _styled(name: str, text: str) -> Text:
    return Text(text, style="bold red" if name in {"dead", "in doubt"} and text not in {"", "0"} else "")


def _row(account: AccountResult) -> AccountRow:
    """Return what the progress would show of an account."""
    failure = "" if isinstance(account.failure, UnsetType) else account.failure.message
    if isinstance(account.summary, UnsetType):
        return describe_account(account.name, None, exit_code=account.exit_code, failure=failure)
    summary = account.summary
    if isinstance(summary, Status) and not isinstance(summary.run, UnsetType):
        run = with_figures_of(summary, summary.run)
        return describe_account(account.name, run, exit_code=None, failure="")
    read, unread = sum(each.read for each in summary.kinds.values()), sum(summary.unread.values())
    nothing_known = not read and not unread and summary.outcome != "complete"
    return AccountRow(
        name=account.name,
        state=summary.outcome,
        ended=True,
        read=read,
        share=None if nothing_known else summary.share,
        unread=unread,
    )


def _snapshot(fleet: FleetResult, rows: Sequence[AccountRow]) -> FleetSnapshot:
    """Return the snapshot of the fleet at the moment that its runs show."""
    runs = [each.summary.run for each in fleet.accounts if isinstance(each.summary, Status)]
    now = max((run.now for run in runs if not isinstance(run, UnsetType)), default=0.0)
    return describe_fleet(tuple(rows), version=__version__, began=now, now=now)


def print_fleet_plan(console: Console, fleet: FleetResult, only: Sequence[str] = ()) -> None:
    """Print the result of `fleet plan`."""
    table = _table("records", "requests", "dead")
    totals = [0, 0, 0]
    last: datetime | None = None
    for account in fleet.accounts:
        if isinstance(account.plan, UnsetType):
            table.add_row(printable(account.name), "", "", "", _outcome(account))
            continue
        plan = account.plan
        figures, words = _left(account, plan)
        totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
        if not words:
            words = f"until {_minutes(plan.finished_at)}"
            last = plan.finished_at if last is None else max(last, plan.finished_at)
        table.add_row(printable(account.name), *_alarming(figures, first=2), words)
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals), "" if last is None else f"until {_minutes(last)}")
    console.print(table)
    for account in fleet.accounts:
        for warning in () if isinstance(account.plan, UnsetType) else account.plan.warnings:
            print_hanging(console, printable(warning), f"{printable(account.name)}: ")
    print_fleet_steps(console, fleet.accounts, only)


def _left(account: AccountResult, plan: Plan) -> tuple[list[int], str]:
    """Return records, requests and dead letters that are left of a plan, and words about a run that has begun.

    How many requests are left is computed from the share of the records: retries and bad records change it.
    """
    figures = [plan.records, plan.requests, sum(kind.dead for kind in plan.summary.kinds.values())]
    if isinstance(account.summary, UnsetType):
        return figures, ""
    kinds = account.summary.kinds.values()
    accepted = sum(kind.accepted for kind in kinds)
    figures[0] = max(0, plan.records - accepted - sum(kind.in_doubt for kind in kinds))
    figures[1] = -(-plan.requests * figures[0] // plan.records) if plan.records else 0
    if not figures[0]:
        return figures, "complete, nothing to send"
    return figures, f"begun: {accepted:,} of {plan.records:,} records are accepted"


def _table(*figures: str) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("account", overflow="fold")  # a name is never cut
    for name in figures:
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("")
    return table


def _alarming(figures: list[int], *, first: int = 1) -> list[Text]:
    """Return figures as text; those from `first` on that count what went wrong are red if they are above 0."""
    wrong = range(first, first + 2) if first == 1 else range(first, first + 1)
    return [
        Text(f"{figure:,}", style="bold red" if place in wrong and figure else "")
        for place, figure in enumerate(figures)
    ]


def _minutes(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _outcome(account: AccountResult, row: AccountRow | None = None) -> str:
    """Return how it ended, or what it does, in a few words: the rest is below the table."""
    if not isinstance(account.failure, UnsetType):
        if account.exit_code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            return "stopped"
        return "not begun" if account.exit_code == ExitCode.OUTAGE else "failed"
    if isinstance(account.summary, UnsetType):
        return ""
    summary = account.summary
    if is_paused(summary):
        return "paused"
    if summary.outcome == "interrupted" and not account.exit_code:
        run = UNSET if not isinstance(summary, Status) else summary.run
        if row is None or row.ends_at is None or isinstance(run, UnsetType):
            return "at work"
        return f"{rough_duration(max(0.0, row.ends_at - run.now))} left"
    return summary.outcome.replace("_", " ")
