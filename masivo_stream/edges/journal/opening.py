"""Open the journal's file, or create it."""

import os
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import anyio

from masivo_stream.core import statements as say
from masivo_stream.edges.journal.commit import GroupCommit, storage_error
from masivo_stream.edges.journal.writing import Journal
from masivo_stream.model.errors import ConfigurationError

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
        ConfigurationError: it is damaged, from another version, or there is none to read.
        StorageError: it cannot be written.
    """
    try:
        if not writable:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        try:
            _prepare(connection, path, writable=writable)
        except BaseException:
            connection.close()
            raise
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and writable:
            raise storage_error(error) from error
        raise _unusable(path, "cannot be read") from error
    except OSError as error:
        raise storage_error(error) from error
    return Journal(connection, wall, commit_by(connection, sleep=sleep, patience=patience))


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


_RESTORE = "never begin afresh over it: restore it, or use the version of the program that wrote it"


def _unusable(path: Path, what: str, hint: str = _RESTORE) -> ConfigurationError:
    return ConfigurationError(f"the journal {what}", operation="open the journal", place=str(path), hint=hint)
