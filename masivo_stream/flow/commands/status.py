"""Status: where the run of a state directory stands, from its journal, also while it is at work."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.edges.files.state_dir import JOURNAL, StateDir, is_owned
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.flow.outcome import conclude, stand
from masivo_stream.flow.reporting.run_report import PAGE, explain, look_back, read_report
from masivo_stream.flow.revert_state import Standing, all_but_counted, blocked, stands
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.report import Report
from masivo_stream.model.states import BatchState
from masivo_stream.model.summary import Status, Summary


def status(state_dir: str) -> Status:
    """Return where the run stands; nothing is changed.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    with _opened(state_dir, SystemClock()) as (state, journal):
        owner, said = _look(state, journal)
    return Status(**{name: getattr(said, name) for name in said.__struct_fields__}, owner=owner)


def report(state_dir: str, *, clock: Clock | None = None) -> Report:
    """Return the report of a run as its journal tells it, also of one that was killed; nothing is changed.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    clock = clock or SystemClock()
    with _opened(state_dir, clock) as (state, journal):
        owner, said = _look(state, journal)
        return look_back(journal, state, said, clock, owner=owner)


@contextmanager
def _opened(state_dir: str, clock: Clock) -> Iterator[tuple[StateDir, Journal]]:
    directory = Path(state_dir)
    if not (directory / JOURNAL).exists():
        raise ConfigurationError(
            "no run stands here", operation="read the state", place=state_dir, hint="name the run's --state-dir"
        )
    with closing(open_journal(directory / JOURNAL, clock.wall, writable=False)) as journal:
        yield StateDir(directory), journal


def _look(state: StateDir, journal: Journal) -> tuple[str, Summary]:
    """Return who is at work, and the summary."""
    owner = is_owned(state.path) or ""  # first: who ends in between has noted everything
    last = conclude_again(state, journal, owner=owner)
    said = explain(journal, state, msgspec.structs.replace(last, warnings=()))
    if last.report and (state.path / PAGE).exists():
        said = msgspec.structs.replace(said, report=last.report)
    if owner:
        said = msgspec.structs.replace(said, next_steps=())
    return owner, said


def conclude_again(state: StateDir, journal: Journal, *, owner: str = "") -> Summary:
    """Return the summary of a run as its state directory has it; `owner` is who is at work."""
    kinds = stand(journal.read)
    closes = all(figures.closes for figures in kinds.values())
    if owner:
        return Summary(outcome="interrupted", exit_code=0, kinds=kinds, closes=closes, message=f"at work: {owner}")
    standing = stands(journal.read)
    if (said := _tell_revert(standing, journal, str(state.path))) is not None:
        message, hint = said
        return Summary(
            outcome="stopped",
            exit_code=ExitCode.CONFIGURATION,
            kinds=kinds,
            closes=closes,
            message=message,
            hint=hint,
        )
    if (last := read_report(state, kinds)) is not None:
        return last
    ended = all(journal.read.read_all(Kind(kind)) for kind in kinds) and not any(
        each.pending for each in kinds.values()
    )
    if ended and kinds:
        return conclude(kinds, None, closes=closes)
    flying = sum(
        journal.read.recount(kind).get(BatchState.SENDING, 0) for kind in Kind if not CONTRACTS[kind].repeatable
    )
    lost = f"; {flying:,} items were on the wire, and will be in doubt" if flying else ""
    return Summary(
        outcome="interrupted",
        exit_code=ExitCode.OUTAGE,
        kinds=kinds,
        closes=closes,
        message=f"the last process ended without a word{lost}",
        hint="start again with the same command: it goes on from here",
    )


def _tell_revert(standing: Standing, journal: Journal, place: str) -> tuple[str, str] | None:
    """Return what a revert has left, and what to do about it; None where the run goes on as if there had been none."""
    if (error := blocked(standing, journal, place)) is not None:
        return str(error), error.hint
    if standing.counted:
        return "all of this run was taken back", "the command it was started with migrates afresh"
    if standing.whole:
        message = "all of this run was taken back, but for customers who have made a transaction of their own since"
        return message, all_but_counted(journal, place)
    return None
