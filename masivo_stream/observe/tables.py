"""Tables for people: the summary of a run."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from masivo_stream.core.printable import printable
from masivo_stream.model.duration import duration
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
    print_end(console, summary)


def print_end(console: Console, summary: Summary) -> None:
    """Print how it ended, and what to do about it."""
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


def _numbers(*values: int) -> Iterable[str]:
    return (f"{value:,}" for value in values)
