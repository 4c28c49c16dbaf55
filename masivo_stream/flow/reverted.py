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


def last_revert(journal: JournalReader) -> tuple[str, Period] | None:
    """Return how far the last revert came."""
    found = [(at, what, detail) for what in (BEGUN, DONE, FAILED) for at, _, detail in journal.notes(what)]
    if not found:
        return None
    # Noted in the same millisecond, the end of a revert comes after its beginning.
    _, what, detail = max(found, key=lambda note: (note[0], note[1] != BEGUN))
    return what, msgspec.json.decode(detail, type=Period)


def leave_reverted(state: StateDir, clock: Clock) -> None:
    """Put a run aside that was taken back, so that the directory can begin afresh.

    Raises:
        ConfigurationError: nobody knows whether it was, or only a part of it was: going on would lose or double.
        StorageError: it cannot be put aside.
    """
    if not state.journal.exists():
        return
    with closing(open_journal(state.journal, clock.wall)) as journal:
        last = last_revert(journal)
    match last:
        case (what, period) if what == BEGUN:
            raise ConfigurationError(
                f"a revert from {period.start} to {period.end} was begun, and nobody knows whether it happened",
                operation="open the run",
                place=str(state.path),
                hint="run it again: repeated, it takes back what is left of that period",
            )
        case (what, period) if what == DONE and not period.whole:
            raise ConfigurationError(
                f"a part of this run was taken back: what was sent from {period.start} to {period.end}",
                operation="open the run",
                place=str(state.path),
                hint="take back the rest as well; or migrate exports of what is missing with another --state-dir",
            )
        case (what, _) if what == DONE:
            state.put_aside("reverted")
        case _:
            pass
