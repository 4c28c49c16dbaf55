"""Open the journal's file, or create it."""

import errno
import os
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import anyio

from masivo_stream.edges.journal import statements as say
from masivo_stream.edges.journal.commit import GroupCommit, is_short, primary, storage_error
from masivo_stream.edges.journal.write import Journal
from masivo_stream.model.errors import ConfigurationError, StorageError

_UPGRADED = 2
"""The version of the journal that version 0.1.0 of the program wrote: it is upgraded where it stands."""


def open_journal(
    path: Path,
    wall: Callable[[], datetime],
    *,
    writable: bool = True,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    patience: float = 0.0,
    commit_by: Callable[..., GroupCommit] = GroupCommit,
) -> Journal:
    """Open or create the journal at `path`; `writable=False` only reads, also while a run is at work.

    An outcome that cannot be written down is tried for `patience` seconds, with `sleep` in between.

    Raises:
        ConfigurationError: it is damaged, from another version, there is none to read, or it may not be written.
        StorageError: the disk is full, or fails.
    """
    try:
        connection = _connect(path) if writable else _connect_to_read(path)
    except sqlite3.DatabaseError as error:
        raise _translate(path, error, writable=writable) from error
    except OSError as error:
        if error.errno in _REFUSED:
            raise _unusable(path, f"cannot be opened: {error.strerror}", _MEND) from error
        raise storage_error(error) from error
    return Journal(connection, wall, commit_by(connection, sleep=sleep, patience=patience))


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
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
        # Nobody has it open, and all of it is in the one file: it is read without locks, which need no file.
        return _prepared(sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None), path, writable=False)


def _prepared(connection: sqlite3.Connection, path: Path, *, writable: bool) -> sqlite3.Connection:
    try:
        _prepare(connection, path, writable=writable)
    except BaseException:
        connection.close()
        raise
    return connection


def _translate(path: Path, error: sqlite3.DatabaseError, *, writable: bool) -> ConfigurationError | StorageError:
    """Return what to say: the disk is short of something, the file may not be written, or it is damaged."""
    if is_short(error) or primary(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return storage_error(error)
    if primary(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        # SQLite does not tell why a file cannot be made; to make one does.
        if (why := _cannot_make(path)) is not None and why.errno not in _REFUSED:
            return storage_error(why)
        if writable:
            return _unusable(path, f"cannot be opened: {error if why is None else why.strerror}", _MEND)
    if isinstance(error, sqlite3.OperationalError) and writable:
        return storage_error(error)
    return _unusable(path, "cannot be read")


def _cannot_make(path: Path) -> OSError | None:
    """Return why no file can be made beside `path`; None where one can."""
    probe = path.with_name(f".{path.name}.probe")
    try:
        probe.unlink(missing_ok=True)
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        probe.unlink()
    except OSError as error:
        return error
    return None


def _prepare(connection: sqlite3.Connection, path: Path, *, writable: bool) -> None:
    if writable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]
    if version == 0 and empty and writable:
        _change(connection, say.SCHEMA, ("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(16),)))
    elif version == _UPGRADED:
        if not writable:
            raise _unusable(
                path, "is one of version 0.1.0 of the program", "start `migrate` once: it upgrades the journal"
            )
        _change(connection, say.UPGRADE)
    elif version != say.VERSION:
        raise _unusable(path, f"has version {version}, this program reads {say.VERSION}")


def _change(connection: sqlite3.Connection, script: str, *others: tuple[str, tuple[bytes]]) -> None:
    """Change the tables in one transaction, and note the version they have then."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in filter(str.strip, script.split(";")):
        connection.execute(statement)
    for sql, parameters in others:
        connection.execute(sql, parameters)
    connection.execute(f"PRAGMA user_version = {say.VERSION}")
    connection.execute("COMMIT")


_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENOENT})
"""What is answered where a file may not be written, whatever room there is."""

_MEND = "mend the permissions of the state directory and of what is in it, then start again"
_RESTORE = "never begin afresh over it: restore it, or use the version of the program that wrote it"


def _unusable(path: Path, what: str, hint: str = _RESTORE) -> ConfigurationError:
    return ConfigurationError(f"the journal {what}", operation="open the journal", place=str(path), hint=hint)
