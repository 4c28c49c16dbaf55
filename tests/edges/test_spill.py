"""The spill returns the numbers of each part as they were added, leaves no file, and names what a full disk means."""

import errno
import os
import stat
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.edges.files import spill
from masivo_stream.edges.files.spill import Spill
from masivo_stream.model.errors import StorageError

WORDS = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(WORDS, max_size=20))))
def test_each_part_comes_back_in_its_order(added):
    """Whatever is added to the other parts in between."""
    wanted = [array("q") for _ in range(4)]
    with Spill(4, None) as kept:
        for part, numbers in added:
            kept.add(part, array("q", numbers))
            wanted[part].extend(numbers)
        assert [kept.load(part) for part in range(4)] == wanted
        assert (kept.parts, kept.size) == (4, sum(8 * len(numbers) for numbers in wanted))


def test_no_file_is_left_and_others_cannot_read_it(tmp_path, monkeypatch):
    """It has no name from the beginning, and is readable by its owner only."""
    modes = []
    made = spill.tempfile.mkstemp

    def create(**where):
        file, name = made(**where)
        modes.append(stat.S_IMODE(os.fstat(file).st_mode))
        return file, name

    monkeypatch.setattr(spill.tempfile, "mkstemp", create)
    with Spill(2, tmp_path) as kept:
        kept.add(1, array("q", [1, 2]))
        assert list(tmp_path.iterdir()) == []
    assert modes == [0o600]


def test_a_full_disk_is_a_storage_error(tmp_path, monkeypatch):
    """With the directory, and what can be done."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Spill(1, tmp_path) as kept:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match="No space left") as caught:
            kept.add(0, array("q", [1]))
    assert (caught.value.place, caught.value.exit_code) == (str(tmp_path), 6)
    monkeypatch.undo()
    with Spill(1, tmp_path, expected=14_500_001) as kept:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(StorageError, match=r"on disk \(about 15 MB in all\): No space left"):
            kept.add(0, array("q", [1]))
    with pytest.raises(StorageError):
        Spill(1, tmp_path / "absent")
