"""Begin a mapping: take a preset, find each of its sources among some files by their columns, and mark every guess."""

import csv
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.engine.casts import ISO_LOCAL, ISO_ZONED
from masivo_stream.prepare.mapping.frame import DataSource, Formats
from masivo_stream.prepare.presets.preset_files import read_preset
from masivo_stream.prepare.sources.delimited import DelimitedReader
from masivo_stream.prepare.sources.source_files import SourceFile, open_text

SAMPLE_ROWS = 2000
DELIMITERS = (",", ";", "\t", "|")

DATE_FORMATS = (
    "iso",
    *("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y"),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y"),
)
"""Formats that are tried, in this order."""

_SOURCE = re.compile(r"^\[sources\.(\w+)\]$", re.MULTILINE)
_COLUMNS = re.compile(r"^# columns = (\[.*\])$", re.MULTILINE)
_PATH = re.compile(r"^path = .*$", re.MULTILINE)
_FORMATS = re.compile(r"(?<=^\[formats\]\n)(?:.+\n)*", re.MULTILINE)


class FoundFile(Struct):
    """A file that may be a source."""

    path: str
    delimiter: str
    encoding: str
    columns: list[str]

    def reader(self) -> DelimitedReader:
        """Return what reads it."""
        return DelimitedReader(
            DataSource(
                path=(self.path,), format="csv", formats=Formats(delimiter=self.delimiter, encoding=self.encoding)
            )
        )

    def values(self, names: Iterable[str]) -> list[str]:
        """Return values of some columns, from the first rows."""
        wanted = [index for index, name in enumerate(self.columns) if name in set(names)]
        rows = self.reader().rows(SourceFile(self.path, self.path), self.columns, lambda _line, _why: None)
        found = [row[index] for _, row in islice(rows, SAMPLE_ROWS) for index in wanted]
        return [value.strip() for value in found if value is not None and value.strip()]


def begin_mapping(preset: str, paths: Sequence[str]) -> str:
    """Return the text of a mapping for these files and directories.

    Raises:
        ConfigurationError: there is no such preset, or no file.
        InputError: a file cannot be read.
    """
    text = read_preset(preset)
    files = [found for path in _files(paths) if (found := look_at(path)) is not None]
    head, *parts = _split(text)
    matched: list[tuple[FoundFile, DataSource]] = []
    written = []
    for part in parts:
        name = _SOURCE.search(part)
        if name is None:
            written.append(part)
        elif (found := _match(part, files)) is not None:
            matched.append((found, _declared(part)))
            written.append(_with_path(part, _describe(found)))
        elif (found := _match_name(name[1], files)) is not None:
            columns = ", ".join(found.columns)
            lines = f"{_describe(found, 'by its name')}\n# CHECK its columns, here and in each select: {columns}"
            guessed = DataSource(path=(), dates=tuple(find_dates(found)), numbers=tuple(find_numbers(found)))
            matched.append((found, guessed))
            written.append(_with_declared(_with_path(part, lines), guessed))
        else:
            needed = ", ".join(_needed(part))
            written.append(_with_path(part, f'path = "{name[1]}.csv" # NOT FOUND: no file has the columns {needed}'))
    return _FORMATS.sub(lambda _: _guess_formats(matched), head + "".join(written), count=1) + _list_files(files)


def look_at(path: Path) -> FoundFile | None:
    """Return a file with its columns; None if it is no text table."""
    file = SourceFile(str(path), str(path))
    for encoding in ("utf-8", "cp1252"):
        with open_text(file, encoding) as lines:
            some = list(islice(lines, SAMPLE_ROWS))
        if not some or "\0" in some[0]:
            return None
        if all(line.isprintable() or line.isascii() or max(line) < "\udc80" for line in some):
            break
    counts = {each: some[0].count(each) for each in DELIMITERS}
    delimiter = max(counts, key=lambda each: counts[each])
    if not counts[delimiter]:
        return None
    try:
        columns = [name.strip() for name in next(csv.reader(some, delimiter=delimiter))]
    except (csv.Error, StopIteration):
        return None
    return FoundFile(str(path), delimiter, encoding, columns)


def guess_dates(values: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the fewest formats, in order, that read as many of the values as any, and others that fit just as well."""
    left = {value for value in values if not value.startswith("0000")}
    chosen: list[str] = []
    while left:
        best = max(DATE_FORMATS, key=lambda form: sum(_fits(value, form) for value in left))
        read = {value for value in left if _fits(value, best)}
        if not read:
            break
        chosen.append(best)
        left -= read
    twins = {form.translate(_SWAPPED) for form in chosen if form[1] in "dm" and "%m" in form}
    others = [
        form
        for form in twins
        if form in DATE_FORMATS and form not in chosen and _as_good(values, form, form.translate(_SWAPPED))
    ]
    return chosen, others


_SWAPPED = {ord("d"): "m", ord("m"): "d"}


def _as_good(values: Sequence[str], form: str, chosen: str) -> bool:
    """Return whether a format reads all values that another one reads."""
    return all(_fits(value, form) for value in values if _fits(value, chosen))


def _fits(value: str, form: str) -> bool:
    if form == "iso":
        return re.fullmatch(f"{ISO_ZONED}|{ISO_LOCAL}", value) is not None
    try:
        datetime.strptime(value, form)  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False
    return True


def find_dates(file: FoundFile) -> list[str]:
    """Return the columns whose values are dates, nearly all of them."""
    return [
        name
        for name in file.columns
        if _mostly(file, name, lambda value: any(_fits(value, form) for form in DATE_FORMATS))
    ]


def find_numbers(file: FoundFile) -> list[str]:
    """Return the columns whose values are numbers, nearly all of them, and no ids."""
    names = [name for name in file.columns if not re.search(r"(?i)(^|[ _])id$|Id$|number$|zip|phone", name)]
    return [name for name in names if _mostly(file, name, lambda value: _NUMBER.fullmatch(value) is not None)]


_NUMBER = re.compile(r"[+-]?\d[\d.,' ]*")
_NEARLY_ALL = 0.9


def _mostly(file: FoundFile, name: str, fits: Callable[[str], bool]) -> bool:
    values = [value for value in file.values([name]) if not value.startswith("0000")]
    return bool(values) and sum(map(fits, values)) >= _NEARLY_ALL * len(values)


def _with_declared(part: str, guessed: DataSource) -> str:
    """Return the section of a source with the columns that were found to be dates and numbers."""
    kept = "".join(
        line for line in part.splitlines(keepends=True) if not line.startswith(("dates =", "numbers =", "# columns"))
    )
    lines = [
        f"{key} = [{', '.join(map(_quote, names))}] # guessed from the values\n"
        for key, names in (("dates", guessed.dates), ("numbers", guessed.numbers))
        if names
    ]
    return f"{kept.rstrip()}\n{''.join(lines)}\n"


def guess_decimal_mark(values: Sequence[str]) -> str:
    """Return the mark that most numbers have last; a point if they have none."""
    commas = sum(value.rfind(",") > value.rfind(".") and len(value) - value.rfind(",") != 4 for value in values)  # noqa: PLR2004 - 1,234
    points = sum(value.rfind(".") > value.rfind(",") and len(value) - value.rfind(".") != 4 for value in values)  # noqa: PLR2004 - 1.234
    return "," if commas > points else "."


def _files(paths: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise InputError(
                "there is no such file or directory",
                operation="write the mapping",
                place=str(path),
                hint="name the files, or the directory that holds them",
            )
        found += sorted(filter(_is_table, path.iterdir())) if path.is_dir() else [path]
    if not found:
        raise ConfigurationError(
            "no file is named",
            operation="write the mapping",
            hint="name the files, or the directory that holds them: masivo-stream prepare --init shopify src/",
        )
    return found


def _is_table(path: Path) -> bool:
    """Return whether a file in a directory is called like a table of text."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return path.is_file() and name.endswith((".csv", ".tsv", ".txt"))


def _split(text: str) -> list[str]:
    """Return the comment at the top, then each section with the empty line after it."""
    return re.split(r"(?m)^(?=\[)", text)


def _needed(part: str) -> list[str]:
    found = _COLUMNS.search(part)
    return msgspec.convert(tomllib.loads(f"columns = {found[1]}")["columns"], list[str]) if found else []


def _declared(part: str) -> DataSource:
    tree = tomllib.loads("\n".join(line for line in part.splitlines() if not line.startswith("[")))
    return DataSource(path=(), numbers=tuple(tree.get("numbers", ())), dates=tuple(tree.get("dates", ())))


def _match(part: str, files: list[FoundFile]) -> FoundFile | None:
    """Return the file with all columns that a source needs."""
    needed = {name.lower() for name in _needed(part)}
    return next((file for file in files if needed <= {name.lower() for name in file.columns}), None)


def _match_name(name: str, files: list[FoundFile]) -> FoundFile | None:
    """Return the file that is called like a source, or has its name as a word."""
    stems = {Path(file.path).stem.lower(): file for file in files}
    return stems.get(name) or next(
        (file for stem, file in stems.items() if name in re.split(r"[^a-z0-9]+", stem)), None
    )


def _with_path(part: str, lines: str) -> str:
    return _PATH.sub(lambda _: lines, part, count=1)


def _describe(file: FoundFile, why: str = "by its columns") -> str:
    lines = [f"path = {_quote(file.path)} # guessed {why}"]
    if file.encoding != "utf-8":
        lines.append(f'encoding = "{file.encoding}" # guessed: it is not UTF-8')
    if file.delimiter != ",":
        lines.append(f"delimiter = {_quote(file.delimiter)}")
    return "\n".join(lines)


def _guess_formats(matched: list[tuple[FoundFile, DataSource]]) -> str:
    """Return the lines of the section `[formats]`."""
    dates = [value for file, source in matched for value in file.values(source.dates)]
    numbers = [value for file, source in matched for value in file.values(source.numbers)]
    chosen, others = guess_dates(dates)
    listed = ", ".join(map(_quote, chosen or ["iso"]))
    lines = []
    if any(re.fullmatch(ISO_ZONED, value) is None for value in dates):
        lines.append('# time_zone = "America/Bogota" # needed: dates have no zone; there is no default')
    doubt = f" # CHECK: {', '.join(others)} would fit as well" if others else " # guessed from the first rows"
    lines += [f"date_formats = [{listed}]{doubt}", f'decimal_mark = "{guess_decimal_mark(numbers)}" # guessed']
    return "\n".join(lines) + "\n"


def _list_files(files: list[FoundFile]) -> str:
    lines = [f"# {file.path}: {', '.join(file.columns)}" for file in files]
    return "\n# The files and their columns:\n" + "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return msgspec.json.encode(text).decode()
