"""Opening the state fails like writing it: a full disk is reported as one, and with room everything continues."""

import errno
import json
import os
import shutil
import subprocess

import pytest
from end_to_end_tools import KINDS, expected_ledger, lines, run

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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("records", "wrong"),
    [pytest.param(6000, 0, id="in the notes of all lines"), pytest.param(2000, 0.9, id="in the findings")],
)
def test_a_run_whose_checks_fill_the_disk_continues_when_there_is_room(records, wrong, disk, served, export):
    """Nothing was sent, nothing is left of the checks. The same command makes them again, and sends what is right."""
    directory = export(records, "--plant", f"balance={wrong}", "--planted", disk.parent / "planted", kinds=KINDS[:1])
    export(records, "--plant", f"balance={wrong}", "--planted", disk.parent / "planted", kinds=KINDS[2:])
    mismatched = {found["line"] for found in lines(disk.parent / "planted")}
    assert len(mismatched) == pytest.approx(wrong * records, rel=0.1)
    exports = ("--transactions", directory / "transactions.ndjson")
    (disk / "fill").write_bytes(bytes(2_000_000))
    done = start("migrate", served, directory, disk, *exports)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 6, said
    assert f"stopped: cannot keep what the checks {'find' if wrong else 'need'} on disk" in said
    assert wrong or "MB in all)" in said
    assert (
        "free space there, then start the same command again; or leave the checks out: --skip-checks all"
        in " ".join(said.split())
    )
    assert "Traceback" not in said
    assert served.requests() == 0
    assert not [path.name for path in (disk / "state").iterdir() if "checks" in path.name or "findings" in path.name]
    subprocess.run(["mount", "-o", "remount,size=96m", str(disk)], check=True)
    done = start("migrate", served, directory, disk, *exports, "--json")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["closes"]) == (3 if wrong else 0, True), done.stderr
    assert served.requests(status=422) == 0
    assert summary["kinds"]["transactions"]["dead"] == len(mismatched)
    ledger = served.ledger()
    assert {kind: ledger[kind] for kind in KINDS} == expected_ledger(directory, {"transactions": mismatched})


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
