"""What an interrupted comparison has read is there for the next one, and for no other one."""

import os
from contextlib import closing

import pytest

from masivo_stream.edges.files.listed_days_file import LISTED_DAYS, ListedDaysFile
from masivo_stream.edges.files.state_dir import own_state_dir
from masivo_stream.model.errors import StorageError

KEY = '{"sends":3}'


@pytest.fixture
def state(tmp_path):
    with own_state_dir(str(tmp_path / "state")) as owned:
        yield owned


def opened(state, key=KEY):
    return closing(ListedDaysFile(state, key, list[int]))


def test_days_are_kept_for_the_same_key(state):
    """In the order in which they came, over any number of processes; half a line is no day."""
    with opened(state) as file:
        assert list(file.read()) == []
        file.append(1, [2, 3])
        file.append(-5, [])
    with opened(state) as file:
        assert list(file.read()) == [(1, [2, 3]), (-5, [])]
        file.append(7, [1])
    path = state.path / LISTED_DAYS
    path.write_bytes(path.read_bytes()[:-3])
    with opened(state) as file:
        assert list(file.read()) == [(1, [2, 3]), (-5, [])]
        file.append(8, [])
    with opened(state) as file:
        assert [day for day, _ in file.read()] == [1, -5, 8]
        file.finish()
    assert not path.exists()


@pytest.mark.parametrize("text", [b"", b"\n", b"{", b'{"sends":4}\n{"day":1,"listed":[]}', bytes(range(256))])
def test_another_key_begins_from_nothing(state, text):
    (state.path / LISTED_DAYS).write_bytes(text)
    with opened(state) as file:
        assert list(file.read()) == []
        file.append(1, [])
    with opened(state) as file:
        assert list(file.read()) == [(1, [])]


def test_a_full_disk_is_reported(state):
    with opened(state) as file:
        file._file = os.open("/dev/full", os.O_WRONLY)
        with pytest.raises(StorageError, match="cannot write: No space left"):
            file.append(1, [])
