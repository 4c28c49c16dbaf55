"""Make the field reference, `docs/fields.md`, from the schema and from the words in `field_words.py`.

    python docs/make/make_fields.py

Types, bounds, and whether a field is required come from `masivo_stream.model.schemas` by way of `msgspec.inspect`: what
the page says is what a line is validated by. A field that has no words ends this program with an error.
"""

import sys
import textwrap
import typing
from collections.abc import Iterator
from pathlib import Path

from msgspec import inspect

sys.path.insert(0, str(Path(__file__).parent))

from field_words import FIELDS, RECORDS, STRUCTS

from masivo_stream.core.reading.marks import CUSTOMER_MARKS, EVENT_MARKS
from masivo_stream.model import schemas
from masivo_stream.model.contract import CONTRACTS, Kind

PAGE = Path(__file__).parent.parent / "fields.md"

ROOTS = {
    Kind.CUSTOMERS: schemas.CustomerRecord,
    Kind.EVENTS: schemas.EventsRecord[schemas.Order],
    Kind.TRANSACTIONS: schemas.TransactionsRecord,
}
_LENIENT = schemas.EventsRecord[schemas.LooseOrder]
_MARKS = frozenset(CUSTOMER_MARKS) | frozenset(EVENT_MARKS)
_HEAD = """# The fields of a record

Every field that the API knows, by kind: its type, whether it must be there, and what it is for, after the vendor's
pages (`customers/migrate/post`, `customers/migrate/events/post`, `customers/migrate/transactions/post`,
`guides/migrate-customers` at [docs.masivo.ai](https://docs.masivo.ai)). `python docs/make/make_fields.py` makes it from
the schema that validates each line (`masivo_stream/model/schemas.py`); a test compares the two.

* **Required**: without it the record is a dead letter, `missing_field`. Only what "may be null" may be null.
* **Text** is a JSON string, **number** a finite JSON number: `10.5`, not `"10.50"`.
* **Date-time** is RFC 3339 with a zone: `2024-01-30T17:50:19Z`, or `+01:00` for the `Z`.
* **UUID** has the form `ec9a5bfb-c2f1-4cf0-b509-247e47b96b65`.
* **Object** may have any members; none of them is looked at.
* **Any other field** passes through untouched, at any depth. `--unknown-fields reject` makes it a dead letter,
  `unknown_field`; [the checks over all files](checks.md) warn of it in any case.
* **Marks** are not the API's: by them an export says what is not to be migrated ([skipped records](skipped.md)).
"""


class MissingWordsError(Exception):
    """A field has no words, or words have no field."""


def make_page() -> str:
    """Return the page.

    Raises:
        MissingWordsError: a field of the schema has no words in `field_words.py`, or words there have no field.
    """
    words = _Words()
    parts = [_HEAD, *(part for kind in Kind for part in _kind_parts(kind, words))]
    words.check_all_used()
    return "\n".join(parts)


class _Words:
    """The words of `field_words`, each taken at least once."""

    def __init__(self) -> None:
        self._used: set[tuple[str, str]] = set()

    def of_field(self, struct: type, field: str) -> str:
        """Return what is said about a field: by its struct, or by one whose fields that takes over."""
        for base in struct.__mro__:
            if field in FIELDS.get(base.__name__, {}):
                self._used.add((base.__name__, field))
                return FIELDS[base.__name__][field]
        raise MissingWordsError(f"{struct.__name__}.{field} has no words in field_words.py")

    def of_struct(self, name: str) -> str:
        """Return what an object is."""
        if name not in STRUCTS:
            raise MissingWordsError(f"{name} has no words in field_words.py")
        self._used.add(("", name))
        return STRUCTS[name]

    def check_all_used(self) -> None:
        """Check that all words were taken."""
        known = {(struct, field) for struct, fields in FIELDS.items() for field in fields} | {("", n) for n in STRUCTS}
        if left := known - self._used:
            raise MissingWordsError(f"no field of the schema has these words: {sorted(left)}")


def _kind_parts(kind: Kind, words: _Words) -> Iterator[str]:
    root = inspect.type_info(ROOTS[kind])
    contract = CONTRACTS[kind]
    yield f"## {kind.capitalize()}\n"
    yield _wrapped(f"{RECORDS[_name(root)]} At most {contract.max_items} {_counted(kind)} travel in one request.")
    waiting: list[tuple[inspect.Type, str]] = [(root, "")]
    done = set[str]()
    while waiting:
        found, path = waiting.pop(0)
        name = _name(found)
        if name in done:
            continue
        done.add(name)
        if path:
            yield f"### {name} in {kind}\n"
            yield _wrapped(f"`{path}`. {words.of_struct(name)}")
        yield from _table(found, kind, words)
        waiting += [(inner, _join(path, place)) for inner, place in _inner(found)]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False) + "\n"


def _counted(kind: Kind) -> str:
    return "of them" if kind is Kind.CUSTOMERS else str(kind)


def _join(path: str, place: str) -> str:
    return f"{path}.{place}" if path else place


def _name(found: inspect.Type) -> str:
    """Return how an object is called: `Transaction` for the union of its types."""
    if isinstance(found, inspect.UnionType):
        return "Transaction"
    return _class(found).__name__


def _class(found: inspect.StructType) -> type:
    """Return the struct; of a generic one that is filled in, the generic one."""
    return typing.get_origin(found.cls) or found.cls


def _members(found: inspect.Type) -> list[inspect.StructType]:
    """Return the struct, or those of a union of tagged ones."""
    return list(found.types) if isinstance(found, inspect.UnionType) else [found]


def _inner(found: inspect.Type) -> Iterator[tuple[inspect.Type, str]]:
    """Yield the objects in the fields of an object, each with its field's path; free-form ones have no fields."""
    for field in _members(found)[0].fields:
        kind, place = _plain(field.type), field.encode_name
        if isinstance(kind, inspect.ListType):
            kind, place = kind.item_type, f"{place}[]"
        if isinstance(kind, inspect.UnionType | inspect.StructType) and kind_has_fields(kind):
            yield kind, place


def kind_has_fields(found: inspect.Type) -> bool:
    """Return whether an object has fields that the schema names."""
    return bool(_members(found)[0].fields)


def _plain(found: inspect.Type) -> inspect.Type:
    """Return a type without what says that it may be null, or has a mark of ours."""
    if isinstance(found, inspect.Metadata):
        return _plain(found.type)
    if isinstance(found, inspect.UnionType):
        rest = [each for each in found.types if not isinstance(each, inspect.NoneType)]
        if len(rest) == 1:
            return _plain(rest[0])
    return found


def _nullable(found: inspect.Type) -> bool:
    return isinstance(found, inspect.UnionType) and any(isinstance(each, inspect.NoneType) for each in found.types)


def _table(found: inspect.Type, kind: Kind, words: _Words) -> Iterator[str]:
    members = _members(found)
    first = members[0]
    rows = []
    if first.tag_field:
        tags = ", ".join(f"`{member.tag}`" for member in members)
        text = f"{words.of_field(_class(first), first.tag_field)}. {_of_the_guide()}"
        rows.append((first.tag_field, f"one of {tags}", "required", text))
    for field in sorted(first.fields, key=lambda field: bool(first.tag_field) and field.name != "amount"):
        name = field.encode_name
        if name in _MARKS:
            continue
        shown = _amounts(members) if first.tag_field and name == "amount" else _shown(field.type, kind)
        rows.append((name, shown, _given(field, first), words.of_field(_class(first), name)))
    rows += [
        (field.encode_name, "anything", "optional", "a mark: whether the export says that this is not to be migrated")
        for field in first.fields
        if field.encode_name in _MARKS
    ]
    yield "| field | type | | what it is |"
    yield "| --- | --- | --- | --- |"
    yield from (f"| `{name}` | {shown} | {given} | {text} |" for name, shown, given, text in rows)
    yield ""


def _given(field: inspect.Field, owner: inspect.StructType) -> str:
    """Return whether a field must be there."""
    null = ", may be null" if _nullable(field.type) else ""
    if not field.required:
        return f"optional{null}"
    if issubclass(_class(owner), schemas.OrderFields) and field.name not in _required_when_lenient():
        return "required; optional with `--discounted-value optional`"
    return f"required{null}"


def _required_when_lenient() -> set[str]:
    events = inspect.type_info(_LENIENT).fields[1].type.item_type
    order = next(field.type for field in events.fields if field.name == "order")
    return {field.name for field in order.fields if field.required}


def _of_the_guide() -> str:
    """Return which types of transactions the stricter setting allows."""
    tags = [f"`{member.tag}`" for member in _members(inspect.type_info(schemas.GuideTransaction))]
    return f"`--transaction-types guide` allows {' and '.join(tags)} only"


def _amounts(members: list[inspect.StructType]) -> str:
    """Return which amounts which types may have."""
    signs: dict[str, list[str]] = {}
    for member in members:
        amount = next(field.type for field in member.fields if field.name == "amount")
        signs.setdefault(_number(amount), []).append(f"`{member.tag}`")
    return "; ".join(f"{sign} for {', '.join(types)}" for sign, types in signs.items())


def _number(found: inspect.Type) -> str:
    if isinstance(found, inspect.Metadata) and (found.extra or {}).get("nonzero"):
        return "a number, not 0,"
    bare = _plain(found)
    bounds = [
        f"{sign} {value:g}"
        for sign, value in ((">", bare.gt), ("≥", bare.ge), ("<", bare.lt), ("≤", bare.le))
        if value is not None
    ]
    return " ".join(["number", " and ".join(bounds)]).strip()


def _shown(found: inspect.Type, kind: Kind) -> str:
    """Return what a type is called on the page."""
    found = found if isinstance(found, inspect.Metadata) else _plain(found)
    match _plain(found):
        case inspect.CustomType():
            return "UUID"
        case inspect.StrType(min_length=least):
            return "text, not empty" if least else "text"
        case inspect.DateTimeType(tz=True):
            return "date-time"
        case inspect.BoolType():
            return "true or false"
        case inspect.FloatType() | inspect.IntType():
            return _number(found)
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(f"`{value}`" for value in values)
        case inspect.ListType(item_type=item, min_length=least):
            return f"list of {_linked(item, kind)}" + (f", at least {least}" if least else "")
        case inspect.StructType() | inspect.UnionType() as inner:
            return _linked(inner, kind) if kind_has_fields(inner) else "object"
        case inspect.RawType():
            return "anything"
        case other:
            raise TypeError(f"the page has no word for {other}")


def _linked(found: inspect.Type, kind: Kind) -> str:
    name = _name(_plain(found))
    return f"[{name}](#{name.lower()}-in-{kind})"


if __name__ == "__main__":
    PAGE.write_text(make_page())
