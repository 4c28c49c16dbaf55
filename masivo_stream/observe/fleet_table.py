"""Print what a fleet's commands found out: a line per account, then what to do about those that need a person."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from msgspec import UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fleet import AccountResult, FleetResult
from masivo_stream.model.summary import KindSummary, NextStep
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.summary_table import describe_end, print_step

_Sum = Callable[[KindSummary], int]


def print_fleet(console: Console, fleet: FleetResult) -> None:
    """Print the result of `fleet migrate` or `fleet status`."""
    table = _table("accepted", "dead", "in doubt", "pending", "requests")
    sums: tuple[_Sum, ...] = (
        lambda each: each.accepted,
        lambda each: each.dead,
        lambda each: each.in_doubt,
        lambda each: each.pending,
        lambda each: each.requests,
    )
    totals = [0] * len(sums)
    for account in fleet.accounts:
        kinds = [] if isinstance(account.summary, UnsetType) else list(account.summary.kinds.values())
        figures = [sum(map(of, kinds)) for of in sums]
        totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
        shown = _alarming(figures) if kinds else [Text("")] * len(sums)
        table.add_row(printable(account.name), *shown, _outcome(account))
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals), f"exit code {fleet.exit_code}")
    console.print(table)
    _print_steps(console, fleet.accounts)


def print_fleet_plan(console: Console, fleet: FleetResult) -> None:
    """Print the result of `fleet plan`."""
    table = _table("records", "requests", "dead")
    totals = [0, 0, 0]
    last: datetime | None = None
    for account in fleet.accounts:
        if isinstance(account.plan, UnsetType):
            table.add_row(printable(account.name), "", "", "", _outcome(account))
            continue
        plan = account.plan
        figures = [plan.records, plan.requests, sum(kind.dead for kind in plan.summary.kinds.values())]
        totals = [total + figure for total, figure in zip(totals, figures, strict=True)]
        last = plan.finished_at if last is None else max(last, plan.finished_at)
        table.add_row(printable(account.name), *_alarming(figures, first=2), f"until {_minutes(plan.finished_at)}")
    table.add_section()
    table.add_row("all", *(f"{total:,}" for total in totals), "" if last is None else f"until {_minutes(last)}")
    console.print(table)
    for account in fleet.accounts:
        for warning in () if isinstance(account.plan, UnsetType) else account.plan.warnings:
            print_hanging(console, printable(warning), f"{printable(account.name)}: ")
    _print_steps(console, fleet.accounts)


def _table(*figures: str) -> Table:
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("account")
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


def _outcome(account: AccountResult) -> str:
    """Return how it ended, in one or two words: the rest is below the table."""
    if not isinstance(account.failure, UnsetType):
        return "not begun" if account.exit_code == ExitCode.OUTAGE else "failed"
    if isinstance(account.summary, UnsetType):
        return ""
    if account.summary.outcome == "interrupted" and not account.exit_code:
        return "at work"
    return account.summary.outcome.replace("_", " ")


def _print_steps(console: Console, accounts: Iterable[AccountResult]) -> None:
    for account in accounts:
        if account.exit_code and (words := _describe(account)):
            console.print(Text(f"{printable(account.name)}: {printable(words)}", style="bold"))
        for step in _steps(account):
            print_step(console, step)


def _describe(account: AccountResult) -> str:
    if not isinstance(account.failure, UnsetType):
        return account.failure.message
    return "" if isinstance(account.summary, UnsetType) else describe_end(account.summary)


def _steps(account: AccountResult) -> Iterator[NextStep]:
    if not isinstance(account.failure, UnsetType):
        failure = account.failure
        where = f"{failure.place}: " if failure.place else ""
        yield NextStep(text=f"{where}{failure.hint or failure.message}", command=failure.command)
    elif account.exit_code and not isinstance(account.summary, UnsetType):
        summary = account.summary
        if summary.hint and (summary.outcome == "stopped" or not summary.next_steps):
            yield NextStep(text=summary.hint)
        yield from summary.next_steps
