"""Which fields the API knows, object by object, and schemas that notice every other one while they decode.

The schemas are made from `model.schemas` and the lean ones: what the checks look at has its type, and every other known
field is skipped. An object with any other field is refused by the decoder. Once such a field is known, a schema is made
in which a class of its own stands for it: the decoder then reports each occurrence, and a line is decoded once.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, inspect

from masivo_stream.core.checks.lean_records import LEAN
from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, LooseOrder, TransactionsRecord

FieldName = tuple[str, str]
"""The path of an object, such as `events[].order`, and the name of a field in it."""


class KnownObject(Struct, frozen=True):
    """The fields of one object of a record, and those among them that are objects, or lists of objects."""

    path: str
    """Empty for the record itself."""
    names: Mapping[str, str]
    """The name in JSON of each field, by its name in Python."""
    inner: Mapping[str, "KnownObject"]
    """By the name in JSON."""

    def unknown(self, value: object) -> set[FieldName]:
        """Return the fields of a decoded value that the API does not know."""
        found: set[FieldName] = set()
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, dict):
                found.update((self.path, name) for name in each.keys() - self.names.values())
                for name in self.inner.keys() & each.keys():
                    found |= self.inner[name].unknown(each[name])
        return found

    def all(self) -> Iterable["KnownObject"]:
        """Yield this object and those inside it."""
        yield self
        for each in self.inner.values():
            yield from each.all()

    def join(self, name: str) -> str:
        """Return the path of a field in this object."""
        return f"{self.path}.{name}" if self.path else name


SCHEMAS: dict[Kind, Any] = {
    Kind.CUSTOMERS: CustomerRecord,
    Kind.EVENTS: EventsRecord[LooseOrder],
    Kind.TRANSACTIONS: TransactionsRecord,
}
"""All that the API knows, whatever the settings allow."""


@cache
def known_fields(kind: Kind) -> KnownObject:
    """Return what the API knows of a record of a kind."""
    return _object(_structs(inspect.type_info(SCHEMAS[kind])), "")


def watching_schema(kind: Kind, learnt: Mapping[FieldName, type]) -> Any:  # noqa: ANN401 - a class made here
    """Return a lean schema that refuses fields which are neither known nor `learnt`; these have the types given."""
    return _watching(known_fields(kind), LEAN[kind], learnt) if learnt else _strictest_schema(kind)


@cache
def _strictest_schema(kind: Kind) -> Any:  # noqa: ANN401 - a class made here
    return _watching(known_fields(kind), LEAN[kind], {})


def _object(structs: list[inspect.StructType], path: str) -> KnownObject:
    """Describe an object that one of `structs` describes, or one of several that a tag tells apart."""
    names: dict[str, str] = {}
    inner: dict[str, KnownObject] = {}
    for each in structs:
        if each.tag_field:
            names[each.tag_field] = each.tag_field
        for field in each.fields:
            name = field.encode_name
            names[field.name] = name
            found = _structs(field.type)
            if any(struct.fields for struct in found):  # one without fields is a free-form object
                listed = "[]" if _is_list(field.type) else ""
                inner[name] = _object(found, f"{path}.{name}{listed}" if path else f"{name}{listed}")
    return KnownObject(path, names, inner)


def _structs(kind: inspect.Type) -> list[inspect.StructType]:
    """Return the structs that a type consists of, or is a list of."""
    match kind:
        case inspect.StructType():
            return [kind]
        case inspect.ListType(item_type=item):
            return _structs(item)
        case inspect.UnionType(types=types):
            return [found for each in types for found in _structs(each)]
        case inspect.Metadata(type=plain):
            return _structs(plain)
        case _:
            return []


def _is_list(kind: inspect.Type) -> bool:
    match kind:
        case inspect.ListType():
            return True
        case inspect.UnionType(types=types):
            return any(map(_is_list, types))
        case inspect.Metadata(type=plain):
            return _is_list(plain)
        case _:
            return False


def _watching(known: KnownObject, lean: type[Struct] | None, learnt: Mapping[FieldName, type]) -> type[Struct]:
    own = {} if lean is None else {field.name: field for field in msgspec.structs.fields(lean)}
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for name, encoded in known.names.items():
        looked_at = own.get(name)
        kind: Any = Raw if looked_at is None else looked_at.type
        if encoded in known.inner:
            found = known.inner[encoded]
            deeper = _watching(found, None if looked_at is None else _lean_struct(looked_at.type), learnt)
            kind = list[deeper] if found.path.endswith("[]") else deeper  # type: ignore[valid-type]  # made here
        if looked_at is None:
            fields.append((name, kind, UNSET))
        elif looked_at.required:
            fields.append((name, kind))
        else:
            fields.append((name, kind, looked_at.default))
    names = dict(known.names)
    for number, ((path, name), stand_in) in enumerate(learnt.items()):
        if path == known.path:
            names[f"learnt_{number}"] = name
            fields.append((f"learnt_{number}", stand_in, None))
    return msgspec.defstruct(
        f"Watching{known.path}",
        fields,
        bases=(Struct,) if lean is None else (lean,),
        rename=names,
        kw_only=True,
        gc=False,
        forbid_unknown_fields=True,
    )


def _lean_struct(kind: Any) -> type[Struct] | None:  # noqa: ANN401 - an annotation
    """Return the struct of a lean field: the type itself, or an argument of it such as that of a list."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    found = (_lean_struct(each) for each in getattr(kind, "__args__", ()))
    return next((each for each in found if each is not None), None)
