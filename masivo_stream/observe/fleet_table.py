"""Print what a fleet's commands found out: a line per account, then what to do about those that need a person."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from msgspec import UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.fleet import AccountResult, FleetResult
from masivo_stream.model.plan import Plan
from masivo_stream.model.summary import KindSummary, NextStep
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.summary_table import describe_end, print_step

_Sum = Callable[[KindSummary], int]


def print_fleet(console: Console, fleet: FleetResult, only: Sequence[str] = ()) -> None:
    """Print the result of `fleet migrate` or `fleet status`; `only` names the accounts that were chosen, if not all."""
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
    _print_steps(console, fleet.accounts, only)
    for account in fleet.accounts:
        for warning in () if isinstance(account.summary, UnsetType) else account.summary.warnings:
            print_hanging(console, f"warning: {printable(warning)}", f"{printable(account.name)}: ")


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
    _print_steps(console, fleet.accounts, only)


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


def _print_steps(console: Console, accounts: Iterable[AccountResult], only: Sequence[str]) -> None:
    """Print what to do next, by account; a step that is the same for several accounts comes once, at the end."""
    found = [(account, [(step, _for_all(step)) for step in _steps(account)]) for account in accounts]
    same: dict[tuple[str, str], list[str]] = {}
    for account, steps in found:
        for step, rest in dict.fromkeys(steps):
            if rest:
                same.setdefault((step.text, rest), []).append(account.name)
    for account, steps in found:
        if account.exit_code and (words := _describe(account)):
            console.print(Text(f"{printable(account.name)}: {printable(words)}", style="bold"))
        for step, rest in dict.fromkeys(steps):
            if len(same.get((step.text, rest), ())) <= 1:
                print_step(console, step)
    for (text, rest), names in same.items():
        if len(names) > 1:
            # Without --only, too, nothing is sent twice: accounts that are complete send nothing.
            chosen = [word for name in names for word in ("--only", name)] if only else []
            shown = ", ".join(names) if len(names) <= _MOST_NAMED else f"{len(names)} accounts"
            command = shlex.join([*shlex.split(rest), *chosen])
            print_step(console, NextStep(text=f"({shown}) {text}", command=command))


_MOST_NAMED = 5


def _for_all(step: NextStep) -> str:
    """Return the command of a step without the account that it is for; empty if it is not `fleet migrate`."""
    words = shlex.split(step.command)
    if words[:3] != ["masivo-stream", "fleet", "migrate"] or "--only" not in words:
        return ""
    at = words.index("--only")
    return shlex.join(words[:at] + words[at + 2 :])


def _describe(account: AccountResult) -> str:
    if not isinstance(account.failure, UnsetType):
        return account.failure.message
    return "" if isinstance(account.summary, UnsetType) else describe_end(account.summary)


def _steps(account: AccountResult) -> Iterator[NextStep]:
    if not isinstance(account.failure, UnsetType):
        failure = account.failure
        where = f"{failure.place}: " if failure.place and failure.message != "not begun" else ""
        yield NextStep(text=f"{where}{failure.hint or failure.message}", command=failure.command)
    elif account.exit_code and not isinstance(account.summary, UnsetType):
        summary = account.summary
        if summary.hint and (summary.outcome == "stopped" or not summary.next_steps):
            yield NextStep(text=summary.hint)
        shown: set[str] = set()
        for step in summary.next_steps:
            if step.command not in shown or not step.text.startswith("start the same command again"):
                yield step
            shown.update([step.command] if step.command else ())
