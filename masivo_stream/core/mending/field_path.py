"""Paths of fields as a person writes them, and what the schema says about a path.

`events[].order.value` names a field of every event, `events[3].order.value` of the fourth one. A dead letter names the
places of its faults, with indexes; a path without indexes takes them from there.
"""

import difflib
import re
from collections.abc import Iterator
from functools import cache

from msgspec import inspect

from masivo_stream.core.mending.json_text import Path
from masivo_stream.core.reading.schema_faults import describe

FieldPath = tuple[str | int | None, ...]
"""A path; None is every item of a list."""

_STEP = re.compile(r"(?P<name>[^.\[\]]+)(?P<indexes>(?:\[\d{0,9}\])*)")
_INDEX = re.compile(r"\[(\d*)\]")


def parse_path(text: str) -> FieldPath | None:
    """Return the path that a person has written; None if it is not one."""
    steps: list[str | int | None] = []
    for part in text.split("."):
        found = _STEP.fullmatch(part)
        if found is None:
            return None
        steps.append(found["name"])
        steps.extend(int(index) if index else None for index in _INDEX.findall(found["indexes"]))
    return tuple(steps)


def parse_place(text: str) -> Path | None:
    """Return the path of one field, with all its indexes, as a dead letter names it; None if it is not one."""
    path = parse_path(text) if text else None
    if path is None:
        return None
    steps = [step for step in path if step is not None]
    return tuple(steps) if len(steps) == len(path) else None


def spell_path(path: FieldPath) -> str:
    """Return a path as people write it."""
    text = ""
    for step in path:
        if isinstance(step, str):
            text += f".{step}" if text else step
        else:
            text += f"[{'' if step is None else step}]"
    return text


def places_of(path: FieldPath, value: object) -> Iterator[Path]:
    """Yield the places in a record that a path names. The last field of a place need not be there."""
    yield from _places(path, value, ())


def _places(path: FieldPath, value: object, done: Path) -> Iterator[Path]:
    if not path:
        yield done
        return
    step, rest = path[0], path[1:]
    if isinstance(step, str):
        inner = value.get(step) if isinstance(value, dict) else None
        yield from _places(rest, inner, (*done, step))
    elif isinstance(value, list):
        wanted = range(len(value)) if step is None else [step] if step < len(value) else []
        for index in wanted:
            yield from _places(rest, value[index], (*done, index))


def narrow(path: FieldPath, place: Path) -> FieldPath:
    """Return a path with the indexes of a place, up to where the two differ."""
    steps = list(path)
    for number, (own, other) in enumerate(zip(path, place, strict=False)):
        if own is None and isinstance(other, int):
            steps[number] = other
        elif own != other:
            break
    return tuple(steps)


def types_at(schema: object, path: FieldPath) -> list[inspect.Type]:
    """Return the types that a value at a path may have; none if the schema knows no such field."""
    found: list[inspect.Type] = [describe(schema)]
    for step in path:
        found = [inner for kind in found for inner in _inside(kind, step)]
    return found


def _inside(kind: inspect.Type, step: str | int | None) -> Iterator[inspect.Type]:
    match kind:
        case inspect.Metadata():
            yield from _inside(kind.type, step)
        case inspect.UnionType():
            for member in kind.types:
                yield from _inside(member, step)
        case inspect.ListType() if not isinstance(step, str):
            yield kind.item_type
        case inspect.DictType():
            yield kind.value_type
        case inspect.AnyType() | inspect.RawType():
            yield kind
        case inspect.StructType() if isinstance(step, str):
            if not kind.fields:  # a free-form object
                yield inspect.AnyType()
            if kind.tag_field == step:
                yield inspect.LiteralType((str(kind.tag),))
            yield from (field.type for field in kind.fields if field.encode_name == step)
        case _:
            pass


@cache
def known_paths(schema: object) -> tuple[str, ...]:
    """Return all paths of the schema, as people write them."""
    return tuple(dict.fromkeys(_walk(describe(schema), "")))


def _walk(kind: inspect.Type, path: str) -> Iterator[str]:
    match kind:
        case inspect.Metadata():
            yield from _walk(kind.type, path)
        case inspect.UnionType():
            for member in kind.types:
                yield from _walk(member, path)
        case inspect.ListType():
            yield from _walk(kind.item_type, f"{path}[]")
        case inspect.StructType() if kind.fields:
            names = {field.encode_name: field.type for field in kind.fields}
            if kind.tag_field:
                yield f"{path}.{kind.tag_field}".removeprefix(".")
            for name, type_ in names.items():
                yield from _walk(type_, f"{path}.{name}".removeprefix("."))
        case _ if path:
            yield path


def nearest_path(schema: object, text: str) -> str:
    """Return the path of the schema that is most like a text, or ends with it; empty if no path is."""
    known = known_paths(schema)
    last = text.rpartition(".")[2]
    ending = [path for path in known if path.rpartition(".")[2] == last]
    close = ending or difflib.get_close_matches(text, known, 1)
    return close[0] if close else ""
