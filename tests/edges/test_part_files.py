"""Files with answers of parts: complete under their name, or not there."""

import stat

import anyio
import pytest

from masivo_stream.edges.files.part_files import list_answers, write_answer
from masivo_stream.model.errors import StorageError

NAME = "part-00001-of-00002.0123456789abcdef.0123456789abcdef.answer"


async def test_an_answer_is_written_and_read(tmp_path):
    """Into a directory that is made; only its owner may read it; a second one of the name takes its place."""
    place = tmp_path / "parts" / "here"
    assert list_answers(place) == {}
    write_answer(place, NAME, b"before")
    write_answer(place, NAME, b"content")
    (file,) = list_answers(place).values()
    assert await file.size() == 7
    assert [await file.read(*span) for span in ((0, 7), (3, 2), (5, 9), (7, 1))] == [b"content", b"te", b"nt", b""]
    assert stat.S_IMODE((place / NAME).stat().st_mode) == 0o600
    assert [path.name for path in place.iterdir()] == [NAME]


def test_what_a_killed_process_leaves_is_no_answer(tmp_path):
    """Killed between the temporary name and the rename: the next process writes the answer beside what is left."""
    (tmp_path / f".{NAME}.0123").write_bytes(b"con")
    assert list_answers(tmp_path) == {}
    write_answer(tmp_path, NAME, b"content")
    assert list(list_answers(tmp_path)) == [NAME]


@pytest.mark.parametrize("kept", ["write", "list"])
def test_a_place_that_is_no_directory_is_named(kept, tmp_path):
    """With what is wrong, and nothing is left there."""
    place = tmp_path / "parts"
    place.write_bytes(b"a file")
    with pytest.raises(StorageError) as caught:
        write_answer(place, NAME, b"content") if kept == "write" else list_answers(place)
    assert caught.value.place == str(place)
    assert place.read_bytes() == b"a file"
    assert anyio.run(anyio.Path(tmp_path / NAME).exists) is False
