"""The command `mend`: correct all dead letters of one cause, or give them up; and take a correction back.

The dead-letter file is read once, and a new one is written beside it. What that changes is shown, and a person agrees;
only then it takes the place of the old one. Each changed line is kept as it was. Nothing is sent: `retry` does that.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from msgspec import Struct

from masivo_stream.core.fault_groups import group_key
from masivo_stream.core.mending.correct import (
    Action,
    CopyFrom,
    Corrector,
    Edit,
    FromTable,
    GiveUp,
    RemoveField,
    RenameField,
    RowKey,
    Target,
    row_keys,
)
from masivo_stream.core.mending.field_path import nearest_path, parse_path, types_at
from masivo_stream.core.mending.json_text import read_text
from masivo_stream.core.mending.letter import Key, LetterFault, Mark, sign, write_letter
from masivo_stream.core.mending.new_values import AddZone, Convert, MapTo, SetTo, WrongValueError, write_value
from masivo_stream.core.mending.shown_values import shown_value
from masivo_stream.core.mending.ways import BY_HAND
from masivo_stream.core.mending.ways import EXAMPLES as PATHS
from masivo_stream.core.reading.strict import make_rules
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.flow.identity.account_binding import name_person
from masivo_stream.flow.mending.causes import LISTS, find_cause
from masivo_stream.flow.mending.corrections import (
    MADE,
    UNDONE,
    Draft,
    Head,
    beside,
    draft_of,
    kept_at,
    kept_lines,
    name_of,
    next_number,
    read_corrections,
)
from masivo_stream.flow.mending.coverage import Coverage
from masivo_stream.flow.mending.letter_file import Found, LetterFile, Watched
from masivo_stream.flow.mending.open_state import own
from masivo_stream.flow.mending.survey import faults_now, make_checker
from masivo_stream.flow.mending.table_file import read_table_file
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.mending import EditExample, MadeCorrection, Mended, StillFaulty
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

EXAMPLES = 3
_MOST_STILL = 10
_MOST_LINES = 10
_OPERATION = "correct dead letters"


class TableFile(Struct, frozen=True):
    """Write what a CSV file has for the customer's id."""

    path: str


class Mend(Struct, frozen=True, kw_only=True):
    """One correction."""

    cause: str
    """The short name of a cause, or its beginning; or a kind: then all its dead letters are corrected."""
    action: Action | TableFile
    field: str = ""
    """The path of the field, if it is not the faulty one."""
    show_values: bool = False
    """Let the examples have values that may be personal: ids, names, emails."""


async def mend(
    settings: Settings,
    wanted: Mend,
    *,
    agree: Callable[[Mended], bool] | None = None,
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> Mended:
    """Correct all dead letters of one cause, or give them up.

    Args:
        settings: the state directory, and how records are validated; see `load_settings`.
        wanted: what is corrected, and how.
        agree: gets what the correction would change, and returns whether to write it; without it, it is written.
        observer: is notified of how far the work is.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there is no run, another process is at work, there is no such cause or field, or the field
            does not take the value.
        InputError: a line is not a dead letter, or a table of corrections cannot be used.
        StorageError: it cannot be written; then nothing is changed.
    """
    clock = (runtime or Runtime()).clock
    with own(settings.state.state_dir, clock) as (state, journal):
        watched = Watched(observer or Observers(), clock)
        kind, key = find_cause(state, journal.read, wanted.cause, settings.validation, watched)
        meter = watched.meter("correcting the dead letters", state, [kind])
        work = _MendWork(kind, key, wanted, settings)
        number = next_number(state)
        head = Head(
            mend=number,
            kind=kind,
            what=work.what,
            at=clock.wall().isoformat(timespec="seconds"),
            person=name_person(),
            gave_up=wanted.action.reason if isinstance(wanted.action, GiveUp) else "",
        )
        letters, kept = beside(kind, MADE, number), draft_of(number, kind)
        with state.creating(letters) as write_letters, state.creating(kept) as write_kept:
            draft = Draft(head, write_letters, write_kept)
            for found in LetterFile(state, kind, journal.read, meter):
                work.take(found, draft, number)
            draft.end()
        result = work.result()
        with ExitStack() as drafts:
            drafts.callback(state.remove, letters)
            drafts.callback(state.remove, kept)
            if not draft.changed or not (agree is None or agree(result)):
                return result
            drafts.pop_all()
        state.rename(kept, name_of(MADE, number, kind))
        state.rename(letters, dead_letter_name(kind))
        what = f"correction {number}: {work.what}, {draft.changed:,} dead letters of {kind}"
        noted = NoteKind.GAVE_UP if head.gave_up else NoteKind.MENDED
        await journal.take_note(Note(noted, what, person=head.person))
    return _applied(result, number)


async def undo_mend(
    settings: Settings,
    *,
    agree: Callable[[MadeCorrection], bool] | None = None,
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> tuple[MadeCorrection, int]:
    """Take the last correction back: its dead letters become what they were, and what was given up comes back.

    Dead letters that a retry has taken, or that were edited since, stay as they are.

    Returns:
        The correction, and how many dead letters became what they were.

    Raises:
        ConfigurationError: there is no run, another process is at work, or there is nothing to undo.
        StorageError: it cannot be written; then nothing is changed.
    """
    clock = (runtime or Runtime()).clock
    with own(settings.state.state_dir, clock) as (state, journal):
        made = [each for each in read_corrections(state) if not each.undone]
        if not made:
            raise ConfigurationError("there is no correction to undo", operation=_OPERATION, hint=LISTS)
        last = made[-1]
        if agree is not None and not agree(last):
            return last, 0
        kind, name = Kind(last.kind), beside(Kind(last.kind), UNDONE, last.number)
        restored, watched = 0, Watched(observer or Observers(), clock)
        letters = LetterFile(state, kind, journal.read, watched.meter("undoing the correction", state, [kind]))
        with state.creating(name) as write:
            for line, own_line in _restored(state, letters, last):
                write((line if line.endswith(b"\n") else line + b"\n",))
                restored += own_line
        if not restored:
            state.remove(name)
            raise ConfigurationError(
                f"correction {last.number} cannot be undone: a retry has taken its dead letters, or they were edited",
                operation=_OPERATION,
                hint="correct again what comes back as a dead letter",
            )
        state.rename(name_of(MADE, last.number, kind), name_of(UNDONE, last.number, kind))
        state.rename(name, dead_letter_name(kind))
        what = f"correction {last.number} undone: {restored:,} dead letters of {kind}"
        await journal.take_note(Note(NoteKind.MEND_UNDONE, what, person=name_person()))
    return last, restored


def _restored(state: StateDir, letters: LetterFile, last: MadeCorrection) -> Iterator[tuple[bytes, bool]]:
    """Yield the lines of a dead-letter file without a correction, each with whether it was restored."""
    kind = letters.kind
    for found in letters:
        mark = found.letter.mended[-1] if found.letter.mended else None
        kept = kept_at(state, mark, kind) if mark is not None and mark.mend == last.number else None
        if kept is not None and kept.after == sign(found.line):
            yield kept.line.encode(), True
        else:
            yield found.line, False
    for kept in kept_lines(state, last.number, kind) if last.gave_up else ():
        if kept.after is None and letters.is_known(kept.line.encode()):
            yield kept.line.encode(), True


def _applied(result: Mended, number: int) -> Mended:
    fields = {name: getattr(result, name) for name in result.__struct_fields__}
    return Mended(**{**fields, "number": number, "applied": True})


class _MendWork:
    """One correction of the dead letters of a kind: it takes each, and counts."""

    def __init__(self, kind: Kind, key: Key | None, wanted: Mend, settings: Settings) -> None:
        self._kind, self._key, self._show = kind, key, wanted.show_values
        self._checker = make_checker(kind, settings.validation)
        schema = make_rules(kind, settings.validation, thorough=True, pure_python=True).schema
        self._target = _target(kind, key, wanted, schema)
        self._lines: dict[RowKey, int] = {}
        self._other_kinds: dict[str, int] = {}
        action = wanted.action
        if isinstance(action, TableFile):
            table = read_table_file(action.path, kind, schema)
            action, self._lines, self._other_kinds = (
                FromTable(table.rows, table.unfilled),
                table.lines,
                table.other_kinds,
            )
        self._action = action
        self.what = _describe(action, wanted.field or (key[1] if key is not None else ""))
        self._corrector = Corrector(self._target, action, schema, self._checker)
        self._concerned = self._changed = self._valid = 0
        self._left: Counter[str] = Counter()
        self._coverage = Coverage(action.pairs if isinstance(action, MapTo) else {}, show=self._show)
        self._still: Counter[Key] = Counter()
        self._examples: list[EditExample] = []

    def take(self, found: Found, draft: Draft, number: int) -> None:
        """Correct a dead letter if it is concerned, and write its line."""
        faults = faults_now(found, self._checker)
        if not self._target.concerns(faults):
            draft.pass_on(found.line)
            return
        self._concerned += 1
        if isinstance(self._action, GiveUp):
            draft.give_up(found.line)
            self._changed += 1
            return
        corrected = self._corrector.correct(found.letter, faults)
        self._left.update(corrected.left)
        self._coverage.take(corrected.edits, corrected.unmapped)
        if self._lines:
            for key in row_keys(found.letter, read_text(found.letter.body)):
                self._lines.pop(key, None)
        if not corrected.edits:
            draft.pass_on(found.line)
            return
        self._changed += 1
        self._valid += not corrected.faults
        keys = {group_key(fault.reason, fault.field, fault.message): None for fault in corrected.faults}
        self._still.update(keys.keys())
        self._show_example(found, corrected.edits)
        mark = Mark(number, draft.mark)
        draft.change(found.line, write_letter(found.line, found.letter, corrected.body, mark, _some(corrected.faults)))

    def _show_example(self, found: Found, edits: tuple[Edit, ...]) -> None:
        if len(self._examples) < EXAMPLES:
            edit = edits[0]
            self._examples.append(
                EditExample(
                    file=found.letter.file,
                    line=found.letter.line,
                    field=edit.place,
                    before=shown_value(edit.place, edit.before, show=self._show),
                    after=shown_value(edit.place, edit.after, show=self._show),
                )
            )

    def result(self) -> Mended:
        """Return what the correction changes."""
        return Mended(
            kind=self._kind,
            what=self.what,
            concerned=self._concerned,
            changed=self._changed,
            valid=self._valid,
            still=tuple(
                StillFaulty(reason=key[0], field=key[1], cause=key[2], dead_letters=count)
                for key, count in self._still.most_common(_MOST_STILL)
            ),
            left=dict(self._left.most_common()),
            unmapped=self._coverage.unmapped(),
            unmapped_left_out=self._coverage.left_out(),
            old_values_unused=self._coverage.unused(),
            examples=tuple(self._examples),
            rows_unused=tuple(sorted(self._lines.values())[:_MOST_LINES]),
            rows_unused_count=len(self._lines),
            rows_of_other_kinds=self._other_kinds,
        )


_MOST_FAULTS = 100


def _some(faults: tuple[LetterFault, ...]) -> tuple[LetterFault, ...]:
    return faults[:_MOST_FAULTS]


def _target(kind: Kind, key: Key | None, wanted: Mend, schema: object) -> Target:
    """Return which places a correction is about.

    Raises:
        ConfigurationError: no field is named although the cause names none, there is no such field, or it does not
            take the value.
    """
    action = wanted.action
    if isinstance(action, GiveUp | TableFile | FromTable):
        return Target(key)
    if key is not None and key[0] in BY_HAND and not wanted.field:
        raise ConfigurationError(
            "lines that cannot be read as records have no field to correct",
            operation=_OPERATION,
            place="CAUSE",
            hint=f"correct `raw` in {dead_letter_name(kind)} with an editor, then retry; or give them up: --give-up",
        )
    if not wanted.field and (key is None or not key[1]):
        raise ConfigurationError(
            "it is not known which field to correct",
            operation=_OPERATION,
            place="--field",
            hint=f"name its path, such as --field {PATHS[kind]}",
        )
    path = parse_path(wanted.field or ("" if key is None else key[1]))
    types = [] if path is None else types_at(schema, path)
    if wanted.field and (path is None or (not types and not isinstance(action, RenameField | RemoveField | CopyFrom))):
        near = nearest_path(schema, wanted.field)
        raise ConfigurationError(
            f"records of {kind} have no field with the path {wanted.field}",
            operation=_OPERATION,
            place="--field",
            hint=f"name a field of the API, such as {near or 'id'}; a list has [] after its name",
        )
    for text in _written(action):
        try:
            if types:
                write_value(text, types)
        except WrongValueError as error:
            raise ConfigurationError(
                f"the value does not fit the field: {error}",
                operation=_OPERATION,
                place=wanted.field or (key[1] if key is not None else ""),
                hint="write a value that the field takes",
            ) from error
    return Target(key, path if wanted.field else None)


def _written(action: Action | TableFile) -> tuple[str, ...]:
    """Return the values that an action writes whatever is there."""
    match action:
        case SetTo(text):
            return (text,)
        case MapTo(pairs):
            return tuple(pairs.values())
        case _:
            return ()


def _describe(action: Action, field: str) -> str:
    """Return a correction in words, without a value."""
    match action:
        case SetTo():
            return f"set {field}"
        case MapTo(pairs):
            return f"map {len(pairs)} {'values' if len(pairs) != 1 else 'value'} of {field}"
        case Convert():
            return f"convert {field} to the right JSON type"
        case AddZone():
            return f"add a time zone to {field}"
        case CopyFrom(name):
            return f"copy {name} to {field}"
        case RenameField(name):
            return f"rename {field} to {name}"
        case RemoveField():
            return f"remove {field}"
        case FromTable():
            return "take values from a table"
        case GiveUp():
            return "give up"
