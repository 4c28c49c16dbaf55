"""Print what the comparison of totals by day shows: sums of each reward, the days that differ, and what that proves."""

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.checks.amounts import for_people
from masivo_stream.core.redact import printable
from masivo_stream.model.day_totals import (
    DayFinding,
    DaysCompared,
    DayState,
    DaySums,
    RewardCompared,
    TotalsVerification,
)
from masivo_stream.observe.hanging_text import print_hanging

MOST_DAYS = 20
"""Findings shown; `--json` gives more."""

MOST_REWARDS = 10
"""Rewards shown; `--json` gives all."""

_WORDS = {
    DayState.DIFFERENT: "different",
    DayState.IN_DOUBT: "in doubt",
    DayState.NOT_YET: "not visible yet",
    DayState.UNREAD: "could not be read",
}

_PROVES = (
    "Equal totals show that no transaction of these days was lost or counted twice, unless such errors cancel each"
    " other out. They do not show which customer has it, nor the other fields: verify without --totals does."
)


def print_totals(console: Console, found: TotalsVerification) -> None:
    """Print all of it."""
    for line in _lines(found):
        print_hanging(console, line, "")
    if found.rewards:
        console.print()
        console.print(_table(found.rewards[:MOST_REWARDS]))
        if (more := len(found.rewards) - MOST_REWARDS) > 0:
            console.print(Text(f"and {more:,} more reward{'s' if more > 1 else ''}, see --json"))
        console.print()
    for finding in found.findings[:MOST_DAYS]:
        print_hanging(console, describe_day(finding), f"{finding.day}: ")
    more = len(found.findings) - MOST_DAYS + found.findings_left_out
    if more > 0:
        console.print(Text(f"and {more:,} more, see --json"))
    for name in found.left_out:
        text = f"{printable(name)} came from a pipe and cannot be read again: its transactions are not among the totals"
        print_hanging(console, text, "")
    console.print(Text(_conclusion(found), style="bold"))
    if found.days.compared and not found.message:
        print_hanging(console, _PROVES, "")
    if found.hint:
        print_hanging(console, printable(found.hint), "  hint: ")


def describe_day(finding: DayFinding) -> str:
    """Return what a reward of a day shows."""
    word = _WORDS[finding.state]
    if finding.state is DayState.UNREAD:
        return f"{word}: {printable(finding.why)}"
    text = (
        f"reward {printable(finding.reward)} {word}: sent {_sums(finding.exported)}; account {_sums(finding.account)}"
    )
    if finding.others.count:
        text += f"; by others {_sums(finding.others)}"
    if finding.in_doubt.count:
        text += f"; in doubt {_sums(finding.in_doubt)}"
    return text


def _lines(found: TotalsVerification) -> Iterator[str]:
    days = found.days
    if not days.days:
        return
    only = ", ".join(
        f"only {what} {printable(name)}" for what, name in (("reward", found.reward), ("brand", found.brand)) if name
    )
    zone = "UTC" if days.zone == "+00:00" else days.zone
    span = f"{days.first} to {days.last} ({zone})"
    yield f"sent: {_transactions(days.transactions)} on {_days(days.days)}, {span}{f', {only}' if only else ''}"
    sample = "" if days.chosen == days.days else f": {_why_a_sample(days)}"
    yield f"compared: {_transactions(days.compared_transactions)} on {_days(days.compared)}{sample}"
    before = f", and {_days(days.read_before)} read before" if days.read_before else ""
    yield f"requests: {days.requests:,}; {days.requests_needed:,} were expected{before}"
    if found.others:
        made = "was" if found.others == 1 else "were"
        yield f"of others: {_transactions(found.others)} on these days {made} not created by this run: not counted"
    if found.not_compared:
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.not_compared.items())
        yield f"not compared: transactions that the run has not delivered for certain: {counts}"


def _why_a_sample(days: DaysCompared) -> str:
    if days.most_requests is None:
        return "a sample: all totals do not fit into memory, or the API cannot be asked for some days"
    return f"a sample that fits into {days.most_requests:,} requests, --all for all"


def _table(rewards: tuple[RewardCompared, ...]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("reward", no_wrap=True)
    for name in ("count", "earned", "spent"):
        table.add_column(name, justify="right", overflow="fold")
    for each in rewards:
        table.add_row(printable(each.reward))
        for name, sums in (("  sent", each.exported), ("  account", each.account)):
            table.add_row(name, f"{sums.count:,}", _decimal(sums.earned), _decimal(sums.spent))
    return table


def _conclusion(found: TotalsVerification) -> str:
    days = found.days
    if found.message:
        return f"ended early: {printable(found.message)}"
    if not days.days:
        return "nothing to compare: no accepted transaction"
    if days.equal == days.compared and not days.unread:
        return f"equal: {'the day' if days.compared == 1 else f'all {days.compared:,} days'} compared"
    others = (
        (days.different, "different"),
        (days.in_doubt, "in doubt"),
        (days.not_yet, "not visible yet"),
        (days.unread, "not readable"),
    )
    counts = ", ".join(f"{count:,} {word}" for count, word in others if count)
    return f"NOT all equal: {days.equal:,} of {_days(days.compared + days.unread)}; {counts}"


def _sums(sums: DaySums) -> str:
    moved = [
        f"{word} {_decimal(amount)}" for word, amount in (("earned", sums.earned), ("spent", sums.spent)) if amount
    ]
    return " ".join((f"{sums.count:,}", *([f"({', '.join(moved)})"] if moved else [])))


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def _transactions(count: int) -> str:
    return f"{count:,} transaction{'' if count == 1 else 's'}"


def _decimal(amount: Decimal) -> str:
    return for_people(amount, ",f")
