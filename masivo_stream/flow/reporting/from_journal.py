"""What a run came to, as its state directory shows it: for `status`, `report`, and after a revert.

Nothing is changed, and the run may be at work meanwhile.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from masivo_stream.core.redact import named
from masivo_stream.edges.files.findings_file import UNDER_WAY
from masivo_stream.edges.files.state_dir import JOURNAL, StateDir, is_owned
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.flow.outcome import summarise, summarise_kinds
from masivo_stream.flow.reporting.run_report import PAGE, explain, read_report, read_stopped
from masivo_stream.flow.revert_state import RevertState, all_again, all_but_counted, blocked, read_revert_state
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.ports import Clock
from masivo_stream.model.states import BatchState
from masivo_stream.model.summary import Summary


@contextmanager
def open_for_reading(state_dir: str, clock: Clock) -> Iterator[tuple[StateDir, Journal]]:
    """Open the run of a state directory without locking it.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    directory = Path(state_dir)
    if not (directory / JOURNAL).exists():
        aside = max(directory.glob(f"reverted-*/{JOURNAL}"), key=lambda path: (len(str(path)), str(path)), default=None)
        if aside is not None:
            with closing(open_journal(aside, clock.wall, writable=False)) as journal:
                hint = all_again(journal, str(aside.parent))
            raise ConfigurationError(
                f"all of the run in this state directory was taken back: its files are in {named(aside.parent.name)}",
                operation="read the state",
                place=state_dir,
                hint=hint,
            )
        raise ConfigurationError(
            "there is no run in this state directory",
            operation="read the state",
            place=state_dir,
            hint="name the run's --state-dir",
        )
    with closing(open_journal(directory / JOURNAL, clock.wall, writable=False)) as journal:
        yield StateDir(directory), journal


def read_summary(state: StateDir, journal: Journal) -> tuple[str, Summary]:
    """Return the process that is at work (empty if no process is), and the run's summary."""
    owner = is_owned(state.path) or ""  # first: a process that ends in between has noted everything
    last = find_summary(state, journal, owner=owner)
    summary = explain(journal, state, msgspec.structs.replace(last, warnings=()))
    if last.report and (state.path / PAGE).exists():
        summary = msgspec.structs.replace(summary, report=named(str(state.path / PAGE)))
    if owner:
        summary = msgspec.structs.replace(summary, next_steps=())
    return owner, summary


def find_summary(state: StateDir, journal: Journal, *, owner: str = "") -> Summary:
    """Return the summary of a run as its state directory shows it. `owner` is the process that is at work.

    The first of these cases that holds decides:

    1. A process is at work.
    2. A revert has left something to be decided or sent.
    3. The last process left a report, and nothing has changed since; or what stopped it, where a report had no room.
    4. Everything was read and settled.
    5. No process has begun to read: it was killed or refused before that.
    6. The last process was killed.
    """
    kinds = summarise_kinds(journal.read)
    closes = all(figures.closes for figures in kinds.values())
    if owner:
        checking = ": it checks the exports as a whole, before anything is sent"
        what = checking if (state.path / UNDER_WAY).exists() else ""
        message = f"at work: {owner}{what}"
        return Summary(outcome="interrupted", exit_code=0, kinds=kinds, closes=closes, message=message)
    reverts = read_revert_state(journal.read)
    if (found := _describe_revert(reverts, journal, str(state.path))) is not None:
        message, hint = found
        return Summary(
            outcome="stopped",
            exit_code=ExitCode.CONFIGURATION,
            kinds=kinds,
            closes=closes,
            message=message,
            hint=hint,
        )
    last = read_stopped(state, kinds, closes=closes) or read_report(state, kinds)
    if last is not None:
        return last
    named = [kind for kind in Kind if journal.read.sources(kind)]  # of some, no line may have been read yet
    ended = all(map(journal.read.read_all, named)) and not any(each.pending for each in kinds.values())
    if ended and kinds:
        return summarise(kinds, None, closes=closes)
    if not named:
        return Summary(
            outcome="interrupted",
            exit_code=ExitCode.OUTAGE,
            kinds=kinds,
            closes=closes,
            message="no export was begun, and nothing was sent",
        )
    flying = sum(
        journal.read.recount(kind).get(BatchState.SENDING, 0) for kind in Kind if not CONTRACTS[kind].repeatable
    )
    lost = f"; {flying:,} items were in flight and will be in doubt" if flying else ""
    return Summary(
        outcome="interrupted",
        exit_code=ExitCode.OUTAGE,
        kinds=kinds,
        closes=closes,
        message=f"the last process was killed{lost}",
        hint="start again with the same command: it continues from here",
    )


def _describe_revert(reverts: RevertState, journal: Journal, place: str) -> tuple[str, str] | None:
    """Return what a revert has left, and what to do about it; None if the run goes on as if there had been none."""
    if (error := blocked(reverts, journal, place)) is not None:
        return str(error), error.hint
    if reverts.counted:
        return "all of this run was taken back", all_again(journal, place)
    if reverts.whole:
        message = "all of this run was taken back, except customers who have made a transaction of their own since"
        return message, all_but_counted(journal, place)
    return None
