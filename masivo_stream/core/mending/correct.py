"""Correct one record: at which places, and what is written there.

A target says which dead letters are concerned, and which places of their records: the faulty ones of a cause, or those
of a path. An action says what becomes of such a place. If that cannot be done at a place, it stays as it was, and the
reason is counted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from masivo_stream.core.fault_groups import group_key
from masivo_stream.core.mending.field_path import FieldPath, narrow, parse_place, places_of, spell_path, types_at
from masivo_stream.core.mending.json_text import (
    CannotEditError,
    Path,
    check_json,
    read_text,
    remove,
    rename,
    replace,
    value_at,
    write_text,
)
from masivo_stream.core.mending.letter import Checker, Key, Letter, LetterFault, found_elsewhere
from masivo_stream.core.mending.new_values import (
    AddZone,
    Convert,
    MapTo,
    NotMappedError,
    SetTo,
    WrongValueError,
    plain_text,
    write_value,
)

_MOST_ROUNDS = 200
"""A dead letter lists a hundred faults at most: the others are found when these are corrected."""


class CopyFrom(Struct, frozen=True):
    """Write the value that another field of the same object has, byte for byte."""

    name: str


class RenameField(Struct, frozen=True):
    """Give the field another name."""

    name: str


class RemoveField(Struct, frozen=True):
    """Leave the field out."""


class RowPlace(Struct, frozen=True):
    """The dead letter for which a row of a table is: the list of dead letters names file and line beside the id."""

    id: str
    file: str
    line: str


RowKey = str | RowPlace
"""For which dead letters a row is: those with an id, or only the one at a place."""


def row_keys(letter: Letter, text: str) -> tuple[RowKey, ...]:
    """Return the keys of the rows that are for a dead letter; `text` is its record."""
    customer = id_text(text)
    return customer, RowPlace(customer, letter.file, str(letter.line))


class FromTable(Struct, frozen=True):
    """Write what a table has for the customer's id, or for the place of the dead letter: texts by path."""

    rows: Mapping[RowKey, Mapping[FieldPath, str]]
    unfilled: Collection[RowKey] = ()
    """In the table, and without a correction."""


class GiveUp(Struct, frozen=True):
    """Set the dead letters aside."""

    reason: str


Action = SetTo | MapTo | Convert | AddZone | CopyFrom | RenameField | RemoveField | FromTable | GiveUp


class Target(Struct, frozen=True):
    """Which places of which dead letters are corrected."""

    key: Key | None = None
    """The cause; None for all dead letters of the kind."""
    field: FieldPath | None = None
    """The path of the field; None for the places of the faults themselves."""

    def concerns(self, faults: Iterable[LetterFault]) -> bool:
        """Return whether a dead letter with these faults is concerned."""
        return self.key is None or any(_key(fault) == self.key for fault in faults)

    def places(self, faults: Iterable[LetterFault], record: object) -> Iterator[Path]:
        """Yield the places to correct in a record."""
        if self.key is None:
            yield from places_of(self.field or (), record)
            return
        for fault in faults:
            if _key(fault) == self.key:
                place = parse_place(fault.field)
                if self.field is not None:
                    yield from places_of(narrow(self.field, place or ()), record)
                elif place is not None:
                    yield place


def _key(fault: LetterFault) -> Key:
    return group_key(fault.reason, fault.field, fault.message)


class Edit(Struct, frozen=True):
    """What was changed at one place; None if the field was not there, or is no longer."""

    place: str
    before: str | None
    after: str | None


class Corrected(Struct, frozen=True):
    """A record after a correction."""

    body: bytes
    edits: tuple[Edit, ...] = ()
    left: tuple[str, ...] = ()
    """Why places stayed as they were."""
    unmapped: tuple[Edit, ...] = ()
    """The places of these whose value has no new one in the mapping, each with its value before."""
    faults: tuple[LetterFault, ...] = ()
    """What is wrong with it now; only if it was changed."""


class Corrector:
    """Correct records of one kind."""

    def __init__(self, target: Target, action: Action, schema: object, checker: Checker) -> None:
        """Do `action` where `target` says; `schema` is the type of a record of the kind."""
        self._target, self._action, self._schema, self._checker = target, action, schema, checker

    def correct(self, letter: Letter, faults: tuple[LetterFault, ...]) -> Corrected:
        """Return the record of a dead letter that has these faults, corrected."""
        text = read_text(letter.body)
        edits: list[Edit] = []
        left: list[str] = []
        unmapped: list[Edit] = []
        done: set[Path] = set()
        known = faults
        keys = row_keys(letter, text)
        try:
            record = check_json(text)
            for _ in range(_MOST_ROUNDS):
                wanted = self._wanted(known, record, keys)
                places = [(place, new) for place, new in wanted if place not in done]
                done.update(place for place, _ in places)
                before = len(edits)
                for place, new in places:
                    try:
                        text = self._at(text, place, new, edits)
                    except (CannotEditError, WrongValueError) as error:
                        left.append(str(error))
                        if isinstance(error, NotMappedError):
                            unmapped.append(Edit(spell_path(place), error.value, error.value))
                if len(edits) == before:
                    break
                record, known = check_json(text), self._checker.faults(write_text(text))
        except CannotEditError as error:
            left.append(str(error))
        body = write_text(text)
        if not edits:
            return Corrected(body, left=tuple(left) or ("it has nothing to change",), unmapped=tuple(unmapped))
        now = (*known, *found_elsewhere(faults, self._target.key))
        return Corrected(body, tuple(edits), tuple(left), tuple(unmapped), now)

    def _wanted(
        self, faults: Iterable[LetterFault], record: object, keys: tuple[RowKey, ...]
    ) -> list[tuple[Path, str | None]]:
        """Return the places to change; with a table, the new texts too."""
        if not isinstance(self._action, FromTable):
            return [(place, None) for place in dict.fromkeys(self._target.places(faults, record))]
        rows = [self._action.rows[key] for key in keys if key in self._action.rows]
        if not rows and any(key in self._action.unfilled for key in keys):
            raise CannotEditError("no correction is filled in for it")
        if not rows:
            raise CannotEditError("its id is not in the table" if keys[0] else "it has no id to find in the table")
        row = {path: new for each in rows for path, new in each.items()}
        return [(place, new) for path, new in row.items() for place in places_of(path, record)]

    def _at(self, text: str, place: Path, new: str | None, edits: list[Edit]) -> str:
        """Return the text with one place changed; what was changed is added to `edits`."""
        before = self._before(text, place)
        match self._action:
            case RenameField(name):
                text = rename(text, place, name)
                edits.append(Edit(spell_path((*place[:-1], name)), None, before))
                return text
            case RemoveField():
                changed = remove(text, place)
                after = None
            case _:
                after = self._after(text, place, before, new)
                changed = text if after is None or after == before else replace(text, place, after)
        if changed != text:
            edits.append(Edit(spell_path(place), before, after))
        return changed

    def _before(self, text: str, place: Path) -> str | None:
        """Return the value at a place; None also if it is not certain and need not be known."""
        try:
            return value_at(text, place)
        except CannotEditError:
            if not isinstance(self._action, SetTo | FromTable | RemoveField):
                raise
            return None

    def _after(self, text: str, place: Path, before: str | None, new: str | None) -> str | None:
        """Return the new value of a place, None if there is nothing to change."""
        types = types_at(self._schema, place)
        match self._action:
            case CopyFrom(name):
                found = value_at(text, (*place[:-1], name))
                if found is None:
                    raise CannotEditError("the field to copy from is missing")
                return found
            case FromTable():
                return write_value(new or "", types)
            case SetTo() | MapTo() | Convert() | AddZone() as action:
                return action(before, types)
            case _:
                return None


def id_text(text: str) -> str:
    """Return the id of a record, a JSON text, as a table writes it; empty if it has none that is certain."""
    try:
        found = value_at(text, ("id",))
    except (CannotEditError, ValueError, IndexError, RecursionError):
        return ""
    return "" if found is None or found[:1] in {"[", "{", "n"} else plain_text(found)
