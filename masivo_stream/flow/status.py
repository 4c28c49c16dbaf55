"""Status: where the run of a state directory stands, from its journal, also while it is at work."""

from contextlib import closing
from pathlib import Path

import msgspec

from masivo_stream.core.tally import Tally
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.edges.statedir import JOURNAL, is_owned
from masivo_stream.flow.migrate import REPORT
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.summary import KindSummary, Status, Summary


def status(state_dir: str) -> Status:
    """Return where the run stands; nothing is changed.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    directory = Path(state_dir)
    if not (directory / JOURNAL).exists():
        raise ConfigurationError(
            "no run stands here", operation="read the state", place=state_dir, hint="name the run's --state-dir"
        )
    owner = is_owned(directory) or ""
    with closing(open_journal(directory / JOURNAL, SystemClock().wall, writable=False)) as journal:
        kinds = {kind.value: figures for kind in Kind if (figures := _figures(journal, kind)) is not None}
    closes = all(figures.closes for figures in kinds.values())
    last = _last_report(directory)
    if owner:
        said = Summary(outcome="interrupted", exit_code=0, kinds=kinds, closes=closes, message=f"at work: {owner}")
    elif last is not None and last.kinds.keys() == kinds.keys() and _same(last.kinds, kinds):
        said = last
    else:
        said = Summary(
            outcome="interrupted",
            exit_code=ExitCode.OUTAGE,
            kinds=kinds,
            closes=closes,
            message="the last process ended without a word",
            hint="start again with the same command: it goes on from here",
        )
    return Status(**{name: getattr(said, name) for name in said.__struct_fields__}, owner=owner)


def _figures(journal: Journal, kind: Kind) -> KindSummary | None:
    figures = journal.figures(kind)
    if figures is None:
        return None
    tally = Tally(CONTRACTS[kind], figures)
    records, items = tally.outstanding
    return tally.summary_with_pending(records=records, items=items, seconds=0.0)


def _same(reported: dict[str, KindSummary], noted: dict[str, KindSummary]) -> bool:
    """Tell whether a report is of this state: a process that was killed since has left newer figures."""
    return all(
        (reported[kind].read, reported[kind].items_accepted, reported[kind].requests)
        == (noted[kind].read, noted[kind].items_accepted, noted[kind].requests)
        for kind in noted
    )


def _last_report(directory: Path) -> Summary | None:
    try:
        return msgspec.json.decode((directory / REPORT).read_bytes(), type=Summary)
    except (OSError, ValueError):
        return None
