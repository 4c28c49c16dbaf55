"""Opening the state fails like writing it: a full disk is reported as one, and with room everything continues."""

import errno
import os
import shutil
import subprocess

import pytest
from end_to_end_tools import expected_ledger, run

ALWAYS = ("--from", "2020-01-01T00:00:00Z", "--to", "2021-01-01T00:00:00Z", "--yes")
STARTED = {
    "migrate": (),
    "retry": (),
    "resolve": (),
    "verify": (),
    "revert": ALWAYS,
}


@pytest.fixture
def disk(tmp_path):
    """A file system of 3 MiB and few files, which is removed with the test."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m,nr_inodes=48", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill_bytes(disk):
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - the disk is full, which is what is wanted
    return [disk / "fill"]


def fill_names(disk):
    made = []
    for number in range(1000):
        try:
            os.close(os.open(disk / f"fill-{number}", os.O_CREAT | os.O_WRONLY))
        except OSError:
            break
        made.append(disk / f"fill-{number}")
    return made


def start(command, served, directory, disk, *arguments, state="state"):
    exports = ("--customers", directory / "customers.ndjson") if command == "migrate" else ()
    flags = ("--base-url", served.url, "--limit", "none", "--state-dir", disk / state, "--drain-time", "0.2", "--quiet")
    return run(command, *exports, *STARTED[command], *flags, *arguments, key=served.key)


@pytest.mark.parametrize("fill", [fill_bytes, fill_names])
def test_a_run_on_a_full_disk_continues_when_there_is_room(fill, disk, served, export):
    """Every command that opens the state ends with 6 and a true hint. Nothing is sent, nothing is lost."""
    directory = export(50, kinds=["customers"])
    bad = '{"id": "bad", "name": "Ana", "registration_date": "2020-01-01T00:00:00Z"}\n'
    with (directory / "customers.ndjson").open("a") as file:
        file.write(bad)
    assert start("migrate", served, directory, disk).returncode == 3
    ledger, made = served.ledger(), fill(disk)
    for command in STARTED:
        done = start(command, served, directory, disk)
        assert done.returncode == 6, (command, done.stdout, done.stderr)
        assert b"Traceback" not in done.stderr
        assert b"space" in done.stderr
    for command in ("status", "report --json"):
        done = run(*command.split(), "--state-dir", disk / "state")
        assert done.returncode in {0, 3}, (command, done.stderr)
    done = run("report", "--state-dir", disk / "state")
    assert (done.returncode, b"Traceback" in done.stderr) == (6, False)
    assert served.ledger() == ledger
    for path in made:
        path.unlink()
    with (directory / "customers.ndjson").open("ab") as file:
        line = (directory / "customers.ndjson").read_bytes().splitlines(keepends=True)[0]
        file.write(line.replace(b'"id":"', b'"id":"new').replace(b'"email":"', b'"email":"new'))
    assert start("migrate", served, directory, disk).returncode == 3
    assert start("verify", served, directory, disk).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(directory, {"customers": {51}})["customers"]


@pytest.mark.parametrize("fill", [fill_bytes, fill_names])
def test_a_run_that_begins_on_a_full_disk_begins_when_there_is_room(fill, disk, served, export):
    """The first start reports the same, whether it migrates or only reads. Then the same command does its work."""
    directory = export(50, kinds=["customers"])
    made = fill(disk)
    done = start("migrate", served, directory, disk)
    assert done.returncode == 6, done.stderr
    for command in ("validate", "plan"):
        done = run(command, "--customers", directory / "customers.ndjson", "--state-dir", disk / "look")
        assert done.returncode in {0, 6}, done.stderr
        assert b"Traceback" not in done.stderr
    assert served.ledger()["customers"] == {}
    for path in made:
        path.unlink()
    assert start("migrate", served, directory, disk).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(directory)["customers"]


def test_a_run_continues_although_the_memory_of_accounts_is_on_a_full_disk(disk, served, export):
    """What accounts have received cannot be noted there: this is reported, and the run continues."""
    directory = export(50, kinds=["customers"])
    fill_bytes(disk)
    done = served.migrate(directory, MASIVO_SHARED_DIR=str(disk / "shared"))
    assert done.returncode == 0, done.stderr
    assert b"account_unguarded" in done.stderr


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda state: state.write_text("a file"), 2),
        (lambda state: state.symlink_to("/proc"), 2),
        (lambda state: state.symlink_to("nowhere"), 2),
        (lambda state: (state.mkdir(mode=0o700), (state / "journal.db").mkdir()), 2),
        (lambda state: (state.mkdir(mode=0o700), (state / "lock").mkdir()), 2),
        (lambda state: (state.mkdir(mode=0o700), (state / "journal.db").symlink_to("/dev/null")), 2),
        (lambda state: (state.mkdir(mode=0o700), (state / "dead-letter.customers.ndjson").mkdir()), 2),
    ],
)
def test_an_impossible_state_directory_is_not_called_a_full_disk(make, code, served, export):
    """It must be corrected: exit code 2, never a traceback."""
    directory = export(5, kinds=["customers"])
    make(directory / "state")
    done = served.migrate(directory)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    assert served.ledger()["customers"] == {}


def test_a_read_only_disk_is_not_called_a_full_disk(disk, served, export):
    """Nothing can be written, whatever is deleted. What is there can be read."""
    directory = export(5, kinds=["customers"])
    assert start("migrate", served, directory, disk).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        for command in STARTED:
            assert start(command, served, directory, disk).returncode == 2
        assert start("migrate", served, directory, disk, state="another").returncode == 2
        for command in ("status", "report --json"):
            assert run(*command.split(), "--state-dir", disk / "state").returncode == 0
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert start("migrate", served, directory, disk).returncode == 0
