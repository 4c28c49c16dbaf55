"""Ask the journal's file, and report SQLite's failures as errors of this program."""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from masivo_stream.model.errors import ConfigurationError, StorageError

_SHORT = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM})
_PRIMARY = 0xFF
"""The bits of a result code of SQLite that are not its details (SQLite docs, "Result and Error Codes")."""


def primary(error: sqlite3.Error) -> int:
    """Return SQLite's result code without details; 0 if the error does not come from SQLite itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY


def is_short(error: sqlite3.Error) -> bool:
    """Return whether the disk is full or fails. Such an error says nothing about what is in the file."""
    return primary(error) in _SHORT


def storage_error(error: BaseException, outcomes: Iterable[str] = ()) -> StorageError:
    """Return the error to raise if the journal cannot be written; `outcomes`: batches whose outcome is not noted."""
    lost = ", ".join(outcomes)
    why = error.strerror if isinstance(error, OSError) and error.strerror else error
    return StorageError(
        f"the journal cannot be written: {why}{f'; the outcome of these batches is not noted: {lost}' if lost else ''}",
        operation="write the journal",
        hint="free space in the state directory, or correct its permissions, then start again",
    )


@contextmanager
def writing() -> Iterator[None]:
    """Raise `StorageError` for what SQLite cannot write."""
    try:
        yield
    except sqlite3.Error as error:
        raise storage_error(error) from error


@contextmanager
def _reading() -> Iterator[None]:
    """Raise `ConfigurationError` for a file that is damaged, `StorageError` for a disk that is full or fails."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_short(error):
            raise storage_error(error) from error
        raise ConfigurationError(
            f"the journal is damaged: {error}",
            operation="read the journal",
            hint="never begin afresh over it: restore it from a copy, or ask what the account has",
        ) from error


class Query:
    """Questions to an open journal. Each raises `ConfigurationError` if the file is damaged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows."""
        with _reading():
            return self._connection.execute(sql, parameters).fetchall()

    def first(self, sql: str, *parameters: object) -> Sequence[Any] | None:
        """Return the first row, None if there is no row."""
        rows = self.all(sql, *parameters)
        return rows[0] if rows else None

    def one(self, sql: str, *parameters: object) -> Sequence[Any]:
        """Return the row that must be there."""
        row = self.first(sql, *parameters)
        if row is None:
            raise LookupError(sql)
        return row

    def numbers(self, sql: str, *parameters: object) -> "array[int]":
        """Return the first column, numbers of 64 bits, without a copy of the rows: there may be millions."""
        with _reading():
            return array("q", (row[0] for row in self._connection.execute(sql, parameters)))
