"""Print a preparation: what was read, what every row became, whether it adds up, and what would migrate."""

from decimal import Decimal

from msgspec import UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.moments import duration
from masivo_stream.model.plan import Plan
from masivo_stream.model.preparation import Preparation, PreparationRemark, TableEquation
from masivo_stream.observe.check_list import details_of_groups, print_checks, unrepeated
from masivo_stream.observe.fault_list import print_fault_groups
from masivo_stream.observe.hanging_text import print_hanging

_AMOUNTS = {"events": "money", "balances": "points", "transactions": "points"}


def print_preparation(console: Console, found: Preparation, plan: Plan | None, output: str) -> None:
    """Print all of it. `output` is the directory that was written; empty if nothing was."""
    console.print(_sources(found))
    console.print()
    console.print(_equations(found))
    console.print()
    for remark in sorted(found.remarks, key=_rank):
        print_hanging(console, _describe_remark(remark), f"{_DONE[remark.action]}: ")
    if found.remarks:
        console.print()
    if plan is not None:
        _print_plan(console, plan)
    planned = () if plan is None else unrepeated(plan.warnings, plan.summary.checks)
    for warning in (*found.warnings, *planned):
        print_hanging(console, printable(warning), "warning: ")
    _print_end(console, found, plan, output)


def _print_plan(console: Console, plan: Plan) -> None:
    """Print what the API would refuse, what the checks found, and control totals."""
    details = details_of_groups(plan.summary.checks, plan.summary.fault_groups)
    for name, kind in plan.kinds.items():
        dead_letters = sum(dead.records for dead in kind.dead_letters)
        print_fault_groups(console, name, dead_letters, plan.summary.fault_groups, details)
    if not isinstance(plan.summary.checks, UnsetType):
        print_checks(console, plan.summary.checks, plan.summary.fault_groups)


def _print_end(console: Console, found: Preparation, plan: Plan | None, output: str) -> None:
    left_out = sum(each.rows for each in found.remarks if each.action == "left_out")
    where = f": {output}/left-out.csv names each" if output and found.remarks else ""
    console.print(Text(f"{'adds up' if found.closes else 'does NOT add up'}; {_rows(left_out)} left out{where}"))
    if plan is None:
        console.print(Text("nothing would migrate: no record is left", style="bold"))
        return
    kinds = ", ".join(f"{_count(kind.records, 'record')} of {name}" for name, kind in plan.kinds.items())
    dead = sum(figures.dead for figures in plan.summary.kinds.values())
    refused = f"; {dead:,} of them would be refused" if dead else ""
    seconds = plan.seconds["configured"]
    requests = f"{_count(plan.requests, 'request')}, {duration(seconds)} at the configured limits"
    text = f"would migrate: {kinds}, in {requests}{refused}"
    print_hanging(console, text, "", style="bold")
    if output:
        console.print(Text(f"next:\n  masivo-stream migrate --from {output}"))


def _rows(count: int) -> str:
    return _count(count, "row")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _sources(found: Preparation) -> Table:
    table = _table("read", "source", "rows", "unreadable")
    for each in found.sources:
        table.add_row(printable(each.name), f"{each.rows:,}", f"{each.unreadable:,}")
    return table


def _equations(found: Preparation) -> Table:
    """Return the closing equations: a line of rows per table, and one of money or points."""
    table = _table(
        "came + added = written + left out + merged", "what", "came", "added", "written", "left out", "merged"
    )
    for each in found.equations:
        if each.came.rows or each.added.rows:
            table.add_row(f"{each.table}: rows", *(f"{getattr(each, name).rows:,}" for name in _SIDES))
            if (amount := _AMOUNTS.get(each.table)) is not None:
                table.add_row(f"{each.table}: {amount}", *_amounts(each, amount))
    return table


_SIDES = ("came", "added", "written", "left_out", "merged")


def _amounts(equation: TableEquation, amount: str) -> list[str]:
    return [_decimal(getattr(getattr(equation, name), amount)) for name in _SIDES]


_DONE = {
    "left_out": "left out",
    "merged": "merged",
    "added": "added",
    "guessed": "guessed",
    "corrected": "corrected",
}
"""Actions in the order in which people ask about them."""


def _rank(remark: PreparationRemark) -> tuple[int, bool]:
    return [*_DONE].index(remark.action), remark.table.startswith("source ")


def _describe_remark(remark: PreparationRemark) -> str:
    both = (("money", remark.money), ("points", remark.points))
    amounts = [f", {name} {_decimal(amount)}" for name, amount in both if amount]
    place = printable(f"{remark.file}:{remark.line}")
    count = f"{_rows(remark.rows)} of {remark.table}{''.join(amounts)}"
    return f"{count}: {remark.meaning} ({remark.reason}); first at {place}"


def _decimal(amount: Decimal) -> str:
    """Return an amount with two places, or with more if it has more; a whole one has none."""
    places = -int(amount.as_tuple().exponent)
    return f"{amount:,.0f}" if places <= 0 else f"{amount:,.{max(2, places)}f}"


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    return table
