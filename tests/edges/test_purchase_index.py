"""The index finds exactly the keys that it was built over, in flat memory, and leaves no file."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.core.sent_purchases import KEY_BYTES, NOTE_BYTES
from masivo_stream.edges.shared_dir import purchase_index
from masivo_stream.edges.shared_dir.purchase_index import build_index

KEYS = st.one_of(
    st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES),
    st.sampled_from([bytes(8), b"\xff" * 8, b"\0" * 7 + b"\1", b"\1" + b"\0" * 7]),
)
NOTES = st.tuples(KEYS, st.integers(0, 2**24 - 1))


def as_bytes(found):
    return b"".join(key + content.to_bytes(NOTE_BYTES - KEY_BYTES, "big") for key, content in found)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(st.tuples(st.integers(0, 65_535), st.lists(NOTES, max_size=30)), max_size=6),
    others=st.lists(KEYS, max_size=10),
    expected=st.sampled_from([0, 1, 100, 1 << 18]),
)
def test_it_finds_what_a_dictionary_finds(tmp_path_factory, blocks, others, expected):
    """Every key with each of its contents and runs, whatever number was expected; and no other key."""
    known = {}
    for run, found in blocks:
        for key, content in found:
            known.setdefault(key, []).append((content, run))
    index = build_index(((run, as_bytes(found)) for run, found in blocks), expected, tmp_path_factory.getbasetemp())
    asked = [*known, *others]
    wanted = {number: sorted(known[key]) for number, key in enumerate(asked) if key in known}
    assert {number: sorted(found) for number, found in index.find(asked).items()} == wanted
    assert len(index) == sum(len(found) for _, found in blocks)
    index.close()


def test_many_notes_in_several_parts():
    """More than are sorted at once."""
    found = [os.urandom(NOTE_BYTES) for _ in range(200_000)]
    index = build_index(((7, b"".join(found[at : at + 999])) for at in range(0, len(found), 999)), len(found), None)
    hits = index.find([note[:KEY_BYTES] for note in found[::10]])
    assert len(hits) == 20_000
    assert all((int.from_bytes(found[10 * at][KEY_BYTES:], "big"), 7) in seen for at, seen in hits.items())
    assert index.find([os.urandom(KEY_BYTES) for _ in range(1000)]) == {}
    index.close()


def test_a_key_that_begins_within_an_entry_is_not_found():
    """Its bytes are there, across two notes."""
    note = as_bytes([(b"\0\0\0\0\0\0\0\5", 1)])
    index = build_index([(0, note)], 1, None)
    inside = note[1 : 1 + KEY_BYTES]
    assert index.find([inside]) == {}
    index.close()


def test_no_file_is_left_and_others_cannot_read_it(tmp_path, monkeypatch):
    """They have no names, and are readable by their owner only."""
    modes = []
    made = purchase_index.tempfile.mkstemp

    def create(**where):
        file, name = made(**where)
        modes.append(stat.S_IMODE(os.fstat(file).st_mode))
        return file, name

    monkeypatch.setattr(purchase_index.tempfile, "mkstemp", create)
    index = build_index([(1, as_bytes([(bytes(8), 1)]))], 1, tmp_path)
    assert (list(tmp_path.iterdir()), modes) == ([], [0o600])
    index.close()


def test_a_full_disk_is_an_error_and_leaves_nothing_open(tmp_path, monkeypatch):
    """The caller goes on without it."""

    def full(*_):
        raise OSError(28, "No space left on device")

    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        build_index([(1, as_bytes([(bytes(8), 1)]))], 1, tmp_path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) == before
