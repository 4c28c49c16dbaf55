"""Look back at a run: everything a report tells, from its journal and a summary."""

import msgspec

from masivo_stream.core.printable import named
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.identity import decode_identity
from masivo_stream.edges.journal import JournalHistory
from masivo_stream.edges.statedir import StateDir
from masivo_stream.flow.reverted import BEGUN, DONE, FAILED, Period
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import utc
from masivo_stream.model.report import Decision, DoubtPlace, InputFacts, Report
from masivo_stream.model.summary import Summary

MOST_DOUBTS = 100
MOST_DECISIONS = 100


def look_back(journal: JournalHistory, state: StateDir, summary: Summary, clock: Clock, *, owner: str = "") -> Report:
    """Return the report of a run whose summary is known; of bounded size, but for its inputs.

    Raises:
        ConfigurationError: the journal is damaged.
    """
    names = {kind: {source.number: source.name for source in journal.sources(kind)} for kind in Kind}
    doubts, all_doubts = journal.doubts(MOST_DOUBTS)
    decisions, all_decisions = journal.decisions(MOST_DECISIONS)
    return Report(
        **{name: getattr(summary, name) for name in Summary.__struct_fields__},
        told_at=clock.wall().isoformat(timespec="seconds"),
        owner=owner,
        state_dir=named(str(state.path)),
        facts=journal.facts(),
        inputs=tuple(found for kind in Kind for found in _inputs(journal, kind)),
        times=journal.times(),
        time_line=journal.time_line(),
        doubts=tuple(
            DoubtPlace(
                **msgspec.structs.asdict(doubt),
                places=tuple((names[doubt.kind].get(source, ""), low, high) for source, low, high in spans),
            )
            for doubt, spans in doubts
        ),
        doubts_left_out=all_doubts - len(doubts),
        decisions=tuple(map(_tell, decisions)),
        decisions_left_out=all_decisions - len(decisions),
    )


def _tell(decision: Decision) -> Decision:
    """Put what is noted of a revert into words."""
    if decision.what not in {BEGUN, DONE, FAILED}:
        return decision
    period = msgspec.json.decode(decision.detail, type=Period)
    extent = "all of this run" if period.whole else "a part of this run" if period.holds else "nothing of this run"
    told = "" if period.customers is None else f", {period.customers:,} customers as the API says"
    return msgspec.structs.replace(decision, detail=f"{period.start} to {period.end}{told}: {extent}")


def _inputs(journal: JournalHistory, kind: Kind) -> list[InputFacts]:
    consumed = journal.consumed(kind)
    found = []
    for source in journal.sources(kind):
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
