"""Open the journal's file, or create it, or upgrade one of an earlier version."""

import errno
import os
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from masivo_stream.edges.journal.commit import GroupCommit, is_short, primary, storage_error
from masivo_stream.edges.journal.schema import TABLES, UPGRADES, VERSION
from masivo_stream.edges.journal.short_disk import why_not
from masivo_stream.edges.journal.write import Journal
from masivo_stream.edges.sqlite_file import make_private
from masivo_stream.model.errors import ConfigurationError, StorageError

_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOENT})
"""The errors for a file that may not be written, however much room there is."""

_CORRECT = "correct the permissions of the state directory and of what is in it, then start again"
_MIGRATE = "start `migrate` once: it upgrades the journal"
_RESTORE = "do not start over without the journal: restore it, or use the version of the program that wrote it"


def open_journal(
    path: Path,
    wall: Callable[[], datetime],
    *,
    writable: bool = True,
    patience: float = 0.0,
    commit_by: Callable[..., GroupCommit] = GroupCommit,
) -> Journal:
    """Open or create the journal at `path`; `writable=False` only reads, also while a run is at work.

    A journal of an earlier version is upgraded, if it is opened for writing. An outcome that cannot be written is tried
    for `patience` seconds.

    Raises:
        ConfigurationError: it is damaged, is of another version, may not be written, or is not there to be read.
        StorageError: the disk is full, or fails.
    """
    try:
        connection = _connect(path) if writable else _connect_to_read(path)
    except sqlite3.DatabaseError as error:
        raise _translate(path, error, writable=writable) from error
    except OSError as error:
        if error.errno in _REFUSED:
            raise _unusable(path, f"cannot be opened: {error.strerror}", _CORRECT) from error
        raise storage_error(error, path) from error
    return Journal(connection, wall, commit_by(connection, patience=patience))


def _connect(path: Path) -> sqlite3.Connection:
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    return _prepared(connection, path, writable=True)


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading. That makes a file beside it, for which there may be no room."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _prepared(sqlite3.connect(uri, uri=True, isolation_level=None), path, writable=False)
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        # No process has it open, and all of it is in the one file: it is read without locks, which need no file.
        return _prepared(sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None), path, writable=False)


def _prepared(connection: sqlite3.Connection, path: Path, *, writable: bool) -> sqlite3.Connection:
    try:
        _prepare(connection, path, writable=writable)
    except BaseException:
        connection.close()
        raise
    return connection


def _translate(path: Path, error: sqlite3.DatabaseError, *, writable: bool) -> ConfigurationError | StorageError:
    """Return the error to raise: the disk is short of something, the file may not be written, or it is damaged."""
    if is_short(error) or primary(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return storage_error(error, path)
    if primary(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        # SQLite does not report why a file cannot be made; an attempt to make one does.
        if (why := why_not(path)) is not None and why.errno not in _REFUSED:
            return storage_error(why, path)
        if writable:
            return _unusable(path, f"cannot be opened: {error if why is None else why.strerror}", _CORRECT)
    if isinstance(error, sqlite3.OperationalError) and writable:
        return storage_error(error, path)
    return _unusable(path, "cannot be read")


def _prepare(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if version == 0 and empty and writable:
        _create(connection)
    elif version == 0 and empty:
        raise ConfigurationError(
            "the run was not begun: its journal is empty",
            operation="open the journal",
            place=str(path),
            hint="start `migrate`: it begins",
        )
    elif version in UPGRADES:
        if not writable:
            raise _unusable(path, f"has version {version}, from an earlier version of the program", _MIGRATE)
        _upgrade(connection, version)
    elif version != VERSION:
        raise _unusable(path, f"has version {version}, this program reads {VERSION}")


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(16),))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables to this version, step by step, in one transaction: a process that dies leaves the old ones."""
    connection.execute("BEGIN IMMEDIATE")
    for step in range(version, VERSION):
        for statement in UPGRADES[step]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _unusable(path: Path, what: str, hint: str = _RESTORE) -> ConfigurationError:
    return ConfigurationError(f"the journal {what}", operation="open the journal", place=str(path), hint=hint)
