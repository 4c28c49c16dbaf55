"""Find a cause of dead letters by its short name, and what values its dead letters have at the place of the fault."""

from collections import Counter

from masivo_stream.core.fault_groups import group_key
from masivo_stream.core.mending.field_path import parse_place
from masivo_stream.core.mending.json_text import CannotEditError, read_text, value_at
from masivo_stream.core.mending.letter import Key
from masivo_stream.core.mending.shown_values import shown_value
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.mending.letter_file import LetterFile, Watched
from masivo_stream.flow.mending.survey import KindSurvey, cause_id, faults_now, make_checker
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.mending import CauseDetail, DeadLetterCause
from masivo_stream.model.settings import ValidationSettings

LISTS = "masivo-stream mend lists the causes with their names, and the corrections that were made"

MOST_VALUES = 10
_MOST_COUNTED = 10_000


def find_cause(
    state: StateDir, journal: JournalReader | None, name: str, validation: ValidationSettings, watched: Watched
) -> tuple[Kind, Key | None]:
    """Return the kind and the cause that a name means; no cause if it is a kind's name.

    Raises:
        ConfigurationError: no dead letter has such a cause, or several causes have names that begin so.
    """
    if name in list(Kind):
        return Kind(name), None
    found: dict[tuple[Kind, Key], None] = {}
    meter = watched.meter("looking for the cause", state, Kind)
    for kind in Kind:
        checker = make_checker(kind, validation)
        for letter in LetterFile(state, kind, journal, meter):
            for fault in faults_now(letter, checker):
                key = group_key(fault.reason, fault.field, fault.message)
                if name and (kind, key) not in found and cause_id(kind, key).startswith(name.lower()):
                    found[kind, key] = None
    if len(found) != 1:
        what = "several causes have a name that begins so" if found else "no dead letter has this cause"
        raise ConfigurationError(f"{name}: {what}", operation="correct dead letters", place="CAUSE", hint=LISTS)
    return next(iter(found))


def describe_cause(letters: LetterFile, key: Key | None, validation: ValidationSettings, *, show: bool) -> CauseDetail:
    """Return a cause with the values at the places of its faults; with no key, the causes of all dead letters."""
    checker = make_checker(letters.kind, validation)
    survey = KindSurvey(letters.kind, checker)
    values: Counter[str] = Counter()
    for found in letters:
        for fault in survey.count(found):
            if group_key(fault.reason, fault.field, fault.message) == key:
                value = _value(read_text(found.letter.body), fault.field, show=show)
                if value in values or len(values) < _MOST_COUNTED:
                    values[value] += 1
    causes: tuple[DeadLetterCause, ...] = tuple(survey.causes())
    if key is not None:
        causes = tuple(cause for cause in causes if cause.id == cause_id(letters.kind, key))
    return CauseDetail(
        kind=letters.kind,
        causes=causes,
        values=dict(values.most_common(MOST_VALUES)),
        values_left_out=max(0, len(values) - MOST_VALUES),
    )


def _value(text: str, field: str, *, show: bool) -> str:
    """Return the value of a field; empty if it is not there."""
    place = parse_place(field)
    try:
        return "" if place is None else shown_value(field, value_at(text, place), show=show)
    except (CannotEditError, ValueError, IndexError, RecursionError):
        return ""
