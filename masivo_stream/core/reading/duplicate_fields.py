r"""Find a field that stands twice in one object of a record.

RFC 8259 (section 4) leaves open which of two equal names counts, and parsers differ: most take the last one, some the
first one, some refuse. A record with two ids might be applied to another customer than the one that we note.
Only fields of the schema count: what the API does not know passes as it is, and a free-form object is its own business.

To be certain costs several times what decoding costs. Where time is not short (`thorough`) every line is looked at, and
every field of every object is found. Else a line is suspected first: by the customer's id, which says whose record it
is (one that is there twice and is the same both times does no harm), and by names with escaped characters, which the
judge looks at anyway (`core.reading.schema_faults`). Whether a line is suspected
depends on the line alone, so judging in parts, or in other processes, finds the same.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from msgspec import inspect

from masivo_stream.model.contract import Kind

Path = tuple[str | int, ...]


class _Object(dict[str, Any]):
    """A JSON object, and the names that stand in it more than once."""

    __slots__ = ("twice",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = () if len(pairs) == len(self) else tuple(_repeated(name for name, _ in pairs))


class _TwiceError(Exception):
    """Some object has a name twice."""


def _look(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _TwiceError


_look_through = json.JSONDecoder(object_pairs_hook=_look, parse_int=float).decode
"""Takes a fifth of the time of taking apart, which only lines are worth that have some name twice."""
_decode = json.JSONDecoder(object_pairs_hook=_Object, parse_int=float).decode


def find_doubled(body: bytes, schema: object) -> Path | None:
    """Return the path of the first field of `schema` that stands twice in its object, None where there is none.

    `body` is a valid record; where the standard library cannot take it apart (it is nested too deeply), None as well.
    """
    try:
        text = body.decode()
        try:
            _look_through(text)
        except _TwiceError:
            return next(_doubled(_describe(schema), _decode(text), ()), None)
    except (ValueError, RecursionError):
        pass
    return None


def suspicion(kind: Kind) -> Callable[[bytes], bool]:
    """Return what tells whether a line may have its customer's id twice. A name in escapes is suspected elsewhere."""
    return _suspect_events if kind is Kind.EVENTS else _suspect


def begins_with_id(body: bytes, customer: str) -> bool:
    """Tell whether a record begins with the id that it was decoded to have: a quick way to clear it of suspicion.

    The decoder takes the last one of several (msgspec, as most do); where the first one is the same, programs agree.

    Raises:
        UnicodeEncodeError: it was decoded to what is no text.
    """
    return body.startswith(b'{"id":"%b"' % customer.encode())


def _suspect(body: bytes) -> bool:
    return body.count(b'"id"') != 1


def _suspect_events(body: bytes) -> bool:
    # A redemption has an id as well, within the list of events: what matters stands before and behind it.
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
    """Return the object's own type of those that it may have, by its tag where there are several."""
    structs: list[inspect.Type] = []
    for member in kind.types:
        if isinstance(member, inspect.StructType):
            if member.tag_field and member.tag == value.get(member.tag_field):
                return member
            structs.append(member)
    return structs[0] if structs else inspect.AnyType()


def _repeated(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


@cache
def _describe(schema: object) -> inspect.Type:
    return inspect.type_info(schema)
