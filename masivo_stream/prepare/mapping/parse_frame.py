"""Read the frame of a mapping from its TOML text. Errors name file and key, and what to write."""

import difflib
import re
import tomllib
import zoneinfo
from collections.abc import Mapping as AnyMapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.schemas import Timestamp, Uuid, read_uuid
from masivo_stream.prepare.mapping.frame import (
    FIRST_ACTIVITY,
    FORMAT_KEYS,
    LEAVE_OUT,
    BalancesMapping,
    CustomersMapping,
    DataSource,
    Engine,
    EventsMapping,
    Formats,
    Mapping,
    Policies,
    TransactionsMapping,
)

OPERATION = "read the mapping"
_SECTIONS = ("formats", "rewards", "sources", "customers", "balances", "events", "transactions", "policies", "engine")
_KINDS: dict[str, type[Struct]] = {
    "customers": CustomersMapping,
    "balances": BalancesMapping,
    "events": EventsMapping,
    "transactions": TransactionsMapping,
}
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
_PACKED = (".gz", ".zst")

S = TypeVar("S", bound=Struct)


def parse_frame(text: str, file: str) -> Mapping:
    """Return the mapping of a TOML text; `file` is named in errors.

    Raises:
        ConfigurationError: the text is no mapping.
    """
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is not TOML: {error}", file, "masivo-stream prepare --init writes one to begin with") from error
    for name in tree:
        if name not in _SECTIONS:
            raise _wrong(f"has no section [{name}]", file, _nearest(name, _SECTIONS))
    if "sources" not in tree:
        raise _wrong("has no section [sources]", file, "masivo-stream prepare --init writes one to begin with")
    if not tree.keys() & _KINDS:
        listed = ", ".join(f"[{name}]" for name in _KINDS)
        raise _wrong(f"has none of the sections {listed}", file, "add one, with a SELECT")
    formats = _convert(tree.get("formats", {}), Formats, f"{file}: [formats]")
    _check_formats(formats, f"{file}: [formats]")
    kinds = {
        name: _convert(tree[name], kind, f"{file}: [{name}]") if name in tree else None for name, kind in _KINDS.items()
    }
    policies = _convert(tree.get("policies", {}), Policies, f"{file}: [policies]")
    _check_date(policies.missing_date, f"{file}: [policies] missing_date")
    engine = _convert(tree.get("engine", {}), Engine, f"{file}: [engine]")
    if engine.threads < 1:
        raise _wrong("is too small", f"{file}: [engine] threads", "use 1 or more")
    return msgspec.convert(
        {
            "formats": formats,
            "rewards": _rewards(tree.get("rewards", {}), file),
            "sources": _sources(tree["sources"], formats, file),
            "policies": policies,
            "engine": engine,
            **kinds,
        },
        Mapping,
    )


def _check_date(written: str, place: str) -> None:
    if written in {LEAVE_OUT, FIRST_ACTIVITY}:
        return
    try:
        msgspec.convert(written if "T" in written else f"{written}T00:00:00Z", Timestamp)
    except msgspec.ValidationError:
        raise _wrong(
            "is neither a policy nor a date", place, 'write leave_out, first_activity, or a date such as "2018-01-01"'
        ) from None


def _rewards(tree: object, file: str) -> dict[str, str]:
    if not isinstance(tree, dict):
        raise _wrong("is not a section", f"{file}: [rewards]", 'write names and ids: points = "the reward\'s id"')
    for name, value in tree.items():
        try:
            read_uuid(Uuid, value)
        except (TypeError, ValueError):
            raise _wrong(
                "is not the id of a reward",
                f"{file}: [rewards] {name}",
                "write the UUID; masivo-stream check lists the rewards of an account",
            ) from None
    return tree


def _sources(tree: object, formats: Formats, file: str) -> dict[str, DataSource]:
    if not isinstance(tree, dict) or not tree:
        raise _wrong("names no source", f"{file}: [sources]", 'write for example orders = { path = "orders.csv" }')
    found: dict[str, DataSource] = {}
    for name, value in tree.items():
        place = f"{file}: [sources] {name}"
        if not name.replace("_", "a").isalnum() or name[0].isdigit() or not name.isascii():
            raise _wrong("is no name of a table", place, "use letters, digits and _")
        if isinstance(value, str):
            value = {"path": value}  # noqa: PLW2901 - the short form
        if not isinstance(value, dict):
            raise _wrong("is not a table", place, f'write {name} = {{ path = "{name}.csv" }}')
        found[name] = _source(value, formats, place)
    if sum(path == "-" for source in found.values() for path in source.path) > 1:
        raise _wrong("is named twice: standard input", f"{file}: [sources]", "only one source can be `-`")
    return found


def _source(tree: AnyMapping[str, Any], formats: Formats, place: str) -> DataSource:
    for key in tree:
        names = (*DataSource.__struct_fields__[:-1], *FORMAT_KEYS)
        if key not in names:
            raise _wrong("is not a key of a source", f"{place}: {key}", _nearest(key, names))
    path = tree.get("path")
    paths = [path] if isinstance(path, str) else [] if path is None else path
    own = {key: value for key, value in tree.items() if key in FORMAT_KEYS}
    merged = _convert({**msgspec.to_builtins(formats), **own}, Formats, place)
    _check_formats(merged, place)
    source = _convert({**{key: tree[key] for key in tree if key not in own}, "path": paths}, DataSource, place)
    if not source.path:
        raise _wrong("names no file", f"{place}: path", "name a path, a glob, or - for standard input")
    kind = source.format or _format_of(source.path[0], place)
    if kind == "sqlite" and not source.table:
        raise _wrong("does not say which table to read", place, f'add table = "{place.rpartition(" ")[2]}"')
    return msgspec.structs.replace(source, format=kind, formats=merged)


def _format_of(path: str, place: str) -> str:
    name = shown_url(path).lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    for suffix, kind in _SUFFIXES.items():
        if name.endswith(suffix):
            return kind
    raise _wrong(
        "does not say what the file is",
        f"{place}: format",
        f"add format, one of {', '.join(sorted({*_SUFFIXES.values()}))}",
    )


def _check_formats(formats: Formats, place: str) -> None:
    if formats.time_zone:
        try:
            zoneinfo.ZoneInfo(formats.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            close = difflib.get_close_matches(formats.time_zone, zoneinfo.available_timezones(), 1)
            raise _wrong(
                "is not a time zone",
                f"{place} time_zone",
                f"did you mean {close[0]}?" if close else "use a name of the IANA database, such as America/Bogota",
            ) from None
    if len(formats.delimiter) > 1 or len(formats.quote) > 1:
        raise _wrong("has more than one character", f"{place} delimiter or quote", "use one character")
    try:
        "a".encode(formats.encoding)
    except LookupError:
        raise _wrong(
            "is not an encoding", f"{place} encoding", "use for example utf-8, latin-1, cp1252 or utf-16"
        ) from None
    for each in formats.date_formats:
        if each not in {"iso", "unix", "unix_ms"} and "%" not in each:
            raise _wrong(
                f"has `{each}`, which is no date format",
                f"{place} date_formats",
                'use iso, unix, unix_ms, or a format such as "%d/%m/%Y %H:%M"',
            )
        if "%" in each and (reason := _wrong_directive(each)):
            raise _wrong(
                f"has `{each}`, {reason}",
                f"{place} date_formats",
                "a format has %Y or %y, and the parts of https://duckdb.org/docs/sql/functions/dateformat",
            )


_DIRECTIVES = frozenset("aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%")
_WITHOUT_PADDING = frozenset("dHIjmMSUWy")
_YEARS = frozenset("yYGcx")


def _wrong_directive(form: str) -> str:
    """Return what is wrong with a format of dates, empty if nothing is: DuckDB reads a date without a year as 1900."""
    found = re.findall(r"%(-?)(.?)", form, re.DOTALL)
    for minus, letter in found:
        if not letter or letter not in (_WITHOUT_PADDING if minus else _DIRECTIVES):
            return f"in which %{minus}{letter} is no part of a date"
    return "" if any(letter in _YEARS for _, letter in found) else "which has no year"


def _convert(tree: object, kind: type[S], place: str) -> S:
    if not isinstance(tree, dict):
        raise _wrong("is not a section", place, "write its keys below it")
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key, value in tree.items():
        if key not in fields:
            raise _wrong("is not a key here", f"{place} {key}", _nearest(key, fields))
        try:
            msgspec.convert(value, fields[key].type)
        except msgspec.ValidationError as error:
            raise _wrong(f"does not fit: {_sentence(error)}", f"{place} {key}", _choices(fields[key].type)) from None
    for name, field in fields.items():
        if field.required and name not in tree:
            raise _wrong(f"does not have `{name}`", place, f"add {name}")
    return msgspec.convert(tree, kind)


def _sentence(error: msgspec.ValidationError) -> str:
    """Return msgspec's sentence without the enum value that it quotes."""
    text = str(error)
    return "expected one of the listed words" if text.startswith("Invalid enum value") else text


def _choices(kind: object) -> str:
    """Return what a key accepts."""
    if get_origin(kind) is dict:
        return f"the words mean one of: {_list_words(get_args(kind)[1])}"
    if get_origin(kind) is tuple:
        return 'write a list of texts: ["…"]'
    if words := _list_words(kind):
        return f"use one of: {words}"
    return "write a whole number" if kind is int else "write true or false" if kind is bool else 'write a text: "…"'


def _list_words(kind: object) -> str:
    """Return the words that a type allows; empty if it allows any text."""
    arguments = [each for each in get_args(kind) if each is not type(None)]
    literals = get_args(arguments[0]) if len(arguments) == 1 and not isinstance(arguments[0], str) else arguments
    return ", ".join(each for each in literals if isinstance(each, str))


def _nearest(name: str, names: Any) -> str:  # noqa: ANN401 - anything with names
    close = difflib.get_close_matches(name, list(names), 1)
    return f"did you mean {close[0]}?" if close else f"the known names are: {', '.join(names)}"


def _wrong(what: str, place: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation=OPERATION, place=place, hint=hint)
