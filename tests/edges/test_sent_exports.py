"""What accounts have got is remembered durably, by account, and forgotten when it was taken back."""

import sqlite3
import stat
from contextlib import closing

import pytest

from masivo_stream.core.reading.fingerprint import take_head
from masivo_stream.edges.shared_dir.sent_exports import NAME, Receivers, SentExport, SentRun, open_sent
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError

KEY, SUBJECT = Receivers(owner="key"), Receivers(owner="key", subject="subject")
CONTENT = b"one\ntwo\n"


def export(journal="j", *, content=CONTENT, source=0, kind=Kind.EVENTS, state_dir="/state"):
    return SentExport(
        journal=journal,
        kind=kind,
        source=source,
        receiver="",
        head=take_head(content, ended=True),
        path="/export",
        at="2026-01-01T00:00:00+00:00",
        state_dir=state_dir,
    )


@pytest.fixture
def memory(tmp_path):
    file = open_sent(tmp_path / "shared")
    yield file
    file.close()


def found(file, receivers, content=CONTENT, kind=Kind.EVENTS):
    return [each.journal for each in file.find(receivers, kind, take_head(content, ended=True))]


def test_a_noted_export_is_found_by_its_first_line(memory):
    """Of the same account and kind; by another process as well."""
    memory.note([export()], KEY)
    assert found(memory, KEY) == ["j"]
    assert found(memory, KEY, b"one\nother\n") == ["j"]
    assert found(memory, KEY, b"other\ntwo\n") == []
    assert found(memory, KEY, kind=Kind.CUSTOMERS) == []
    assert found(memory, Receivers(owner="another")) == []


def test_tokens_distinguish_two_accounts_of_the_same_key(memory):
    """Until a token has come, it may be any of them."""
    memory.note([export("one")], SUBJECT)
    memory.note([export("two")], Receivers(owner="key", subject="other"))
    assert found(memory, SUBJECT) == ["one"]
    assert found(memory, Receivers(owner="rotated", subject="other")) == ["two"]
    assert sorted(found(memory, KEY)) == ["one", "two"]


def test_accounts_confirmed_as_one_are_one(memory):
    """In both directions, and of one chain."""
    memory.note([export("one")], Receivers(owner="a"))
    memory.join(["b", "a"])
    memory.join(["b", "c"])
    assert [found(memory, Receivers(owner=name)) for name in "abcd"] == [["one"], ["one"], ["one"], []]


def test_nothing_is_noted_if_a_check_raises(memory):
    """The check is given what was noted before."""
    memory.note([export("one")], KEY)

    def check(new, known):
        assert (new.journal, [each.journal for each in known]) == ("two", ["one"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        memory.note([export("two")], KEY, check)
    assert found(memory, KEY) == ["one"]


def test_a_trail_grows_and_a_run_moves(memory):
    """What was read is noted with its lines; what no run has begun is left out."""
    memory.note([export()], KEY)
    memory.follow("j", {(Kind.EVENTS, 0): (((4, 11), (8, 12)), 3), (Kind.EVENTS, 9): (((1, 1),), 2)})
    memory.follow("j", {(Kind.EVENTS, 0): (((8, 12), (12, 13)), 4)})
    memory.move("j", "/elsewhere")
    (known,) = memory.of_journal("j")
    assert (known.trail, known.lines, known.state_dir) == (((4, 11), (8, 12), (12, 13)), 3, "/elsewhere")


def test_the_number_of_requests_of_a_run_is_kept(memory):
    """Also when it begins a further export, and when nothing else is known of it."""
    assert memory.run("j") is None
    memory.note([export()], KEY)
    memory.count("j", SentRun(state_dir="/state", sends=3))
    memory.note([export(source=1, state_dir="/elsewhere")], KEY)
    assert memory.run("j") == SentRun(state_dir="/elsewhere", sends=3)
    memory.count("other", SentRun(state_dir="/other", sends=1))
    assert memory.run("other") == SentRun(state_dir="/other", sends=1)
    assert memory.runs_of(KEY) == [("j", "/elsewhere")]
    memory.withdraw("j")
    assert memory.run("j") is None


def test_a_file_of_version_1_is_upgraded(tmp_path):
    """What it holds stays; how much was sent is not known of it. Opened once more, it is as it is."""
    file = open_sent(tmp_path)
    file.note([export()], KEY)
    file.close()
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("ALTER TABLE runs DROP COLUMN sends")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    for sends in (0, 4):
        file = open_sent(tmp_path)
        assert found(file, KEY) == ["j"]
        assert file.run("j") == SentRun(state_dir="/state", sends=sends)
        file.count("j", SentRun(state_dir="/state", sends=4))
        file.close()


def test_a_reverted_run_is_forgotten(memory):
    """And others are not."""
    memory.note([export("one"), export("one", source=1)], KEY)
    memory.note([export("two")], KEY)
    assert sorted(memory.runs_of(KEY)) == [("one", "/state"), ("two", "/state")]
    memory.withdraw("one")
    assert memory.of_journal("one") == []
    assert memory.runs_of(KEY) == [("two", "/state")]


def test_two_processes_share_it(tmp_path):
    """Both open it for the first time, and each sees what the other has noted."""
    one, other = open_sent(tmp_path / "shared"), open_sent(tmp_path / "shared")
    one.note([export()], KEY)
    assert found(other, KEY) == ["j"]
    one.close()
    other.close()
    assert stat.S_IMODE((tmp_path / "shared" / NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"rubbish" * 100, "later version"])
def test_an_unusable_file_is_reported(content, tmp_path):
    """The caller decides that a run goes on without it."""
    (tmp_path / NAME).touch()
    if isinstance(content, bytes):
        (tmp_path / NAME).write_bytes(content)
    else:
        connection = sqlite3.connect(tmp_path / NAME)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    with pytest.raises(StorageError) as caught:
        open_sent(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"\x00" * 40, 7, "text", b"\xc1"])
def test_a_damaged_row_is_a_damaged_file(tmp_path, memory, damage):
    """Whatever the bytes are; what is asked of the file says so, and what it says is no traceback."""
    memory.note([export()], KEY)
    with closing(sqlite3.connect(tmp_path / "shared" / NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE exports SET head = ?", (damage,))
    for question in (lambda: memory.of_journal("j"), lambda: found(memory, KEY)):
        with pytest.raises(StorageError, match="damaged"):
            question()
