"""The findings on disk: complete or not there, in order whatever the order of writing, and for their owner only."""

import errno
import os
import sqlite3
import stat
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.files.findings_file import FINDINGS, About, FindingsWriter, read_findings
from masivo_stream.model.errors import StorageError
from masivo_stream.model.findings import CheckName, HeldLine

FILES = [("customers", "a"), ("events", "a"), ("events", "b")]


def about(identity=b"1"):
    return About(identity=identity, files=FILES, checks=b"{}")


def held(line, check=CheckName.UNKNOWN_CUSTOMER, message="m", item=None):
    return HeldLine(line=line, check=check, item=item, message=message)


def write(directory, rows, identity=b"1"):
    with FindingsWriter(directory) as writer:
        writer.add(rows)
        writer.finish(about(identity))


rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.builds(
            held,
            st.integers(1, 9),
            st.sampled_from(CheckName),
            st.sampled_from(["m", "ñ", ""]),
            st.none() | st.integers(0, 3),
        ),
    ),
    max_size=12,
)


@given(rows, st.integers(1, 9), st.integers(1, 9), st.randoms())
def test_written_findings_are_found(tmp_path_factory, found, one, two, random):
    """For each file and range of lines, in one order whatever the order in which it was found."""
    directory, shuffled = tmp_path_factory.mktemp("found"), list(found)
    random.shuffle(shuffled)
    write(directory, shuffled)
    first, last = min(one, two), max(one, two)
    with closing(read_findings(directory)) as read:
        for source, (kind, name) in enumerate(FILES):
            mine = [each for number, each in found if number == source and first <= each.line <= last]
            looked_up = read.held(kind, name, first, last)
            assert {line: sorted(of_line, key=str) for line, of_line in looked_up.items()} == {
                line: sorted((each for each in mine if each.line == line), key=str) for line in {m.line for m in mine}
            }
            for of_line in looked_up.values():
                assert of_line == sorted(of_line, key=lambda each: (each.check, each.item or 0, each.message))
        assert read.held("transactions", "a", 1, 9) == read.held("events", "c", 1, 9) == {}


def test_only_its_owner_can_read_it(tmp_path):
    """Whatever the umask."""
    before = os.umask(0)
    try:
        write(tmp_path, [(0, held(1))])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / FINDINGS).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FINDINGS]


def test_the_file_belongs_to_its_exports(tmp_path):
    """Findings about other ones are not found; without a question, whatever is there."""
    write(tmp_path, [], b"1")
    with closing(read_findings(tmp_path, b"1")) as read:
        assert (read.identity, read.checks) == (b"1", b"{}")
    assert read_findings(tmp_path, b"2") is None
    read_findings(tmp_path).close()
    assert read_findings(tmp_path / "elsewhere") is None


def test_an_unfinished_file_does_not_count(tmp_path):
    """What was there before stays; what a killed process has left is removed by the next one."""
    write(tmp_path, [(0, held(1))])
    with FindingsWriter(tmp_path) as writer:
        writer.add([(0, held(2))])
    killed = FindingsWriter(tmp_path)
    killed.add([(0, held(3))])
    with closing(read_findings(tmp_path)) as read:
        assert list(read.held("customers", "a", 1, 9)) == [1]
    write(tmp_path, [(0, held(4))])
    with closing(read_findings(tmp_path)) as read:
        assert list(read.held("customers", "a", 1, 9)) == [4]
    assert [path.name for path in tmp_path.iterdir()] == [FINDINGS]
    killed.__exit__()  # Python 3.13 warns of a connection that is not closed


@pytest.mark.parametrize("damage", ["cut", "zeros", "text", "empty", "format", "no table"])
def test_a_damaged_file_is_not_used(damage, tmp_path):
    """Then the checks are made again."""
    write(tmp_path, [(0, held(line)) for line in range(1, 500)])
    path = tmp_path / FINDINGS
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:100])
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "text":
            path.write_bytes(b"x" * 8192)
        case "empty":
            path.write_bytes(b"")
        case _:
            change = "UPDATE about SET format = 0" if damage == "format" else "DROP TABLE held"
            with closing(sqlite3.connect(path)) as database, database:
                database.execute(change)
    assert read_findings(tmp_path) is None


def test_late_damage_is_an_error(tmp_path):
    """With the file, and what to do about it."""
    write(tmp_path, [(0, held(line, message="m" * 1000)) for line in range(1, 500)])
    path = tmp_path / FINDINGS
    content = path.read_bytes()
    path.write_bytes(content[:40_000] + b"\xff" * (len(content) - 80_000) + content[-40_000:])
    try:
        read = read_findings(tmp_path)
        if read is not None:
            with closing(read), pytest.raises(StorageError) as raised:
                read.held("customers", "a", 1, 500)
            assert str(path) in raised.value.place
    finally:
        path.unlink()


def test_a_full_disk_is_an_error(tmp_path, monkeypatch):
    """With the directory, and nothing is left there."""

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as raised, FindingsWriter(tmp_path) as writer:
        writer.finish(about())
    assert (raised.value.place, list(tmp_path.iterdir())) == (str(tmp_path), [])
    with pytest.raises(StorageError):
        FindingsWriter(tmp_path / "not there")
    limited = OSError(errno.EFBIG, "File too large")  # SQLite says "disk I/O error" only
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    with FindingsWriter(tmp_path, lambda _path: limited) as writer:
        writer.finish(about())
        with pytest.raises(StorageError, match="File too large") as raised:
            writer.finish(about())  # SQLite fails: it is closed
    assert "ulimit -f" in raised.value.hint
