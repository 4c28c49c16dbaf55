r"""Check a decoded JSON value against a msgspec type, and list every fault with its path and reason.

msgspec's own typed decoder stops at the first fault and reports it in a sentence that may quote the value. This module
is the slow, exact check for the values that msgspec refused or that look suspicious. It walks msgspec's description of
the same types, so there is one schema. Its messages name what is expected and what kind of value was found, never the
value itself: they end up in dead letters and logs.

It is stricter than msgspec in one point: a date-time must have the text form of RFC 3339 section 5.6 with an upper-case
`T`, and `Z` or `±hh:mm` (the vendor's documents show nothing else).

Which values look suspicious? msgspec's typed decoder accepts some text although the schema means something else: dates
in neighbouring formats (`+0000` as an offset, a space or `t` in place of the `T`, `z` in place of `Z`). Escaped ASCII
characters may hide such a date (`\u0074`) or a second spelling of a field's name (`\u0069d` for `id`) from a search for
the plain bytes, so they count as lenient as well. And it refuses one valid moment: it rounds the seventh digit of
9999-12-31T23:59:59.9999999 up, to a year that no date has. .NET writes exactly these seven nines for its last moment.
These checks search the bytes, so that they cost little on valid lines. They may suspect a line that is valid, but never
miss one that is not.
"""

import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice

import msgspec
from msgspec import Struct, inspect

from masivo_stream.model.reason import Reason
from masivo_stream.model.schemas import Timestamp, Uuid, read_uuid

_LENIENT_DATE = re.compile(rb'"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[^T"]|T[^"Z]*(?:[+-][0-9]{4}|z)")')
_MAYBE_LENIENT_DATE = re.compile(rb"(?s)-..(?:T........(?:[+-]..[0-9]|z|\.[0-9]*(?:z|[+-]..[0-9]))| ..:|t..:)")
"""The day of the month and what follows it, for whole blocks. The pattern begins with a byte that is rare. It relies on
msgspec having taken the text for a date and checks only what tells the formats apart: in a block without such dates it
costs a fifth of `_LENIENT_DATE`. Eight dots and two literals cost two thirds of `.{8}` and `[ t]`."""

_ASCII_ESCAPE = re.compile(rb"\\u00[0-7]")
_PAST_THE_END = re.compile(rb"(?<=9999-12-31T23:59:59\.999999)[0-9]+(?=[Z+-])")


def may_be_lenient(block: bytes) -> bool:
    """Return whether a line of `block` that msgspec accepts may hold something it is lenient about."""
    return _MAYBE_LENIENT_DATE.search(block) is not None or (b"\\" in block and _ASCII_ESCAPE.search(block) is not None)


def is_lenient(line: bytes) -> bool:
    """Return whether `line` may hold something that msgspec is lenient about."""
    return _LENIENT_DATE.search(line) is not None or (b"\\u00" in line and _ASCII_ESCAPE.search(line) is not None)


def cut_last_moment(line: bytes) -> bytes:
    """Return `line` without the digits that msgspec would round up beyond the year 9999."""
    return _PAST_THE_END.sub(b"", line)


def accepts_when_cut(decode: Callable[[bytes], object], line: bytes) -> bool:
    """Return whether `decode` refuses `line` only for those digits."""
    cut = cut_last_moment(line)
    try:
        return cut != line and decode(cut) is not None
    except (ValueError, RecursionError):
        return False


Path = tuple[str | int, ...]
"""Names of fields and indexes of list items, from the record down."""

MOST_PROBLEMS = 100
"""Problems listed for one value at most, so that a broken line costs bounded time."""

_RFC3339 = re.compile(
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
_UUID_HINT = "a UUID such as 3c90c3cc-0d44-4b50-8888-8dd25736052a"


class Problem(Struct, frozen=True):
    """One fault of a value: `path` leads to it, `message` says what is expected there."""

    path: Path
    reason: Reason
    message: str


def problems(schema: object, value: object, *, reject_unknown: bool = False) -> list[Problem]:
    """Return the faults of `value` (as `json.loads` returns it) under the msgspec type `schema`, in document order.

    At most `MOST_PROBLEMS` are returned. With `reject_unknown`, fields that the schema does not name are faults.
    """
    return list(islice(find_problems(schema, value, reject_unknown=reject_unknown), MOST_PROBLEMS))


def find_problems(schema: object, value: object, *, reject_unknown: bool = False) -> Iterator[Problem]:
    """Yield the faults of `value` as `problems` returns them, however many they are."""
    return _check(describe(schema), value, (), reject_unknown=reject_unknown)


def faults_of(kind: inspect.Type, value: object) -> list[Problem]:
    """Return the faults of a value of a type that `describe` returned, or of a type inside it."""
    return list(islice(_check(kind, value, (), reject_unknown=False), MOST_PROBLEMS))


def spell(path: Path) -> str:
    """Return a path as people write it: `events[3].order.value`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@cache
def describe(schema: object) -> inspect.Type:
    """Return msgspec's description of a type."""
    return inspect.type_info(schema)


def _check(  # noqa: C901, PLR0912 - one case a type
    kind: inspect.Type, value: object, path: Path, *, reject_unknown: bool
) -> Iterator[Problem]:
    match kind:
        case inspect.StructType():
            yield from _check_object(kind, value, path, reject_unknown=reject_unknown)
        case inspect.ListType():
            yield from _check_list(kind, value, path, reject_unknown=reject_unknown)
        case inspect.UnionType():
            yield from _check_union(kind, value, path, reject_unknown=reject_unknown)
        case inspect.StrType():
            yield from _check_text(kind, value, path)
        case inspect.CustomType(cls=own) if own is Uuid:
            yield from _check_uuid(value, path)
        case inspect.FloatType() | inspect.IntType():
            yield from _check_number(kind, value, path)
        case inspect.Metadata(type=plain, extra={"nonzero": True}):
            yield from _check_nonzero(plain, value, path)
        case inspect.DateTimeType():
            yield from _check_date(value, path)
        case inspect.LiteralType():
            yield from _check_literal(kind, value, path)
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield _wrong_type("true or false", value, path)
        case inspect.DictType():
            yield from _check_dict(kind, value, path, reject_unknown=reject_unknown)
        case inspect.RawType() | inspect.AnyType():
            pass
        case _:  # a schema uses a type that has no case here: a bug, which the schemas' own tests find
            raise TypeError(f"no check for {type(kind).__name__}")


def _check_object(kind: inspect.StructType, value: object, path: Path, *, reject_unknown: bool) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong_type("an object", value, path)
        return
    strict = reject_unknown or kind.forbid_unknown_fields
    known = {field.encode_name for field in kind.fields} | ({kind.tag_field} if kind.tag_field else set())
    for field in kind.fields:
        here = (*path, field.encode_name)
        if field.encode_name in value:
            yield from _check(field.type, value[field.encode_name], here, reject_unknown=reject_unknown)
        elif field.required:
            yield Problem(here, Reason.MISSING_FIELD, f"required: {expectation(field.type)}")
    if strict and kind.fields:  # a struct without fields is a free-form object
        for name in value:
            if name not in known:
                yield Problem((*path, name), Reason.UNKNOWN_FIELD, "not a field of this object")


def _check_list(kind: inspect.ListType, value: object, path: Path, *, reject_unknown: bool) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield _wrong_type("a list", value, path)
        return
    if kind.min_length is not None and len(value) < kind.min_length:
        # Every list with a minimum wants one entry, so a list that is too short is empty.
        yield Problem(path, Reason.INVALID_VALUE, f"expected at least {kind.min_length} entry, found none")
    for index, item in enumerate(value):
        yield from _check(kind.item_type, item, (*path, index), reject_unknown=reject_unknown)


def _check_dict(kind: inspect.DictType, value: object, path: Path, *, reject_unknown: bool) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield _wrong_type("an object", value, path)
        return
    for name, item in value.items():
        yield from _check(kind.value_type, item, (*path, name), reject_unknown=reject_unknown)


def _check_union(kind: inspect.UnionType, value: object, path: Path, *, reject_unknown: bool) -> Iterator[Problem]:
    if value is None and kind.includes_none:
        return
    members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    if len(members) == 1:
        yield from _check(members[0], value, path, reject_unknown=reject_unknown)
        return
    tagged = {str(member.tag): member for member in members if isinstance(member, inspect.StructType)}
    if len(tagged) != len(members) or not members:
        raise TypeError("only unions of tagged structs, or of one type and null, can be checked")
    if not isinstance(value, dict):
        yield _wrong_type("an object", value, path)
        return
    tag_field = next(iter(tagged.values())).tag_field or "type"
    here = (*path, tag_field)
    tag = value.get(tag_field)
    if isinstance(tag, str) and tag in tagged:
        yield from _check(tagged[tag], value, path, reject_unknown=reject_unknown)
        return
    tags = _alternatives(list(tagged))
    if tag_field not in value:
        yield Problem(here, Reason.MISSING_FIELD, f"required: {tags}")
    elif not isinstance(tag, str):
        yield _wrong_type(f"a string, {tags}", tag, here)
    else:
        yield Problem(here, Reason.INVALID_VALUE, f"expected {tags}")
    yield from _check_shared(list(tagged.values()), value, path, reject_unknown=reject_unknown)


def _check_shared(
    members: list[inspect.StructType], value: dict[str, object], path: Path, *, reject_unknown: bool
) -> Iterator[Problem]:
    """Yield the faults that an object of an unknown member of a union has as any of them."""
    fields, bounded = [], {}
    for each in zip(*(member.fields for member in members), strict=True):
        field, kinds = each[0], [one.type for one in each]
        if any(kind != kinds[0] for kind in kinds):
            bounded[field.encode_name] = kinds
            field = msgspec.structs.replace(field, type=inspect.FloatType())
        fields.append(field)
    shared = msgspec.structs.replace(members[0], fields=tuple(fields))
    wrong = set()
    for fault in _check_object(shared, value, path, reject_unknown=reject_unknown):
        wrong.add(fault.path)
        yield fault
    for name, kinds in bounded.items():
        here = (*path, name)
        if here not in wrong and all(any(_check(kind, value[name], here, reject_unknown=False)) for kind in kinds):
            yield Problem(here, Reason.INVALID_VALUE, "expected a number that one of the types allows")


def _alternatives(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _check_text(kind: inspect.StrType, value: object, path: Path) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _wrong_type(expectation(kind), value, path)
    elif kind.min_length is not None and len(value) < kind.min_length:
        yield Problem(path, Reason.INVALID_VALUE, "expected a string that is not empty")


def _check_uuid(value: object, path: Path) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _wrong_type(_UUID_HINT, value, path)
        return
    try:
        read_uuid(Uuid, value)
    except ValueError:
        yield Problem(path, Reason.INVALID_VALUE, f"expected {_UUID_HINT}")


def _check_number(kind: inspect.FloatType | inspect.IntType, value: object, path: Path) -> Iterator[Problem]:
    wanted = expectation(kind)
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _wrong_type(wanted, value, path)
        return
    if isinstance(kind, inspect.IntType) and not (isinstance(value, int) or value.is_integer()):
        yield _wrong_type(wanted, value, path)
        return
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        yield Problem(path, Reason.INVALID_VALUE, "expected a number that a double can hold")
    elif (
        (kind.gt is not None and not number > kind.gt)
        or (kind.ge is not None and not number >= kind.ge)
        or (kind.lt is not None and not number < kind.lt)
        or (kind.le is not None and not number <= kind.le)
    ):
        yield Problem(path, Reason.INVALID_VALUE, f"expected {wanted}")


def _check_nonzero(kind: inspect.Type, value: object, path: Path) -> Iterator[Problem]:
    # msgspec has no bound for "not 0", so the schema carries a mark of its own (`schemas.NonZero`).
    found = list(_check(kind, value, path, reject_unknown=False))
    if not found and value == 0:
        found = [Problem(path, Reason.INVALID_VALUE, "expected a number other than 0")]
    yield from found


def _check_date(value: object, path: Path) -> Iterator[Problem]:
    wanted = "a date-time with a time zone, such as 2023-11-07T05:31:56Z"
    if not isinstance(value, str):
        yield _wrong_type(wanted, value, path)
    elif not is_rfc3339(value):
        yield Problem(path, Reason.INVALID_VALUE, f"expected {wanted} (RFC 3339)")


def is_rfc3339(text: str) -> bool:
    """Return whether `text` is an RFC 3339 date-time with a zone, of a day and time that exist."""
    if not _RFC3339.match(text):
        return False
    try:
        msgspec.convert(cut_last_moment(text.encode()).decode(), Timestamp)
    except msgspec.ValidationError:
        return False
    return True


def _check_literal(kind: inspect.LiteralType, value: object, path: Path) -> Iterator[Problem]:
    wanted = expectation(kind)
    if not isinstance(value, str):
        yield _wrong_type(wanted, value, path)
    elif value not in kind.values:
        yield Problem(path, Reason.INVALID_VALUE, f"expected {wanted}")


def expectation(kind: inspect.Type) -> str:
    """Return what a value of a type is, in words."""
    match kind:
        case inspect.StrType():
            return "a string"
        case inspect.CustomType(cls=own) if own is Uuid:
            return _UUID_HINT
        case inspect.FloatType() | inspect.IntType():
            noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            bounds = (("above", kind.gt), ("from", kind.ge), ("below", kind.lt), ("up to", kind.le))
            return " ".join([noun, *(f"{word} {bound:g}" for word, bound in bounds if bound is not None)])
        case inspect.DateTimeType():
            return "a date-time with a time zone"
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.BoolType():
            return "true or false"
        case inspect.Metadata(type=plain):
            return expectation(plain)
        case inspect.ListType():
            return "a list"
        case inspect.UnionType() if kind.includes_none and len(kind.types) > 1:
            others = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
            return f"{expectation(others[0])}, or null"
        case _:
            return "an object"


def _wrong_type(wanted: str, value: object, path: Path) -> Problem:
    return Problem(path, Reason.WRONG_TYPE, f"expected {wanted}, found {_name(value)}")


def _name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
