"""An account receives an export once from this machine, whatever its name and place are."""

import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest
import zstandard
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, run, serving

from masivo_stream.model.contract import SANDBOX_API_KEY

pytestmark = pytest.mark.slow

BOM = b"\xef\xbb\xbf"
RECORDS = 400


def send(url, kind, path, state, *arguments, cwd=None, key=SANDBOX_API_KEY, stdin=b"", **environment):
    flags = ["--base-url", url, "--limit", "none", "--state-dir", state, "--quiet"]
    environment = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "0.1", **environment}
    return run("migrate", f"--{kind}", path, *flags, *arguments, cwd=cwd, key=key, stdin=stdin, **environment)


def applied(served):
    """Return what the account has received, and the requests that brought it. Token and read calls may be included."""
    ledger = served.ledger()
    del ledger["requests"]["auth"]
    return ledger


@pytest.fixture
def migrated(served, export):
    """The exports of a finished migration of customers and events."""
    directory = export(RECORDS, kinds=["customers", "events"])
    done = served.migrate(directory, state="first")
    assert done.returncode == 0, done.stderr
    return directory


def as_it_is(path, into):
    into.write_bytes(path.read_bytes())


def with_crlf(path, into):
    into.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def with_bom(path, into):
    into.write_bytes(BOM + path.read_bytes())


def with_both(path, into):
    into.write_bytes(BOM + path.read_bytes().replace(b"\n", b"\r\n"))


def without_last_line_feed(path, into):
    into.write_bytes(path.read_bytes().rstrip(b"\n"))


def longer(path, into):
    content = path.read_bytes()
    line = content.splitlines(keepends=True)[0]
    into.write_bytes(content + line.replace(b'"purchase_id":"', b'"purchase_id":"new-'))


def shorter(path, into):
    into.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[: RECORDS // 2]))


def first_line(path, into):
    into.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


def linked(path, into):
    os.link(path, into)


def pointed_at(path, into):
    into.symlink_to(path)


@pytest.mark.parametrize(
    "change",
    [
        as_it_is, with_crlf, with_bom, with_both, without_last_line_feed, longer, shorter, first_line,
        linked, pointed_at,
    ],
)  # fmt: skip
def test_a_copy_of_an_export_is_refused_in_any_form(change, served, migrated):
    """The export, the account, the state directory and the time are named; nothing is sent."""
    before = applied(served)
    change(migrated / "events.ndjson", migrated / "copy")
    done = send(served.url, "events", migrated / "copy", migrated / "second")
    assert done.returncode == 2, done.stdout
    for told in ("already has this export", str(migrated / "first"), "began to send it on 20", "--again"):
        assert told in done.stderr.decode()
    assert f"--state-dir {shlex.quote(str(migrated / 'first'))}" in done.stderr.decode()
    assert applied(served) == before


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compression_does_not_hide_an_export(suffix, served, migrated):
    """It is sent from neither of the two."""
    content = (migrated / "events.ndjson").read_bytes()
    packed = gzip.compress(content) if suffix == ".gz" else zstandard.compress(content)
    (migrated / f"packed{suffix}").write_bytes(packed)
    assert send(served.url, "events", migrated / f"packed{suffix}", migrated / "second").returncode == 2


def test_standard_input_does_not_hide_an_export(served, migrated):
    """A pipe is recognised by its first lines. A new export passes."""
    content = (migrated / "events.ndjson").read_bytes()
    done = send(served.url, "events", "-", migrated / "second", stdin=content)
    assert done.returncode == 2
    before = served.ledger()
    new = content.replace(b'"purchase_id":"', b'"purchase_id":"new-')
    done = send(served.url, "events", "-", migrated / "third", stdin=new)
    assert done.returncode == 0, done.stderr
    after = served.ledger()
    assert sum(map(len, after["events"].values())) == 2 * sum(map(len, before["events"].values()))


def test_another_working_directory_does_not_hide_an_export(served, export):
    """The default state directory is relative: the same command finds another one there."""
    directory = export(RECORDS, kinds=["customers", "events"])
    named = [part for kind in ("customers", "events") for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    flags = ["--base-url", served.url, "--limit", "none", "--quiet"]
    places = [directory / "one", directory / "two"]
    codes = []
    for place in places:
        place.mkdir()
        codes.append(run("migrate", *named, *flags, cwd=place, key=served.key, MASIVO_FIRST_PROBE="0.1").returncode)
    assert codes == [0, 2]
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)


def test_a_state_directory_that_was_deleted_does_not_hide_an_export(served, migrated):
    """There is nothing to continue: only a person can say that it has to be sent again."""
    shutil.rmtree(migrated / "first")
    done = served.migrate(migrated, state="first")
    assert done.returncode == 2
    assert b"the journal of that run is gone" in done.stderr
    assert b"--state-dir" not in done.stderr.partition(b"hint:")[2]


def test_the_advice_to_continue_there_can_be_followed(served, export):
    """A run that was killed half way is found from elsewhere, and ends with all of the export once."""
    directory = export(3000, kinds=["customers", "events"])
    named = [part for kind in ("customers", "events") for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    process = subprocess.Popen(
        [COMMAND, "migrate", *named, "--base-url", served.url, "--limit", "1/0.3s", "--quiet",
         "--state-dir", directory / "first"],
        stdout=subprocess.DEVNULL,
        env=clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.1"),
    )  # fmt: skip
    while not served.ledger()["events"]:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = served.migrate(directory, state="second")
    assert done.returncode == 2
    advised = re.search(r"--state-dir (\S+)", done.stderr.decode())[1]
    done = served.migrate(directory, state=advised)
    assert done.returncode in {0, 4}, done.stderr
    if done.returncode == 4:  # the batch in flight when it was killed
        flags = ["--base-url", served.url, "--limit", "none", "--state-dir", advised]
        assert run("resolve", "--accept", "all", *flags, key=served.key).returncode in {0, 3}
    assert all(count == 1 for purchases in served.ledger()["events"].values() for count in purchases.values())


def test_the_advice_for_a_longer_copy_can_be_followed(served, migrated):
    """The missing lines are appended to the export that the run knows, and only they are sent."""
    longer(migrated / "events.ndjson", migrated / "copy")
    done = send(served.url, "events", migrated / "copy", migrated / "second")
    hint = done.stderr.decode().partition("hint: ")[2]
    assert hint.startswith(f"append the missing lines to {migrated / 'events.ndjson'}, then continue there")
    known = (migrated / "events.ndjson").read_bytes()
    with (migrated / "events.ndjson").open("ab") as file:
        file.write((migrated / "copy").read_bytes()[len(known) :])
    assert served.migrate(migrated, state="first").returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(migrated)


def test_sending_an_export_again_needs_a_confirmation(served, migrated):
    """The export is sent once more, and the journal notes who wanted it. To continue that run no flag is needed."""
    done = send(served.url, "customers", migrated / "customers.ndjson", migrated / "second", "--again")
    assert done.returncode in {0, 3}
    report = json.loads(run("report", "--json", "--state-dir", migrated / "second").stdout)
    (said,) = [note for note in report["decisions"] if note["what"] == "again"]
    assert str(migrated / "customers.ndjson") in said["detail"]
    assert send(served.url, "customers", migrated / "customers.ndjson", migrated / "second").returncode in {0, 3}


def test_exports_that_begin_alike_give_a_warning(served, migrated):
    """The run continues, and log, summary and report say so. Purchases that the account has are held back."""
    lines = (migrated / "events.ndjson").read_bytes().splitlines(keepends=True)
    new = [line.replace(b'"purchase_id":"', b'"purchase_id":"new-') for line in lines]
    (migrated / "copy").write_bytes(b"".join([*lines[:7], *new[7:]]))
    done = run(
        "migrate", "--events", migrated / "copy", "--base-url", served.url, "--limit", "none",
        "--state-dir", migrated / "second", "--json", key=served.key,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (warning,) = json.loads(done.stdout)["warnings"]
    assert json.loads(done.stdout)["kinds"]["events"]["reasons"] == {"sent_before": 7}
    assert warning.startswith(f"the first 7 lines of {migrated / 'copy'} are also in {migrated / 'events.ndjson'}")
    assert b"export_overlaps" in done.stderr
    assert json.loads((migrated / "second/report.json").read_bytes())["warnings"] == [warning]


@pytest.mark.parametrize("content", [b"", b"\n", BOM, b"\n\n \n"])
def test_empty_exports_are_never_refused(content, served, tmp_path):
    """They hold nothing that could be sent twice."""
    for number in range(2):
        (tmp_path / f"{number}").write_bytes(content)
        assert send(served.url, "customers", tmp_path / f"{number}", tmp_path / f"state-{number}").returncode == 0


def test_another_account_may_get_the_same_export(tmp_path, migrated):
    """A migration may be tried on a development account first."""
    with serving(tmp_path, "--limits", "none") as other:
        assert other.migrate(migrated, state="second").returncode == 0
        assert {kind: other.ledger()[kind] for kind in KINDS} == expected_ledger(migrated)


def test_a_new_sandbox_at_the_same_address_is_another_account(tmp_path, export):
    """Its tokens show that."""
    directory = export(RECORDS, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as first:
        assert first.migrate(directory, state="one").returncode == 0
    with serving(tmp_path, "--limits", "none", "--port", str(first.port)) as second:
        assert second.migrate(directory, state="two").returncode == 0
        assert second.ledger()["customers"] == expected_ledger(directory)["customers"]


def test_a_reverted_export_may_be_sent_again(served, migrated):
    """It may be sent from anywhere. If only part was taken back, it may not."""
    flags = ["--base-url", served.url, "--limit", "none", "--state-dir", migrated / "first", "--yes"]
    nothing = ("--from", "2000-01-01T00:00:00Z", "--to", "2001-01-01T00:00:00Z")
    assert run("revert", *nothing, *flags, key=served.key).returncode == 0
    assert served.migrate(migrated, state="second").returncode == 2
    everything = ("--from", "2000-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z")
    assert run("revert", *everything, *flags, key=served.key).returncode == 0
    assert served.migrate(migrated, state="second").returncode == 0
    assert set(served.ledger()["reverted"]["customers"].values()) == {1}
    assert set(served.ledger()["customers"].values()) == {2}


def test_a_state_directory_that_was_moved_continues(served, migrated):
    """After a rename, by another spelling, or through a link in its path.

    A copy is refused while the original is there.
    """
    (migrated / "first").rename(migrated / "moved")
    assert served.migrate(migrated, state="moved").returncode == 0
    (migrated / "link").symlink_to(migrated)
    assert served.migrate(migrated, state="link/moved").returncode == 0
    shutil.copytree(migrated / "moved", migrated / "copied")
    done = served.migrate(migrated, state="copied")
    assert done.returncode == 2
    assert f"--state-dir {migrated / 'moved'}".encode() in done.stderr
    shutil.rmtree(migrated / "moved")
    assert served.migrate(migrated, state="copied").returncode == 0


def test_a_state_directory_older_than_its_last_batch_is_refused(served, export):
    """Restored from an earlier copy, it would send what is in between once more."""
    directory = export(RECORDS, kinds=["customers", "events"])
    assert served.migrate(directory, state="first").returncode == 0
    shutil.copytree(directory / "first", directory / "copy of before")
    longer(directory / "events.ndjson", directory / "more")
    (directory / "more").replace(directory / "events.ndjson")
    assert served.migrate(directory, state="first").returncode == 0
    newest = directory / "newest"
    (directory / "first").rename(newest)
    (directory / "copy of before").rename(directory / "first")
    newest.rename(directory / "put away")
    shutil.rmtree(directory / "put away" / "lock", ignore_errors=True)
    before = applied(served)
    done = served.migrate(directory, state="first")
    assert done.returncode == 2
    assert b"is older than what was sent from it" in done.stderr
    assert applied(served) == before
    shutil.rmtree(directory / "first")
    (directory / "put away").rename(directory / "first")
    assert served.migrate(directory, state="first").returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)


def command(served, name, state, *arguments):
    flags = ["--base-url", served.url, "--limit", "none", "--state-dir", state, "--quiet"]
    return run(name, *flags, *arguments, key=served.key, MASIVO_EVENTS_SETTLE="0.1", MASIVO_FIRST_PROBE="0.1")


def put_back(state, old):
    """Return where the newest state directory is, after an old one has been put in its place."""
    newest = state.with_name("newest")
    state.rename(newest)
    shutil.copytree(old, state)
    return newest


def refused_as_older(done):
    assert done.returncode == 2, done.stderr
    assert b"this state directory is older than what was sent from it" in done.stderr
    assert b"hint: restore the newest copy of the state directory" in done.stderr


def test_a_state_directory_older_than_a_retry_is_refused(served, export):
    """Neither a retry nor a migration may use it. The newest one continues, and everything has arrived once."""
    directory = export(RECORDS, kinds=["customers", "events"])
    wanted, path = expected_ledger(directory), directory / "events.ndjson"
    content = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*content[:7], b'{"id": 5}\n', *content[8:]]))
    assert served.migrate(directory).returncode == 3
    state = directory / "state"
    shutil.copytree(state, directory / "old")
    for each in (state, directory / "old"):
        letter = json.loads((each / "dead-letter.events.ndjson").read_bytes())
        letter["raw"] = content[7].decode().rstrip("\n")
        (each / "dead-letter.events.ndjson").write_text(json.dumps(letter) + "\n")
    assert command(served, "retry", state).returncode == 0
    before = applied(served)
    newest = put_back(state, directory / "old")
    refused_as_older(command(served, "retry", state))
    refused_as_older(served.migrate(directory))
    assert applied(served) == before
    shutil.rmtree(state)
    newest.rename(state)
    assert command(served, "retry", state).returncode == 0
    assert served.migrate(directory).returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == wanted


@pytest.fixture
def doubtful(tmp_path, export):
    """A served account, and exports of which a batch of events is in doubt that was not applied."""
    directory = export(30, kinds=["customers", "events"])
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.1,applied=no,on=events,at=1") as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.1").returncode == 4
        yield served, directory


def arrived_once(served, directory):
    return {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)


def test_a_batch_in_doubt_is_not_sent_again_from_a_copy_as_well(doubtful):
    """What is in doubt is shown there. The state directory itself continues, even if it was moved."""
    served, directory = doubtful
    shutil.copytree(directory / "state", directory / "copied")
    assert command(served, "resolve", directory / "state", "--resend", "all").returncode == 0
    assert arrived_once(served, directory)
    done = command(served, "resolve", directory / "copied", "--resend", "all")
    assert done.returncode == 2, done.stderr
    assert f"this state directory is a copy of {directory / 'state'}, which is still there".encode() in done.stderr
    assert command(served, "resolve", directory / "copied").returncode == 4
    (directory / "state").rename(directory / "moved")
    refused_as_older(command(served, "resolve", directory / "copied", "--resend", "all"))
    shutil.rmtree(directory / "copied")
    for _ in range(2):
        assert command(served, "resolve", directory / "moved").returncode == 0
        assert served.migrate(directory, state="moved").returncode == 0
    assert arrived_once(served, directory)


def test_a_state_directory_older_than_a_resend_is_refused(doubtful):
    """Restored in its place, it would send the batch once more."""
    served, directory = doubtful
    state = directory / "state"
    shutil.copytree(state, directory / "old")
    assert command(served, "resolve", state, "--resend", "all").returncode == 0
    newest = put_back(state, directory / "old")
    refused_as_older(command(served, "resolve", state, "--resend", "all"))
    refused_as_older(command(served, "resolve", state, "--discard", "all"))
    shutil.rmtree(state)
    newest.rename(state)
    assert served.migrate(directory).returncode == 0
    assert arrived_once(served, directory)


def test_a_killed_run_continues_in_its_own_state_directory(served, export):
    """However long ago that was, it is never taken for an older one."""
    directory = export(3000, kinds=["customers", "events"])
    named = [part for kind in ("customers", "events") for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    arguments = [COMMAND, "migrate", *named, "--base-url", served.url, "--limit", "1/0.1s", "--quiet"]
    for wait in (0.0, 0.05, 0.12):
        before = served.ledger()["requests"]
        process = subprocess.Popen(
            [*arguments, "--state-dir", directory / "state"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.1"),
        )
        while served.ledger()["requests"] == before and process.poll() is None:
            time.sleep(0.02)
        time.sleep(wait)
        process.kill()
        assert b"older than" not in process.communicate()[1]
    assert served.migrate(directory).returncode in {0, 4}
    assert all(count == 1 for bought in served.ledger()["events"].values() for count in bought.values())


def test_two_copies_that_are_started_together_are_sent_once(tmp_path, export):
    """The run that reaches its first batch second does not send it."""
    directory = export(3000, kinds=["customers"])
    shutil.copy(directory / "customers.ndjson", directory / "copy.ndjson")
    with serving(tmp_path, "--limits", "none") as served:
        processes = [
            subprocess.Popen(
                [COMMAND, "migrate", "--customers", directory / name, "--base-url", served.url, "--limit", "1/0.2s",
                 "--quiet", "--state-dir", directory / state],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=clean_environment(MASIVO_API_KEY=served.key),
            )
            for name, state in (("customers.ndjson", "one"), ("copy.ndjson", "two"))
        ]  # fmt: skip
        ended = [(process.communicate(timeout=300), process.returncode) for process in processes]
        assert sorted(code for _, code in ended) == [0, 2], ended
        assert served.ledger()["requests"]["customers"] == {"201": 3}


def test_a_plan_with_a_key_warns(served, migrated):
    """Without a key it cannot know. Looking changes nothing."""
    named = (
        "--events",
        migrated / "events.ndjson",
        "--base-url",
        served.url,
        "--state-dir",
        migrated / "look",
        "--json",
    )
    warned = json.loads(run("plan", *named, key=served.key).stdout)["warnings"]
    assert any("already has this export" in warning and "migrate refuses it" in warning for warning in warned)
    unwarned = json.loads(run("plan", *named).stdout)["warnings"]
    assert not any("has got" in warning for warning in unwarned)


def test_a_run_without_a_memory_of_accounts_continues_with_a_warning(served, migrated):
    """As before there was anything to remember."""
    done = served.migrate(migrated, state="second", MASIVO_SHARED_DIR="/proc/none")
    assert done.returncode != 2
    assert done.stderr.count(b"account_unguarded") == 1


def test_a_damaged_memory_does_not_end_a_run(served, migrated, meeting):
    """This is reported, and the run has no protection."""
    (meeting / "masivo-stream/sent.db").write_bytes(b"rubbish" * 1000)
    done = served.migrate(migrated, state="first")
    assert done.returncode == 0, done.stderr
    assert b"account_unguarded" in done.stderr


def test_the_memory_of_accounts_holds_no_secret_and_no_record(served, migrated, meeting):
    """And no other user can read it."""
    path = meeting / "masivo-stream/sent.db"
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    record = json.loads((migrated / "customers.ndjson").read_bytes().splitlines()[0])
    for secret in (served.key, record["id"], record["email"]):
        assert secret.encode() not in content
