"""Load a source: its rows go through a named pipe into a Parquet file, with numbers and dates cast.

A table has the column `place`, the columns of the source, and `words`: what was remarkable about a row's values.
"""

import csv
import io
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError, MasivoStreamError
from masivo_stream.prepare.engine.casts import (
    NO_ZONE,
    SqlCast,
    cast_date,
    cast_local,
    cast_number,
    describe_words,
    literal,
    quoted,
)
from masivo_stream.prepare.engine.database import Database, SeenShare
from masivo_stream.prepare.engine.fitting_files import check_same_form, compare_columns
from masivo_stream.prepare.mapping.flat_columns import PLACE
from masivo_stream.prepare.mapping.frame import DataSource, Formats
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.delimited import DelimitedReader
from masivo_stream.prepare.sources.json_values import JsonReader
from masivo_stream.prepare.sources.places import make_place
from masivo_stream.prepare.sources.source_files import SeenBytes, SourceFile, ignore_bytes
from masivo_stream.prepare.sources.source_rows import (
    RESERVED,
    ROW_PLACE,
    WORDS,
    NumberedRow,
    TableReader,
    name_columns,
    unite_columns,
)
from masivo_stream.prepare.sources.sqlite_rows import SqliteReader

OPERATION = "load the sources"
ROWS_AT_ONCE = 500
LONGEST_ROW = 2_000_000
"""Bytes. DuckDB reads through buffers of sixteen times the longest row."""

ReportRow = Callable[[str, int, Why], None]
"""Called with file, line and reason for each row that cannot be read."""


class LoadedSource(Struct, frozen=True):
    """A source in the database."""

    name: str
    table: Path
    columns: list[str]
    rows: int
    unreadable: int
    warnings: tuple[str, ...] = ()


class SourceToLoad(Struct, frozen=True):
    """A source with its files and the number of the first one."""

    name: str
    source: DataSource
    files: list[SourceFile]
    first_number: int
    place: str
    """File and key in the mapping, for errors."""
    seen: SeenBytes = ignore_bytes
    """Called while files are read, from another thread."""


def load_source(database: Database, asked: SourceToLoad, table: Path, report: ReportRow) -> LoadedSource:
    """Load one source into a Parquet file.

    Raises:
        ConfigurationError: a declared column does not exist, or none of its values fits.
        InputError: a file cannot be read to its end.
        StorageError: the table cannot be written.
    """
    if asked.source.format == "parquet":
        return _load_parquet(database, asked, table)
    reader = make_reader(asked.source, asked.seen)
    found = [reader.columns(file) for file in asked.files]
    warnings = () if isinstance(reader, JsonReader) else compare_columns(asked.name, asked.files, found)
    columns = unite_columns(found)
    if not columns:
        raise ConfigurationError(
            "holds no rows, so its columns are not known",
            operation=OPERATION,
            place=asked.place,
            hint='name the columns in the mapping: header = ["…"]',
        )
    unreadable = 0

    def count(file: str, line: int, why: Why) -> None:
        nonlocal unreadable
        unreadable += 1
        report(file, line, why)

    pipe = table.with_suffix(".pipe")
    with suppress(FileNotFoundError):
        pipe.unlink()
    os.mkfifo(pipe, 0o600)
    feeder = _Feeder(pipe, asked, reader, columns, count)
    fields = ", ".join(f"{literal(f'c{index}')}: 'VARCHAR'" for index in range(len(columns) + 1))
    scan = (
        f"read_csv({literal(str(pipe))}, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"',"
        f" new_line = '\\n', max_line_size = {LONGEST_ROW}, columns = {{{fields}}})"
    )
    texts = {name: f"c{index}" for index, name in enumerate(columns, start=1)}
    types = dict.fromkeys(columns, "VARCHAR")
    try:
        with feeder:
            rows = _copy(
                database,
                asked,
                f"SELECT CAST(c0 AS BIGINT) AS {ROW_PLACE}, * EXCLUDE (c0) FROM {scan}",
                texts,
                types,
                table,
            )
    finally:
        pipe.unlink()
    return LoadedSource(asked.name, table, columns, rows, unreadable, tuple(warnings))


def make_reader(source: DataSource, seen: SeenBytes = ignore_bytes) -> TableReader:
    """Return what reads the files of a source that is not Parquet."""
    match source.format:
        case "csv" | "tsv":
            return DelimitedReader(source, seen)
        case "sqlite":
            return SqliteReader(source)
        case _:
            return JsonReader(source, seen)


class _Feeder:
    """Write rows into a pipe from another thread, while the database reads them. Use it as a context."""

    def __init__(
        self, pipe: Path, asked: SourceToLoad, reader: TableReader, columns: Sequence[str], report: ReportRow
    ) -> None:
        self._pipe, self._asked, self._reader, self._columns, self._report = pipe, asked, reader, columns, report
        self._error: BaseException | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None:  # the database may never have opened its end: open it, then let the thread find it closed
            reader = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
            self._opened.wait()
            os.close(reader)
        self._thread.join()
        if (
            self._error is not None
            and not isinstance(self._error, BrokenPipeError)
            and (kind is None or isinstance(self._error, MasivoStreamError))
        ):
            raise self._error

    def _run(self) -> None:
        try:
            with self._pipe.open("wb", buffering=0) as pipe:
                self._opened.set()
                for number, file in enumerate(self._asked.files, start=self._asked.first_number):
                    self._feed(pipe, number, file)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._error = error
        finally:
            self._opened.set()

    def _feed(self, pipe: io.RawIOBase, number: int, file: SourceFile) -> None:
        first = make_place(number, 0)
        rows = self._reader.rows(file, self._columns, lambda line, why: self._report(file.name, line, why))
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            for part in self._encode(first, batch, file):
                _write(pipe, part)

    def _encode(self, first: int, batch: list[NumberedRow], file: SourceFile) -> Iterator[bytes]:
        """Yield the rows as bytes; a row that has none in UTF-8 is reported."""
        try:
            text = _to_csv(first, batch)
            encoded = text.encode()
            if "\0" not in text and len(encoded) <= LONGEST_ROW:
                yield encoded
                return
        except UnicodeEncodeError:
            pass
        for row in batch:
            try:
                text = _to_csv(first, [row])
                encoded = text.encode()
            except UnicodeEncodeError:
                self._report(file.name, row[0], Why.WRONG_ENCODING)
                continue
            if "\0" in text or len(encoded) > LONGEST_ROW:
                self._report(file.name, row[0], Why.MALFORMED_ROW)
            else:
                yield encoded


def _to_csv(first: int, rows: list[NumberedRow]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([(first + line, *values) for line, values in rows])
    return written.getvalue()


def _write(pipe: io.RawIOBase, part: bytes) -> None:
    rest = memoryview(part)
    while rest:
        rest = rest[pipe.write(rest) or 0 :]


def _load_parquet(database: Database, asked: SourceToLoad, table: Path) -> LoadedSource:
    """Load Parquet files; a row's line is its number in the file, from 1."""
    found: list[list[str]] = []
    forms: dict[str, set[bool]] = {}
    scans = []
    for number, file in enumerate(asked.files, start=asked.first_number):
        own = database.describe(f"SELECT * FROM read_parquet({literal(file.path)})", asked.place)
        names = name_columns([name for name, _ in own], RESERVED)
        found.append(names)
        for (_, kind), name in zip(own, names, strict=True):
            forms.setdefault(name.lower(), set()).add(kind == "VARCHAR")
        chosen = ", ".join(f"{quoted(old)} AS {quoted(name)}" for (old, _), name in zip(own, names, strict=True))
        scans.append(
            f"SELECT {make_place(number, 1)} + file_row_number AS {ROW_PLACE}, {chosen}"
            f" FROM read_parquet({literal(file.path)}, file_row_number = true)"
        )
    warnings = compare_columns(asked.name, asked.files, found)
    columns = unite_columns(found)
    check_same_form(asked.source, asked.place, forms)
    scan = " UNION ALL BY NAME ".join(scans)
    types = {name.lower(): kind for name, kind in database.describe(scan, asked.place)}  # what all files have in common
    described = {name: types[name.lower()] for name in columns}
    size, read = sum(file.size for file in asked.files), 0

    def seen(share: float) -> None:
        nonlocal read
        asked.seen(int(size * share) - read)
        read = int(size * share)

    rows = _copy(database, asked, scan, {name: quoted(name) for name in columns}, described, table, seen)
    return LoadedSource(asked.name, table, columns, rows, 0, tuple(warnings))


def _copy(
    database: Database,
    asked: SourceToLoad,
    scan: str,
    texts: dict[str, str],
    types: dict[str, str],
    table: Path,
    seen: SeenShare | None = None,
) -> int:
    """Cast what is declared, write the table, and check that declared columns hold what they are declared to hold."""
    casts: dict[str, SqlCast] = {}
    for kind, names in (("numbers", asked.source.numbers), ("dates", asked.source.dates)):
        for name in names:
            found = next((column for column in texts if column.lower() == name.lower()), None)
            if found is None:
                raise ConfigurationError(
                    "is not a column of this source",
                    operation=OPERATION,
                    place=f"{asked.place}: {kind}: {name}",
                    hint=_hint_of_columns(list(texts)),
                )
            cast = declared_cast(
                texts[found], types[found], asked.source.formats, f"v{len(casts)}", number=kind == "numbers"
            )
            if cast is not None:
                casts[found] = cast
    values = ", ".join(
        f"{casts[name].value if name in casts else text} AS {quoted(name)}" for name, text in texts.items()
    )
    words = describe_words((str(index), cast) for index, cast in enumerate(casts.values()))
    staged = stage_casts(scan, list(casts.values()))
    written = table.with_suffix(".new")
    rows = database.execute(
        f"COPY (SELECT {ROW_PLACE} AS {PLACE}, {values}, {words} AS {WORDS} FROM ({staged}))"
        f" TO {literal(str(written))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 40960)",
        asked.place,
        seen,
    )
    written.replace(table)
    _check_declared(database, asked, table, list(casts))
    return rows


def _hint_of_columns(columns: list[str]) -> str:
    """Return which columns there are; a single one that holds a delimiter is a whole header line."""
    delimiter = next((each for each in ";\t|," if len(columns) == 1 and each in columns[0]), "")
    if delimiter:
        return f"name the delimiter of this source in the mapping: delimiter = {json.dumps(delimiter)}"
    return f"its columns are: {', '.join(columns)}"


def stage_casts(query: str, casts: Sequence[SqlCast]) -> str:
    """Return a query that has the columns of `query`, and what the casts prepare."""
    depth = 0
    while parts := [list(cast.prepared.items())[depth] for cast in casts if len(cast.prepared) > depth]:
        expressions = ", ".join(f"{expression} AS {quoted(name)}" for name, expression in parts)
        query, depth = f"SELECT *, {expressions} FROM ({query})", depth + 1
    return query


def declared_cast(text: str, kind: str, formats: Formats, name: str, *, number: bool) -> SqlCast | None:
    """Return the cast of a column by its type; None if it has the right type already."""
    if kind == "VARCHAR":
        return cast_number(text, formats, name) if number else cast_date(text, formats, name)
    if number:
        return None
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return None
    if kind.startswith(("TIMESTAMP", "DATE")):
        return cast_local(text, formats, name)
    return cast_date(f"CAST({text} AS VARCHAR)", formats, name)


def _check_declared(database: Database, asked: SourceToLoad, table: Path, names: list[str]) -> None:
    """Stop if none of a column's values fits, or a date lacks a zone: the mapping is wrong, not the rows."""
    if not names:
        return
    counts = ", ".join(f"count({quoted(name)})" for name in names)
    for index in range(len(names)):
        for word in (Why.BAD_NUMBER, Why.BAD_DATE, NO_ZONE):
            is_it = f"list_contains(string_split({WORDS}, ' '), {literal(f'{word}:{index}')})"
            counts += f", min(place) FILTER (WHERE {is_it})"
    ((*found,),) = database.rows(f"SELECT {counts} FROM {literal(str(table))}")
    good, first = found[: len(names)], found[len(names) :]
    for index, name in enumerate(names):
        number, date, zone = first[index * 3 : index * 3 + 3]
        if zone is not None:
            raise ConfigurationError(
                f"has dates without a time zone in `{name}`",
                operation=OPERATION,
                place=_place(asked, zone),
                hint='name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"',
            )
        bad = number if number is not None else date
        if bad is not None and good[index] == 0:
            what, key = ("numbers", "decimal_mark") if number is not None else ("dates", "date_formats")
            raise ConfigurationError(
                f"has no {what} in `{name}`: none of its values fits",
                operation=OPERATION,
                place=_place(asked, bad),
                hint=f"correct {key} of this source, or take {name} off its {what}",
            )


def _place(asked: SourceToLoad, place: int) -> str:
    number = place >> 40
    return f"{asked.files[number - asked.first_number].name}:{place & ((1 << 40) - 1)}"
