"""Dead letters: what is wrong with them now, by cause, and one by one for whoever owns the data. Nothing is changed."""

from collections.abc import Iterator

from msgspec.structs import replace

from masivo_stream.core.mending.list_rows import FaultRow, rows_of
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.mending.causes import describe_cause, find_cause
from masivo_stream.flow.mending.letter_file import LetterFile, Watched
from masivo_stream.flow.mending.open_state import look_at
from masivo_stream.flow.mending.survey import faults_now, make_checker, survey
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.outcome import summarise_kinds
from masivo_stream.flow.reporting.what_is_left import find_left
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.contract import Kind
from masivo_stream.model.mending import CauseDetail, DeadLetterList
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings


def dead_letters(
    settings: Settings, *, unchanged: bool = False, observer: Observer | None = None, runtime: Runtime | None = None
) -> DeadLetterList:
    """Return the dead letters of a run, or of a validation, by cause, and what a retry would do with them.

    Args:
        settings: the state directory, and how records are validated; see `load_settings`.
        unchanged: count for a retry that sends also what checks over all files found (`retry --unchanged`).
        observer: is notified of how far the reading is.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there are no dead letters, or the journal cannot be read.
        InputError: a line of a dead-letter file is not a dead letter.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        read = None if journal is None else journal.read
        found = survey(state, read, settings.validation, _watched(observer, clock), unchanged=unchanged)
        return found if read is None else _with_what_is_left(found, read)


def _with_what_is_left(found: DeadLetterList, journal: JournalReader) -> DeadLetterList:
    """Add what else a retry would send: the run continues."""
    kinds = summarise_kinds(journal)
    left = (find_left(journal, kinds) or {}).values()
    return replace(
        found,
        pending=sum(figures.pending for figures in kinds.values()),
        unread=sum(each.unread for each in left),
        unread_exact=all(each.exact for each in left),
    )


def dead_letter_cause(
    settings: Settings,
    name: str,
    *,
    show_values: bool = False,
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> CauseDetail:
    """Return one cause of dead letters, with the values at fault and how often each occurs.

    Args:
        settings: as for `dead_letters`.
        name: the short name of the cause, or its beginning.
        show_values: also values that may be personal; else these are masked.
        observer: is notified of how far the reading is.
        runtime: the clock.

    Raises:
        ConfigurationError: there is no such cause, or there are no dead letters.
        InputError: a line of a dead-letter file is not a dead letter.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        read = None if journal is None else journal.read
        watched = _watched(observer, clock)
        kind, key = find_cause(state, read, name, settings.validation, watched)
        letters = LetterFile(state, kind, read, watched.meter("reading its dead letters", state, [kind]))
        return describe_cause(letters, key, settings.validation, show=show_values)


def dead_letter_rows(
    settings: Settings, *, observer: Observer | None = None, runtime: Runtime | None = None
) -> Iterator[FaultRow]:
    """Yield a row for each fault of each dead letter that is not corrected: what `dead-letters --csv` lists.

    A dead letter that was corrected and is not valid yet is listed with what is wrong with it now. The arguments and
    errors are those of `dead_letters`.
    """
    clock = (runtime or Runtime()).clock
    with look_at(settings.state.state_dir, clock) as (state, journal):
        meter = _watched(observer, clock).meter("listing the dead letters", state, Kind)
        for kind in Kind:
            checker = make_checker(kind, settings.validation)
            for found in LetterFile(state, kind, None if journal is None else journal.read, meter):
                yield from rows_of(kind, found.letter, faults_now(found, checker))


def _watched(observer: Observer | None, clock: Clock) -> Watched:
    return Watched(observer or Observers(), clock)
