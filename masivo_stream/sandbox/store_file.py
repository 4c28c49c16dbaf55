"""Open the file in which a sandbox keeps its account: mode 0600, of this user, for one process at a time."""

import os
import secrets
import sqlite3
import stat

IN_MEMORY = ":memory:"

_APPLICATION_ID = 0x4D53_5458  # "MSTX": marks the files of this program
_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (seq INTEGER PRIMARY KEY, visible_at REAL NOT NULL);
CREATE INDEX batches_due ON batches (visible_at);
CREATE TABLE customers (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, email TEXT NOT NULL, body BLOB NOT NULL,
  repeat INTEGER NOT NULL, visible_at REAL NOT NULL, reverted_at REAL
);
CREATE UNIQUE INDEX customers_id ON customers (id) WHERE repeat = 0 AND reverted_at IS NULL;
CREATE UNIQUE INDEX customers_email ON customers (email) WHERE repeat = 0 AND reverted_at IS NULL;
CREATE INDEX customers_time ON customers (visible_at, seq);
CREATE INDEX customers_ledger ON customers (id, visible_at, reverted_at);
CREATE INDEX customers_reverted ON customers (id, visible_at) WHERE reverted_at IS NOT NULL;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, customer TEXT NOT NULL, purchase_id TEXT NOT NULL, type TEXT NOT NULL,
  spend TEXT NOT NULL, issued TEXT NOT NULL, issued_at REAL NOT NULL, visible_at REAL NOT NULL, reverted_at REAL
);
CREATE INDEX events_ledger ON events (customer, purchase_id, visible_at, reverted_at);
CREATE INDEX events_reverted ON events (customer, purchase_id, visible_at) WHERE reverted_at IS NOT NULL;
CREATE TABLE transactions (
  seq INTEGER PRIMARY KEY, customer TEXT NOT NULL, native INTEGER NOT NULL, reward_id TEXT NOT NULL,
  brand_id TEXT, type TEXT NOT NULL, amount TEXT NOT NULL, body BLOB NOT NULL, issued_at REAL NOT NULL,
  visible_at REAL NOT NULL, reverted_at REAL
);
CREATE INDEX transactions_ledger ON transactions (customer, native, visible_at, reverted_at);
CREATE INDEX transactions_issued ON transactions (issued_at);
CREATE INDEX transactions_reverted ON transactions (customer, native, visible_at) WHERE reverted_at IS NOT NULL;
CREATE TABLE requests (
  target TEXT NOT NULL, outcome TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (target, outcome)
) WITHOUT ROWID;
"""


def open_store(path: str) -> sqlite3.Connection:
    """Open or create the store at `path`; `:memory:` for one without a file.

    Raises:
        OSError: the path cannot be opened, is a link, or belongs to another user.
        sqlite3.Error: the file is something else or of another version, or another process has it open.
    """
    if path != IN_MEMORY:
        _own(path)
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _own(path: str) -> None:
    """Create the file before SQLite does, with mode 0600, which SQLite also gives to the files beside it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid():
            raise PermissionError("not a plain file of this user")
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _prepare(db: sqlite3.Connection) -> None:
    """Check that the file is a sandbox's store before anything in it is changed."""
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN IMMEDIATE")
    ours = (_APPLICATION_ID, _VERSION)
    found = tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if found != ours and not empty:
        raise sqlite3.DatabaseError("it is not a store of this version of the sandbox")
    if empty:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO meta (name, value) VALUES ('secret', ?)", (secrets.token_bytes(32),))
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")
    # With WAL and without syncing, a killed sandbox loses nothing. After a power failure it may; that is acceptable.
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA journal_mode = WAL")
