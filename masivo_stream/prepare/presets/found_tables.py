"""Look at files: which of them hold tables, how these are written, and what their first rows are."""

import csv
import glob
import io
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from msgspec import Struct, structs

from masivo_stream.model.errors import ConfigurationError, InputError
from masivo_stream.prepare.engine.casts import literal, quoted
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.load import make_reader
from masivo_stream.prepare.mapping.frame import DataSource, Engine, Formats, SourceFormat
from masivo_stream.prepare.sources.json_values import JsonReader
from masivo_stream.prepare.sources.source_files import BLOCK_BYTES, SourceFile, open_text, read_blocks
from masivo_stream.prepare.sources.source_rows import RESERVED, name_columns

SAMPLE_ROWS = 2000
DELIMITERS = (",", ";", "\t", "|")
SPREADSHEETS = (".xlsx", ".xls", ".ods")
"""They are named as files that hold no table, so that they are not taken for read."""
PREPARED = "prepare.json"
"""A directory with this file was written by `prepare`: it holds exports and no sources."""

_PARQUET = b"PAR1"
_SQLITE = b"SQLite format 3\0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SUFFIXES: dict[str, SourceFormat] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".parquet": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson",
    ".json": "json", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".db": "sqlite",
}  # fmt: skip
"""What a name alone says about a file, as in `mapping.parse_frame`."""


class FoundTable(Struct):
    """A table that may be a source, with its first rows."""

    path: str
    source: DataSource
    """How it is written."""
    columns: list[str]
    rows: list[Sequence[str | None]]

    def values(self, names: Iterable[str]) -> list[str]:
        """Return values of some columns, in any case of their names."""
        wanted = {name.lower() for name in names}
        indexes = [index for index, name in enumerate(self.columns) if name.lower() in wanted]
        found = [row[index] for row in self.rows for index in indexes]
        return [value.strip() for value in found if value is not None and value.strip()]

    @property
    def keys(self) -> dict[str, str]:
        """What a mapping has to say about it, apart from its path."""
        formats = self.source.formats
        said: dict[str, str] = {}
        if self.source.format != _format_by_name(self.path):
            said["format"] = str(self.source.format)
        if self.source.table:
            said["table"] = self.source.table
        if formats.encoding != "utf-8":
            said["encoding"] = formats.encoding
        if formats.delimiter not in {"", "," if self.source.format == "csv" else "\t"}:
            said["delimiter"] = formats.delimiter
        if not formats.quote:
            said["quote"] = ""
        return said


def find_tables(paths: Sequence[str]) -> tuple[list[FoundTable], list[str]]:
    """Return the tables in files, directories and globs, and the files that hold none.

    Raises:
        ConfigurationError: no file is named.
        InputError: a file does not exist, or cannot be read.
    """
    found: list[FoundTable] = []
    others = []
    for path in _files(paths):
        tables = look_at(path)
        found += tables
        if not tables:
            others.append(str(path))
    return found, others


def _files(paths: Sequence[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for named in paths:
        is_pattern = glob.has_magic(named) and not Path(named).exists()
        matched = sorted(glob.glob(named, recursive=True)) if is_pattern else [named]  # noqa: PTH207 - it may be absolute
        existing = [Path(path) for path in matched if Path(path).exists()]
        if not existing:
            raise InputError(
                "there is no such file or directory",
                operation="write the mapping",
                place=named,
                hint="name the files, or the directory that holds them",
            )
        for path in existing:
            found.update(dict.fromkeys(_in_directory(path) if path.is_dir() else [path]))
    if not found:
        raise ConfigurationError(
            "no file is named",
            operation="write the mapping",
            hint="name the files, or the directory that holds them: masivo-stream prepare --init shopify src/",
        )
    return list(found)


def _in_directory(directory: Path) -> Iterator[Path]:
    """Yield the files that are called like tables, in the order of their names; not those of hidden directories."""
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            if not (path / PREPARED).exists():
                yield from _in_directory(path)
        elif path.is_file() and (_format_by_name(path.name) is not None or path.name.lower().endswith(SPREADSHEETS)):
            yield path


def _format_by_name(path: str) -> SourceFormat | None:
    name = path.lower().removesuffix(".gz").removesuffix(".zst")
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def look_at(path: Path) -> list[FoundTable]:
    """Return the tables of a file: several of an SQLite file, none if it holds no table.

    Raises:
        InputError: it cannot be read.
    """
    file = SourceFile(str(path), str(path))
    begin = next(read_blocks(file), b"")
    if begin.startswith(_PARQUET):
        return _look_at_parquet(path)
    if begin.startswith(_SQLITE):
        return _look_at_sqlite(path)
    first = begin.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first in {b"[", b"{"}:
        return _look_at_json(file, "json" if first == b"[" else "ndjson")
    return _look_at_text(file, begin)


def _sample(file: SourceFile, source: DataSource) -> list[FoundTable]:
    """Return a table with its first rows; rows that cannot be read are left to `--check`."""
    reader = make_reader(source)
    try:
        columns = reader.columns(file, SAMPLE_ROWS) if isinstance(reader, JsonReader) else reader.columns(file)
        rows = reader.rows(file, columns, lambda _line, _why: None)
        return [FoundTable(file.name, source, columns, [row for _, row in islice(rows, SAMPLE_ROWS)])]
    except InputError:
        return []


def _look_at_json(file: SourceFile, kind: SourceFormat) -> list[FoundTable]:
    return [table for table in _sample(file, DataSource(path=(file.path,), format=kind)) if table.columns]


def _look_at_sqlite(path: Path) -> list[FoundTable]:
    file = SourceFile(str(path), str(path))
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
            found = [str(name) for (name,) in names if not str(name).startswith("sqlite_")]
    except sqlite3.Error:
        return []
    return [
        table for name in found for table in _sample(file, DataSource(path=(file.path,), format="sqlite", table=name))
    ]


def _look_at_parquet(path: Path) -> list[FoundTable]:
    scan = f"read_parquet({literal(str(path.absolute()))})"
    with (
        tempfile.TemporaryDirectory(prefix="masivo-init-") as spill,
        Database(Engine(threads=1), Path(spill), [str(path.absolute())]) as database,
    ):
        names = [name for name, _ in database.describe(f"SELECT * FROM {scan}", str(path))]
        texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in names)
        rows = list(database.rows(f"SELECT {texts} FROM {scan} LIMIT {SAMPLE_ROWS}"))
    source = DataSource(path=(str(path),), format="parquet")
    return [FoundTable(str(path), source, name_columns(names, RESERVED), list(rows))]


def _look_at_text(file: SourceFile, begin: bytes) -> list[FoundTable]:
    encoding = "utf-16" if begin.startswith(_UTF_16) else "utf-8"
    if encoding == "utf-8" and not _is_utf_8(begin):
        encoding = "cp1252"
    with open_text(file, encoding) as lines:
        some = list(islice(lines, SAMPLE_ROWS))
    if not some or "\0" in some[0]:
        return []
    counts = {each: some[0].count(each) for each in DELIMITERS}
    delimiter = max(counts, key=lambda each: counts[each])
    if not counts[delimiter] or not _is_header(some, delimiter):
        return []
    kind: SourceFormat = "tsv" if _format_by_name(file.name) == "tsv" else "csv"
    source = DataSource(path=(file.path,), format=kind, formats=Formats(delimiter=delimiter, encoding=encoding))
    return _sample(file, source) or _sample(file, _unquoted(source))


def _unquoted(source: DataSource) -> DataSource:
    return structs.replace(source, formats=structs.replace(source.formats, quote=""))


def _is_utf_8(begin: bytes) -> bool:
    """Return whether a block is UTF-8, apart from a character that its end may cut."""
    try:
        begin.decode()
    except UnicodeDecodeError as error:
        return len(begin) == BLOCK_BYTES and error.start >= len(begin) - 3
    return True


def _is_header(lines: list[str], delimiter: str) -> bool:
    """Return whether the first row of a text can be names of columns."""
    try:
        names = next(csv.reader(io.StringIO("".join(lines), newline=""), delimiter=delimiter), [])
    except csv.Error:
        return False
    return len(names) > 1 and all(re.search(r"\S", name) for name in names[:1])
