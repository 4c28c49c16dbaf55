"""Make the JSON Schema of a settings file, `config.schema.json`, for editors that complete and check TOML.

    python docs/make/make_settings_schema.py

Names, types and bounds come from `masivo_stream.model.settings` by way of `msgspec.inspect`, defaults from the settings
themselves, descriptions from the comments of `config.example.toml`. Lists of windows, budgets and checks are texts of a
form of their own, which the schema has as patterns and words; what only several settings together show
(`first_delay` above `longest_delay`), it leaves to the program.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import inspect

from masivo_stream.edges.config import leaves
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import ALWAYS_MADE, CheckName
from masivo_stream.model.settings import Settings

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "config.example.toml"
SCHEMA = ROOT / "config.schema.json"

_HOUR = "([01]?[0-9]|2[0-3]):[0-5][0-9]"
_HOURS = rf"{_HOUR}\s*[-\u2013]\s*({_HOUR}|24:00)"
_RATE = r"[1-9][0-9]{0,8}\s*/\s*([0-9]*[1-9][0-9]*(\.[0-9]+)?|[0-9]+\.[0-9]*[1-9][0-9]*)?\s*[smhd]"
_WINDOW = rf"({_HOURS}\s+({_RATE}|[Pp][Aa][Uu][Ss][Ee])|{_RATE}|[Nn][Oo][Nn][Ee])"
_PERCENT = r"((0{0,2}[0-9]|0?[1-9][0-9])(\.[0-9]{1,6})?|100(\.0{1,6})?)\s*%"
_BUDGET = rf"(({'|'.join(Kind)})\s*=\s*)?([0-9]{{1,12}}|{_PERCENT})"
_CHECKS = ("all", *sorted(set(CheckName) - ALWAYS_MADE))


def _list_of(form: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - a part of a schema
    """Return the schema of a list of texts of a form, or of one text, with commas between several."""
    texts = {"type": "string", "pattern": rf"^\s*{form}\s*(,\s*{form}\s*)*$"}
    items = {"anyOf": [texts, more]} if more else texts
    return {"anyOf": [{"type": "array", "items": items}, texts, *([more] if more else [])]}


_LISTS: dict[str, dict[str, Any]] = {
    "limit": _list_of(_WINDOW),
    "general_limit": _list_of(_WINDOW),
    "max_dead": _list_of(rf"({_BUDGET}|[Nn][Oo][Nn][Ee])", type="integer", minimum=0),
    "skip_checks": {
        "anyOf": [
            {"type": "array", "items": {"enum": list(_CHECKS)}},
            {"type": "string", "pattern": rf"^\s*({'|'.join(_CHECKS)}|none)\s*(,\s*({'|'.join(_CHECKS)})\s*)*$"},
        ]
    },
}
"""The settings that are lists: what each takes, which is more than one type of TOML."""


def make_schema() -> dict[str, Any]:
    """Return the schema.

    Raises:
        KeyError: a setting has no comment in `config.example.toml`.
    """
    words = dict(_comments(EXAMPLE.read_text()))
    defaults = tomllib.loads(EXAMPLE.read_text())
    sections = {
        section: {
            "type": "object",
            "description": _first_sentence(type(getattr(Settings(), section)).__doc__ or ""),
            "additionalProperties": False,
            "properties": {
                name: {
                    **_type_of(name, field.type),
                    "default": defaults[section][name],
                    "description": f"{words[name]}{_unit(name, field.type)}",
                }
                for name, field in names.items()
            },
        }
        for section, names in leaves().items()
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Settings of masivo-stream",
        "description": "Times are seconds, sizes bytes. Secrets are never in this file.",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }


def _unit(name: str, found: inspect.Type) -> str:
    """Return the unit of a number, as a sentence."""
    if isinstance(found, inspect.FloatType):
        return " In seconds."
    return " In bytes." if name.endswith("_bytes") else ""


def _first_sentence(text: str) -> str:
    return text.split("\n", 1)[0].strip()


def _comments(text: str) -> Iterator[tuple[str, str]]:
    """Yield each setting of the example with the comment above it; a group has one comment."""
    lines: list[str] = []
    done = False
    for line in text.splitlines():
        if line.startswith("#"):
            lines = [] if done else lines
            lines.append(line.removeprefix("#").strip())
            done = False
        elif match := re.match(r"(?:\[\w+\.)?(\w+)(?:\]| = )", line):
            if lines:
                yield match[1], " ".join(lines)
            done = True
        else:
            lines, done = [], False


def _type_of(name: str, found: inspect.Type) -> dict[str, Any]:
    """Return the schema of a setting's type."""
    match found:
        case inspect.VarTupleType():
            return _LISTS[name]
        case inspect.DictType():
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case inspect.LiteralType(values=values):
            return {"enum": list(values)}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.IntType() | inspect.FloatType():
            number = {"type": "integer" if isinstance(found, inspect.IntType) else "number"}
            bounds = {
                "exclusiveMinimum": found.gt, "minimum": found.ge, "exclusiveMaximum": found.lt, "maximum": found.le
            }  # fmt: skip
            return number | {bound: value for bound, value in bounds.items() if value is not None}
        case _:
            raise TypeError(f"no schema is known for {name}: {found}")


def schema_text() -> str:
    """Return the schema as it is in its file."""
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text())
