"""What a revert leaves behind in a state directory: the journal says whether it happened, and what follows."""

from contextlib import closing

import msgspec
from msgspec import Struct

from masivo_stream.edges.clock import Clock
from masivo_stream.edges.journal import JournalReader, open_journal
from masivo_stream.edges.statedir import StateDir
from masivo_stream.model.errors import ConfigurationError

BEGUN, DONE, FAILED = "revert begun", "reverted", "not reverted"


class Period(Struct, frozen=True, kw_only=True):
    """What the journal notes of a revert: RFC 3339 moments, and whether all that this run sent lies between them."""

    start: str
    end: str
    whole: bool
    holds: bool = True
    """Whether anything of this run lies between them."""


class Standing(Struct, frozen=True):
    """What of a run was taken back."""

    done: tuple[Period, ...] = ()
    open: Period | None = None
    """Begun, and nobody knows whether it happened."""

    @property
    def whole(self) -> bool:
        """Whether all of the run was taken back."""
        return any(period.whole for period in self.done)


def stands(journal: JournalReader) -> Standing:
    """Return what of a run was taken back, by all its reverts. One that was refused leaves things as they were."""
    standing = before = Standing()
    for what, detail in journal.reverts():
        period = msgspec.json.decode(detail, type=Period)
        if what == BEGUN:
            before, standing = standing, Standing(standing.done, period)
        elif what == DONE and period.holds:
            standing = Standing((*standing.done, period), None)
        else:
            standing = before
    return standing


def blocked(standing: Standing, place: str) -> ConfigurationError | None:
    """Return why a run cannot go on, None if it can, or can begin afresh."""
    if standing.open is not None:
        period = standing.open
        return ConfigurationError(
            f"a revert from {period.start} to {period.end} was begun; nobody knows whether it happened",
            operation="open the run",
            place=place,
            hint="run it again: repeated, it takes back what is left of that period",
        )
    if standing.done and not standing.whole:
        periods = ", ".join(f"{period.start} to {period.end}" for period in standing.done)
        return ConfigurationError(
            f"a part of this run was taken back: what was sent from {periods}",
            operation="open the run",
            place=place,
            hint="take back the rest as well; or migrate exports of what is missing with another --state-dir",
        )
    return None


def leave_reverted(state: StateDir, clock: Clock) -> None:
    """Put a run aside that was taken back, so that the directory can begin afresh.

    Raises:
        ConfigurationError: nobody knows whether it was, or only a part of it was: going on would lose or double.
        StorageError: it cannot be put aside.
    """
    if not state.journal.exists():
        return
    with closing(open_journal(state.journal, clock.wall)) as journal:
        standing = stands(journal)
        journal.rest()
    if (error := blocked(standing, str(state.path))) is not None:
        raise error
    if standing.whole:
        state.put_aside("reverted")
