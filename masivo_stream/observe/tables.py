"""Tables for people: the summary of a run, the plan of one."""

from collections.abc import Iterable
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.edges.log import printable
from masivo_stream.model.plan import Plan
from masivo_stream.model.reason import REMEDIES, Reason
from masivo_stream.model.summary import KindSummary, Summary

MOST_REASONS = 5
"""Dead-letter reasons shown a kind, the most frequent first."""


def print_summary(console: Console, summary: Summary) -> None:
    """Print what became of every record, and whether the figures close."""
    table = Table(title="records", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in ("read", "accepted", "dead", "skipped", "in doubt", "pending", "blank"):
        table.add_column(name, justify="right")
    for name, figures in summary.kinds.items():
        table.add_row(
            name,
            *_numbers(
                figures.read,
                figures.accepted,
                figures.dead,
                figures.skipped,
                figures.in_doubt,
                figures.pending,
                figures.blank,
            ),
        )
    console.print(table)
    if any(figures.requests for figures in summary.kinds.values()):
        console.print(_requests(summary.kinds))
    for name, figures in summary.kinds.items():
        _print_reasons(console, name, figures)
    closing = "read = accepted + dead + skipped + in doubt + pending + blank"
    console.print(Text(f"{closing}: {'closes' if summary.closes else 'DOES NOT CLOSE'}"))
    words = {
        "complete": "complete: every record is accepted or skipped",
        "dead_letters": "complete, but some records are dead letters",
        "in_doubt": "some batches are in doubt: they may or may not have arrived",
        "interrupted": "interrupted",
        "stopped": "stopped",
    }
    text = words[summary.outcome]
    waiting = sum(figures.pending for figures in summary.kinds.values())
    if waiting and summary.outcome in ("complete", "dead_letters"):  # nothing was to be sent
        text = f"judged, nothing sent: {waiting:,} records would be"
    console.print(Text(f"{text}{f': {printable(summary.message)}' if summary.message else ''}"))
    if summary.hint:
        console.print(Text(f"  hint: {printable(summary.hint)}"))


def _requests(kinds: dict[str, KindSummary]) -> Table:
    table = Table(title="requests", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in ("items", "requests", "at least", "429s", "MB", "time"):
        table.add_column(name, justify="right")
    for name, figures in kinds.items():
        table.add_row(
            name,
            *_numbers(figures.items_accepted, figures.requests, figures.requests_lower_bound, figures.throttled),
            f"{figures.bytes_sent / 1e6:,.1f}",
            duration(figures.seconds),
        )
    return table


def _print_reasons(console: Console, kind: str, figures: KindSummary) -> None:
    reasons = sorted(figures.reasons.items(), key=lambda item: -item[1])
    for reason, count in reasons[:MOST_REASONS]:
        console.print(Text(f"{kind}: {count:,} dead by {reason}: {REMEDIES[Reason(reason)]}"))
    if len(reasons) > MOST_REASONS:
        console.print(Text(f"{kind}: and {len(reasons) - MOST_REASONS} more reasons, see the dead-letter file"))
    for skipped, count in figures.skip_reasons.items():
        console.print(Text(f"{kind}: {count:,} skipped as {skipped}"))


def duration(seconds: float) -> str:
    """Write a duration for people: `0.42 s`, `3 min 20 s`, `13 h 53 min`, `2 days 4 h`."""
    if round(seconds, 2) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.seconds, 3600)
    minutes, rest = divmod(rest, 60)
    if whole.days:
        return f"{whole.days} day{'s' if whole.days > 1 else ''} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _numbers(*values: int) -> Iterable[str]:
    return (f"{value:,}" for value in values)


def print_plan(console: Console, plan: Plan) -> None:
    """Print requests and durations."""
    table = Table(title="plan", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("kind", no_wrap=True)
    for name in ("records", "items", "requests", "at least"):
        table.add_column(name, justify="right")
    for name, kind in plan.kinds.items():
        table.add_row(name, *_numbers(kind.records, kind.items, kind.requests, kind.requests_lower_bound))
    console.print(table)
    for account, seconds in plan.seconds.items():
        console.print(Text(f"at the {account} limits: {duration(seconds)}"))
    console.print(Text(f"begun now, done at {plan.finished_at:%Y-%m-%d %H:%M} UTC at the configured limits"))
    for warning in plan.warnings:
        console.print(Text(f"warning: {printable(warning)}"))
