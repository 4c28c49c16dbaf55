"""The report that a run leaves beside its journal: `report.json`, and `report.html` if a function draws it.

A report changes nothing of the run: if it cannot be made or written, the summary has a warning.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from masivo_stream.core.next_steps import next_steps
from masivo_stream.core.redact import named
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import Journal, JournalReader
from masivo_stream.flow.outcome import summarise, warn_of
from masivo_stream.flow.reporting.examples import find_examples, find_skip_examples, warn_of_repeats
from masivo_stream.flow.revert_state import RevertPeriod, warn_of_left
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.moments import utc
from masivo_stream.model.ports import Clock
from masivo_stream.model.report import DecisionNote, DoubtPlace, InputFacts, Report
from masivo_stream.model.states import NoteKind
from masivo_stream.model.summary import Invocation, KindSummary, Summary

NAME = "report.json"
PAGE = "report.html"

_ENDED = frozenset({"complete", "dead_letters", "in_doubt"})


class Reporting(Struct, frozen=True, kw_only=True):
    """What the program that starts a run contributes to its reports."""

    invocation: Invocation = Invocation()
    draw: Callable[[Report], str] | None = None
    """Draws the page; None for no page."""


def explain(journal: Journal, state: StateDir, summary: Summary) -> Summary:
    """Add to a summary the account, examples of dead letters, and what to do next.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    return msgspec.structs.replace(
        summary,
        examples=find_examples(journal, state, summary.kinds),
        skipped_examples=find_skip_examples(journal, state, summary.kinds),
        next_steps=next_steps(summary, journal.read.facts().invocation, str(state.path)),
        report="",
        warnings=tuple(
            dict.fromkeys(
                (
                    *summary.warnings,
                    *warn_of(summary.kinds),
                    *warn_of_repeats(journal.read),
                    *warn_of_left(journal.read),
                )
            )
        ),
        **name_account(journal.read),
    )


def name_account(journal: JournalReader) -> dict[str, str]:
    """Return target and account of a run, as a summary shows them."""
    accounts = journal.accounts()
    if accounts:
        return {"target": accounts[-1].origin, "account": accounts[-1].shown}
    return {"target": journal.target(), "account": ""}


def leave_report(journal: Journal, state: StateDir, summary: Summary, reporting: Reporting, clock: Clock) -> Summary:
    """Write the report of a run that has ended; return its summary, with what a person wants to know beside figures."""
    try:
        told = explain(journal, state, summary)
        report = make_report(journal, state, told, clock)
    except Exception as error:  # noqa: BLE001 - a fault in the report must not become the run's
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
            state.remove(PAGE)  # an earlier process left it, and it is out of date
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
    """Return the last summary if it fits these figures: a process that was killed since has left other ones."""
    try:
        report = msgspec.json.decode(state.read(NAME), type=Summary)
    except ValueError:
        return None
    return report if _timeless(report.kinds) == _timeless(kinds) else None


def revise(report: Summary | None, kinds: dict[str, KindSummary], *, closes: bool) -> Summary | None:
    """Return the summary of a report after decisions have changed the figures."""
    if report is None:
        return None
    if report.outcome in _ENDED:
        return summarise(kinds, None, closes=closes)
    return msgspec.structs.replace(report, kinds=kinds)


def _warn(summary: Summary, error: Exception) -> Summary:
    if isinstance(error, MasivoStreamError):
        why = f"{error}, {error.place}" if error.place else str(error)
    else:  # its text may quote a record
        why = f"a bug of ours, {type(error).__name__}"
    return msgspec.structs.replace(summary, warnings=(*summary.warnings, f"the report is not written: {why}"))


def _timeless(kinds: dict[str, KindSummary]) -> dict[str, KindSummary]:
    """Leave the duration out: the journal notes it at a different moment."""
    return {kind: msgspec.structs.replace(figures, seconds=0.0) for kind, figures in kinds.items()}


MOST_DOUBTS = 100
MOST_DECISIONS = 100


def make_report(journal: Journal, state: StateDir, summary: Summary, clock: Clock, *, owner: str = "") -> Report:
    """Return the report of a run whose summary is known. Its size is bounded, except for its list of inputs.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    names = {kind: {source.number: source.name for source in journal.read.sources(kind)} for kind in Kind}
    doubts, all_doubts = journal.history.doubts(MOST_DOUBTS)
    decisions, all_decisions = journal.history.decisions(MOST_DECISIONS)
    return Report(
        **{name: getattr(summary, name) for name in Summary.__struct_fields__},
        told_at=clock.wall().isoformat(timespec="seconds"),
        owner=owner,
        state_dir=named(str(state.path)),
        facts=journal.read.facts(),
        inputs=tuple(found for kind in Kind for found in _inputs(journal, kind)),
        times=journal.history.times(),
        time_line=journal.history.time_line(),
        doubts=tuple(
            DoubtPlace(
                **msgspec.structs.asdict(doubt),
                places=tuple((names[doubt.kind].get(source, ""), low, high) for source, low, high in spans),
            )
            for doubt, spans in doubts
        ),
        doubts_left_out=all_doubts - len(doubts),
        decisions=tuple(map(_describe, decisions)),
        decisions_left_out=all_decisions - len(decisions),
    )


def _describe(decision: DecisionNote) -> DecisionNote:
    """Return a decision with the detail of a revert in words."""
    if decision.what not in {NoteKind.REVERT_BEGUN, NoteKind.REVERTED, NoteKind.NOT_REVERTED}:
        return decision
    period = msgspec.json.decode(decision.detail, type=RevertPeriod)
    extent = "all of this run" if period.whole else "a part of this run" if period.holds else "nothing of this run"
    told = "" if period.customers is None else f", {period.customers:,} customers as the API says"
    return msgspec.structs.replace(decision, detail=f"{period.start} to {period.end}{told}: {extent}")


def _inputs(journal: Journal, kind: Kind) -> list[InputFacts]:
    consumed = journal.read.consumed(kind)
    found = []
    for source in journal.read.sources(kind):
        read, crc, line = consumed.get(source.number, (0, 0, source.line))
        identity = decode_identity(source.identity)
        modified = utc(identity.mtime_ns // 1_000_000_000).isoformat()
        found.append(
            InputFacts(
                kind=kind,
                name=source.name,
                size=source.size,
                bytes_read=read,
                crc32=f"{crc:08x}",
                line=line,
                modified_at="" if identity.stream else modified,
                letters=source.letters,
            )
        )
    return found
