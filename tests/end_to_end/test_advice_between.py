"""Advice about accounts, copies and state directories between runs: if followed, nothing is sent twice or lost."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
import time

import forks
import pytest
from advice_tools import (
    QUICK,
    arrived,
    ask,
    expect_advice,
    make_exports,
    make_record,
    migrate,
    named,
    run_on_a_small_disk,
    sending,
)
from end_to_end_tools import COMMAND, clean_environment, run, serving
from fakes import write_export

from masivo_stream.edges.shared_dir.sent_exports import open_sent
from masivo_stream.model.errors import StorageError

pytestmark = pytest.mark.slow

OTHER_KEY = "9d7e3d8f-0000-4000-8000-000000000000"


def begin(served, directory, *arguments, key, state="state", stdin=b"", **environment):
    """Migrate with a key and a state directory of the test's own."""
    flags = [*sending(served, directory, state=state), "--json"]
    return run("migrate", *named(directory), *flags, *arguments, key=key, stdin=stdin, **{**QUICK, **environment})


@pytest.mark.parametrize("way", ["one account", "another account"])
def test_a_new_key_belongs_to_the_same_account_or_to_another(way, tmp_path):
    """One confirmation lets the run continue without sending anything again. Another account gets everything."""
    make_exports(tmp_path)
    store = ("--limits", "none", "--store", tmp_path / "store")
    text = (
        "if this is the same account with a new key or address, confirm that once with --same-account; a different"
        " account needs its own --state-dir"
    )
    with serving(tmp_path, *store) as served:
        assert begin(served, tmp_path, key=served.key).returncode == 0
    other = store if way == "one account" else ("--limits", "none")
    with serving(tmp_path, *other, "--api-key", OTHER_KEY, "--port", served.port) as served:
        done = begin(served, tmp_path, key=OTHER_KEY)
        assert done.returncode == 2
        expect_advice(done, text)
        if way == "one account":
            for words in (("--same-account",), ()):
                assert begin(served, tmp_path, *words, key=OTHER_KEY).returncode == 0
        else:
            done = begin(served, tmp_path, key=OTHER_KEY, state="other")
            assert done.returncode == 0, done.stderr
        arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["later", "said"])
def test_an_unproven_account_is_proven_later_or_confirmed(way, tmp_path):
    """If the key replaces a ready token, the run continues once it gets tokens, or after a confirmation."""
    make_exports(tmp_path, kinds=["customers"])
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store) as served:
        base = served.url.partition(str(served.port))[2]
        _, granted = ask(served.port, f"{base}/auth/authorize", headers={"x-api-key": served.key})
        done = begin(served, tmp_path, key="", MASIVO_TOKEN=json.loads(granted)["data"])
        assert done.returncode == 0, done.stderr
    done = begin(served, tmp_path, "--outage-limit", "0.1", key=served.key)
    assert done.returncode == 6, done.stderr
    expect_advice(
        done,
        "start again when the API can be reached; or confirm the account with --same-account, which needs no token",
    )
    with serving(tmp_path, *store, "--port", served.port) as served:
        words = () if way == "later" else ("--same-account",)
        assert begin(served, tmp_path, *words, key=served.key).returncode == 0
        arrived(served, tmp_path)


# One export, one account.


def test_an_export_that_the_account_has_is_continued_in_its_state_directory(served, tmp_path):
    """In the state directory that the hint names, nothing is sent again."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    done = begin(served, tmp_path, key=served.key, state="other")
    assert done.returncode == 2
    text = "{…}continue there with --state-dir {…} and that export; to send it once more, start migrate with --again"
    _, state = expect_advice(done, text)
    (there,) = shlex.split(state)
    assert begin(served, tmp_path, key=served.key, state=there).returncode == 0
    arrived(served, tmp_path)


def test_an_export_is_sent_again_after_a_confirmation(served, tmp_path):
    """A person confirms it: each event then counts twice, as intended."""
    make_exports(tmp_path, kinds=["customers", "events"])
    assert migrate(served, tmp_path).returncode == 0
    (tmp_path / "customers.ndjson").rename(tmp_path / "c")
    done = begin(served, tmp_path, key=served.key, state="other")
    assert done.returncode == 2
    expect_advice(
        done,
        "{…}continue there with --state-dir {…} and that export; to send it once more, start migrate with --again",
    )
    assert begin(served, tmp_path, "--again", key=served.key, state="other").returncode == 0
    assert {count for bought in served.ledger()["events"].values() for count in bought.values()} == {2}


def test_a_lost_journal_is_restored(tmp_path):
    """Restored from a copy of the state directory, the run continues and sends nothing again."""
    make_exports(tmp_path, kinds=["customers", "transactions"])
    with serving(tmp_path, "--limits", "none") as served:
        assert migrate(served, tmp_path).returncode == 0
        (tmp_path / "state").rename(tmp_path / "copy")
        done = migrate(served, tmp_path)
        assert done.returncode == 2, done.stderr
        expect_advice(
            done,
            "the journal of that run is gone: continue with its state directory where it is now, or restore it and"
            " continue there; to send it once more, start migrate with --again",
        )
        shutil.rmtree(tmp_path / "state")
        (tmp_path / "copy").rename(tmp_path / "state")
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_an_input_that_this_run_has_sent_is_left_out(served, tmp_path):
    """The export was sent as a file, then comes through a pipe as well. Without the pipe the run continues."""
    make_exports(tmp_path, kinds=["customers"])
    flags = ["--events", tmp_path / "events"]
    write_export(tmp_path / "events", [make_record("events", number) for number in range(3)])
    assert begin(served, tmp_path, *flags, key=served.key).returncode == 0
    content = (tmp_path / "events").read_bytes()
    done = begin(served, tmp_path, *flags, "-", key=served.key, stdin=content)
    assert done.returncode == 2, done.stdout
    expect_advice(done, "leave it out; to send it once more, start migrate with --again")
    assert begin(served, tmp_path, *flags, key=served.key).returncode == 0
    (tmp_path / "events").rename(tmp_path / "events.ndjson")
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["there", "here"])
def test_either_a_state_directory_or_its_copy_continues(way, served, tmp_path):
    """Either continue there with the flag, or here after the other copy is moved away: each record arrives once."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    shutil.copytree(tmp_path / "state", tmp_path / "copied")
    make_exports(tmp_path, 5)
    done = begin(served, tmp_path, key=served.key, state="copied")
    assert done.returncode == 2, done.stdout
    text = "continue with one of the two: there, with --state-dir {…}; or here, after you move the other one away"
    (there,) = expect_advice(done, text)
    if way == "there":
        assert begin(served, tmp_path, key=served.key, state=shlex.split(there)[0]).returncode == 0
    else:
        (tmp_path / "state").rename(tmp_path / "away.old")
        shutil.rmtree(tmp_path / "away.old")
        assert begin(served, tmp_path, key=served.key, state="copied").returncode == 0
    arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["newest", "again"])
def test_a_state_directory_that_is_too_old_is_replaced_by_the_newest(way, served, tmp_path):
    """The newest copy continues, and each record arrives once.

    If a person insists, what is in between is sent once more.
    """
    make_exports(tmp_path, kinds=["customers", "events"])
    assert migrate(served, tmp_path).returncode == 0
    shutil.copytree(tmp_path / "state", tmp_path / "old")
    make_exports(tmp_path, 5, kinds=["customers", "events"])
    assert migrate(served, tmp_path).returncode == 0
    (tmp_path / "state").rename(tmp_path / "newest")
    (tmp_path / "old").rename(tmp_path / "state")
    done = migrate(served, tmp_path)
    assert done.returncode == 2, done.stdout
    expect_advice(
        done,
        ("restore the newest copy of the state directory; migrate --again would send again what was sent in between"),
    )
    arrived(served, tmp_path)
    if way == "newest":
        shutil.rmtree(tmp_path / "state")
        (tmp_path / "newest").rename(tmp_path / "state")
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)
    else:
        assert migrate(served, tmp_path, "--again").returncode in {0, 3}
        counts = {customer: set(bought.values()) for customer, bought in served.ledger()["events"].items()}
        assert counts == {**{f"c{n}": {1} for n in range(3)}, **{f"c{n}": {2} for n in range(3, 5)}}


# Two at once.


def start(served, directory, state):
    """Start a migration that takes a while."""
    flags = ["--base-url", served.url, "--limit", "1/0.5s", "--state-dir", directory / state, "--json"]
    environment = clean_environment(MASIVO_API_KEY=served.key, MASIVO_MAX_BODY_BYTES="2000", **QUICK)
    return forks.begin([COMMAND, "migrate", *named(directory), *flags], environment=environment)


@pytest.mark.parametrize("way", ["waited for", "stopped"])
@pytest.mark.parametrize(
    ("state", "says"),
    [
        (
            "other",
            "two runs would send every record twice: wait for that run, or stop it and continue in its state directory",
        ),
        (
            "state",
            (
                "wait for that run to end, then start the same command again; a different migration needs its own"
                " --state-dir"
            ),
        ),
    ],
)
def test_a_run_that_is_at_work_is_left_alone(state, says, way, tmp_path):
    """Wait for it, or stop it and continue in its state directory: each record arrives once."""
    make_exports(tmp_path, 60, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, tmp_path, "state")
        while not served.ledger()["customers"]:
            time.sleep(0.02)
        done = begin(served, tmp_path, key=served.key, state=state)
        assert done.returncode == 2, done.stdout
        expect_advice(done, says)
        if way == "stopped":
            process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=300)
        assert process.returncode == (0 if way == "waited for" else 143), err
        assert begin(served, tmp_path, key=served.key).returncode == 0
        arrived(served, tmp_path)


# State directories.


def test_a_state_directory_is_named_without_a_link(served, tmp_path):
    """A link to it is not accepted."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    (tmp_path / "link").symlink_to(tmp_path / "state")
    done = begin(served, tmp_path, key=served.key, state="link")
    assert done.returncode == 2
    expect_advice(done, "name the directory that you meant with --state-dir")
    assert begin(served, tmp_path, key=served.key).returncode == 0
    arrived(served, tmp_path)


def test_an_impossible_state_directory_is_corrected(served, tmp_path):
    """If there is a file in its place, or its name is not valid, another name helps."""
    make_exports(tmp_path, kinds=["customers"])
    (tmp_path / "state").write_bytes(b"")
    done = migrate(served, tmp_path)
    assert done.returncode == 2
    expect_advice(done, "name the directory that you meant with --state-dir")
    done = begin(served, tmp_path, key=served.key, state="x" * 300)
    assert done.returncode == 2
    expect_advice(done, "correct its permissions, or name the directory that you meant with --state-dir")
    assert begin(served, tmp_path, key=served.key, state="meant").returncode == 0
    arrived(served, tmp_path)


def test_a_state_directory_holds_nothing_else(served, tmp_path):
    """A new directory gets the right permissions."""
    make_exports(tmp_path, kinds=["customers"])
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "state").chmod(0o755)
    (tmp_path / "state" / "notes.txt").write_bytes(b"mine")
    done = migrate(served, tmp_path)
    assert done.returncode == 2
    expect_advice(
        done,
        "name a directory that holds nothing else with --state-dir; a new directory is created with the right"
        " permissions",
    )
    assert begin(served, tmp_path, key=served.key, state="new").returncode == 0
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    arrived(served, tmp_path)


def test_an_unwritable_file_of_the_state_directory_is_repaired(served, tmp_path):
    """There is a directory in its place. Once it is gone the same command continues; nothing was sent before."""
    make_exports(tmp_path)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "dead-letter.customers.ndjson").mkdir()
    done = migrate(served, tmp_path)
    assert done.returncode == 2, done.stderr
    expect_advice(done, "correct the permissions of that file, then start again")
    assert served.ledger()["customers"] == {}
    (tmp_path / "state" / "dead-letter.customers.ndjson").rmdir()
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_an_unwritable_journal_is_repaired(served, tmp_path):
    """There is a link in its place. With the file itself, the run continues."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    journal = tmp_path / "state" / "journal.db"
    journal.rename(tmp_path / "state" / "moved.db")
    journal.symlink_to("moved.db")
    done = migrate(served, tmp_path)
    assert done.returncode == 2, done.stderr
    expect_advice(done, "correct the permissions of the state directory and of what is in it, then start again")
    journal.unlink()
    (tmp_path / "state" / "moved.db").rename(journal)
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_a_missing_journal_is_restored(served, tmp_path):
    """Without the journal a run's files are refused. With its copy restored, nothing is sent again."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    shutil.copytree(tmp_path / "state", tmp_path / "copy")
    for file in (tmp_path / "state").glob("journal.db*"):
        file.unlink()
    done = migrate(served, tmp_path)
    assert done.returncode == 2
    expect_advice(done, "restore journal.db from a copy of the directory: nothing else records what was sent")
    shutil.copy(tmp_path / "copy" / "journal.db", tmp_path / "state" / "journal.db")
    assert migrate(served, tmp_path).returncode == 0
    arrived(served, tmp_path)


def test_a_full_disk_of_the_state_directory_is_freed(tmp_path):
    """Without room for the first byte nothing is sent. With room, everything arrives once."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none") as served:
        flags = [*named(tmp_path), *sending(served, tmp_path), "--json"]
        done = run_on_a_small_disk(0, "migrate", *flags, key=served.key)
        assert done.returncode == 6, done.stderr
        expect_advice(
            done,
            "raise the largest size of a file (ulimit -f, or LimitFSIZE= of a service), then start the same command"
            " again",
        )
        assert run("migrate", *flags, key=served.key, **QUICK).returncode == 0
        arrived(served, tmp_path)


NO_LOCKS = """
import errno, fcntl, sys
def flock(file, how):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
from masivo_stream.cli.main import main
main()
"""


def test_a_disk_without_locks_is_not_used(served, tmp_path):
    """Some network disks have no locks. On a local disk the migration succeeds."""
    make_exports(tmp_path, kinds=["customers"])
    command = ["migrate", *map(str, [*named(tmp_path), *sending(served, tmp_path)])]
    done = subprocess.run(
        [sys.executable, "-c", NO_LOCKS, *command], capture_output=True, check=False,
        env=clean_environment(MASIVO_API_KEY=served.key),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    expect_advice(done, "choose a local disk")
    assert begin(served, tmp_path, key=served.key, state="local").returncode == 0
    arrived(served, tmp_path)


NO_HOME = """
import os, pwd
def getpwuid(number):
    raise KeyError(number)
pwd.getpwuid = getpwuid
from masivo_stream.cli.main import main
main()
"""


@pytest.mark.parametrize("way", ["HOME", "XDG_STATE_HOME", "MASIVO_SHARED_DIR"])
def test_a_user_without_a_home_names_a_directory(way, served, tmp_path):
    """In a container the user may have no home: each of the three ways makes the migration succeed."""
    make_exports(tmp_path, kinds=["customers"])
    command = ["migrate", *map(str, [*named(tmp_path), *sending(served, tmp_path)])]

    def attempt(**environment):
        kept = clean_environment(MASIVO_API_KEY=served.key, **QUICK)
        kept = {name: value for name, value in kept.items() if name not in {"HOME", "XDG_STATE_HOME"}}
        return subprocess.run(
            [sys.executable, "-c", NO_HOME, *command], capture_output=True, check=False, env={**kept, **environment}
        )

    done = attempt()
    assert done.returncode == 2, done.stderr
    expect_advice(done, "set HOME or XDG_STATE_HOME to an absolute path, or name a directory as shared_dir")
    done = attempt(**{way: str(tmp_path / "own")})
    assert done.returncode == 0, done.stderr
    arrived(served, tmp_path)


def test_a_run_continues_without_the_memory_of_accounts(served, tmp_path):
    """The run warns. After the file is restored, an export that the account has received is refused again.

    After it is removed, another run begins a new one.
    """
    make_exports(tmp_path, kinds=["customers"])
    shared = tmp_path / "shared"
    environment = {"MASIVO_SHARED_DIR": str(shared)}
    assert migrate(served, tmp_path, **environment).returncode == 0
    whole = {path: path.read_bytes() for path in shared.glob("sent.db*")}
    for path in whole:
        path.write_bytes(b"rubbish " * 1000)
    with pytest.raises(StorageError) as caught:
        open_sent(shared)
    assert caught.value.hint == (
        "restore sent.db in shared_dir from a backup, or remove it with sent.db-wal and sent.db-shm: then no export"
        " is recognised that was sent before; the run continues without this protection"
    )
    done = migrate(served, tmp_path, **environment)
    assert (done.returncode, b"account_unguarded" in done.stderr) == (0, True)
    for path, content in whole.items():
        path.write_bytes(content)
    assert begin(served, tmp_path, key=served.key, state="other", **environment).returncode == 2
    arrived(served, tmp_path)
    for path in shared.glob("sent.db*"):
        path.unlink()
    done = begin(served, tmp_path, key=served.key, state="third", **environment)
    assert (done.returncode, b"account_unguarded" in done.stderr) == (0, False)


def test_a_run_continues_without_a_memory_of_accounts_that_cannot_be_opened(served, tmp_path):
    """The run warns. When what was in the way is corrected, the next one does not."""
    make_exports(tmp_path, kinds=["customers"])
    shared = tmp_path / "shared"
    (shared / "sent.db-wal").mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        open_sent(shared)
    hint = "free up disk space for shared_dir, or correct its permissions; the run continues without this protection"
    assert caught.value.hint == hint
    done = migrate(served, tmp_path, MASIVO_SHARED_DIR=str(shared))
    assert (done.returncode, b"account_unguarded" in done.stderr) == (0, True)
    arrived(served, tmp_path)
    (shared / "sent.db-wal").rmdir()
    done = begin(served, tmp_path, key=served.key, state="other", MASIVO_SHARED_DIR=str(shared))
    assert (done.returncode, b"account_unguarded" in done.stderr) == (0, False)


# Purchases that an earlier run sent.


def again(served, directory, state, *arguments, kind="events", **environment):
    """Migrate the events in reverse order, which makes them another export, with a state directory of their own."""
    lines = (directory / "events.ndjson").read_bytes().splitlines(keepends=True)
    (directory / f"{state}.ndjson").write_bytes(b"".join(reversed(lines)))
    flags = [*sending(served, directory, state=state), "--json", f"--{kind}", directory / f"{state}.ndjson"]
    return run("migrate", *flags, *arguments, key=served.key, **{**QUICK, **environment})


def held_back(done):
    return json.loads(done.stdout)["kinds"]["events"]["reasons"].get("sent_before", 0)


@pytest.fixture
def tiny_disk(tmp_path):
    """The directory of the notes, with room for the salt and 4 KiB."""
    place = tmp_path / "shared/purchases"
    place.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_run_notes_purchases_again_when_there_is_room(served, tmp_path, tiny_disk):
    """The run itself ends well. A later one notes what it sends."""
    make_exports(tmp_path, 400, kinds=["customers", "events"], items=2)
    shared = {"MASIVO_SHARED_DIR": str(tmp_path / "shared")}
    done = migrate(served, tmp_path, **shared)
    assert done.returncode == 0, done.stderr
    expect_advice(done, "free up disk space for shared_dir: later runs note purchases again")
    done = again(served, tmp_path, "unnoticed", **shared)
    assert (done.returncode, held_back(done)) == (0, 0)
    subprocess.run(["umount", "-l", str(tiny_disk)], check=True)
    for state, expected in (("noting", 0), ("compared", 400)):
        (tmp_path / "events.ndjson").write_bytes(b" " + (tmp_path / "events.ndjson").read_bytes())
        assert held_back(again(served, tmp_path, state, **shared)) == expected


def test_more_purchases_are_remembered_after_the_limit_is_raised(served, tmp_path):
    """Either raise it, or remove files."""
    make_exports(tmp_path, kinds=["customers", "events"])
    shared = {"MASIVO_SHARED_DIR": str(tmp_path / "shared")}
    done = migrate(served, tmp_path, MASIVO_REMEMBER_PURCHASES="1", **shared)
    assert done.returncode == 0, done.stderr
    expect_advice(
        done, "raise it, or remove files that are no longer needed from the directory purchases in shared_dir"
    )
    for path in (tmp_path / "shared/purchases").glob("*.notes"):
        path.unlink()
    assert again(served, tmp_path, "noting", MASIVO_REMEMBER_PURCHASES="100", **shared).returncode == 0
    (tmp_path / "events.ndjson").write_bytes(b" " + (tmp_path / "events.ndjson").read_bytes())
    done = again(served, tmp_path, "compared", **shared)
    assert (done.returncode, held_back(done)) == (3, 3), done.stderr


def test_purchases_with_a_damaged_salt_are_removed(served, tmp_path):
    """The run warns. Without the directory the next one notes purchases again."""
    make_exports(tmp_path, kinds=["customers", "events"])
    shared = {"MASIVO_SHARED_DIR": str(tmp_path / "shared")}
    assert migrate(served, tmp_path, **shared).returncode == 0
    (tmp_path / "shared/purchases/salt").write_bytes(b"rubbish")
    done = again(served, tmp_path, "warned", **shared)
    assert done.returncode == 0, done.stderr
    expect_advice(
        done,
        "remove the directory purchases from shared_dir: it is of no use now, and the next run makes a new one",
    )
    shutil.rmtree(tmp_path / "shared/purchases")
    (tmp_path / "events.ndjson").write_bytes(b" " + (tmp_path / "events.ndjson").read_bytes())
    assert again(served, tmp_path, "noting", **shared).returncode == 0
    (tmp_path / "events.ndjson").write_bytes(b" " + (tmp_path / "events.ndjson").read_bytes())
    done = again(served, tmp_path, "compared", **shared)
    assert (done.returncode, held_back(done)) == (3, 3), done.stderr
