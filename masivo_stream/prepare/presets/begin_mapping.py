"""Begin a mapping: take a preset, find each of its sources among some files by their columns, and mark every guess."""

import glob
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.prepare.presets.found_tables import FoundTable, find_tables
from masivo_stream.prepare.presets.guess_formats import (
    find_dates,
    find_numbers,
    guess_dates,
    guess_decimal_mark,
    lacks_zone,
    swap_day_and_month,
)
from masivo_stream.prepare.presets.preset_files import read_preset

FEW_FILES = 3
"""As many are listed; more are named by a glob if one fits exactly."""

_SOURCE = re.compile(r"^\[sources\.(\w+)\]", re.MULTILINE)
_KIND = re.compile(r"^\[(customers|balances|events|transactions)\]", re.MULTILINE)
_COLUMNS = re.compile(r"^# columns = (\[.*\])$", re.MULTILINE)
_PATH = re.compile(r"^path = .*$", re.MULTILINE)
_FORMATS = re.compile(r"(?<=^\[formats\]\n)(?:.+\n)*", re.MULTILINE)


class MatchedSource(Struct):
    """A source of a preset, and the tables that were found for it: none, or several of the same shape."""

    name: str
    part: str
    """Its section of the preset."""
    tables: list[FoundTable]
    others: list[FoundTable]
    """They have its columns too, but are written in another way."""
    by_name: bool
    dates: list[str]
    numbers: list[str]

    def values(self, names: Iterable[str]) -> list[str]:
        """Return values of some columns."""
        names = list(names)
        return [value for table in self.tables for value in table.values(names)]


def begin_mapping(preset: str, paths: Sequence[str]) -> str:
    """Return the text of a mapping for these files and directories.

    Raises:
        ConfigurationError: there is no such preset, or no file.
        InputError: a file cannot be read.
    """
    text = read_preset(preset)
    tables, others = find_tables(paths)
    parts = _split(text)
    sources = {found[1]: _match(found[1], part, tables) for part in parts if (found := _SOURCE.search(part))}
    missing = [name for name, source in sources.items() if not source.tables]
    if len(missing) == len(sources):
        missing = []  # nothing would be left of the mapping
    general = _GeneralFormats(sources.values())
    written = [_write_part(part, sources, missing, general) for part in parts]
    return "".join(written) + _list_files(tables, others)


class _GeneralFormats:
    """What is guessed about all sources together; a source that is written in another way says so itself."""

    def __init__(self, sources: Iterable[MatchedSource]) -> None:
        found = list(sources)
        self._dates = {each.name: guess_dates(each.values(each.dates)) for each in found}
        self._marks = {each.name: guess_decimal_mark(each.values(each.numbers)) for each in found}
        chosen = [forms for forms, _ in self._dates.values() if forms]
        self.dates = max(chosen, key=len, default=["iso"])
        marks = [mark for mark in self._marks.values() if mark is not None]
        self.mark = max(marks, key=marks.count, default=".")
        self.lacks_zone = any(lacks_zone(value) for each in found for value in each.values(each.dates))

    def lines(self, preset: str) -> str:
        """Return the lines of the section `[formats]`; a zone that the preset knows stays."""
        zone = re.search(r"^time_zone = .*\n", preset, re.MULTILINE)
        lines: list[str] = [zone[0].rstrip()] if zone else []
        if self.lacks_zone and not zone:
            lines.append('# time_zone = "America/Bogota" # needed: dates have no zone; there is no default')
        twins = [other for _, others in self._dates.values() for other in others]
        same = [twin for twin in dict.fromkeys(twins) if swap_day_and_month(twin) in self.dates]
        lines.append(_dates_line(self.dates, same))
        return "\n".join([*lines, f'decimal_mark = "{self.mark}" # guessed']) + "\n"

    def differing(self, name: str) -> list[str]:
        """Return what a source has to say itself."""
        (dates, twins), mark = self._dates[name], self._marks[name]
        is_said = set(dates) <= set(self.dates) and not {swap_day_and_month(form) for form in self.dates} & set(
            self.dates
        )
        lines = [] if not dates or dates == self.dates or is_said else [_dates_line(dates, twins)]
        return [*lines, *([f'decimal_mark = "{mark}" # guessed'] if mark not in {None, self.mark} else [])]


def _dates_line(forms: list[str], twins: list[str]) -> str:
    doubt = f"CHECK: {', '.join(twins)} would fit as well" if twins else "guessed from the first rows"
    return f"date_formats = [{', '.join(map(_quote, forms))}] # {doubt}"


def _write_part(part: str, sources: dict[str, MatchedSource], missing: list[str], general: _GeneralFormats) -> str:
    """Return a section of the mapping."""
    found, kind = _SOURCE.search(part), _KIND.search(part)
    if found:
        return _write_source(sources[found[1]], general, needed=found[1] not in missing)
    used = [name for name in missing if kind and re.search(rf"(?i)\b(FROM|JOIN)\s+{name}\b", part)]
    if used:
        return f"# Without a file for {', '.join(used)} there is no\n{_as_comment(part)}"
    return _FORMATS.sub(lambda _: general.lines(part), part, count=1)


def _write_source(source: MatchedSource, general: _GeneralFormats, *, needed: bool) -> str:
    part = source.part
    if not source.tables:
        columns = ", ".join(_needed(part))
        line = f'path = "{source.name}.csv" # NOT FOUND: no file has the columns {columns}'
        written = _PATH.sub(lambda _: line, part, count=1)
        return written if needed else _as_comment(written)
    of = "its" if len(source.tables) == 1 else "their"
    lines = [f"path = {_paths(source.tables)} # guessed by {of} {'name' if source.by_name else 'columns'}"]
    lines += [f"{key} = {_quote(value)} # guessed" for key, value in source.tables[0].keys.items()]
    lines += [f"# CHECK: {each.path} has the same columns, but is written in another way" for each in source.others]
    lines += general.differing(source.name)
    if source.by_name:
        lines.append(f"# CHECK its columns, here and in each select: {', '.join(source.tables[0].columns)}")
    known = {name.lower() for table in source.tables for name in table.columns}
    absent = [name for name in (*source.dates, *source.numbers) if name.lower() not in known]
    if absent:
        lines.append(f"# CHECK: no file has the column {', '.join(absent)}, which a select may name")
    body = "\n".join(line for line in _PATH.sub("", part, count=1).splitlines()[1:] if line and not _is_declared(line))
    guessed = " # guessed from the values" if source.by_name else ""
    declared = [
        f"{key} = [{', '.join(map(_quote, names))}]{guessed}"
        for key, listed in (("dates", source.dates), ("numbers", source.numbers))
        if (names := [name for name in listed if name.lower() in known])
    ]
    head = part.splitlines()[0]
    kept = [] if source.by_name else [body] if body else []
    return "\n".join([head, *lines, *kept, *declared]) + "\n\n"


def _is_declared(line: str) -> bool:
    return line.startswith(("dates =", "numbers ="))


def _as_comment(part: str) -> str:
    lines = part.rstrip().splitlines()
    return "\n".join(line if line.startswith("#") else f"# {line}" for line in lines) + "\n\n"


def _split(text: str) -> list[str]:
    """Return the comment at the top, then each section with the empty line after it."""
    return re.split(r"(?m)^(?=\[)", text)


def _needed(part: str) -> list[str]:
    found = _COLUMNS.search(part)
    return msgspec.convert(tomllib.loads(f"columns = {found[1]}")["columns"], list[str]) if found else []


def _match(name: str, part: str, tables: list[FoundTable]) -> MatchedSource:
    """Return a source with the tables that have all columns that it needs, or else those that are called like it."""
    tree = tomllib.loads("\n".join(line for line in part.splitlines() if not line.startswith("[")))
    needed = {column.lower() for column in _needed(part)}
    fitting = [table for table in tables if needed <= {column.lower() for column in table.columns}]
    fitting.sort(key=lambda table: not _is_called(table, name))
    by_name = not fitting
    if by_name:
        fitting = [table for table in tables if _is_called(table, name)]
        fitting = [table for table in fitting if table.columns == fitting[0].columns]
    same = [table for table in fitting if table.keys == fitting[0].keys]
    same.sort(key=lambda table: table.path)
    dates = find_dates(same[0]) if by_name and same else list(tree.get("dates", ()))
    numbers = find_numbers(same[0]) if by_name and same else list(tree.get("numbers", ()))
    others = [table for table in fitting if table not in same]
    return MatchedSource(name, part, same, others, by_name, dates, numbers)


def _is_called(table: FoundTable, name: str) -> bool:
    """Return whether a file or table is called like a source, or has its name as a word."""
    stem = Path(table.path).name.partition(".")[0].lower()
    called = {*re.split(r"[^a-z0-9]+", stem), stem, table.source.table.lower()}
    return name in called


def _paths(tables: list[FoundTable]) -> str:
    paths = [table.path for table in tables]
    if len(paths) == 1:
        return _quote(paths[0])
    ends = [path[::-1] for path in paths]
    begin, end = (os.path.commonprefix(each) for each in (paths, ends))  # noqa: RUF071 - of characters, for a glob
    pattern = f"{glob.escape(begin)}*{glob.escape(end[::-1])}"
    if len(paths) > FEW_FILES and sorted(glob.glob(pattern)) == sorted(paths):  # noqa: PTH207 - it is a path as named
        return _quote(pattern)
    return f"[{', '.join(map(_quote, paths))}]"


def _list_files(tables: list[FoundTable], others: list[str]) -> str:
    lines = []
    for table in tables:
        dates, numbers = set(find_dates(table)), set(find_numbers(table))
        columns = [
            f"{name}{' (dates)' if name in dates else ' (numbers)' if name in numbers else ''}"
            for name in table.columns
        ]
        name = f"{table.path}, table {table.source.table}" if table.source.table else table.path
        lines.append(f"# {name}: {', '.join(columns)}")
    lines += [f"# {path}: no table that prepare reads; save it as CSV" for path in others]
    return "\n# The files and their columns, with what they seem to hold:\n" + "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()
