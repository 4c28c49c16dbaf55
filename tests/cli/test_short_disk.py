"""A state directory on a disk that is short: every command says so, and continues when there is room."""

import errno
import shutil
import subprocess

import pytest
from fakes import record, write_export

from masivo_stream.model.contract import Kind

PERIOD = ("--from", "2020-01-01T00:00:00Z", "--to", "2030-01-01T00:00:00Z", "--yes")


@pytest.fixture
def disk(tmp_path):
    """A file system of 3 MiB, which is removed with the test."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk, *, but=0):
    """Fill a disk, except for some bytes."""
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - the disk is full, which is what is wanted
        file.truncate(file.tell() - but)


@pytest.fixture
def many(request, tmp_path):
    """Sixty customers, the last of them without an email."""
    records = [{**record(Kind.CUSTOMERS, number), "id": f"{request.node.name}-{number}"} for number in range(60)]
    for each in records[:-1]:
        each["email"] = f"{each['id']}@example.com"
    del records[-1]["email"]
    return write_export(tmp_path / "customers.ndjson", records)


RUNS = ("migrate", "retry", "resolve", "verify", "revert")
READING = frozenset({"resolve", "verify"})
"""These may need no room: nothing is in doubt, and a sample is read back."""


def start(online, name, many, state):
    """Start a command as it would be started on this machine at any time."""
    own = {"migrate": ("--customers", many, "--max-body-bytes", "1024"), "revert": PERIOD}.get(name, ())
    return online(name, *own, "--state-dir", state, "--drain-time", "0", "--quiet")


def assert_says_why(online, state):
    """There was no room for a report, and the process was not killed."""
    said = " ".join(online("status", "--state-dir", state).out.split())
    assert "stopped: the journal cannot be written: No space left on device" in said
    assert "start the same command again when the cause is gone: it continues from here" in said


def test_a_run_that_filled_its_disk_says_so_until_there_is_room(online, many, disk):
    """The journal has a write-ahead log that the one file has no room for. No command ends with a traceback."""
    state = disk / "state"
    fill(disk, but=300_000)
    done = start(online, "migrate", many, state)
    said = "".join(done.out.split())
    assert (done.code, "Nospaceleftondevice" in said, f"({state}/journal.db)" in said) == (6, True, True), done.out
    assert (state / "journal.db-wal").stat().st_size
    assert_says_why(online, state)
    fill(disk)
    for name in RUNS:
        done = start(online, name, many, state)
        said = " ".join((done.out + done.err).split())
        assert "Traceback" not in said
        assert done.code == 6 or name in READING, (name, done)
        assert (done.code == 6) == ("free up disk space" in said), (name, done)
        assert_says_why(online, state)
    for words in (("status",), ("report", "--json"), ("dead-letters",)):
        done = online(*words, "--state-dir", state)
        assert (done.code, done.err) == (6 if words == ("status",) else 0, ""), (words, done)
    (disk / "fill").unlink()
    assert start(online, "migrate", many, state).code == 3
    assert "stopped" not in online("status", "--state-dir", state).out
    done = online("verify", "--all", "--state-dir", state)
    assert (done.code, "confirmed: all 59 records checked" in done.out) == (0, True), done


def test_a_run_that_could_not_begin_is_not_called_damaged(online, many, disk):
    """The journal's file is there, and empty: nothing was noted, so nothing is to be restored."""
    state = disk / "state"
    fill(disk, but=40_000)
    assert start(online, "migrate", many, state).code == 6
    assert (state / "journal.db").exists()
    for words in (("status",), ("report",), ("dead-letters",), ("mend",)):
        done = online(*words, "--state-dir", state)
        assert (done.code, "the run was not begun: its journal is empty" in done.err) == (2, True), (words, done)
        assert "hint: start `migrate`: it begins" in done.err
    (disk / "fill").unlink()
    assert start(online, "migrate", many, state).code == 3
