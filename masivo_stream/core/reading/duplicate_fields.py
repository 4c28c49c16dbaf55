r"""Find a field that occurs twice in one object of a record.

RFC 8259 (section 4) leaves open which of two equal names counts, and parsers differ: most take the last one, some the
first one, some refuse the object. A record with two ids might be applied to another customer than the one noted here.
Only fields of the schema are checked: unknown fields pass as they are, and the members of a free-form object belong to
the export.

A certain answer costs several times what decoding costs. If time is not short (`Rules.thorough`), every line is checked
in every object. Otherwise only suspicious lines are: lines that may have the customer's id twice, since the id decides
whose record it is (two equal ids do no harm), and lines with escaped names, which are decoded strictly in any case
(`core.reading.schema_faults`). Whether a line is suspicious depends on the line alone, so validation in parts or in
other processes finds the same.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import inspect

from masivo_stream.core.reading.schema_faults import Path, describe
from masivo_stream.model.contract import Kind


class _Object(dict[str, Any]):
    """A JSON object, and the names that occur in it more than once."""

    __slots__ = ("twice",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = () if len(pairs) == len(self) else tuple(dict.fromkeys(_duplicates(name for name, _ in pairs)))


class _TwiceError(Exception):
    """Some object has a name twice."""


def _raise_if_twice(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _TwiceError


_search = json.JSONDecoder(object_pairs_hook=_raise_if_twice, parse_int=float).decode
"""Only finds out whether any object has a name twice: a fifth of the time that `_decode` takes."""
_decode = json.JSONDecoder(object_pairs_hook=_Object, parse_int=float).decode


def has_doubled(body: bytes, schema: object) -> bool:
    """Return whether a field of `schema` occurs twice in its object; `body` is as for `find_doubled`."""
    return next(find_doubled(body, schema), None) is not None


def find_doubled(body: bytes, schema: object) -> Iterator[Path]:
    """Yield the path of each field of `schema` that occurs twice in its object, in the order of the schema.

    `body` is a JSON text. Nothing is found if the standard library cannot decode it because it is nested too deeply.
    """
    try:
        text = body.decode()
        try:
            _search(text)
        except _TwiceError:
            yield from _doubled(describe(schema), _decode(text), ())
    except (ValueError, RecursionError):
        pass


def suspicion(kind: Kind) -> Callable[[bytes], bool]:
    """Return a quick check of whether a line of `kind` may have its customer's id twice.

    It does not see escaped names; `schema_faults.is_lenient` does.
    """
    return _suspect_events if kind is Kind.EVENTS else _suspect


def begins_with_id(body: bytes, customer: str) -> bool:
    """Return whether a record begins with the id that it was decoded to: a quick way to clear it of suspicion.

    The decoder takes the last of several ids (msgspec, like most); if the first one is the same, all programs agree.

    Raises:
        UnicodeEncodeError: the id holds a lone surrogate, so it is not text.
    """
    return body.startswith(b'{"id":"%b"' % customer.encode())


def _suspect(body: bytes) -> bool:
    return body.count(b'"id"') != 1


def _suspect_events(body: bytes) -> bool:
    # Redemptions inside the list of events have ids, too. Only what comes before and after that list matters.
    begin, end = body.find(b'"events"'), body.rfind(b"]")
    return body.count(b'"id"', 0, begin) + body.count(b'"id"', end) != 1


def _doubled(kind: inspect.Type, value: object, path: Path) -> Iterator[Path]:
    match kind, value:
        case inspect.Metadata(), _:
            yield from _doubled(kind.type, value, path)
        case inspect.ListType(), list():
            for index, item in enumerate(value):
                yield from _doubled(kind.item_type, item, (*path, index))
        case inspect.UnionType(), _Object():
            yield from _doubled(_member(kind, value), value, path)
        case inspect.StructType(), _Object():
            fields = {field.encode_name: field.type for field in kind.fields}
            yield from ((*path, name) for name in value.twice if name in fields or (fields and name == kind.tag_field))
            for name, type_ in fields.items():
                if name in value:
                    yield from _doubled(type_, value[name], (*path, name))


def _member(kind: inspect.UnionType, value: _Object) -> inspect.Type:
    """Return the type that an object has among those of a union: the one with its tag, otherwise the first struct."""
    structs: list[inspect.Type] = []
    for member in kind.types:
        if isinstance(member, inspect.StructType):
            if member.tag_field and member.tag == value.get(member.tag_field):
                return member
            structs.append(member)
    return structs[0] if structs else inspect.AnyType()


def _duplicates(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)
