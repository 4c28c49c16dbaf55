"""The report: what a run leaves to be read beside its journal. `report.json`, and `report.html` if somebody draws it.

It tells what happened, and changes nothing of it: one that cannot be written, or made, is a warning.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from masivo_stream.core.next_steps import next_steps
from masivo_stream.core.printable import named
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.journal import JournalHistory, JournalReader
from masivo_stream.edges.statedir import StateDir
from masivo_stream.flow.conclude import conclude, warn_of
from masivo_stream.flow.examples import find_examples, find_skip_examples, warn_of_repeats
from masivo_stream.flow.look_back import look_back
from masivo_stream.flow.reverted import warn_of_left
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.next_step import Invocation
from masivo_stream.model.report import Report
from masivo_stream.model.summary import KindSummary, Summary

NAME = "report.json"
PAGE = "report.html"

_ENDED = frozenset({"complete", "dead_letters", "in_doubt"})


class Reporting(Struct, frozen=True, kw_only=True):
    """What the flow is told for its reports by who starts it."""

    invocation: Invocation = Invocation()
    draw: Callable[[Report], str] | None = None
    """Make the page; None for no page."""


def explain(journal: JournalHistory, state: StateDir, summary: Summary) -> Summary:
    """Add to a summary whom it was sent to, where dead letters stand, and what to do next.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    return msgspec.structs.replace(
        summary,
        examples=find_examples(journal, state, summary.kinds),
        skipped_examples=find_skip_examples(journal, state, summary.kinds),
        next_steps=next_steps(summary, journal.facts().invocation, str(state.path)),
        report="",
        warnings=tuple(
            dict.fromkeys(
                (*summary.warnings, *warn_of(summary.kinds), *warn_of_repeats(journal), *warn_of_left(journal))
            )
        ),
        **name_account(journal),
    )


def name_account(journal: JournalReader) -> dict[str, str]:
    """Return target and account of a run, as a summary tells them."""
    accounts = journal.accounts()
    if accounts:
        return {"target": accounts[-1].origin, "account": accounts[-1].shown}
    return {"target": journal.target(), "account": ""}


def leave_report(
    journal: JournalHistory, state: StateDir, summary: Summary, reporting: Reporting, clock: Clock
) -> Summary:
    """Write the report of a run that is over; return its summary, with what a person wants to know beside figures."""
    try:
        told = explain(journal, state, summary)
        report = look_back(journal, state, told, clock)
    except Exception as error:  # noqa: BLE001 - a fault in what is told must not become the run's
        return _warn(summary, error)
    told, report = _leave_page(state, told, report, reporting.draw)
    try:
        state.write(NAME, encode_report(report))
    except Exception as error:  # noqa: BLE001 - as above
        return _warn(told, error)
    return told


def _leave_page(
    state: StateDir, told: Summary, report: Report, draw: Callable[[Report], str] | None
) -> tuple[Summary, Report]:
    """Write the page; return summary and report with its place in them, or with what went wrong."""
    try:
        if draw is None:
            state.remove(PAGE)  # an earlier process's, and not so any more
            return told, report
        report = msgspec.structs.replace(report, report=named(str(state.path / PAGE)))
        state.write(PAGE, draw(report).encode())
        told = msgspec.structs.replace(told, report=report.report)
    except Exception as error:  # noqa: BLE001 - as above
        told = _warn(told, error)
        report = msgspec.structs.replace(report, report="", warnings=told.warnings)
    return told, report


def encode_report(report: Report) -> bytes:
    """Return the JSON form of a report."""
    return msgspec.json.format(msgspec.json.encode(report))


def read_report(state: StateDir, kinds: dict[str, KindSummary]) -> Summary | None:
    """Return the last summary if it is of this state: a process that was killed since has left other figures."""
    try:
        report = msgspec.json.decode(state.read(NAME), type=Summary)
    except ValueError:
        return None
    return report if _timeless(report.kinds) == _timeless(kinds) else None


def revise(report: Summary | None, kinds: dict[str, KindSummary], *, closes: bool) -> Summary | None:
    """Return what a report says after decisions have changed the figures."""
    if report is None:
        return None
    if report.outcome in _ENDED:
        return conclude(kinds, None, closes=closes)
    return msgspec.structs.replace(report, kinds=kinds)


def _warn(summary: Summary, error: Exception) -> Summary:
    if isinstance(error, MasivoStreamError):
        why = f"{error}, {error.place}" if error.place else str(error)
    else:  # its text may hold anything
        why = f"a bug of ours, {type(error).__name__}"
    return msgspec.structs.replace(summary, warnings=(*summary.warnings, f"the report is not written: {why}"))


def _timeless(kinds: dict[str, KindSummary]) -> dict[str, KindSummary]:
    """Leave the duration out: the journal notes it at another moment."""
    return {kind: msgspec.structs.replace(figures, seconds=0.0) for kind, figures in kinds.items()}
