import os
import zlib

import pytest

from masivo_stream.edges.identity import check_identity, decode_identity, encode_identity, take_identity
from masivo_stream.model.errors import InputError

LINES = b"".join(b'{"id":"%d"}\n' % number for number in range(50_000))
HALF = len(LINES) // 2


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.ndjson"
    path.write_bytes(LINES)
    return path


def look(path, known, *, consumed=HALF, compressed=False):
    crc = zlib.crc32(LINES[:consumed])
    check_identity(
        str(path), decode_identity(encode_identity(known)), consumed=consumed, crc=crc, compressed=compressed
    )


def write(path, content):
    """Write so that the time of change is another one, however coarse the clock."""
    path.write_bytes(content)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))


def test_an_export_left_alone_goes_on(export):
    """Nothing changed, nothing is said; copied to the same bytes neither."""
    known = take_identity(str(export))
    look(export, known)
    write(export, LINES)
    look(export, known)


def test_an_export_that_was_appended_to_goes_on(export):
    """More lines at the end are welcome."""
    known = take_identity(str(export))
    write(export, LINES + b'{"id":"new"}\n')
    look(export, known, consumed=len(LINES))


def test_what_was_not_read_yet_may_change(export):
    """Behind the consumed part nothing has been dealt with."""
    known = take_identity(str(export))
    write(export, LINES[:-9] + b"X" * 9)
    look(export, known)


@pytest.mark.parametrize("at", [0, 1000, len(LINES) // 2 - 1])
def test_one_changed_byte_in_what_was_read_is_refused(export, at):
    """Anywhere, also between the sampled blocks."""
    known = take_identity(str(export))
    write(export, LINES[:at] + b"~" + LINES[at + 1 :])
    with pytest.raises(InputError, match="is not the one the last run read") as caught:
        look(export, known)
    assert caught.value.place == str(export)


def test_a_change_that_hides_its_time_is_found_by_samples(export):
    """Size and time as before: the sampled blocks still tell a rewritten file."""
    known = take_identity(str(export))
    times = export.stat().st_mtime_ns
    export.write_bytes(bytes(reversed(LINES)))
    os.utime(export, ns=(times, times))
    with pytest.raises(InputError, match="near byte 0"):
        look(export, known)


def test_a_shorter_export_is_refused(export):
    """Cut before the end of what was read."""
    known = take_identity(str(export))
    write(export, LINES[: len(LINES) // 2 - 20])
    with pytest.raises(InputError, match="bytes and has"):
        look(export, known)


@pytest.mark.parametrize("content", [LINES + b"x", LINES[:-1], LINES[:-1] + b"x", b"x" + LINES[1:]])
def test_a_compressed_export_must_stay_as_it_is(export, content):
    """Its bytes are not its text: any change of size, or of a sample, is refused."""
    known = take_identity(str(export))
    write(export, content)
    with pytest.raises(InputError):
        look(export, known, compressed=True)


def test_what_came_from_a_pipe_cannot_be_taken_up(tmp_path):
    """Standard input and named pipes cannot be read twice."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("-", str(pipe)):
        with pytest.raises(InputError, match="pipe"):
            check_identity(path, take_identity(path), consumed=0, crc=0, compressed=False)


def test_a_missing_export_is_told(tmp_path):
    """As by whoever reads it."""
    with pytest.raises(InputError, match="No such file"):
        take_identity(str(tmp_path / "no"))


def test_an_empty_export_has_an_identity(tmp_path):
    """Nothing to sample is no error."""
    path = tmp_path / "empty"
    path.touch()
    check_identity(str(path), take_identity(str(path)), consumed=0, crc=0, compressed=False)
