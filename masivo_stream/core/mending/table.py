"""Read a table of corrections: by the customer's id, with a column for each field.

Two forms. Wide: `id`, and a column for each path of a field. Long: `id`, `field` and `correction`, a line for each
fault, as `dead-letters --csv` writes its list; other columns are ignored. An empty cell leaves the field as it is.

Everything is checked before a record is looked at: the table is corrected as a whole, or nothing is changed.
"""

import csv
from collections.abc import Iterable, Iterator

from msgspec import Struct

from masivo_stream.core.mending.field_path import FieldPath, nearest_path, parse_path, types_at
from masivo_stream.core.mending.list_rows import read_cell
from masivo_stream.core.mending.new_values import WrongValueError, write_value

_COLUMNS = (
    "the first line names the columns: id, and a path for each field, such as events[].order.value; or id, field and"
    " correction, as masivo-stream dead-letters --csv writes them"
)
_ONE_LINE = "keep one line for each id and field, with the right value"
_VALUES = "write the value that the field takes; an empty cell leaves the field as it is"
_QUOTES = 'write a cell that holds the separator or a quote in quotes: "a, b" and "a ""b"""'

_SEPARATORS = (",", ";", "\t")


class TableError(ValueError):
    """A table that cannot be used: what is wrong, in which line, and what to do. It quotes no value."""

    def __init__(self, what: str, line: int, hint: str) -> None:
        super().__init__(what)
        self.line, self.hint = line, hint


class Table(Struct):
    """The corrections of a table, and the line of each id."""

    rows: dict[str, dict[FieldPath, str]]
    lines: dict[str, int]


def read_table(text: Iterable[str], schema: object) -> Table:
    """Return the corrections of a table; `text` are its lines, with their ends.

    Raises:
        TableError: it cannot be used.
    """
    lines = iter(text)
    first = next(lines, "")
    separator, columns = _read_header(first)
    reader = csv.reader(_with(first, lines), delimiter=separator, strict=True)
    table = Table({}, {})
    try:
        next(reader)
        begin = reader.line_num + 1
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            if any(cells):
                _add(table, columns, cells, line, schema)
    except csv.Error as error:
        raise TableError(f"the line cannot be read as CSV: {error}", reader.line_num, _QUOTES) from error
    return table


def _read_header(first: str) -> tuple[str, list[str]]:
    """Return the separator, and the names of the columns."""
    for separator in _SEPARATORS:
        try:
            columns = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
        except csv.Error:
            continue
        if "id" in columns and len(columns) > 1:
            break
    else:
        raise TableError("there is no column `id` beside others", 1, _COLUMNS)
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise TableError(f"the column `{min(twice)}` occurs twice", 1, _COLUMNS)
    return separator, columns


def _add(table: Table, columns: list[str], cells: list[str], line: int, schema: object) -> None:
    """Add a line to a table."""
    if len(cells) > len(columns):
        raise TableError(f"the line has {len(cells)} cells, and there are {len(columns)} columns", line, _QUOTES)
    row = dict(zip(columns, cells, strict=False))
    customer = read_cell(row.pop("id", "").strip())
    wanted = {name: cell for name, cell in _wanted(row, line) if cell != ""}
    if not wanted and "correction" in columns:
        return
    if not customer:
        raise TableError("the line has no id", line, _COLUMNS)
    found = table.rows.setdefault(customer, {})
    known = customer in table.lines and "correction" not in columns
    for name, cell in wanted.items():
        path = _check_path(name, line, schema)
        if path in found or known:
            raise _twice(table.lines[customer], line)
        try:
            write_value(cell, types_at(schema, path))
        except WrongValueError as error:
            raise TableError(f"the value for {name} does not fit: {error}", line, _VALUES) from error
        found[path] = cell
    if known:
        raise _twice(table.lines[customer], line)
    table.lines.setdefault(customer, line)


def _wanted(row: dict[str, str], line: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of each correction in a line."""
    if "correction" not in row:
        yield from row.items()
    elif row["correction"] != "":
        if not row.get("field"):
            raise TableError("the line has a correction, and names no field", line, _COLUMNS)
        yield row["field"], row["correction"]


def _twice(first: int, line: int) -> TableError:
    return TableError(f"the id of line {first} occurs again", line, _ONE_LINE)


def _check_path(name: str, line: int, schema: object) -> FieldPath:
    path = parse_path(name)
    if path is None or not types_at(schema, path):
        near = nearest_path(schema, name)
        raise TableError(f"no field has the path `{name}`{f'; is it {near}?' if near else ''}", line, _COLUMNS)
    return path


def _with(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
