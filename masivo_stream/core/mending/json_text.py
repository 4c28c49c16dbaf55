r"""Change one value in a JSON text, and leave every other character as it is.

A correction must not change the spelling of what it does not touch: numbers, escapes, white space, the order of fields.
So a record is never decoded and encoded again. The text is searched for the value's place, and only that is replaced.
A new field is written as its neighbours are: with a space after the colon if they have one.

The standard library's decoder finds the end of each value (`raw_decode`). A text that is not JSON is refused first.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Names of fields and indexes of list items, from the record down."""

_decode = json.JSONDecoder(strict=False, parse_int=float).raw_decode
_WHITE = frozenset(" \t\r\n")


class CannotEditError(ValueError):
    """A text cannot be changed at a path. The message says why, and holds no value."""


class _Member(NamedTuple):
    name: str
    begin: int
    """The place of the name's first quote."""
    colon: int
    """The place behind the name."""
    start: int
    end: int


def read_text(body: bytes) -> str:
    """Return a record's bytes as text; bytes that are not UTF-8 are kept (PEP 383)."""
    return body.decode("utf-8", "surrogateescape")


def write_text(text: str) -> bytes:
    """Return the bytes of which `read_text` made `text`."""
    return text.encode("utf-8", "surrogateescape")


def check_json(text: str) -> object:
    """Return the value of a text.

    Raises:
        CannotEditError: it is not one JSON object.
    """
    try:
        value, end = _decode(text, _skip(text, 0))
    except (ValueError, RecursionError):
        raise CannotEditError("it cannot be read as JSON") from None
    if not isinstance(value, dict) or text[end:].strip(" \t\r\n"):
        raise CannotEditError("it is not one JSON object")
    return value


def value_at(text: str, path: Path) -> str | None:
    """Return the JSON text of the value at a path; None if there is no such field or item.

    Raises:
        CannotEditError: a field on the way occurs twice, or is in a value that holds no fields or items.
    """
    spans = _spans(text, path)
    if len(spans) > 1:
        raise CannotEditError("the field occurs twice")
    return text[slice(*spans[0])] if spans else None


def replace(text: str, path: Path, new: str) -> str:
    """Return the text with the JSON text `new` at a path. A field that is missing is added to its object.

    A field that occurs twice keeps its first place.

    Raises:
        CannotEditError: there is no object for the field, or no such item.
    """
    spans = _spans(text, path)
    if not spans:
        return _insert(text, path, new)
    if len(spans) > 1:
        text = remove(text, path, keep_first=True)
    start, end = spans[0]
    return text[:start] + new + text[end:]


def write_fields(text: str, values: Mapping[str, str], *, renamed: Mapping[str, str] | None = None) -> str:
    """Return an object with the JSON texts `values` in the fields of these names; a missing one is added at the end.

    `renamed`: new names by old ones, for fields that have no new value.
    """
    pieces: list[str] = []
    at, left = 0, dict(values)
    members = _members(text, _skip(text, 0))
    for member in members:
        if (name := (renamed or {}).get(member.name)) is not None:
            pieces += [text[at : member.begin], quote(name)]
            at = member.colon
            member = member._replace(name=name)  # noqa: PLW2901 - the same field, under its new name
        if member.name in left:
            pieces += [text[at : member.start], left.pop(member.name)]
            at = member.end
    end = members[-1].end if members else text.index("{") + 1
    pieces.append(text[at:end])
    pieces += [
        f"{',' if members or number else ''}{quote(name)}:{new}" for number, (name, new) in enumerate(left.items())
    ]
    return "".join([*pieces, text[end:]])


def remove(text: str, path: Path, *, keep_first: bool = False) -> str:
    """Return the text without the field at a path, or without all but its first occurrence.

    Raises:
        CannotEditError: the path leads to no field of an object.
    """
    members, name = _siblings(text, path)
    gone = [number for number, member in enumerate(members) if member.name == name][keep_first:]
    for number in reversed(gone):
        begin, end = members[number].begin, members[number].end
        if number + 1 < len(members) and number == 0:
            end = members[1].begin
        elif number:
            begin = members[number - 1].end
        text = text[:begin] + text[end:]
        members = _siblings(text, path)[0]
    return text


def rename(text: str, path: Path, name: str) -> str:
    """Return the text with another name for the field at a path.

    Raises:
        CannotEditError: the path leads to no field, or its object has a field of the new name.
    """
    members, old = _siblings(text, path)
    if any(member.name == name for member in members):
        raise CannotEditError("the object has a field of the new name already")
    found = [member for member in members if member.name == old]
    if len(found) != 1:
        raise CannotEditError("the field occurs twice" if found else "there is no such field")
    return text[: found[0].begin] + quote(name) + text[found[0].colon :]


def quote(content: str) -> str:
    """Return a string as JSON, with the characters themselves where JSON allows that."""
    return json.dumps(content, ensure_ascii=False)


def _spans(text: str, path: Path) -> list[tuple[int, int]]:
    """Return where the value at a path is; several places if the last field occurs more than once."""
    at = _skip(text, 0)
    spans = [(at, len(text))]
    for step in path:
        if len(spans) > 1:
            raise CannotEditError("a field on the way occurs twice")
        at = spans[0][0]
        if isinstance(step, str):
            spans = [(member.start, member.end) for member in _members(text, at) if member.name == step]
        else:
            spans = _elements(text, at)[step : step + 1]
        if not spans:
            if step is path[-1]:
                break
            raise CannotEditError("the object that would hold the field is missing")
    return spans


def _siblings(text: str, path: Path) -> tuple[tuple[_Member, ...], str]:
    """Return all fields of the object that holds the field at a path, and the field's name."""
    *above, name = path
    if not isinstance(name, str):
        raise CannotEditError("the path leads to an item of a list, not to a field")
    spans = _spans(text, tuple(above))
    if len(spans) != 1:
        raise CannotEditError("the object that would hold the field is missing")
    return _members(text, spans[0][0]), name


def _insert(text: str, path: Path, new: str) -> str:
    """Return the text with a new field at the end of its object."""
    members, name = _siblings(text, path)
    if not members:
        at = text.index("{", _spans(text, path[:-1])[0][0]) + 1
        return f"{text[:at]}{quote(name)}:{new}{text[at:]}"
    last = members[-1]
    between = text[members[-2].end : last.begin] if len(members) > 1 else ","
    colon = text[last.colon : last.start]
    return f"{text[: last.end]}{between}{quote(name)}{colon}{new}{text[last.end :]}"


@lru_cache(maxsize=8)  # a value is looked at, then written: the fields of its object are found once
def _members(text: str, at: int) -> tuple[_Member, ...]:
    """Return the fields of the object that begins at `at`."""
    if text[at] != "{":
        raise CannotEditError("the value that would hold the field is no object")
    found: list[_Member] = []
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, colon = _decode(text, at)
        start = _skip(text, _skip(text, colon) + 1)
        _, end = _decode(text, start)
        found.append(_Member(name, at, colon, start, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return tuple(found)


def _elements(text: str, at: int) -> list[tuple[int, int]]:
    """Return where the items of the list that begins at `at` are."""
    if text[at] != "[":
        raise CannotEditError("the value that would hold the item is no list")
    found: list[tuple[int, int]] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        _, end = _decode(text, at)
        found.append((at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    """Return the place of the first character from `at` on that is no white space."""
    while text[at : at + 1] in _WHITE:
        at += 1
    return at
