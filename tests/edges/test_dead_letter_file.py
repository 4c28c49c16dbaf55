"""Dead letters and doubts: the exact bytes on disk, whole lines whatever happens."""

import base64
import json
import os
import zlib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.dead_letters import read_dead_letter, write_dead_letter
from masivo_stream.edges.files.dead_letter_file import DeadLetterFile
from masivo_stream.edges.files.in_doubt_file import InDoubtFile
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, StorageError
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Rejected

AT = datetime(2024, 5, 1, 12, 30, 0, 123_456, tzinfo=UTC)
AT_TEXT = "2024-05-01T12:30:00.123Z"
FIELDS = ["kind", "file", "line", "offset", "length", "items", "reason", "field", "message", "status", "batch", "at"]


def rejected(**changes):
    fields = {
        "file": "events.ndjson",
        "line": 7,
        "offset": 120,
        "length": 2,
        "reason": Reason.WRONG_TYPE,
        "field": "events[3].order.value",
        "message": "expected a number, found a string",
        "raw": b"{}",
    }
    return Rejected(**(fields | changes))


def entry(**changes):
    fields = {
        "file": "events.ndjson",
        "line": 7,
        "offset": 0,
        "length": 2,
        "body": b"{}",
        "customer": "c-1",
        "items": 1,
        "record_items": 1,
    }
    return Entry(**(fields | changes))


class Folder:
    """A directory that opens real files in `path`, or the device it is given."""

    def __init__(self, path, device=None):
        self.path, self.device = path, device
        self.written = []

    def open_append(self, name):
        return os.open(self.device or self.path / name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def read(self, name):
        file = self.path / name
        return file.read_bytes() if file.exists() else b""

    def write(self, name, content):
        self.written.append((name, content))


def wall():
    return AT


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_dead_letter_has_this_form():
    """Field by field, in this order, as one line of UTF-8."""
    line = write_dead_letter(
        Kind.EVENTS, rejected(items=(1, 3), status=422, batch="b1", raw='{"ñ":1}'.encode()), AT_TEXT
    )
    assert line.decode() == (
        '{"kind":"events","file":"events.ndjson","line":7,"offset":120,"length":2,"items":[1,3],"reason":"wrong_type",'
        '"field":"events[3].order.value","message":"expected a number, found a string","status":422,"batch":"b1",'
        '"at":"2024-05-01T12:30:00.123Z","raw":"{\\"ñ\\":1}","faults":[{"reason":"wrong_type",'
        '"field":"events[3].order.value","message":"expected a number, found a string"}]}\n'
    )


def test_an_unknown_value_is_null():
    """No field is left out."""
    found = json.loads(write_dead_letter(Kind.CUSTOMERS, rejected(field=""), AT_TEXT))
    assert list(found) == [*FIELDS, "raw", "faults"]
    assert (found["items"], found["status"], found["batch"], found["field"]) == (None, None, None, "")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80", b"{}\xf4\x90\x80\x80", b"\xef\xbb"]
)
def test_bytes_that_are_not_utf_8_are_written_as_base64(raw):
    """In place of the text, so that the original can always be had back."""
    found = json.loads(write_dead_letter(Kind.EVENTS, rejected(raw=raw), AT_TEXT))
    assert list(found) == [*FIELDS, "raw_base64", "faults"]
    assert base64.b64decode(found["raw_base64"]) == raw


@given(raw=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_the_original_bytes_can_always_be_restored(raw):
    """Whatever they are; and the line ends at its newline only."""
    line = write_dead_letter(Kind.EVENTS, rejected(raw=raw), AT_TEXT)
    found = json.loads(line)
    assert (found["raw"].encode() if "raw" in found else base64.b64decode(found["raw_base64"])) == raw
    assert line.count(b"\n") == 1
    assert not any(byte < 0x20 for byte in line[:-1])


@pytest.mark.parametrize(
    "text", ["\ud800", "a\udfffb", "\u2028\u2029", "\n\r\x00\x1b[31m", '"},{"kind":"x"', "\U0001f98a", ""]
)
def test_texts_of_any_kind_stay_in_their_field(text):
    """A field's path and a server's words are foreign: lone surrogates become question marks, controls are escaped."""
    line = write_dead_letter(Kind.EVENTS, rejected(field=text, message=text), AT_TEXT)
    found = json.loads(line.decode())
    expected = text.encode("utf-8", "replace").decode()
    assert (found["field"], found["message"], list(found)) == (expected, expected, [*FIELDS, "raw", "faults"])
    assert line.count(b"\n") == 1
    assert b"\x1b" not in line


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00.000Z"),
        (datetime(2024, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "2024-12-31T23:59:59.999Z"),
    ],
)
def test_the_moment_has_milliseconds_and_a_z(tmp_path, at, text):
    """One width, so that lines sort."""
    with closing(DeadLetterFile(Folder(tmp_path), Kind.EVENTS, lambda: at)) as letters:
        letters.append([rejected()])
    assert json.loads((tmp_path / "dead-letter.events.ndjson").read_bytes())["at"] == text


# The file.


def test_dead_letters_are_appended_to_the_file_of_their_kind(tmp_path):
    """In their order, one line each."""
    with closing(DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall)) as letters:
        letters.append([rejected(line=1), rejected(line=2)])
        letters.append([])
        letters.append(iter([rejected(line=3)]))
    content = (tmp_path / "dead-letter.events.ndjson").read_bytes()
    assert content == b"".join(write_dead_letter(Kind.EVENTS, rejected(line=line), AT_TEXT) for line in (1, 2, 3))


def test_uncounted_lines_are_cut(tmp_path):
    """Lines behind the counted ones, torn or whole, will be written again; the counted ones stay."""
    file = tmp_path / "dead-letter.customers.ndjson"
    file.write_bytes(b"counted\nwhole\nto")
    letters = DeadLetterFile(Folder(tmp_path), Kind.CUSTOMERS, wall, length=8, crc=zlib.crc32(b"counted\n"))
    assert file.read_bytes() == b"counted\n"
    letters.append([rejected()])
    assert letters.length == file.stat().st_size
    letters.close()
    DeadLetterFile(Folder(tmp_path), Kind.CUSTOMERS, wall).close()
    assert file.read_bytes() == b""


@pytest.mark.parametrize("left", [b"x\n", b"counteD\n", b"", b"counteD and longer\n"])
def test_a_file_that_was_edited_is_left_alone(tmp_path, left):
    """A person has corrected it: nothing of it is cut, and the message says what to do."""
    file = tmp_path / "dead-letter.events.ndjson"
    file.write_bytes(left)
    descriptors = open_descriptors()
    with pytest.raises(ConfigurationError, match="edited") as caught:
        DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall, length=8, crc=zlib.crc32(b"counted\n"))
    assert "retry" in caught.value.hint
    assert file.read_bytes() == left
    assert open_descriptors() == descriptors


def test_length_and_checksum_are_those_of_the_file(tmp_path):
    """Whatever was appended, the next process finds the file as these two say."""
    letters = DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall)
    for line in (1, 2, 3):
        letters.append([rejected(line=line)])
    letters.close()
    DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall, length=letters.length, crc=letters.crc).close()


@given(raw=st.binary(max_size=200))
def test_a_dead_letter_can_be_read_again(raw):
    """With the record's bytes as they were."""
    letter = read_dead_letter(write_dead_letter(Kind.EVENTS, rejected(raw=raw, items=(1,)), AT_TEXT))
    assert (letter.body, letter.line, letter.items, letter.at) == (raw, 7, (1,), AT_TEXT)


@pytest.mark.parametrize("line", [b"", b"\n", b"{}", b"[1]", b'{"file":"f","line":1', b"\xff", b"[" * 100_000])
def test_a_line_that_is_not_a_dead_letter_is_recognised(line):
    """Torn, foreign, deep: never an error."""
    assert read_dead_letter(line) is None


def test_batches_in_doubt_of_an_earlier_process_stay_listed(tmp_path):
    """Lines of batches still in doubt are kept; others, torn ones too, are dropped."""
    lines = [
        b'{"batch":"b1","file":"f","line":1,"customer":"c"}\n',
        b'{"batch":"gone","line":2}\n',
        b'{"batch":"b1","li',
    ]
    (tmp_path / "in-doubt.events.ndjson").write_bytes(b"".join(lines))
    folder = Folder(tmp_path)
    doubts = InDoubtFile(folder, Kind.EVENTS, batches=["b1", "b2"])
    assert doubts.listed == {"b1"}
    doubts.add("b2", [entry(line=7)])
    assert folder.written[-1][1].splitlines(keepends=True)[0] == lines[0]
    assert folder.written[-1][1].count(b"\n") == 2


def test_a_dead_letter_is_in_the_file_at_once(tmp_path):
    """Before the file is closed: no buffer of ours can be lost."""
    letters = DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall)
    letters.append([rejected()])
    assert (tmp_path / "dead-letter.events.ndjson").read_bytes() == write_dead_letter(Kind.EVENTS, rejected(), AT_TEXT)
    letters.close()


def test_a_large_dead_letter_is_written_whole(tmp_path):
    """A line of many megabytes."""
    large = rejected(raw=b"x" * 20_000_000)
    with closing(DeadLetterFile(Folder(tmp_path), Kind.EVENTS, wall)) as letters:
        letters.append([large, rejected()])
    content = (tmp_path / "dead-letter.events.ndjson").read_bytes()
    assert content == write_dead_letter(Kind.EVENTS, large, AT_TEXT) + write_dead_letter(
        Kind.EVENTS, rejected(), AT_TEXT
    )


def test_a_full_disk_is_reported(tmp_path):
    """A dead letter that cannot be written stops the run: it would be a lost record."""
    letters = DeadLetterFile(Folder(tmp_path, "/dev/full"), Kind.EVENTS, wall)
    with pytest.raises(StorageError, match="cannot write dead letters: No space left on device") as caught:
        letters.append([rejected()])
    assert caught.value.place == str(tmp_path / "dead-letter.events.ndjson")
    with pytest.raises(StorageError):  # a device cannot be synced
        letters.close()


def test_a_file_that_cannot_be_synced_is_reported_and_closed(tmp_path):
    """Not durable is not written; the descriptor is closed anyway."""
    folder = Folder(tmp_path, "/dev/null")
    letters = DeadLetterFile(folder, Kind.EVENTS, wall)
    descriptors = open_descriptors()
    with pytest.raises(StorageError):
        letters.close()
    assert open_descriptors() == descriptors - 1


def test_appended_dead_letters_are_synced(tmp_path):
    """A device that cannot be synced shows whether that was tried; if nothing is new, it is not."""
    letters = DeadLetterFile(Folder(tmp_path, "/dev/null"), Kind.EVENTS, wall)
    letters.sync()
    letters.append([rejected()])
    for _ in range(2):  # what has failed is not taken for done
        with pytest.raises(OSError, match="Invalid argument"):
            letters.sync()
    with pytest.raises(StorageError):
        letters.close()


def test_a_disk_that_fills_up_leaves_whole_lines(small_disk):
    """What fitted of a dead letter is removed; once there is space, the next one is on a line of its own."""
    disk = small_disk()
    ballast, file = disk / "ballast", disk / "dead-letter.events.ndjson"
    ballast.write_bytes(b"x" * 32_768)
    with closing(DeadLetterFile(Folder(disk), Kind.EVENTS, wall)) as letters:
        letters.append([rejected(line=1)])
        with pytest.raises(StorageError, match="No space left on device"):
            letters.append([rejected(line=2), rejected(line=3, raw=b"x" * 60_000)])
        ballast.unlink()
        letters.append([rejected(line=4)])
    assert [json.loads(line)["line"] for line in file.read_bytes().splitlines()] == [1, 4]


# Doubts.


def test_records_in_doubt_are_listed_with_their_batch(tmp_path):
    """One line per record; a part names its items; the file is rewritten whole each time."""
    folder = Folder(tmp_path)
    doubts = InDoubtFile(folder, Kind.EVENTS)
    assert folder.written == []
    doubts.add("b1", [entry(line=1), entry(line=2, customer="ñ", indexes=(0, 2))])
    doubts.add("b2", [entry(line=3, file="more.ndjson")])
    first = (
        '{"batch":"b1","file":"events.ndjson","line":1,"customer":"c-1"}\n'
        '{"batch":"b1","file":"events.ndjson","line":2,"customer":"ñ","items":[0,2]}\n'
    )
    second = '{"batch":"b2","file":"more.ndjson","line":3,"customer":"c-1"}\n'
    name = "in-doubt.events.ndjson"
    assert folder.written == [(name, first.encode()), (name, (first + second).encode())]


@pytest.mark.parametrize("customer", ["\ud800", "\n", "\u2028", '"', "\x1b]0;x\x07"])
def test_a_customers_id_stays_in_its_field(tmp_path, customer):
    """Whatever it holds."""
    folder = Folder(tmp_path)
    InDoubtFile(folder, Kind.EVENTS).add("b", [entry(customer=customer)])
    ((_, content),) = folder.written
    assert json.loads(content)["customer"] == customer.encode("utf-8", "replace").decode()
    assert (content.count(b"\n"), b"\x1b" in content) == (1, False)


def test_a_batch_in_doubt_that_could_not_be_listed_is_listed_the_next_time(tmp_path):
    """The next time, it is in the list."""

    class Full(Folder):
        def write(self, name, content):
            if not self.written:
                self.written.append((name, b""))
                raise StorageError("full", operation="write")
            super().write(name, content)

    folder = Full(tmp_path)
    doubts = InDoubtFile(folder, Kind.EVENTS)
    with pytest.raises(StorageError):
        doubts.add("b1", [entry(line=1)])
    doubts.add("b2", [entry(line=2)])
    assert [json.loads(line)["line"] for line in folder.written[-1][1].splitlines()] == [1, 2]
