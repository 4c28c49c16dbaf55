"""Open one of the directory's SQLite files, which several processes use at the same time."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from masivo_stream.edges.sqlite_file import make_private


def open_database(
    path: Path, make_tables: Callable[[sqlite3.Connection], None], *, synchronous: Literal["NORMAL", "FULL"]
) -> sqlite3.Connection:
    """Open or create the file at `path`, readable by its owner alone, and let `make_tables` make what is missing.

    Raises:
        sqlite3.Error: it cannot be used.
        OSError: its directory cannot be used.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        with transaction(connection):  # two runs may be the first ones
            make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside as one step that no other process interrupts; on an error, undo it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
