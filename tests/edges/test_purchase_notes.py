"""Notes of sent purchases: what was written is read again, whatever a kill, a full disk or damage has left."""

import errno
import multiprocessing
import os
import stat

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.core.sent_purchases import NOTE_BYTES
from masivo_stream.edges.shared_dir.purchase_notes import (
    NAME,
    DamagedError,
    Whose,
    create_notes,
    doubt_notes,
    forget_notes,
    list_notes,
    read_notes,
    read_salt,
    take_salt,
    trust_notes,
)
from masivo_stream.model.errors import StorageError

WHOSE = Whose(journal="j", names=("a", "b"), state_dir="/state", at="2026-01-01T00:00:00+00:00")
MANY = 1000


def notes(number, count=3):
    return bytes([number]) * NOTE_BYTES * count


def write(shared, blocks, whose=WHOSE, most=MANY):
    writer = create_notes(shared, whose, take_salt(shared), most)
    for block in blocks:
        writer.append(block)
    writer.close()


def files(shared):
    found, damaged = list_notes(shared, read_salt(shared))
    return found, [path.name for path in damaged]


def read(file):
    return [block for _, block in read_notes(file)]


def test_what_was_written_is_read_with_its_head(tmp_path):
    """Each process has a file of its own."""
    write(tmp_path, [notes(1), notes(2, 1)])
    write(tmp_path, [notes(3)])
    write(tmp_path, [notes(4)], msgspec.structs.replace(WHOSE, journal="k"))
    found, damaged = files(tmp_path)
    assert [(each.whose.journal, read(each)) for each in found] == [
        ("j", [notes(1), notes(2, 1)]),
        ("j", [notes(3)]),
        ("k", [notes(4)]),
    ]
    assert (found[0].whose.names, found[0].whose.state_dir, damaged) == (WHOSE.names, "/state", [])
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / NAME).iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o700


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(1, 4), max_size=3), share=st.floats(0, 1))
def test_a_process_may_be_killed_at_any_byte(tmp_path_factory, counts, share):
    """Whole blocks are read, and nothing else; a head that was not written yet is no file."""
    shared = tmp_path_factory.mktemp("shared")
    blocks = [notes(number, count) for number, count in enumerate(counts)]
    write(shared, blocks)
    ((file,), _) = files(shared)
    size = file.path.stat().st_size
    kept = round(share * size)
    os.truncate(file.path, kept)
    found, _ = files(shared)
    ends = [file.begin + sum(12 + len(each) for each in blocks[:number]) for number in range(len(blocks) + 1)]
    whole = [number for number, end in enumerate(ends) if end <= kept]
    assert [read(each) for each in found] == ([blocks[: max(whole)]] if whole else [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1), change=st.integers(1, 255))
def test_a_changed_byte_is_noticed(tmp_path_factory, share, change):
    """What comes before it is read; nothing that was not written is."""
    shared = tmp_path_factory.mktemp("shared")
    blocks = [notes(1), notes(2)]
    write(shared, blocks)
    ((file,), _) = files(shared)
    content = bytearray(file.path.read_bytes())
    at = 24 + round(share * (len(content) - 25))
    content[at] ^= change
    file.path.write_bytes(content)
    found, damaged = files(shared)
    if not found:
        assert damaged == [file.path.name]
        return
    seen = []
    try:
        for _, block in read_notes(found[0]):
            seen.append(block)
    except DamagedError:
        pass
    assert seen == blocks[: len(seen)]
    assert len(seen) < len(blocks)


@pytest.mark.parametrize("content", [b"", b"MSpurch1", b"something else, of some length, which is no file of notes"])
def test_a_file_of_another_sort_is_no_notes(content, tmp_path):
    """An unfinished head is left out, anything else is damage; the others are read."""
    write(tmp_path, [notes(1)])
    (tmp_path / NAME / "x-0.notes").write_bytes(content)
    found, damaged = files(tmp_path)
    assert ([read(each) for each in found], damaged) == ([[notes(1)]], ["x-0.notes"] if len(content) > 32 else [])


def test_notes_with_another_salt_are_reported(tmp_path):
    """They are of no use any more."""
    write(tmp_path, [notes(1)])
    (tmp_path / NAME / "salt").unlink()
    write(tmp_path, [notes(2)])
    found, damaged = files(tmp_path)
    assert ([read(each) for each in found], damaged) == ([[notes(2)]], ["j-0.notes"])


def test_a_damaged_salt_is_an_error(tmp_path):
    """Another one would make all notes useless, so a person decides."""
    take_salt(tmp_path)
    (tmp_path / NAME / "salt").write_bytes(b"short")
    with pytest.raises(StorageError, match="damaged"):
        take_salt(tmp_path)


def _take(shared, barrier, results):
    barrier.wait()
    results.put(take_salt(shared))


def test_processes_that_start_together_have_one_salt(tmp_path):
    """The first one makes it."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_take, args=(tmp_path, barrier, results)) for _ in range(4)]
    for each in processes:
        each.start()
    salts = {results.get(timeout=30) for _ in processes}
    for each in processes:
        each.join()
    assert salts == {read_salt(tmp_path)}
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["salt"]


def test_a_full_disk_keeps_what_fits_and_says_that_notes_are_missing(tmp_path, monkeypatch):
    """Half a block is not read."""
    writer = create_notes(tmp_path, WHOSE, take_salt(tmp_path), MANY)
    writer.append(notes(1))
    pwrite = os.pwrite

    def full(file, content, at):
        if len(content) <= 8:  # a block that is on the disk already can be changed
            return pwrite(file, content, at)
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, content[: len(content) - 10], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StorageError, match="No space left"):
        writer.append(notes(2))
    monkeypatch.undo()
    writer.close()
    ((file,), _) = files(tmp_path)
    assert (read(file), file.missing) == ([notes(1)], True)


def test_all_files_together_may_hold_a_number_of_notes(tmp_path):
    """The limit counts what other processes have noted. The hint says what to do."""
    write(tmp_path, [notes(1, 10)], most=100)
    writer = create_notes(tmp_path, WHOSE, take_salt(tmp_path), 60)
    writer.append(notes(2, 10))
    with pytest.raises(StorageError, match="remember_purchases") as caught:
        writer.append(notes(3, 40))
    writer.close()
    assert "remove" in caught.value.hint
    assert [(read(each), each.missing) for each in files(tmp_path)[0]] == [
        ([notes(1, 10)], False),
        ([notes(2, 10)], True),
    ]


def test_a_run_that_was_taken_back_is_forgotten(tmp_path):
    """With all its files, and no other's."""
    for journal in ("j", "j", "k"):
        write(tmp_path, [notes(1)], msgspec.structs.replace(WHOSE, journal=journal))
    forget_notes(tmp_path, "j")
    assert [each.whose.journal for each in files(tmp_path)[0]] == ["k"]
    forget_notes(tmp_path / "absent", "j")


def test_a_revert_makes_unsure_what_was_noted_before(tmp_path):
    """Not what a process notes later, also one that is at work. If nothing was taken back, it is undone."""
    writer = create_notes(tmp_path, WHOSE, take_salt(tmp_path), MANY)
    writer.append(notes(1))
    before = files(tmp_path)[0]
    doubt_notes(before)
    writer.append(notes(2))
    writer.close()
    ((file,), _) = files(tmp_path)
    assert [(block, offset < file.unsure_before) for offset, block in read_notes(file)] == [
        (notes(1), True),
        (notes(2), False),
    ]
    trust_notes(before)
    assert files(tmp_path)[0][0].unsure_before == 0
    forget_notes(tmp_path, "j")
    doubt_notes(before)
    assert files(tmp_path)[0] == []
