"""Opening a database once more takes no lock from the process that has it open."""

import errno
import os
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest

from masivo_stream.edges.journal.open import open_journal
from masivo_stream.edges.shared_dir.database import open_database
from masivo_stream.edges.sqlite_file import make_private

ANOTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT * FROM sqlite_master").fetchall()
connection.close()  # the last one to close a database removes its log
"""


def make_tables(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS rows (value)")


def open_shared(path):
    return open_database(path, make_tables, synchronous="NORMAL")


def open_run(path):
    return open_journal(path, lambda: datetime.now(UTC))


@pytest.mark.parametrize("open_it", [open_shared, open_run])
def test_another_process_does_not_believe_that_it_is_alone(tmp_path, open_it):
    path = tmp_path / "file.db"
    with closing(open_it(path)):
        open_it(path).close()
        subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, str(path)], check=True, timeout=60)
        assert (tmp_path / "file.db-wal").exists()


def test_what_is_written_after_another_process_has_ended_is_there_for_the_next(tmp_path):
    path = tmp_path / "file.db"
    with closing(open_shared(path)) as first:
        open_shared(path).close()
        subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, str(path)], check=True, timeout=60)
        first.execute("INSERT INTO rows VALUES (7)")
        code = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT value FROM rows').fetchall())"
        read = subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60, capture_output=True)
        assert read.stdout.strip() == b"[(7,)]"


def test_a_new_file_is_readable_by_its_owner_alone(tmp_path):
    path = tmp_path / "new.db"
    make_private(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"content")
    make_private(path)
    assert path.read_bytes() == b"content"


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda path: path.symlink_to("elsewhere"), errno.ELOOP),
        (lambda path: path.mkdir(), errno.EISDIR),
        pytest.param(
            lambda path: path.touch(0o000),
            errno.EACCES,
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything"),
        ),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, make, number):
    path = tmp_path / "file.db"
    make(path)
    with pytest.raises(OSError, match=r"file\.db") as refused:
        make_private(path)
    assert refused.value.errno == number
