"""The list of skipped records: whole lines, counted when they are told to be, and cut behind what is counted."""

import os
import zlib

import pytest

from masivo_stream.edges.files.skipped_file import SkippedFile
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import StorageError
from masivo_stream.model.examples import SkippedPlace

NAME = "skipped.events.ndjson"


def place(line, items=None):
    return SkippedPlace(file="a.ndjson", line=line, offset=10 * line, reason="reversed_event", items=items)


def reopened(tmp_path, **counted):
    return SkippedFile(StateDir(tmp_path), Kind.EVENTS, **counted)


def test_each_record_is_one_line(tmp_path):
    """Kind, place, reason and items; nothing else."""
    skips = reopened(tmp_path)
    skips.append([place(1), place(2, (0, 3))])
    skips.count()
    skips.sync()
    skips.close()
    assert (tmp_path / NAME).read_bytes().splitlines() == [
        b'{"kind":"events","file":"a.ndjson","line":1,"offset":10,"reason":"reversed_event","items":null}',
        b'{"kind":"events","file":"a.ndjson","line":2,"offset":20,"reason":"reversed_event","items":[0,3]}',
    ]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_uncounted_lines_are_cut(tmp_path):
    """Written, and its process died before the commit: the next one writes it again."""
    skips = reopened(tmp_path)
    skips.append([place(1)])
    assert (skips.length, skips.crc) == (0, 0)
    skips.count()
    counted = {"length": skips.length, "crc": skips.crc}
    skips.append([place(2)])
    skips.close()
    text = (tmp_path / NAME).read_bytes()
    assert counted == {"length": text.index(b"\n") + 1, "crc": zlib.crc32(text[: text.index(b"\n") + 1])}
    again = reopened(tmp_path, **counted)
    again.append([place(3)])
    again.count()
    again.close()
    lines = (tmp_path / NAME).read_bytes().splitlines()
    assert [line.count(b'"line":1') + 3 * line.count(b'"line":3') for line in lines] == [1, 3]
    assert again.crc == zlib.crc32((tmp_path / NAME).read_bytes())


@pytest.mark.parametrize("content", [None, b"", b"somebody's own\n", b"x" * 500])
def test_an_edited_list_is_continued(content, tmp_path):
    """The run goes on with it: nothing of it is cut, and new lines follow it."""
    skips = reopened(tmp_path)
    skips.append([place(1)])
    skips.count()
    skips.close()
    path = tmp_path / NAME
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    again = reopened(tmp_path, length=skips.length, crc=skips.crc)
    again.append([place(2)])
    again.count()
    again.close()
    text = path.read_bytes()
    assert text.startswith(content or b"")
    assert b'"line":2' in text.splitlines()[-1]
    assert b"x{" not in text
    assert (again.length, again.crc) == (len(text), zlib.crc32(text))


def test_a_full_disk_is_reported(tmp_path):
    """No half of a line stays, and the error says where."""

    class Full:
        path = tmp_path

        def open_append(self, name):
            return os.open("/dev/full", os.O_RDWR)

    skips = SkippedFile(Full(), Kind.EVENTS)
    with pytest.raises(StorageError) as raised:
        skips.append([place(1)])
    assert raised.value.place == str(tmp_path / NAME)
    assert "start again" in raised.value.hint
    assert skips.length == 0
