"""Dead letters: what is wrong with them now, by cause, and one by one for whoever owns the data. Nothing is changed."""

from collections.abc import Iterator

from masivo_stream.core.mending.list_rows import FaultRow, rows_of
from masivo_stream.flow.mending.causes import describe_cause, find_cause
from masivo_stream.flow.mending.letter_file import LetterFile
from masivo_stream.flow.mending.open_state import look_at
from masivo_stream.flow.mending.survey import faults_now, make_checker, survey
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.contract import Kind
from masivo_stream.model.mending import CauseDetail, DeadLetterList
from masivo_stream.model.settings import Settings


def dead_letters(settings: Settings, *, unchanged: bool = False, runtime: Runtime | None = None) -> DeadLetterList:
    """Return the dead letters of a run, or of a validation, by cause, and what a retry would do with them.

    Args:
        settings: the state directory, and how records are validated; see `load_settings`.
        unchanged: count for a retry that sends also what checks over all files found (`retry --unchanged`).
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there are no dead letters, or the journal cannot be read.
        InputError: a line of a dead-letter file is not a dead letter.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        read = None if journal is None else journal.read
        return survey(state, read, settings.validation, unchanged=unchanged)


def dead_letter_cause(
    settings: Settings, name: str, *, show_values: bool = False, runtime: Runtime | None = None
) -> CauseDetail:
    """Return one cause of dead letters, with the values at fault and how often each occurs.

    Args:
        settings: as for `dead_letters`.
        name: the short name of the cause, or its beginning.
        show_values: also values that may be personal; else these are masked.
        runtime: the clock.

    Raises:
        ConfigurationError: there is no such cause, or there are no dead letters.
        InputError: a line of a dead-letter file is not a dead letter.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        read = None if journal is None else journal.read
        kind, key = find_cause(state, read, name, settings.validation)
        return describe_cause(LetterFile(state, kind, read), key, settings.validation, show=show_values)


def dead_letter_rows(settings: Settings, *, runtime: Runtime | None = None) -> Iterator[FaultRow]:
    """Yield a row for each fault of each dead letter that is not corrected: what `dead-letters --csv` lists.

    A dead letter that was corrected and is not valid yet is listed with what is wrong with it now. The arguments and
    errors are those of `dead_letters`.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        for kind in Kind:
            checker = make_checker(kind, settings.validation)
            for found in LetterFile(state, kind, None if journal is None else journal.read):
                yield from rows_of(kind, found.letter, faults_now(found, checker))
