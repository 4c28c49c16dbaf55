"""Prove most lines valid without decoding them, by an extension in C; without it, the decoder does all the work.

The extension (`_prover.c`, with its theory of operation) reads the bytes of a line beside a schema. It either calls the
line clean, or it doubts it. Law: what it calls clean, the decoder takes as an entry as it is, with the same customer,
items, email, and signs of events. A line that it doubts goes to the decoder. So results are the same with and without.

There is one schema: the tree for the extension is made here, from msgspec's own description of `model.schemas`. A type
that the extension cannot prove is an error here and not a guess there.

The extension is built when the package is installed, if there is a C compiler.
"""

import enum
from collections.abc import Iterable
from functools import cache
from typing import TypedDict, get_origin

import msgspec
from msgspec import inspect, structs

from masivo_stream.core.reading.marks import read_raw_mark
from masivo_stream.core.reading.schema_faults import describe
from masivo_stream.core.reading.strict import Rules
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.proof import Proof
from masivo_stream.model.results import LineRun
from masivo_stream.model.schemas import Timestamp, Uuid
from masivo_stream.model.text_lines import TextLines

_INTERFACE = 5
"""An extension with another one was built from other sources, and is not used."""
_BUILT = _FITS = False
try:
    from masivo_stream.core.reading import _prover
except ImportError:  # it was not built, or does not fit this Python
    pass
else:
    _BUILT, _FITS = True, getattr(_prover, "INTERFACE", 1) == _INTERFACE
    if _FITS:  # another one may have other names
        from masivo_stream.core.reading._prover import Prover as Prover  # noqa: PLC0414 - `quick_look` has these from here
        from masivo_stream.core.reading._prover import divide as divide  # noqa: PLC0414
        from masivo_stream.core.reading._prover import hash_of as hash_of  # noqa: PLC0414

MOST_FIELDS = 64
"""Fields of one object that the extension takes."""

Node = tuple[int, int, bool, object]
"""Kind, role, whether it may be null, and what the kind needs."""


class NodeKind(enum.IntEnum):
    """What a value must be; `enum Kind` in the extension."""

    TEXT = 0
    UUID = 1
    NUMBER = 2
    BOOLEAN = 3
    DATE = 4
    ONE_OF = 5
    OBJECT = 6
    LIST = 7
    STRUCT = 8
    ANY = 9


class Role(enum.IntEnum):
    """What is noted of a value; `enum Role` in the extension."""

    NONE = 0
    CUSTOMER = 1
    EMAIL = 2
    ITEMS = 3
    EVENT = 4
    PURCHASE = 5
    TYPE = 6
    VALUE = 7
    PAID = 8
    PRODUCTS = 9
    ISSUED = 10
    NAME = 11
    REGISTERED = 12
    BIRTH = 13
    BALANCES = 14
    BALANCE = 15
    TRANSACTION = 16
    REWARD = 17
    AMOUNT = 18
    BALANCE_ISSUED = 19
    EXPIRES = 20
    RESOLVED = 21
    PRODUCT = 22
    UNITS = 23
    UNIT_VALUE = 24
    UNIT_PAID = 25
    SHIPPING = 26
    SHIPPING_VALUE = 27
    SHIPPING_PAID = 28


MAY_BE_ABSENT = {
    *(Role.NONE, Role.PAID, Role.BIRTH, Role.BALANCES, Role.BALANCE_ISSUED, Role.EXPIRES, Role.RESOLVED),
    *(Role.UNIT_PAID, Role.SHIPPING, Role.SHIPPING_VALUE, Role.SHIPPING_PAID),
}
"""The extension notes whether they are there. All others are on every line."""


class Sign(enum.IntFlag):
    """The signs that a number may have; `enum Sign` in the extension."""

    NEGATIVE = 1
    ZERO = 2
    POSITIVE = 4


Roles = dict[str, Role]
"""By the path of the value, such as `events[].order`; the record itself has the empty path."""

ROLES: dict[Kind, Roles] = {
    Kind.CUSTOMERS: {"id": Role.CUSTOMER, "email": Role.EMAIL},
    Kind.EVENTS: {"id": Role.CUSTOMER, "events": Role.ITEMS},
    Kind.TRANSACTIONS: {"id": Role.CUSTOMER, "transactions": Role.ITEMS},
}
SIGNING: Roles = {
    "events[]": Role.EVENT,
    "events[].type": Role.TYPE,
    "events[].issued_at": Role.ISSUED,
    "events[].order.purchase_id": Role.PURCHASE,
    "events[].order.value": Role.VALUE,
    "events[].order.discounted_value": Role.PAID,
    "events[].order.products": Role.PRODUCTS,
}
"""What signs an event, as `purchases.Signer` does."""

_MARKS = (b"null", b"false", b"0", b'""', b'"ACTIVE"', b'"active"', b'"Active"', b'"false"', b'"no"', b'"0"')
"""Spellings of marks that exports use. Those that mean "no" are clean; all others are doubted."""


LookedFor = tuple[int, int, int, bytes, tuple[bytes, ...], tuple[int, int, int, int]]
"""What is usual: the earliest and the latest date, the first date of birth (in microseconds since 1970). The type of an
event whose value is the sum of its products. The names that mean "no name", in lower case. The tags of notes: of a
line, of one without a balance, of a further reward on it, of its email or its events."""


class Options(TypedDict, total=False):
    """The options of a prover."""

    reject_unknown: bool
    """A field that its object does not have is doubted."""
    most_items: int
    """A record with more items is doubted."""
    look: "LookedFor"
    """It says clean only of lines in which the checks over all files find nothing, and takes the notes of these."""


def is_built() -> bool:
    """Return whether there is an extension that can be used."""
    return _FITS


def describe_validator(*, pure_python: bool = False) -> str:
    """Return a description of the validator at work; `pure_python` is the setting."""
    validator = f"msgspec {msgspec.__version__}"
    if not _BUILT:
        return f"{validator} alone: the extension in C was not built, since there was no compiler"
    if not _FITS:
        return f"{validator} alone: the extension in C was built from other sources"
    if pure_python:
        return f"{validator} alone: pure_python is set"
    return f"{validator}, after an extension in C that proves most lines valid"


def make_prover(rules: Rules, *, plain: bool = False) -> "Prover | None":
    """Return a prover of lines that are valid by `rules`; None if there is no extension, or the rules do without.

    `plain`: it does without the instructions that only some processors have.
    """
    if not _FITS or rules.pure_python:
        return None
    schema, options = describe_rules(rules)
    return Prover(schema, **options, plain=plain)


def prove_text(prover: "Prover", text: bytes, begin: int, number: int, offset: int, most: int) -> list[LineRun]:
    """Cut a text into lines and prove them. Only making the results takes Python's global lock.

    The first line begins at byte `begin`; it has the number `number`, and the offset `offset` in its source. What is
    behind the last newline is left out. A run has at most `most` lines.
    """
    runs = []
    for portion, offsets, columns in prover.prove_text(text, begin, offset, most):
        lines = TextLines(portion, offsets, offsets[0])
        runs.append(LineRun(number, lines, offsets[:-1], portion, Proof(*columns)))
        number += len(lines)
    return runs


@cache
def describe_rules(rules: Rules) -> tuple[Node, Options]:
    """Describe rules to the extension: the schema, and the options of a prover."""
    kind, contract = rules.kind, CONTRACTS[rules.kind]
    options: Options = {"reject_unknown": rules.reject_unknown_fields}
    if contract.item_field is not None and not contract.splittable:
        options["most_items"] = contract.max_items
    return make_tree(rules.schema, ROLES[kind] | (SIGNING if rules.sign_events else {})), options


def make_tree(schema: object, roles: Roles) -> Node:
    """Describe a msgspec type to the extension.

    Raises:
        TypeError: it has a type, or a bound, that the extension does not prove.
    """
    return _node(describe(schema), "", roles)


def _node(  # noqa: C901 - one case a type
    kind: inspect.Type, path: str, roles: Roles, *, nullable: bool = False
) -> Node:
    node: NodeKind
    payload: object = None
    match kind:
        case inspect.UnionType():
            return _union(kind, path, roles)
        case inspect.StructType(fields=()) if _is_plain(kind):
            node = NodeKind.OBJECT
        case inspect.StructType() if _is_plain(kind) and kind.tag_field is None:
            node, payload = NodeKind.STRUCT, (_fields(kind.fields, path, roles), None)
        case inspect.ListType(min_length=None | 0 | 1 as least, max_length=None):
            node, payload = NodeKind.LIST, (bool(least), _node(kind.item_type, f"{path}[]", roles))
        case inspect.StrType(min_length=None | 0 | 1 as least, max_length=None, pattern=None):
            node, payload = NodeKind.TEXT, bool(least)
        case inspect.LiteralType():
            node, payload = NodeKind.ONE_OF, tuple(map(_quote, kind.values))
        case inspect.BoolType():
            node = NodeKind.BOOLEAN
        case inspect.RawType():
            node, payload = NodeKind.ONE_OF, tuple(text for text in _MARKS if read_raw_mark(text) is False)
        case inspect.FloatType() | inspect.Metadata():
            node, payload = NodeKind.NUMBER, int(_signs(kind))
        case _ if kind == describe(Uuid):
            node = NodeKind.UUID
        case _ if kind == describe(Timestamp):
            node = NodeKind.DATE
        case _:
            raise TypeError(f"{path}: the extension cannot prove {type(kind).__name__}")
    return int(node), int(roles.get(path, Role.NONE)), nullable, payload


def _union(kind: inspect.UnionType, path: str, roles: Roles) -> Node:
    members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    if len(members) == 1:
        return _node(members[0], path, roles, nullable=kind.includes_none)
    tagged = [member for member in members if isinstance(member, inspect.StructType)]
    if len(tagged) != len(members) or not all(map(_is_plain, tagged)):
        raise TypeError(f"{path}: the extension proves unions of tagged structs, or of one type and null")
    role = int(roles.get(path, Role.NONE))
    return int(NodeKind.STRUCT), role, kind.includes_none, _tagged(tagged, path, roles)


def _tagged(members: list[inspect.StructType], path: str, roles: Roles) -> object:
    """Describe structs that a tag tells apart, and that differ in nothing but the signs of one number."""
    first, names = members[0], {each.tag_field for each in members}
    depends = {field.encode_name for each in members for field in each.fields if field not in first.fields}
    shapes = {tuple((field.encode_name, field.required) for field in each.fields) for each in members}
    if len(depends) != 1 or len(shapes) != 1 or len(names) != 1 or first.tag_field is None:
        raise TypeError(f"{path}: the extension proves unions whose members differ in one number")
    signs = [_signs(field.type) for each in members for field in each.fields if field.encode_name in depends]
    tag = (int(NodeKind.ONE_OF), int(Role.NONE), False, tuple(_quote(each.tag) for each in members))
    number = next(place for place, field in enumerate(first.fields) if field.encode_name in depends)
    any_sign = structs.replace(first.fields[number], type=inspect.FloatType())
    shared = (*first.fields[:number], any_sign, *first.fields[number + 1 :])
    fields = ((_quote(first.tag_field), True, tag), *_fields(shared, path, roles))
    return fields, (0, number + 1, tuple(map(int, signs)))


def _fields(fields: Iterable[inspect.Field], path: str, roles: Roles) -> tuple[tuple[bytes, bool, Node], ...]:
    described = []
    for field in fields:
        name = field.encode_name
        here = f"{path}.{name}" if path else name
        node = _node(field.type, here, roles)
        _, role, nullable, _ = node
        if role not in MAY_BE_ABSENT and (nullable or not field.required):
            raise TypeError(f"{here}: what is noted of every record cannot be absent or null")
        described.append((_quote(name), field.required, node))
    return tuple(described)


def _signs(kind: inspect.Type) -> Sign:
    match kind:
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return Sign.NEGATIVE | Sign.ZERO | Sign.POSITIVE
        case inspect.FloatType(gt=0, ge=None, lt=None, le=None, multiple_of=None):
            return Sign.POSITIVE
        case inspect.FloatType(gt=None, ge=None, lt=0, le=None, multiple_of=None):
            return Sign.NEGATIVE
        case inspect.Metadata(type=inspect.FloatType() as plain, extra={"nonzero": True}):
            return _signs(plain) & ~Sign.ZERO
        case _:
            raise TypeError(f"the extension cannot prove {kind}")


def _is_plain(kind: inspect.StructType) -> bool:
    """Return whether an object is all that a struct is: no array, and no check of its own that is not known here."""
    own_check = hasattr(get_origin(kind.cls) or kind.cls, "__post_init__")
    known = any(isinstance(field.type, inspect.Metadata) for field in kind.fields)  # `schemas.NonZero`
    return not kind.array_like and not kind.forbid_unknown_fields and (known or not own_check)


def _quote(name: object) -> bytes:
    """Return a text as JSON has it; it needs no escape."""
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or '"' in name or "\\" in name:
        raise TypeError(f"the extension cannot prove {name!r}")
    return b'"%b"' % name.encode()
