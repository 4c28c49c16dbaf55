"""Lines that must not be migrated, each with exactly one fault, and the reason that validation must report for it.

A fault is made by a recipe: a good record, one place in it, and one change there. The catalogue lists the recipes as
data. Records are `dict[str, Any]` only in this module, since no schema describes a faulty record.
"""

from collections.abc import Callable
from typing import Any, assert_never

import msgspec
from msgspec import Struct

from masivo_stream.generate.seeded_random import Draw
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason

Node = dict[str, Any]


class PlantedFault(Struct, frozen=True, kw_only=True):
    """One line of the list of faults: the place of the fault, and the expected dead letter."""

    line: int
    """1-based."""
    kind: Kind
    what: Reason
    """The expected dead-letter reason."""
    field: str
    """Path such as `events[0].order.value`; empty for the whole line."""
    description: str


class Remove(Struct, frozen=True):
    """Leave a field out."""


class Put(Struct, frozen=True):
    """Set a field. A `msgspec.Raw` can also hold bytes that are not JSON."""

    value: object


class Repeat(Struct, frozen=True):
    """Repeat a list's first entry, until it holds `length`."""

    length: int


class Rewrite(Struct, frozen=True):
    """Change the whole line's bytes."""

    change: Callable[[bytes], bytes]


class Duplicate(Struct, frozen=True):
    """Copy an earlier good line, with the field changed."""

    value: object


class Borrow(Struct, frozen=True):
    """Take the field's value from an earlier good line."""


Change = Remove | Put | Repeat | Rewrite | Duplicate | Borrow


class Recipe(Struct, frozen=True, kw_only=True):
    """How one fault is made. In `path`, `[]` means any entry of a list."""

    kind: Kind
    what: Reason
    path: str
    change: Change
    description: str
    field: str | None = None
    """The field to report, if it is not `path`: a place below it (`.value`, `[0].id`), another field, or none."""

    @property
    def needs_earlier(self) -> bool:
        """Whether the fault needs an earlier good line."""
        return isinstance(self.change, Duplicate | Borrow)


def spoil(recipe: Recipe, good: bytes, earlier: bytes, draw: Draw) -> tuple[bytes, str]:
    """Return the line `good` with the fault in it, and the path of the field concerned.

    `earlier` is a good line before it, if the recipe needs one.
    """
    if isinstance(recipe.change, Rewrite):
        return recipe.change.change(good), recipe.field or ""
    record: Node = msgspec.json.decode(earlier if isinstance(recipe.change, Duplicate) else good)
    node, name, place = _walk(record, recipe.path, draw)
    match recipe.change:
        case Remove():
            del node[name]
        case Put(value=value) | Duplicate(value=value):
            node[name] = value
        case Repeat(length=length):
            node[name] = node[name][:1] * length
        case Borrow():
            node[name] = msgspec.json.decode(earlier)[name]
        case _:
            assert_never(recipe.change)
    return msgspec.json.encode(record), _reported(place, recipe.field)


def _walk(record: Node, path: str, draw: Draw) -> tuple[Node, str, str]:
    """Return the object that holds the field at `path`, the name of the field, and the path with the chosen entries."""
    *steps, name = path.split(".")
    node, place = record, ""
    for step in steps:
        field, bracket, entry = step.partition("[")
        value = node[field]
        place += field
        if bracket:
            index = int(entry[:-1] or draw() * len(value))
            value = value[index]
            place += f"[{index}]"
        node = value
        place += "."
    return node, name, place + name


def _reported(place: str, field: str | None) -> str:
    if field is None:
        return place
    return place + field if field.startswith((".", "[")) else field
