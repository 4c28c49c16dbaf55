"""Print the plan: what a migration sends, how long it takes, what it cannot send, and what to know before."""

from collections.abc import Sequence

from msgspec import UnsetType
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.redact import printable
from masivo_stream.model.moments import duration
from masivo_stream.model.plan import CanaryCost, KindPlan, Plan, PlannedCanary, QuotaLeft
from masivo_stream.model.summary import KindSummary
from masivo_stream.observe.check_list import details_of_groups, print_checks, unrepeated
from masivo_stream.observe.fault_list import print_fault_groups
from masivo_stream.observe.hanging_text import print_hanging
from masivo_stream.observe.reference_list import print_references
from masivo_stream.observe.summary_table import describe_skipped, print_end

_ACCOUNTS = {"configured": "configured", "prod": "production", "dev": "development"}
_ALL_CALLS = " (all calls)"
_CHECK = (
    "masivo-stream check with the same exports asks the account whether it has what they name, in about four requests"
)


def print_plan(console: Console, plan: Plan) -> None:
    """Print the whole plan, in the order in which people ask about it."""
    console.print(_records(plan))
    console.print()
    console.print(_requests(plan))
    for account, name in _ACCOUNTS.items():
        windows = ", ".join(window.replace(" all", _ALL_CALLS) for window in plan.windows[account])
        zone = f" ({plan.time_zone} time)" if plan.time_zone and account == "configured" else ""
        console.print(Text(f"{name}: {windows or 'no limit'}{zone}"))
    if plan.canary:
        print_hanging(console, _describe_canary(plan.canary), "canary: ")
    console.print(Text(_quota(plan.quota)))
    if plan.requests:
        console.print(Text(f"first request: {plan.starts_at:%Y-%m-%d %H:%M} UTC, if the migration starts now"))
        console.print(Text(f"last request: {plan.finished_at:%Y-%m-%d %H:%M} UTC, at the earliest"))
    console.print()
    details = details_of_groups(plan.summary.checks, plan.summary.fault_groups)
    for name, kind in plan.kinds.items():
        _print_left_out(console, name, plan.summary.kinds[name], kind)
        dead_letters = sum(dead.records for dead in kind.dead_letters)
        print_fault_groups(console, name, dead_letters, plan.summary.fault_groups, details)
    if not isinstance(plan.summary.checks, UnsetType):
        print_checks(console, plan.summary.checks, plan.summary.fault_groups)
    print_references(console, plan.references)
    print_end(console, plan.summary)
    if plan.suggests_check:
        print_hanging(console, _CHECK, "next: ")
    if not isinstance(plan.canary_cost, UnsetType):
        print_hanging(console, _suggest_canary(plan.canary_cost), "next: ")
    for warning in unrepeated(plan.warnings, plan.summary.checks):
        console.print(Text(f"warning: {printable(warning)}"))


def _records(plan: Plan) -> Table:
    table = _table("records", "read", "skipped", "dead", "to send", "items")
    for name, kind in plan.kinds.items():
        figures = plan.summary.kinds[name]
        row = (figures.read, figures.skipped, figures.dead, kind.records, kind.items)
        table.add_row(name, *(f"{number:,}" for number in row))
    if len(plan.kinds) > 1:
        known = plan.summary.kinds.values()
        row = (
            sum(figures.read for figures in known),
            sum(figures.skipped for figures in known),
            sum(figures.dead for figures in known),
            plan.records,
            plan.items,
        )
        table.add_section()
        table.add_row("total", *(f"{number:,}" for number in row))
    return table


def _requests(plan: Plan) -> Table:
    table = _table("requests", "requests", "at least", *_ACCOUNTS.values())
    rows: dict[str, KindPlan | Plan] = dict(plan.kinds)
    if len(rows) > 1:
        rows["total"] = plan
    for name, row in rows.items():
        if name == "total":
            table.add_section()
        times = (duration(row.seconds[account]) for account in _ACCOUNTS)
        table.add_row(name, f"{row.requests:,}", f"{row.requests_lower_bound:,}", *times)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")  # a figure is never cut
    return table


def _describe_canary(records: Sequence[PlannedCanary]) -> str:
    places = ", ".join(f"{printable(record.file)}:{record.line}" for record in records)
    requests = "1 of these requests goes" if len(records) == 1 else f"{len(records)} of these requests go"
    return f"{requests} before all others, with {places}; about ten reads come on top"


def _suggest_canary(cost: CanaryCost) -> str:
    more = f"{cost.requests} request{'s' if cost.requests != 1 else ''} more"
    return (
        "masivo-stream migrate --canary first sends one record of each kind, and goes on only if the account shows them"
        f" as they were sent; that costs at most {more} ({duration(cost.seconds['configured'])} at the configured"
        " limits), about ten reads, and the time until the records show"
    )


def _quota(quota: QuotaLeft) -> str:
    if not quota.known:
        why = "it cannot be read" if quota.unreadable else "no API key is given"
        return f"quota: {why}, assumed to be unused"
    used = describe_windows(quota)
    held = [f"the server asked us to wait {duration(quota.held_seconds)}"] if quota.held_seconds else []
    return f"quota used, as far as this machine knows: {', '.join([*used, *held]) or 'none'}"


def describe_windows(quota: QuotaLeft) -> list[str]:
    """Return how much is used of each window; of a pause, only when it is."""
    of = [
        left.window if left.window.endswith(" pause") else f"{left.used:,} of {left.window}" for left in quota.windows
    ]
    calls = [_ALL_CALLS if left.scope == "general" else "" for left in quota.windows]
    return [f"{window}{all_calls}" for window, all_calls in zip(of, calls, strict=True)]


def _print_left_out(console: Console, kind: str, figures: KindSummary, plan: KindPlan) -> None:
    for line in describe_skipped(kind, figures.skip_reasons, plan.skipped):
        console.print(Text(line))
    if figures.blank:
        console.print(Text(f"{kind}: {figures.blank:,} blank line{'s' if figures.blank != 1 else ''}"))
