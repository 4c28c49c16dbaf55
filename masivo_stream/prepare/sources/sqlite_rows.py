"""Tables of SQLite files, through the standard library. The line of a row is its number in the table."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from masivo_stream.model.errors import InputError
from masivo_stream.prepare.mapping.frame import DataSource
from masivo_stream.prepare.settling.remarks import Why
from masivo_stream.prepare.sources.source_files import OPERATION, SourceFile
from masivo_stream.prepare.sources.source_rows import (
    RESERVED,
    NumberedRow,
    ReportUnreadable,
    find_columns,
    name_columns,
)

EXACT_DOUBLE = 1 << 53
"""Whole numbers below it are exact as doubles, and a person would write them with all digits."""


class SqliteReader:
    """Read one table of each file of a source."""

    def __init__(self, source: DataSource) -> None:
        """Read as the source says."""
        self._source = source

    def columns(self, file: SourceFile) -> list[str]:
        """Return the table's columns."""
        with closing(self._open(file)) as connection:
            found = self._execute(connection, f"{self._select} LIMIT 0", file)
            return name_columns([each[0] for each in found.description], RESERVED)

    def rows(self, file: SourceFile, columns: Sequence[str], unreadable: ReportUnreadable) -> Iterator[NumberedRow]:
        """Yield the rows, in the order of their row ids if they have any."""
        own = self.columns(file)
        order = find_columns(own, columns)
        with closing(self._open(file)) as connection:
            try:
                found = connection.execute(f"{self._select} ORDER BY rowid")
            except sqlite3.OperationalError:  # a table WITHOUT ROWID, or a view
                found = self._execute(connection, self._select, file)
            try:
                for line, row in enumerate(found, start=1):
                    if any(isinstance(value, bytes) for value in row):
                        unreadable(line, Why.WRONG_ENCODING)
                        continue
                    yield line, [None if at is None else self._value(row[at]) for at in order]
            except sqlite3.Error as error:
                raise _broken(file, error) from error

    def _value(self, value: str | float | None) -> str | None:
        match value:
            case None | str():
                return value
            case int():
                return str(value)
            case float() if value.is_integer() and abs(value) < EXACT_DOUBLE:
                return f"{value:.0f}"  # an id in a column that SQLite took for numbers
            case float() if value.is_integer():  # it has an exponent, so that it is known as one if it is an id
                return f"{value:.16e}".replace(".", self._source.formats.decimal_mark)
            case _:
                return repr(value).replace(".", self._source.formats.decimal_mark)

    @property
    def _select(self) -> str:
        name = self._source.table.replace('"', '""')
        return f'SELECT * FROM "{name}"'  # noqa: S608 - the name is quoted

    def _open(self, file: SourceFile) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(f"{Path(file.path).absolute().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise _broken(file, error) from error
        connection.text_factory = _text
        return connection

    def _execute(self, connection: sqlite3.Connection, sql: str, file: SourceFile) -> sqlite3.Cursor:
        try:
            return connection.execute(sql)
        except sqlite3.Error as error:
            raise _broken(file, error) from error


def _text(stored: bytes) -> str:
    """Return text as it is stored; bytes that are not UTF-8 become lone surrogates, which are reported later."""
    return stored.decode("utf-8", "surrogateescape")


def _broken(file: SourceFile, error: sqlite3.Error) -> InputError:
    return InputError(
        f"cannot be read as an SQLite table: {error}",
        operation=OPERATION,
        place=file.name,
        hint="check `table` in the mapping, and that the file is complete",
    )
