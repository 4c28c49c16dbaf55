"""Status: where the run of a state directory stands, from its journal, also while it is at work."""

from contextlib import closing
from pathlib import Path

from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.journal import SENDING, open_journal
from masivo_stream.edges.statedir import JOURNAL, StateDir, is_owned
from masivo_stream.flow.conclude import conclude, stand
from masivo_stream.flow.report import read_report
from masivo_stream.flow.reverted import blocked, stands
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.summary import Status, Summary


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
        kinds = stand(journal)
        error = blocked(stands(journal), state_dir)
        ended = all(journal.read_all(Kind(kind)) for kind in kinds) and not any(
            figures.pending for figures in kinds.values()
        )
        flying = sum(journal.recount(kind).get(SENDING, 0) for kind in Kind if not CONTRACTS[kind].repeatable)
    closes = all(figures.closes for figures in kinds.values())
    last = read_report(StateDir(directory), kinds)
    if owner:
        said = Summary(outcome="interrupted", exit_code=0, kinds=kinds, closes=closes, message=f"at work: {owner}")
    elif error is not None:
        said = Summary(
            outcome="stopped",
            exit_code=error.exit_code,
            kinds=kinds,
            closes=closes,
            message=str(error),
            hint=error.hint,
        )
    elif last is not None:
        said = last
    elif ended and kinds:
        said = conclude(kinds, None, closes=closes)
    else:
        lost = f"; {flying:,} items were on the wire, and will be in doubt" if flying else ""
        said = Summary(
            outcome="interrupted",
            exit_code=ExitCode.OUTAGE,
            kinds=kinds,
            closes=closes,
            message=f"the last process ended without a word{lost}",
            hint="start again with the same command: it goes on from here",
        )
    return Status(**{name: getattr(said, name) for name in said.__struct_fields__}, owner=owner)
