"""Read a table of corrections: by the customer's id, with a column for each field.

Two forms. Wide: `id`, and a column for each path of a field. Long: `id`, `field` and `correction`, a line for each
fault, as `dead-letters --csv` writes its list. An empty cell leaves the field as it is.

The list has dead letters of all kinds, and several of one customer. So `kind`, `file` and `line` count too, if they are
there: a correction of another kind is counted and passed over, and one with a place is for the dead letter of that
place alone. Other columns are ignored.

Everything is checked before a record is looked at: the table is corrected as a whole, or nothing is changed.
"""

import csv
from collections.abc import Iterable, Iterator

from msgspec import Struct

from masivo_stream.core.mending.correct import RowKey, RowPlace
from masivo_stream.core.mending.field_path import FieldPath, nearest_path, parse_path, types_at
from masivo_stream.core.mending.list_rows import is_left_out, read_cell
from masivo_stream.core.mending.new_values import WrongValueError, write_value
from masivo_stream.model.contract import Kind

_COLUMNS = (
    "the first line names the columns: id, and a path for each field, such as events[].order.value; or id, field and"
    " correction, as masivo-stream dead-letters --csv writes them"
)
_ONE_LINE = "keep one line for each id and field, with the right value"
_VALUES = "write the value that the field takes; an empty cell leaves the field as it is"
_QUOTES = 'write a cell that holds the separator or a quote in quotes: "a, b" and "a ""b"""'

_NO_FIELD = (
    "leave its correction empty if the list names no field: the whole line is corrected in the export, or in `raw` of"
    " the dead-letter file"
)

_WHOLE = "write the whole value, or leave its cell empty; the dead letter has the value that the list leaves out"
_LONGEST_CELL = 2**31 - 1
"""Characters. The limit of Python's csv, 131,072, is less than a record has that a dead letter may hold."""

_SEPARATORS = (",", ";", "\t")


class TableError(ValueError):
    """A table that cannot be used: what is wrong, in which line, and what to do. It quotes no value."""

    def __init__(self, what: str, line: int, hint: str) -> None:
        super().__init__(what)
        self.line, self.hint = line, hint


class Table(Struct):
    """The corrections of a table, and the line of each id."""

    rows: dict[RowKey, dict[FieldPath, str]]
    lines: dict[RowKey, int]
    other_kinds: dict[str, int]
    """Corrections for records of other kinds: how many."""
    unfilled: set[RowKey]
    """What lines without a correction are about."""


def read_table(text: Iterable[str], kind: Kind, schema: object) -> Table:
    """Return the corrections of a table for records of a kind; `text` are its lines, with their ends.

    Raises:
        TableError: it cannot be used.
    """
    lines = iter(text)
    first = next(lines, "")
    if not first:
        raise TableError("the table is empty", 1, _COLUMNS)
    separator, columns = _read_header(first)
    reader = csv.reader(_with(first, lines), delimiter=separator, strict=True)
    table = Table({}, {}, {}, set())
    read = _RowReader(table, columns, kind, schema)
    longest = csv.field_size_limit(_LONGEST_CELL)
    try:
        next(reader)
        begin = reader.line_num + 1
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            if any(cells):
                read.take(cells, line)
    except csv.Error as error:
        raise TableError(f"the line cannot be read as CSV: {error}", reader.line_num, _QUOTES) from error
    finally:
        csv.field_size_limit(longest)
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


class _RowReader:
    """Takes the lines of a table for records of one kind."""

    def __init__(self, table: Table, columns: list[str], kind: Kind, schema: object) -> None:
        self._table, self._columns, self._kind, self._schema = table, columns, kind, schema
        self._is_long = "correction" in columns

    def take(self, cells: list[str], line: int) -> None:
        """Add a line to the table."""
        columns = self._columns
        if len(cells) > len(columns):
            raise TableError(f"the line has {len(cells)} cells, and there are {len(columns)} columns", line, _QUOTES)
        row = dict(zip(columns, cells, strict=False))
        if not self._is_long:
            self._add(read_cell(row.pop("id", "").strip()), row, line)
        elif row.get("correction"):
            if (kind := self._kind_of(row, line)) is not self._kind:
                self._table.other_kinds[kind] = self._table.other_kinds.get(kind, 0) + 1
            else:
                self._add(_key_of(row), _wanted(row, line), line)
        else:
            self._table.unfilled.add(_key_of(row))

    def _kind_of(self, row: dict[str, str], line: int) -> Kind:
        """Return for which kind a correction is."""
        try:
            return Kind(row.get("kind", "").strip().lower() or self._kind)
        except ValueError as error:
            what = f"the line has a kind that is none of {', '.join(Kind)}"
            raise TableError(
                what, line, "leave the column `kind` as masivo-stream dead-letters --csv writes it"
            ) from error

    def _add(self, key: RowKey, row: dict[str, str], line: int) -> None:
        table = self._table
        if not key:
            raise TableError("the line has no id", line, _COLUMNS)
        if key in table.lines and not self._is_long:
            raise _twice(table.lines[key], line)
        found = table.rows.setdefault(key, {})
        for name, cell in row.items():
            if cell == "":
                continue
            if is_left_out(cell):
                raise TableError(f"the value for {name} only says that the list has left it out", line, _WHOLE)
            path = _check_path(name, line if self._is_long else 1, self._schema)
            if path in found:
                raise _twice(table.lines[key], line)
            try:
                write_value(cell, types_at(self._schema, path))
            except WrongValueError as error:
                raise TableError(f"the value for {name} does not fit: {error}", line, _VALUES) from error
            found[path] = cell
        table.lines.setdefault(key, line)


def _key_of(row: dict[str, str]) -> RowKey:
    """Return for which dead letters a line of the list is: one, if it has a place. A record without an id has one."""
    customer = read_cell(row.get("id", "").strip())
    file, line = read_cell(row.get("file", "").strip()), row.get("line", "").strip()
    return RowPlace(customer, file, line) if file and line else customer


def _wanted(row: dict[str, str], line: int) -> dict[str, str]:
    """Return path and text of the correction in a line of the list."""
    if not row.get("field"):
        raise TableError("the line has a correction, and names no field", line, _NO_FIELD)
    return {row["field"]: row["correction"]}


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
