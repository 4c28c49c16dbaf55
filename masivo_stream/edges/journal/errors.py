"""What a failure of SQLite or of the disk means for the journal: it cannot be written, or it is damaged."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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
        hint="free up disk space in the state directory, or correct its permissions, then start again",
    )


@contextmanager
def writing() -> Iterator[None]:
    """Raise `StorageError` for what SQLite cannot write."""
    try:
        yield
    except sqlite3.Error as error:
        raise storage_error(error) from error


@contextmanager
def reading() -> Iterator[None]:
    """Raise `ConfigurationError` for a file that is damaged, `StorageError` for a disk that is full or fails."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_short(error):
            raise storage_error(error) from error
        raise ConfigurationError(
            f"the journal is damaged: {error}",
            operation="read the journal",
            hint="do not start over without the journal: restore it from a copy, or find out what the account already"
            " has",
        ) from error
