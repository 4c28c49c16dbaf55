"""The report that a run leaves beside its journal: `report.json`, and `report.html` if a function draws it.

A report changes nothing of the run: if it cannot be made or written, the summary has a warning.

Its facts are what a process was started with: settings without secrets, and versions. Headers are named, not quoted;
a URL is shown without what is before its `@` and after its `?`.
"""

import platform
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from masivo_stream import __version__
from masivo_stream.core.checks.name_rewards import name_rewards
from masivo_stream.core.next_steps import count_all_given_up, next_steps
from masivo_stream.core.redact import mask_urls, named
from masivo_stream.edges.export.identity import decode_identity
from masivo_stream.edges.files.catalogue_file import recall_names
from masivo_stream.edges.files.findings_file import read_findings
from masivo_stream.edges.files.state_dir import StateDir, read_last_words
from masivo_stream.edges.journal import Journal, JournalReader
from masivo_stream.flow.commands_of_run import commands_of
from masivo_stream.flow.outcome import summarise, warn_of
from masivo_stream.flow.reporting.find_examples import find_examples, find_skip_examples, warn_of_repeats
from masivo_stream.flow.reporting.group_faults import find_fault_groups
from masivo_stream.flow.reporting.what_is_left import add_what_is_left
from masivo_stream.flow.revert_state import RevertPeriod, warn_of_left
from masivo_stream.flow.runtime import Reporting
from masivo_stream.model.canary import CanaryPlace
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.findings import ExportChecks
from masivo_stream.model.moments import utc
from masivo_stream.model.ports import Clock
from masivo_stream.model.progress import KnownSource
from masivo_stream.model.report import DecisionNote, DoubtPlace, Facts, InputFacts, Report
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import NoteKind
from masivo_stream.model.summary import Invocation, KindSummary, OutcomeName, Summary

NAME = "report.json"
PAGE = "report.html"

_ENDED = frozenset({"complete", "dead_letters", "in_doubt"})
_LIBRARIES = ("aiohttp", "anyio", "msgspec", "zstandard")


def gather_facts(settings: Settings, invocation: Invocation, began_at: datetime) -> Facts:
    """Return what a report shows of what a process was started with."""
    return Facts(
        began_at=began_at.isoformat(timespec="seconds"),
        invocation=msgspec.structs.replace(
            invocation, again=_showable(invocation.again), options=_showable(invocation.options)
        ),
        settings=_spell_all(settings),
        changed=tuple(
            name
            for (name, own), (_, default) in zip(_values(settings), _values(Settings()), strict=True)
            if own != default
        ),
        versions=_versions(),
    )


def _showable(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a command, or nothing if one of them cannot be shown as it is."""
    return tuple(mask_urls(words)) if all(named(word) == word for word in words) else ()


def _values(settings: Settings) -> list[tuple[str, object]]:
    """Return every setting by its dotted name."""
    sections = [(section.name, getattr(settings, section.name)) for section in msgspec.structs.fields(settings)]
    return [
        (f"{name}.{leaf.name}", getattr(section, leaf.name))
        for name, section in sections
        for leaf in msgspec.structs.fields(section)
    ]


_SECRET = ("notify.notify", "notify.notify_command")
"""Settings of which nothing is shown: a path, a query or an argument may be a password."""


def _spell_all(settings: Settings) -> dict[str, str]:
    """Return every setting as a person writes it, with secrets of URLs masked."""
    values = dict(_values(settings))
    for name in _SECRET:
        values[name] = "***" if values[name] else ""
    return dict(zip(values, mask_urls([_spell(value) for value in values.values()]), strict=True))


def _spell(value: object) -> str:
    """Return a setting as a person writes it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value)) or "none"
        case dict():
            return ", ".join(f"{name}: ***" for name in value) or "none"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case _:
            return str(value)


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - imports the parser of mail

    found = {
        "masivo-stream": __version__,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # for example if all is frozen into one file
            continue
    return found


def explain(journal: Journal, state: StateDir, summary: Summary) -> Summary:
    """Add to a summary the account, examples of dead letters, and what to do next.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    summary = msgspec.structs.replace(summary, fault_groups=find_fault_groups(journal.read, state, summary.kinds))
    if given_up := count_all_given_up(summary):
        what = "the only dead letter is" if given_up == 1 else f"all {given_up:,} dead letters are"
        summary = msgspec.structs.replace(summary, hint="", message=f"{what} given up, and nothing is left to do")
    return msgspec.structs.replace(
        add_what_is_left(journal.read, summary),
        examples=find_examples(journal, state, summary.kinds),
        skipped_examples=find_skip_examples(journal, state, summary.kinds),
        next_steps=next_steps(summary, commands_of(journal, str(state.path)), str(state.path)),
        report="",
        checks=read_checks(state.path),
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


def read_checks(state_dir: Path) -> ExportChecks | UnsetType:
    """Return what the checks over all files of a run found; UNSET if they were not made.

    Rewards have the names that the run remembers.
    """
    found = read_findings(state_dir)
    if found is None:
        return UNSET
    with closing(found):
        checks = msgspec.json.decode(found.checks, type=ExportChecks)
    return name_rewards(checks, recall_names(state_dir))


def name_account(journal: JournalReader) -> dict[str, str]:
    """Return target and account of a run, as a summary shows them.

    Before the first token, only the key is known. Its fingerprint is not shown: the account's may be another one.
    """
    accounts = journal.accounts()
    if accounts:
        known = accounts[-1]
        certain = known.subjects or not known.keys or journal.first_sent()
        return {"target": known.origin, "account": known.shown if certain else ""}
    return {"target": journal.target(), "account": ""}


def leave_report(journal: Journal, state: StateDir, summary: Summary, reporting: Reporting, clock: Clock) -> Summary:
    """Write the report of a run that has ended; return its summary, with what a person wants to know beside figures."""
    try:
        explained = explain(journal, state, summary)
        report = make_report(journal, state, explained, clock)
    except Exception as error:  # noqa: BLE001 - a fault in the report must not become the run's
        return _warn(summary, error)
    explained, report = _leave_page(state, explained, report, reporting.draw)
    try:
        state.write(NAME, encode_report(report))
    except Exception as error:  # noqa: BLE001 - as above
        state.last_words = _last_words(explained)
        return _warn(explained, error)
    state.last_words = b""
    return explained


class _Stopped(Struct, frozen=True, omit_defaults=True):
    """What is left of a summary if there is no room for a report."""

    outcome: OutcomeName
    exit_code: int
    message: str = ""
    hint: str = ""


def _last_words(summary: Summary) -> bytes:
    if summary.outcome in _ENDED:  # the journal's figures show it
        return b""
    return msgspec.json.encode(_Stopped(summary.outcome, summary.exit_code, summary.message, summary.hint))


def read_stopped(state: StateDir, kinds: dict[str, KindSummary], *, closes: bool) -> Summary | None:
    """Return what stopped the last process if it could leave no report; None if it left one, or was killed."""
    try:
        found = msgspec.json.decode(read_last_words(state.path), type=_Stopped)
    except ValueError:
        return None
    return Summary(
        outcome=found.outcome,
        exit_code=found.exit_code,
        kinds=kinds,
        closes=closes,
        message=found.message,
        hint=found.hint,
    )


def _leave_page(
    state: StateDir, summary: Summary, report: Report, draw: Callable[[Report], str] | None
) -> tuple[Summary, Report]:
    """Write the page; return summary and report with its place in them, or with what went wrong."""
    try:
        if draw is None:
            state.remove(PAGE)  # an earlier process left it, and it is out of date
            return summary, report
        report = msgspec.structs.replace(report, report=named(str(state.path / PAGE)))
        state.write(PAGE, draw(report).encode())
        summary = msgspec.structs.replace(summary, report=report.report)
    except Exception as error:  # noqa: BLE001 - as above
        summary = _warn(summary, error)
        report = msgspec.structs.replace(report, report="", warnings=summary.warnings)
    return summary, report


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
        why = f"a bug in masivo-stream, {type(error).__name__}"
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
    sources = {kind: journal.read.sources(kind) for kind in Kind}
    names = {kind: {source.number: source.name for source in known} for kind, known in sources.items()}
    doubts, all_doubts = journal.history.doubts(MOST_DOUBTS)
    decisions, all_decisions = journal.history.decisions(MOST_DECISIONS)
    return Report(
        **{name: getattr(summary, name) for name in Summary.__struct_fields__},
        told_at=clock.wall().isoformat(timespec="seconds"),
        owner=owner,
        state_dir=named(str(state.path)),
        facts=journal.read.facts(),
        inputs=tuple(
            found for kind, known in sources.items() for found in _inputs(kind, known, journal.read.consumed(kind))
        ),
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
    """Return a decision with the detail of a revert, or of a canary, in words."""
    if decision.what == NoteKind.CANARY_CHOSEN:
        places = msgspec.json.decode(decision.detail, type=list[CanaryPlace])
        lines = ", ".join(f"{place.kind} line {place.line:,}" for place in places)
        return msgspec.structs.replace(decision, detail=lines)
    if decision.what not in {NoteKind.REVERT_BEGUN, NoteKind.REVERTED, NoteKind.NOT_REVERTED}:
        return decision
    period = msgspec.json.decode(decision.detail, type=RevertPeriod)
    extent = "all of this run" if period.whole else "a part of this run" if period.holds else "nothing of this run"
    count = "" if period.customers is None else f", {period.customers:,} customers according to the API"
    return msgspec.structs.replace(decision, detail=f"{period.start} to {period.end}{count}: {extent}")


def _inputs(
    kind: Kind, sources: Iterable[KnownSource], consumed: Mapping[int, tuple[int, int, int]]
) -> list[InputFacts]:
    found = []
    for source in sources:
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
                letters=source.is_copy,
            )
        )
    return found
