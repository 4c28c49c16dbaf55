"""Advice when a run stops: if it is followed, the run continues, and in the end each record has arrived once."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import forks
import pytest
from advice_tools import (
    QUICK,
    arrived,
    expect_advice,
    go,
    let_time_pass,
    make_exports,
    make_record,
    migrate,
    named,
    next_command,
    paste,
    run_on_a_small_disk,
    sending,
    small_disk,
)  # fmt: skip
from end_to_end_tools import COMMAND, clean_environment, expected_ledger, lines, run, serving, wait_until
from fakes import write_export

from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.model.errors import StorageError

pytestmark = pytest.mark.slow


def start(served, directory, *arguments, limit="1/0.2s", **environment):
    """Start a migration that takes a while: bodies are small, and a window paces them."""
    flags = ["--base-url", served.url, "--limit", limit, "--state-dir", directory / "state", "--json"]
    environment = clean_environment(MASIVO_API_KEY=served.key, **QUICK, **environment)
    return forks.begin([COMMAND, "migrate", *named(directory), *flags, *arguments], environment=environment)


def wait_for(served, kind="customers", batches=2):
    """Wait until this many batches have arrived."""
    wait_until(lambda: served.requests(kind, status=201) >= batches)


SMALL = {"MASIVO_MAX_BODY_BYTES": "1024"}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_continues(sent, tmp_path):
    """The command of the next step, pasted, sends the rest."""
    make_exports(tmp_path, 30)
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, tmp_path, **SMALL)
        wait_for(served)
        process.send_signal(sent)
        out, err = process.communicate(timeout=300)
        done = subprocess.CompletedProcess([], process.returncode, out, err)
        assert done.returncode == 128 + sent
        expect_advice(done, "start again with the same command")
        step = "start the same command again: it continues from here"
        command = next_command(done, step).replace("--limit 1/0.2s", "--limit none")
        assert paste(command, key=served.key).returncode == 0
        arrived(served, tmp_path)


def test_a_killed_run_continues(tmp_path):
    """`status` predicts it: customers may be sent again, and what was in flight is sent once."""
    make_exports(tmp_path, 30, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, tmp_path, **SMALL)
        wait_for(served)
        process.kill()
        process.communicate(timeout=300)
        done = run("status", "--state-dir", tmp_path / "state", "--json")
        assert done.returncode == 6
        expect_advice(done, "start again with the same command: it continues from here")
        command = next_command(done, "start the same command again: it continues from here")
        assert paste(command.replace("1/0.2s", "none"), key=served.key, **SMALL).returncode == 0
        assert served.ledger()["customers"].keys() == expected_ledger(tmp_path)["customers"].keys()


@pytest.mark.parametrize("command", ["status", "report", "pause", "resume", "retry", "resolve", "verify"])
def test_a_run_is_found_in_its_state_directory(command, served, tmp_path):
    """In another directory there is no run.

    In the one that the migration used, the run is found, and nothing is sent.
    """
    make_exports(tmp_path, kinds=["customers"])
    assert migrate(served, tmp_path).returncode == 0
    flags = [] if command in {"status", "report", "pause", "resume"} else sending(served, tmp_path)[:-2]
    done = run(command, *flags, "--state-dir", tmp_path / "elsewhere", "--json", key=served.key, **QUICK)
    assert done.returncode == 2
    expect_advice(done, "name the run's --state-dir" if not flags else "name the migration's --state-dir")
    done = run(command, *flags, "--state-dir", tmp_path / "state", "--json", key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


def test_a_paused_run_is_resumed(served, tmp_path):
    """`status` names the command, which ends the pause."""
    make_exports(tmp_path, kinds=["customers"])
    assert migrate(served, tmp_path).returncode == 0
    assert run("pause", tmp_path / "state").returncode == 0
    command = next_command(
        run("status", "--state-dir", tmp_path / "state", "--json"), "resume the run: it sends nothing until then"
    )
    assert paste(command).returncode == 0
    assert b'"paused"' not in run("status", "--state-dir", tmp_path / "state", "--json").stdout


def test_a_reverted_run_begins_again(served, tmp_path):
    """`status` says that the run was put aside: the same command migrates everything again."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()  # what is still queued cannot be taken back
    period = ["--from", "2000-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z", "--yes"]
    assert run("revert", *period, *sending(served, tmp_path), key=served.key).returncode == 0
    for directory in (tmp_path / "state", tmp_path / "state" / "reverted-1"):
        done = run("status", "--state-dir", directory, "--json")
        assert done.returncode == 2
        (command,) = expect_advice(done, "the command that started the run migrates everything again{…}")
        assert f"--state-dir {tmp_path / 'state'} " in command
    assert paste(command.removeprefix(": "), key=served.key).returncode == 0
    ledger, wanted = served.ledger(), expected_ledger(tmp_path)
    assert ledger["reverted"]["transactions"] == wanted["transactions"]
    assert ledger["transactions"] == {customer: 2 * times for customer, times in wanted["transactions"].items()}


# Outages, and what the API refuses.


def test_an_outage_is_waited_for(tmp_path):
    """When the API is there again, the step's command sends everything."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none") as served:
        port = served.port
    done = migrate(served, tmp_path, "--outage-limit", "0.1", MASIVO_FIRST_DELAY="0.05")
    assert done.returncode == 6, done.stderr
    expect_advice(done, "start again when the API can be reached")
    command = next_command(done, "start the same command again when the cause is gone: it continues from here")
    with serving(tmp_path, "--limits", "none", "--port", port) as served:
        assert paste(command, key=served.key).returncode == 0
        arrived(served, tmp_path)


def test_batches_in_doubt_stay_listed(tmp_path):
    """Five doubts in a row stop the run. When the API answers, the rest is sent, and the doubts are decided."""
    make_exports(tmp_path, 40, kinds=["customers", "transactions"])
    fault = "hang=0.02,applied=yes,on=transactions,times=5"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        done = migrate(served, tmp_path, **SMALL, MASIVO_FIRST_DELAY="0.05", MASIVO_UPLOADERS="1")
        assert done.returncode == 6, done.stderr
        expect_advice(done, "start again when the API answers; batches in doubt stay listed")
        command = next_command(done, "start the same command again when the cause is gone: it continues from here")
        listed = lines(tmp_path / "state" / "in-doubt.transactions.ndjson")
        assert paste(command, key=served.key, **SMALL).returncode == 4
        assert lines(tmp_path / "state" / "in-doubt.transactions.ndjson") == listed
        assert go("resolve", served, tmp_path, "--accept", "all").returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["when it is free", "longer"])
def test_a_quota_that_is_used_up_is_waited_for(way, tmp_path):
    """The server asks for a longer wait than ours. Later, or with more patience, the same command sends everything."""
    make_exports(tmp_path)
    fault = "throttle,retry_after=600,on=events,times=1"
    patience = {"MASIVO_LONGEST_HOLD": "1", "MASIVO_SHARED_DIR": str(tmp_path / "shared")}
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        for _ in range(2):  # shown by the answer, and by the quota that was noted
            done = migrate(served, tmp_path, limit="100/1s", **patience)
            assert done.returncode == 6, done.stderr
            expect_advice(done, "start again when the quota is free, or raise longest_hold")
        let_time_pass(tmp_path / "shared", 600 if way == "when it is free" else 585)
        if way == "longer":
            done = migrate(served, tmp_path, limit="100/1s", **patience)
            assert done.returncode == 6, done.stderr
            patience["MASIVO_LONGEST_HOLD"] = "60"
            let_time_pass(tmp_path / "shared", 10)
        assert migrate(served, tmp_path, limit="100/1s", **patience).returncode == 0
        arrived(served, tmp_path)


def test_a_quota_that_others_use_is_waited_for(tmp_path):
    """One 429 after another stops the run. When they are over, the same command sends everything."""
    make_exports(tmp_path)
    fault = "throttle,retry_after=1,on=events,times=2"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        done = migrate(served, tmp_path, MASIVO_LONGEST_HOLD="1")
        assert done.returncode == 6, done.stderr
        expect_advice(done, "start again when the quota is free; another program may be using it")
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("status=403,on=read,times=1", "check the API key's permissions, and that the key belongs to this account"),
        ("status=403,on=events,times=1", None),
    ],
)
def test_a_refused_permission_is_granted(fault, says, tmp_path):
    """With the permission granted, the step's command continues to the end."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 7, done.stderr
        if says:
            expect_advice(done, says)
        step = "correct what the message names, then start the same command again: it continues from here"
        assert paste(next_command(done, step), key=served.key).returncode == 0
        arrived(served, tmp_path)


# The error budget.


def make_faulty_exports(directory, count=2):
    """Write exports of three customers in which this many customers have no text as their name."""
    make_exports(directory, kinds=["customers", "events"])
    faulty = [make_record("customers", number, **({"name": 7} if number < count else {})) for number in range(3)]
    write_export(directory / "customers.ndjson", faulty)


def test_a_larger_budget_continues(served, tmp_path):
    """The same command stops again, one with a larger budget ends with the dead letters that it allows."""
    make_faulty_exports(tmp_path)
    for _ in range(2):
        done = migrate(served, tmp_path, "--max-dead", 1)
        assert done.returncode == 6, done.stderr
        expect_advice(done, "2 dead letters in all, and max_dead allows 1: 2 wrong_type")
        expect_advice(
            done,
            "or, if these records may stay behind for now, start the same command again with a larger --max-dead: it"
            " continues from here",
        )
        assert json.loads(done.stdout)["over_budget"]["dead"] == 2
        assert served.ledger()["customers"] == {}
    status = run("status", "--state-dir", tmp_path / "state")
    assert status.returncode == 6
    expect_advice(status, "2 dead letters in all, and max_dead allows 1: 2 wrong_type")
    assert migrate(served, tmp_path, "--max-dead", 4).returncode == 3  # the events of two customers wait for these
    assert served.ledger()["customers"].keys() == {"c2"}


def test_dead_letters_over_the_budget_are_corrected(served, tmp_path):
    """The step's command, pasted, sends them, and goes on with the rest under the same budget."""
    make_faulty_exports(tmp_path)
    done = migrate(served, tmp_path, "--max-dead", "customers=0")
    assert done.returncode == 6, done.stderr
    expect_advice(
        done,
        "correct the dead letters and retry them, or start the same command again with a larger --max-dead: either"
        " continues from here",
    )
    letters = tmp_path / "state/dead-letter.customers.ndjson"
    corrected = [
        {**letter, "raw": json.dumps(json.loads(letter["raw"]) | {"name": "Ana"})} for letter in lines(letters)
    ]
    write_export(letters, corrected)
    step = "correct `raw` in {…}/dead-letter.{…}.ndjson, then send the corrected records"
    command = next_command(done, step)
    assert "--max-dead customers=0" in command
    assert paste(command, key=served.key).returncode == 0
    assert served.ledger()["customers"].keys() == {"c0", "c1", "c2"}
    assert len(served.ledger()["events"]) == 3


# Our own files.


def test_a_file_size_limit_is_raised(tmp_path):
    """If the journal cannot grow, nothing is sent that is not noted. With room, everything arrives once."""
    make_exports(tmp_path)
    limited = (
        "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command again"
    )
    with serving(tmp_path, "--limits", "none") as served:
        flags = [*named(tmp_path), *sending(served, tmp_path), "--json", "--drain-time", "0"]
        done = run_on_a_small_disk(16, "migrate", *flags, key=served.key)
        assert done.returncode == 6, done.stderr
        expect_advice(done, limited)
        expect_advice(run("status", "--state-dir", tmp_path / "state"), "start `migrate`: it begins")
        assert run("migrate", *flags, key=served.key, **QUICK).returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (40_000, "free up disk space in the state directory, or correct its permissions, then start again"),
        (0, "free up disk space, or correct the permissions, then start again"),
    ],
)
def test_a_full_disk_is_freed(left, says, tmp_path):
    """Without room for the journal, or for the first byte, nothing is sent. With room, everything arrives once."""
    make_exports(tmp_path)
    with small_disk(tmp_path / "state", 3072):
        (tmp_path / "state" / "lock").touch()
        (tmp_path / "state" / "fill").write_bytes(bytes(3 * 1024 * 1024 - left // 4096 * 4096))
        with serving(tmp_path, "--limits", "none") as served:
            flags = [*named(tmp_path), *sending(served, tmp_path), "--json", "--drain-time", "0"]
            done = run("migrate", *flags, key=served.key, **QUICK)
            assert done.returncode == 6, done.stderr
            expect_advice(done, says)
            (tmp_path / "state" / "fill").unlink()
            assert run("migrate", *flags, key=served.key, **QUICK).returncode == 0
            arrived(served, tmp_path)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EDQUOT, "free up space within your quota, or have it raised, then start the same command again"),
        (
            errno.EIO,
            "the disk fails: look into the kernel's log (dmesg), have it repaired, then start the same command again",
        ),
        (errno.EROFS, "the disk can only be read: have it mounted for writing, then start the same command again"),
        (errno.EACCES, "give this user the right to write there, then start the same command again"),
        (errno.EMFILE, "raise the number of open files (ulimit -n), then start the same command again"),
    ],
)
def test_another_failure_of_a_disk_is_repaired(number, says, tmp_path):
    """No such disk is at hand: the state directory gets the error of one, then of a good one."""
    failing = [OSError(number, os.strerror(number))]

    def fsync(_file):
        if failing:
            raise failing.pop()

    state = StateDir(tmp_path, fsync=fsync)
    with pytest.raises(StorageError, match=os.strerror(number)) as caught:
        state.write("report.json", b"{}")
    assert caught.value.hint == says
    state.write("report.json", b"{}")
    assert state.read("report.json") == b"{}"


def test_a_disk_full_of_dead_letters_is_freed(tmp_path):
    """If dead letters cannot be written, the run stops. With room, the same command writes them, and sends the rest."""
    make_exports(tmp_path, kinds=["customers"])
    with (tmp_path / "customers.ndjson").open("ab") as export:
        export.writelines(b'{"name": "%s"}\n' % (b"x" * 900_000) for _ in range(3))
    with serving(tmp_path, "--limits", "none") as served:
        flags = [*named(tmp_path), *sending(served, tmp_path), "--json", "--drain-time", "0"]
        (tmp_path / "state").mkdir(mode=0o700)
        with small_disk(tmp_path / "state" / "dead-letter.customers.ndjson", 1000):
            done = run("migrate", *flags, key=served.key, **QUICK)
        assert done.returncode == 6, done.stderr
        expect_advice(done, "free up disk space in the state directory, then start again with the same command")
        assert run("migrate", *flags, key=served.key, **QUICK).returncode == 3
        assert [letter["line"] for letter in lines(tmp_path / "state" / "dead-letter.customers.ndjson")] == [4, 5, 6]
        arrived(served, tmp_path, without={"customers": {4, 5, 6}})


def spoil_all(journal):
    journal.write_bytes(b"rubbish " * 1000)


def spoil_version(journal):
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA user_version = 99")


def spoil_pages(journal):
    whole = bytearray(journal.read_bytes())
    whole[4096:] = b"\xff" * (len(whole) - 4096)
    journal.write_bytes(whole)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            spoil_all,
            "do not start over without the journal: restore it, or use the version of the program that wrote it",
        ),
        (
            spoil_version,
            "do not start over without the journal: restore it, or use the version of the program that wrote it",
        ),
        (
            spoil_pages,
            "do not start over without the journal: restore it from a copy, or find out what the account already has",
        ),
    ],
)
def test_a_journal_is_restored(spoil, says, served, tmp_path):
    """With the copy restored, the run is what it was: nothing is sent again."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    journal = tmp_path / "state" / "journal.db"
    for left in journal.parent.glob("journal.db-*"):
        left.unlink()
    whole = journal.read_bytes()
    spoil(journal)
    done = migrate(served, tmp_path)
    assert done.returncode == 2, done.stderr
    expect_advice(done, says)
    for left in journal.parent.glob("journal.db-*"):
        left.unlink()
    journal.write_bytes(whole)
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


_AS_VERSION_2 = """
ALTER TABLE sources DROP COLUMN path;
ALTER TABLE progress DROP COLUMN skipped_bytes;
ALTER TABLE progress DROP COLUMN skipped_crc;
ALTER TABLE batches DROP COLUMN spans;
DROP TABLE skipped;
DROP TABLE taken_back;
ALTER TABLE sources RENAME COLUMN dead_letters TO letters;
ALTER TABLE progress RENAME COLUMN read_position TO frontier;
ALTER TABLE dead RENAME COLUMN validated TO judged;
ALTER TABLE batches DROP COLUMN settled_by;
ALTER TABLE batches DROP COLUMN status;
ALTER TABLE notes DROP COLUMN person;
PRAGMA user_version = 2;
"""


def test_a_journal_of_an_earlier_version_is_upgraded(served, tmp_path):
    """The same command does it, and finds that everything is done. Then `status` can read the journal."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as connection:
        connection.executescript(_AS_VERSION_2)
    status = ["status", "--state-dir", tmp_path / "state", "--json"]
    done = run(*status)
    assert done.returncode == 2
    expect_advice(done, "start `migrate` once: it upgrades the journal")
    assert migrate(served, tmp_path).returncode == 0
    assert run(*status).returncode == 0
    arrived(served, tmp_path)


def test_a_quota_file_that_cannot_be_used_may_be_deleted(served, tmp_path):
    """The run warns, and continues without it.

    After it is deleted it is made again, and the next run shares its quota.
    """
    from masivo_stream.edges.clock import SystemClock
    from masivo_stream.edges.shared_dir.quota import open_quota
    from masivo_stream.model.errors import StorageError

    make_exports(tmp_path, kinds=["customers"])
    shared = tmp_path / "shared"
    environment = {"MASIVO_SHARED_DIR": str(shared)}
    assert migrate(served, tmp_path, limit="100/1s", **environment).returncode == 0
    (quota,) = shared.glob("*.quota.db")
    for file in shared.glob("*.quota.db*"):
        file.write_bytes(b"rubbish " * 1000)
    with pytest.raises(StorageError) as caught:
        open_quota(quota, SystemClock())
    hint = (
        "free up disk space for shared_dir, or correct its permissions; you may delete only its quota files"
        " (*.quota.db*), and only while no run is at work"
    )
    assert caught.value.hint == hint
    again = migrate(served, tmp_path, limit="100/1s", **environment)
    assert (again.returncode, b"account_unguarded" in again.stderr) == (0, True)
    for file in shared.glob("*.quota.db*"):
        file.unlink()
    again = migrate(served, tmp_path, limit="100/1s", **environment)
    assert (again.returncode, b"account_unguarded" in again.stderr) == (0, False)
    arrived(served, tmp_path)


# Other processes.


def test_a_run_that_lost_a_worker_is_started_again(tmp_path, export):
    """With fewer processes, as the hint says, nothing is lost and nothing is doubled."""
    directory = export(26_000, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, directory, "--workers", "3", limit="1/0.2s")
        wait_for(served)
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        os.kill(children[0], signal.SIGKILL)
        out, err = process.communicate(timeout=300)
        done = subprocess.CompletedProcess([], process.returncode, out, err)
        assert done.returncode == 6
        expect_advice(
            done,
            "check whether it was killed or memory ran out; then start the same command again, perhaps with fewer"
            " --workers",
        )
        done = migrate(served, directory, "--workers", "1")
        assert done.returncode == 0
        arrived(served, directory)


def test_a_run_that_cannot_start_workers_asks_for_fewer(tmp_path, export):
    """If no process can be started, one is enough. An interpreter that does not exist simulates the cause."""
    directory = export(26_000, kinds=["customers"])
    code = "import sys\nsys.executable = '/nonexistent'\nfrom masivo_stream.cli.main import main\nmain()"
    with serving(tmp_path, "--limits", "none") as served:
        command = ["migrate", *named(directory), *sending(served, directory), "--json", "--workers"]
        environment = clean_environment(MASIVO_API_KEY=served.key, **QUICK)
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, command), "3"], capture_output=True, check=False, env=environment
        )
        assert done.returncode == 6, done.stderr
        expect_advice(done, "start with fewer --workers")
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, command), "1"], capture_output=True, check=False, env=environment
        )
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "complete")
        arrived(served, directory)
