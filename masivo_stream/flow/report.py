"""The report: a run's last summary, beside its journal."""

import msgspec

from masivo_stream.edges.statedir import StateDir
from masivo_stream.flow.conclude import conclude
from masivo_stream.model.summary import KindSummary, Summary

NAME = "report.json"

_ENDED = frozenset({"complete", "dead_letters", "in_doubt"})


def write_report(state: StateDir, summary: Summary) -> None:
    """Write it down.

    Raises:
        StorageError: it cannot be written.
    """
    state.write(NAME, msgspec.json.format(msgspec.json.encode(summary)))


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


def _timeless(kinds: dict[str, KindSummary]) -> dict[str, KindSummary]:
    """Leave the duration out: the journal notes it at another moment."""
    return {kind: msgspec.structs.replace(figures, seconds=0.0) for kind, figures in kinds.items()}
