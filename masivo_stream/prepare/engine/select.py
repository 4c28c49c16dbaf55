"""Select flat rows: run the SELECT of a mapping, cast what it returns, and divide the rows into partitions.

A partition's Parquet files have the columns of `mapping.flat_columns` in their order, then `fault` and `words`: amounts
in millionths, dates as timestamps in UTC.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from masivo_stream.model.errors import ConfigurationError
from masivo_stream.prepare.engine.casts import (
    NO_ZONE,
    NUMBER_TYPE,
    SqlCast,
    cast_date,
    cast_local,
    cast_number,
    cast_zoned,
    describe_words,
    literal,
    quoted,
)
from masivo_stream.prepare.engine.database import Database, SeenShare
from masivo_stream.prepare.engine.load import LoadedSource, stage_casts
from masivo_stream.prepare.mapping.flat_columns import (
    COLUMNS,
    LINE_PLACE,
    PLACE,
    ColumnType,
    FlatTable,
    check_columns,
    order_of_rows,
)
from masivo_stream.prepare.mapping.frame import Formats, Mapping, Policies
from masivo_stream.prepare.mapping.written_select import WrittenSelect
from masivo_stream.prepare.settling.closing import TableFigures
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.places import LAST_LINE, make_place
from masivo_stream.prepare.sources.source_rows import WORDS

OPERATION = "run the SELECT of the mapping"
FAULT = "fault"
DATES = (ColumnType.DATE, ColumnType.DAY)
PART = "part"
FAULTY = "faulty places"

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


class SelectedTable(Struct, frozen=True):
    """Where the partitions of a table are."""

    table: FlatTable
    path: Path

    def partition(self, number: int) -> Path:
        """Return the directory of a partition; it exists if the partition has rows."""
        return self.path / f"{PART}={number}"

    def scan(self, numbers: Iterable[int] | None = None) -> str:
        """Return what reads some partitions, or all of them."""
        paths = [self.path] if numbers is None else [self.partition(number) for number in numbers]
        files = sorted(file for path in paths for file in path.rglob("*.parquet"))
        return f"read_parquet([{', '.join(literal(str(file)) for file in files)}], hive_partitioning = false)"

    def has_rows(self, numbers: Iterable[int]) -> bool:
        """Return whether there is a row in some partitions."""
        return any(self.partition(number).is_dir() for number in numbers)

    @property
    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        return not any(self.path.rglob("*.parquet"))


def make_views(database: Database, sources: Sequence[LoadedSource], policies: Policies) -> None:
    """Give each source its name, and list the places of rows that cannot be used because a value does not fit."""
    faulty = []
    for source in sources:
        table = literal(str(source.table))
        columns = ", ".join(quoted(name) for name in [PLACE, *source.columns])
        database.execute(f"CREATE VIEW {quoted(source.name)} AS SELECT {columns} FROM read_parquet({table})")
        for policy, word in ((policies.bad_number, Why.BAD_NUMBER), (policies.bad_date, Why.BAD_DATE)):
            if policy == "leave_out":
                faulty.append(
                    f"SELECT place AS faulty_place, {literal(word)} AS why FROM read_parquet({table})"
                    f" WHERE contains({WORDS}, {literal(f'{word}:')})"
                )
    faulty.append(f"SELECT 0 AS faulty_place, {literal(Why.BAD_NUMBER)} AS why WHERE false")
    database.execute(
        f"CREATE TEMP TABLE {quoted(FAULTY)} AS SELECT faulty_place, max(why) AS why"
        f" FROM ({' UNION ALL '.join(faulty)}) GROUP BY faulty_place"
    )


class SelectToRun(Struct, frozen=True):
    """A SELECT, and what its rows become."""

    written: WrittenSelect
    mapping: Mapping
    partitions: int
    files: int
    """How many files all sources have: a place names one of them."""
    kept: range | None = None
    """The partitions whose rows are written; None: all."""

    @property
    def where(self) -> str:
        """The place in errors."""
        return f"{self.written.mapping.file}: [{self.written.table}] select"


def select_rows(database: Database, selected: SelectedTable, asked: SelectToRun, seen: SeenShare | None = None) -> None:
    """Run a SELECT, and write its rows into partitions.

    Raises:
        ConfigurationError: the SELECT does not work, or returns other columns than it has to.
        StorageError: the partitions cannot be written.
    """
    table, where, mapping, partitions = selected.table, asked.where, asked.mapping, asked.partitions
    select = database.only_select(asked.written.select, where, asked.written)
    described = database.describe(select, where, asked.written)
    check_columns(table, [name.lower() for name, _ in described], asked.written.mapping.file)
    types = {name.lower(): kind for name, kind in described}
    casts: dict[str, SqlCast] = {}
    values: list[str] = []
    for index, column in enumerate(COLUMNS[table]):
        name = column.name
        cast = None
        if name not in types:
            values.append(f"{_absent(column.type)} AS {quoted(name)}")
            continue
        kind = types[name]
        if column.type in {ColumnType.NUMBER, *DATES} and kind != '"NULL"':
            cast = _cast(quoted(name), kind, mapping.formats, f"v{index}", number=column.type is ColumnType.NUMBER)
        elif column.type is ColumnType.TEXT and (limit := _EXACT_BELOW.get(kind)) is not None:
            lost = f"NOT isnan({quoted(name)}) AND abs({quoted(name)}) >= {limit}"
            cast = SqlCast({}, quoted(name), ((lost, Why.DIGITS_LOST),))
        elif name in IDS and kind == "VARCHAR":
            lost = f"regexp_full_match(trim({quoted(name)}), {literal(_WITH_EXPONENT)})"
            cast = SqlCast({}, quoted(name), ((lost, Why.DIGITS_LOST),))
        elif column.type is ColumnType.PLACE and kind not in {"BIGINT", '"NULL"'}:
            raise _no_place(f"returns `{name}`, which is no place", where)
        if cast is not None:
            casts[name] = cast
        text = _text_of(quoted(name), kind, name, where) if column.type is ColumnType.TEXT else quoted(name)
        if name == PLACE and LINE_PLACE in types:  # a line item whose order does not exist
            text = f"coalesce({text}, {quoted(LINE_PLACE)})"
        values.append(f"{_value(column.type, text, cast, mapping.formats.time_zone)} AS {quoted(name)}")
    places = [name for name in (PLACE, LINE_PLACE) if name in types]
    faults = ", ".join(f"{quoted(f'faulty {name}')}.why" for name in places)
    joins = " ".join(
        f"LEFT JOIN {quoted(FAULTY)} AS {quoted(f'faulty {name}')}"
        f" ON {quoted(f'faulty {name}')}.faulty_place = staged.{quoted(name)}"
        for name in places
    )
    own = describe_fault(casts)
    words = describe_words(casts.items())
    key = COLUMNS[table][0].name
    if asked.kept is not None:  # as far inside as possible, so that what is not kept is read, and nothing else
        first = part_of(_value(ColumnType.TEXT, _text_of(quoted(key), types[key], key, where), None, ""), partitions)
        between = f"BETWEEN {asked.kept.start} AND {asked.kept.stop - 1}"
        select = f"SELECT * FROM ({select}\n) WHERE {first} {between}"
    query = stage_casts(f"{select}\n", list(casts.values()))
    # The values are computed below the join, so that names in it are not ambiguous.
    inner = f"SELECT {', '.join(values)}, {own} AS own_fault, {words} AS {WORDS} FROM ({query})"
    part = part_of(quoted(key), partitions)
    listed = ", ".join(f"staged.{quoted(column.name)}" for column in COLUMNS[table])
    database.execute(
        f"COPY (SELECT {listed}, coalesce({faults}, own_fault) AS {FAULT}, {WORDS}, {part} AS {PART}"
        f" FROM ({inner}) AS staged {joins})"
        f" TO {literal(str(selected.path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 8192,"
        f" PARTITION_BY ({PART}), OVERWRITE_OR_IGNORE)",
        where,
        seen,
    )
    _check_zones(database, selected, where)
    _check_places(database, selected, asked)


def query_places(database: Database, asked: SelectToRun) -> list[str]:
    """Return queries of the places that a SELECT returns, in the column `found`: a share has not all of its rows."""
    select = database.only_select(asked.written.select, asked.where, asked.written)
    returned = {name.lower() for name, _ in database.describe(select, asked.where, asked.written)}
    return [
        f"SELECT CAST({quoted(name)} AS BIGINT) AS found FROM ({select}\n)"
        for name in (PLACE, LINE_PLACE)
        if name in returned
    ]


def list_places(selected: SelectedTable) -> list[str]:
    """Return queries of the places in all partitions, in the column `found`."""
    if selected.is_empty:
        return []
    names = (PLACE, LINE_PLACE) if selected.table is FlatTable.EVENTS else (PLACE,)
    return [f"SELECT {name} AS found FROM {selected.scan()}" for name in names]


def part_of(id_: str, partitions: int) -> str:
    """Return the expression of the partition of a customer's id."""
    half = f"CAST(md5_number(coalesce({id_}, '')) >> 64 AS UBIGINT)"  # md5_number_lower() has this value, and is slow
    return f"CAST({half} % {partitions} AS INTEGER)"


def _check_zones(database: Database, selected: SelectedTable, where: str) -> None:
    if selected.is_empty:
        return
    ((without,),) = database.rows(
        f"SELECT count(*) FROM {selected.scan()} WHERE contains({WORDS}, {literal(f'{NO_ZONE}:')})"
    )
    if without:
        raise ConfigurationError(
            f"returns {without:,} dates without a time zone",
            operation=OPERATION,
            place=where,
            hint='name the zone of these dates in the mapping: [formats] time_zone = "America/Bogota"',
        )


def _check_places(database: Database, selected: SelectedTable, asked: SelectToRun) -> None:
    if selected.is_empty:
        return
    names = [PLACE, LINE_PLACE] if selected.table is FlatTable.EVENTS else [PLACE]
    last = make_place(asked.files + 1, 0)
    wrong = " OR ".join(
        f"{name} NOT BETWEEN {make_place(1, 1)} AND {last} OR ({name} & {LAST_LINE}) = 0" for name in names
    )
    ((without, unknown),) = database.rows(
        f"SELECT count(*) FILTER ({PLACE} IS NULL), count(*) FILTER ({wrong}) FROM {selected.scan()}"
    )
    if without:
        raise _no_place(f"returns {without:,} rows without a place", asked.where)
    if unknown:
        raise _no_place(f"returns {unknown:,} rows with a place that no source has", asked.where)


def _no_place(what: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        what,
        operation=OPERATION,
        place=where,
        hint="select `place` as it is, of a source that every row comes from: the one on the left of a LEFT JOIN",
    )


IDS = ("id", "customer_id", "purchase_id")

_WITH_EXPONENT = r"[+\-]?\d+([.,]\d*)?[eE]\+\d+"
"""A floating-point number as programs write a large one: spreadsheets, JSON, and `sources.sqlite_rows`."""

_EXACT_BELOW = {"DOUBLE": 1 << 53, "FLOAT": 1 << 24}
"""Whole numbers below have all their digits (IEEE 754); a larger one may have been another one."""


def _text_of(text: str, kind: str, name: str, where: str) -> str:
    """Return the expression of a column of text by its type: what a person would write, never what a database shows."""
    if kind == "BLOB":  # text that a Parquet file does not declare to be text; what is not UTF-8 stays as it is shown
        return f"coalesce(try(decode({text})), CAST({text} AS VARCHAR))"
    if kind in _EXACT_BELOW:  # a whole number that became a double because others are missing, which may be NaN
        return (
            f"CASE WHEN isnan({text}) THEN NULL WHEN {text} = trunc({text}) AND abs({text}) < {_EXACT_BELOW[kind]}"
            f" THEN CAST(CAST({text} AS BIGINT) AS VARCHAR) ELSE CAST({text} AS VARCHAR) END"
        )
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        if name in {"tags", "metadata"}:
            return f"to_json({text})"
        raise ConfigurationError(
            f"returns `{name}` as {kind.partition('(')[0]}, which is no single value",
            operation=OPERATION,
            place=where,
            hint="select one element or field of it, or a row per element with unnest()",
        )
    return text


def _absent(kind: ColumnType) -> str:
    match kind:
        case ColumnType.TEXT:
            return "NULL::VARCHAR"
        case ColumnType.DATE | ColumnType.DAY:
            return "NULL::TIMESTAMP"
        case _:
            return "NULL::BIGINT"


def _cast(text: str, kind: str, formats: Formats, name: str, *, number: bool) -> SqlCast:
    """Return the cast of a column of a SELECT by its type."""
    if number:
        if kind == "VARCHAR":
            return cast_number(text, formats, name)
        exact = f"CAST({text} AS VARCHAR)" if kind == "FLOAT" else text  # 1234.56 is not 1234.560059
        value = f"try_cast({exact} AS {NUMBER_TYPE})"
        # A double is not exact: its last digits say nothing.
        differs = f"abs({text} - CAST({value} AS DOUBLE)) > 1e-12 * abs({text})" if kind == "DOUBLE" else "false"
        if kind.startswith("DECIMAL"):
            differs = f"{text} <> {value}"
        return SqlCast({}, value, ((f"{text} IS NOT NULL AND {value} IS NULL", Why.BAD_NUMBER), (differs, Why.ROUNDED)))
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return cast_zoned(text, formats, name)
    if kind.startswith(("TIMESTAMP", "DATE")):
        return cast_local(text, formats, name)
    return cast_date(f"CAST({text} AS VARCHAR)", formats, name)


def _value(kind: ColumnType, text: str, cast: SqlCast | None, zone: str) -> str:
    match kind:
        case ColumnType.DAY if cast is not None and zone:
            local = f"(({cast.value}) AT TIME ZONE {literal(zone)})"
            is_day = f"{local} = date_trunc('day', {local})"
            return f"CASE WHEN {is_day} THEN {local} ELSE (({cast.value}) AT TIME ZONE 'UTC') END"
        case ColumnType.TEXT:
            return f"nullif(trim(CAST({text} AS VARCHAR), ' \t\r\n'), '')"
        case ColumnType.DATE | ColumnType.DAY:
            return f"(({cast.value}) AT TIME ZONE 'UTC')" if cast is not None else "NULL::TIMESTAMP"
        case ColumnType.NUMBER:
            return (
                f"CAST(CAST(({cast.value}) AS DECIMAL(24,6)) * 1000000 AS BIGINT)"
                if cast is not None
                else "NULL::BIGINT"
            )
        case ColumnType.PLACE:
            return f"CAST({text} AS BIGINT)"


def describe_fault(casts: dict[str, SqlCast]) -> str:
    """Return the expression of the first value that does not fit; NULL if all fit."""
    faults = {Why.BAD_NUMBER, Why.BAD_DATE, Why.DIGITS_LOST}
    cases = [
        f"WHEN {condition} THEN {literal(word)}"
        for cast in casts.values()
        for condition, word in cast.words
        if word in faults
    ]
    return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"


# Reading partitions back.


def read_rows(database: Database, selected: SelectedTable, number: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a partition in the order of their sort keys: the columns, then `fault`."""
    if not selected.partition(number).is_dir():
        return iter(())
    order = ", ".join(f"{quoted(name)} NULLS FIRST" for name in order_of_rows(selected.table))
    return database.rows(f"SELECT {listed_columns(selected.table)} FROM {selected.scan([number])} ORDER BY {order}")


def listed_columns(table: FlatTable) -> str:
    """Return the columns of flat rows as they are read: dates as RFC 3339 text."""
    shown = [
        f"{moment_text(quoted(column.name))} AS {quoted(f'{column.name} text')}"
        if column.type in DATES
        else quoted(column.name)
        for column in COLUMNS[table]
    ]
    return ", ".join([*shown, FAULT])


def moment_text(timestamp: str) -> str:
    """Return the expression of a timestamp in UTC as RFC 3339 text, with a fraction only if there is one."""
    return (
        f"CASE WHEN epoch_us({timestamp}) % 1000000 = 0 THEN strftime({timestamp}, '%Y-%m-%dT%H:%M:%SZ')"
        f" ELSE strftime({timestamp}, '%Y-%m-%dT%H:%M:%S.%fZ') END"
    )


_BEFORE_ALL = -(1 << 63)
"""Where NULL is in the order of rows."""


def figures_of(database: Database, selected: SelectedTable, number: int) -> TableFigures:
    """Return what a partition holds, counted by the database: rows, the values of orders, points."""
    if not selected.partition(number).is_dir():
        return TableFigures()
    scan = selected.scan([number])
    match selected.table:
        case FlatTable.CUSTOMERS:
            query = f"SELECT count(*), 0, 0 FROM {scan}"
        case FlatTable.EVENTS:
            # The value of an order is the first one in the order of its rows; only the first row may have it.
            keys = (PLACE, LINE_PLACE, "line_no", "value")
            order = ", ".join(f"'{name}': coalesce({quoted(name)}, {_BEFORE_ALL})" for name in keys)
            query = (
                f"SELECT sum(rows), coalesce(sum(value), 0), 0 FROM (SELECT count(*) AS rows,"
                f" arg_min(value, {{{order}}}) FILTER (value IS NOT NULL) AS value FROM {scan}"
                " GROUP BY customer_id, purchase_id)"
            )
        case _:
            query = f"SELECT count(*), 0, coalesce(sum(amount), 0) FROM {scan}"
    ((rows, money, points),) = database.rows(query)
    return TableFigures(int(rows or 0), int(money), int(points))
