"""An identity shows cheaply whether a file was left alone; `flow.identity.known_exports` compares the content."""

import os

import pytest

from masivo_stream.edges.export.identity import (
    changed,
    decode_identity,
    encode_identity,
    find_change,
    looks_the_same,
    take_identity,
)
from masivo_stream.model.errors import InputError

LINES = b"".join(b'{"id":"%d"}\n' % number for number in range(50_000))
HALF = len(LINES) // 2


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.ndjson"
    path.write_bytes(LINES)
    return path


def write(path, content):
    """Write so that the time of change is another one, however coarse the clock."""
    path.write_bytes(content)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


def test_an_export_left_alone_has_the_same_identity(export):
    """Also after it was kept; written again, it has another one, and looks the same."""
    known = decode_identity(encode_identity(take_identity(str(export))))
    assert take_identity(str(export)) == known
    write(export, LINES)
    now = take_identity(str(export))
    assert now != known
    assert looks_the_same(now, known)


def test_a_change_that_hides_its_time_is_found_by_samples(export):
    """Size and time as before: the sampled blocks still show that a file was rewritten."""
    known = take_identity(str(export))
    times = export.stat().st_mtime_ns
    export.write_bytes(bytes(reversed(LINES)))
    os.utime(export, ns=(times, times))
    now = take_identity(str(export))
    assert now != known
    assert not looks_the_same(now, known)
    assert find_change(str(export), known, HALF) == 0


@pytest.mark.parametrize("content", [LINES + b"x", LINES[:-1], b"x" + LINES[1:], b""])
def test_another_file_does_not_look_the_same(export, content):
    """Another size or another sample; an empty file looks like none."""
    known = take_identity(str(export))
    write(export, content)
    assert not looks_the_same(take_identity(str(export)), known)
    assert not looks_the_same(take_identity(str(export)), take_identity(str(export))) or content


def test_a_change_in_a_sampled_block_is_found_near_its_place(export):
    """Before the byte that is asked for, and nowhere else; an export that was appended to has no change."""
    known = take_identity(str(export))
    at = known.samples[5][0]
    write(export, LINES[: at + 10] + b"~" + LINES[at + 11 :] + b"new\n")
    assert find_change(str(export), known, HALF) == at
    assert find_change(str(export), known, at) is None
    write(export, LINES + b"new\n")
    assert find_change(str(export), known, len(LINES)) is None


def test_pipes_are_distinguished_from_files(tmp_path):
    """Standard input and named pipes cannot be read twice."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert take_identity("-").stream
    assert take_identity(str(pipe)).stream


def test_a_missing_export_is_reported(tmp_path):
    """As by whoever reads it."""
    with pytest.raises(InputError, match="No such file"):
        take_identity(str(tmp_path / "no"))


def test_an_empty_export_has_an_identity(tmp_path):
    """Nothing to sample is no error."""
    path = tmp_path / "empty"
    path.touch()
    assert take_identity(str(path)) == take_identity(str(path))


def test_the_hint_about_a_changed_export_sends_nothing_twice():
    """Another state directory would: the journal would know nothing of what was sent."""
    error = changed("x.ndjson", "something changed")
    assert (error.place, "--state-dir" in error.hint) == ("x.ndjson", False)
