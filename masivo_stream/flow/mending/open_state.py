"""Open the dead letters of a state directory: to look at them, or, alone, to correct them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.state_dir import JOURNAL, StateDir, own_state_dir
from masivo_stream.edges.journal import Journal, open_journal
from masivo_stream.flow.mending.corrections import clear_unfinished
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.ports import Clock

_OPERATION = "correct dead letters"


@contextmanager
def look_at(state_dir: str, clock: Clock) -> Iterator[tuple[StateDir, Journal | None]]:
    """Open a state directory for reading; the journal is None if a dry run wrote the dead letters.

    Raises:
        ConfigurationError: there is no run and there are no dead letters, or the journal cannot be read.
    """
    path = Path(state_dir)
    state = StateDir(path)
    if (path / JOURNAL).exists():
        with closing(open_journal(path / JOURNAL, clock.wall, writable=False)) as journal:
            yield state, journal
        return
    if not any((path / dead_letter_name(kind)).exists() for kind in Kind):
        raise ConfigurationError(
            "there are no dead letters in this state directory",
            operation="read the dead letters",
            place=state_dir,
            hint="name the --state-dir of the migration, or of the validation, that has dead letters",
        )
    yield state, None


@contextmanager
def own(state_dir: str, clock: Clock) -> Iterator[tuple[StateDir, Journal]]:
    """Lock a state directory, and open its journal for writing.

    Raises:
        ConfigurationError: there is no run, or a process is at work.
        StorageError: the disk is full, or fails.
    """
    with look_at(state_dir, clock) as (_, known):
        if known is None:
            raise ConfigurationError(
                "these dead letters are of a validation, and no retry sends them",
                operation=_OPERATION,
                place=state_dir,
                hint="correct the export; or migrate it, then correct the dead letters of the migration",
            )
    with own_state_dir(state_dir) as state:
        clear_unfinished(state)
        with closing(open_journal(state.journal, clock.wall)) as journal:
            yield state, journal
