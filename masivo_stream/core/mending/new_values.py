"""Write a value as the schema wants it, and make a new value of an old one.

A person writes `7`, and a shell, a CSV or a person's habit says nothing about its JSON type. The schema does: `7` is
the string `"7"` for an id, and the number `7` for an amount. A number keeps the spelling that it was given.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec
from msgspec import Struct, inspect

from masivo_stream.core.mending.json_text import quote
from masivo_stream.core.reading.schema_faults import expectation, faults_of

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = frozenset({"true", "false"})
_TEXTS = inspect.StrType | inspect.CustomType | inspect.DateTimeType | inspect.LiteralType
"""What is a string in JSON; the only type of our own is that of UUIDs."""
_DATE = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?: ?(?P<zone>[Zz]|UTC|[+-]\d{2}(?::?\d{2})?))?)?"
)
_ZONE = re.compile(r"Z|[+-]\d{2}:\d{2}")


class WrongValueError(ValueError):
    """A value does not fit the field; the message says what does, and holds no value."""


def write_value(text: str, types: Iterable[inspect.Type]) -> str:
    """Return the JSON text of a value that a person wrote as `text`, for a field of one of these types.

    Raises:
        WrongValueError: the field takes no such value.
    """
    known = list(types)
    for candidate in _candidates(text, known):
        if _fits(candidate, known):
            return candidate
    raise WrongValueError(f"expected {expected(known)}")


def expected(types: Iterable[inspect.Type]) -> str:
    """Return what a field of these types takes, in words."""
    known = list(types)
    words = [value for kind in known if isinstance(kind, inspect.LiteralType) for value in kind.values]
    if words and len(words) == sum(len(kind.values) for kind in known if isinstance(kind, inspect.LiteralType)):
        others = [kind for kind in known if not isinstance(kind, inspect.LiteralType)]
        return ", or ".join(["one of " + ", ".join(map(str, words)), *dict.fromkeys(map(expectation, others))])
    return " or ".join(dict.fromkeys(map(expectation, known))) or "a JSON value"


def _candidates(text: str, types: list[inspect.Type]) -> Iterator[str]:
    bare = text.strip()
    plain = [inner for kind in types for inner in _unwrapped(kind)]
    if bare == "null" and any(isinstance(kind, inspect.NoneType | inspect.AnyType | inspect.RawType) for kind in plain):
        yield bare
    if _NUMBER.fullmatch(bare) and any(isinstance(kind, inspect.FloatType | inspect.IntType) for kind in plain):
        yield bare
    if bare in _WORDS and any(isinstance(kind, inspect.BoolType) for kind in plain):
        yield bare
    if any(isinstance(kind, _TEXTS) for kind in plain):
        yield quote(text)
    if is_json(bare):
        yield bare
    if any(isinstance(kind, inspect.AnyType | inspect.RawType) for kind in plain):
        yield quote(text)


def _unwrapped(kind: inspect.Type) -> Iterator[inspect.Type]:
    match kind:
        case inspect.Metadata():
            yield from _unwrapped(kind.type)
        case inspect.UnionType():
            for member in kind.types:
                yield from _unwrapped(member)
        case _:
            yield kind


def takes_dates(types: Iterable[inspect.Type]) -> bool:
    """Return whether a field of these types takes a date with a time."""
    return any(isinstance(plain, inspect.DateTimeType) for kind in types for plain in _unwrapped(kind))


def takes_words(types: Iterable[inspect.Type]) -> bool:
    """Return whether a field of these types takes one of a few words."""
    return any(isinstance(plain, inspect.LiteralType) for kind in types for plain in _unwrapped(kind))


def _fits(candidate: str, types: list[inspect.Type]) -> bool:
    value = json.loads(candidate, parse_int=float)
    return not types or any(not faults_of(kind, value) for kind in types)


def is_json(text: str) -> bool:
    """Return whether a text is one JSON value."""
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def plain_text(value: str | None) -> str:
    """Return a JSON text as a person reads it: a string without its quotes; empty if there is no value."""
    if value is None:
        return ""
    try:
        content = json.loads(value, strict=False) if value[:1] == '"' else value
    except ValueError:
        return value
    return str(content)


class NotMappedError(WrongValueError):
    """A value is not among those that are mapped."""

    def __init__(self, value: str | None) -> None:
        """Keep its JSON text, None for a missing field."""
        super().__init__("its value is not among those that are mapped")
        self.value = value


class Change(Protocol):
    """Makes the new JSON text of a field from its old one."""

    def __call__(self, old: str | None, types: list[inspect.Type]) -> str | None:
        """Return the new text for a field of these types, None if there is nothing to change.

        Raises:
            WrongValueError: no right value can be made of the old one; the message says why.
        """
        ...


class SetTo(Struct, frozen=True):
    """Write the same value everywhere."""

    text: str

    def __call__(self, _old: str | None, types: list[inspect.Type]) -> str | None:
        """Return the value."""
        return write_value(self.text, types)


class MapTo(Struct, frozen=True):
    """Write a new value for each old one that is listed."""

    pairs: Mapping[str, str]

    def __call__(self, old: str | None, types: list[inspect.Type]) -> str | None:
        """Return the value that the old one becomes."""
        found = self.pairs.get(plain_text(old))  # the empty text stands for a missing field too
        if found is None:
            raise NotMappedError(old)
        return write_value(found, types)


class Convert(Struct, frozen=True):
    """Write the same value with the JSON type that the schema wants: `"7"` as 7, 7 as `"7"`."""

    def __call__(self, old: str | None, types: list[inspect.Type]) -> str | None:
        """Return the converted value."""
        if old is None:
            raise WrongValueError("the field is missing")
        if old[:1] in {"[", "{"}:
            raise WrongValueError("a list or an object cannot be converted")
        new = write_value(plain_text(old), types)
        return None if new == old else new


class AddZone(Struct, frozen=True):
    """Write dates as RFC 3339 has them: `T` before the time, and a time zone; one that is there stays."""

    zone: str

    def __call__(self, old: str | None, types: list[inspect.Type]) -> str | None:
        """Return the date-time with the zone."""
        found = _DATE.fullmatch(plain_text(old).strip())
        if found is None:
            raise WrongValueError("it is not a date that begins with year, month and day")
        time = found["time"] or "00:00:00"
        seconds = "" if time.count(":") > 1 else ":00"
        return write_value(f"{found['day']}T{time}{seconds}{_spell_zone(found['zone']) or self.zone}", types)


def _spell_zone(zone: str | None) -> str:
    """Return a time zone as RFC 3339 writes it; empty for none."""
    if not zone or zone in {"Z", "z", "UTC"}:
        return "Z" if zone else ""
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return f"{zone[0]}{digits[:2]}:{digits[2:]}"


def is_zone(text: str) -> bool:
    """Return whether a text is a time zone of RFC 3339."""
    return _ZONE.fullmatch(text) is not None
