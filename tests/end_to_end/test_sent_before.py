"""Two runs with a state directory each and one account: a purchase of the first is not sent again by the second."""

import json
import os
import signal
import subprocess
import time

import pytest
from end_to_end_tools import COMMAND, clean_environment, lines, run, wait_until

pytestmark = pytest.mark.slow

RECORDS = 60
QUICK = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "0.1"}
EVERYTHING = ("--from", "2000-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z")


@pytest.fixture
def migrated(served, export):
    """The exports of a finished migration of customers and events."""
    directory = export(RECORDS, kinds=["customers", "events"])
    done = served.migrate(directory, state="first")
    assert done.returncode == 0, done.stderr
    return directory


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def later_export(directory):
    """Return a new export: one new purchase, one old one on another line and in another shape, one altered one."""
    old = lines(directory / "events.ndjson")
    first, second = old[0], old[1]
    new = json.loads(json.dumps(first["events"][0]))
    new["order"]["purchase_id"] = "new"
    altered = json.loads(json.dumps(second["events"][0]))
    altered["order"]["value"] = 1 + altered["order"]["value"]
    again = dict(reversed(first["events"][0].items()))
    return write(
        directory / "later.ndjson",
        [{"id": first["id"], "events": [new]}, {"id": first["id"], "events": [again]}, {**second, "events": [altered]}],
    )


def flags(served, directory, state):
    return ("--base-url", served.url, "--limit", "none", "--state-dir", directory / state)


def send(served, directory, state, *arguments, command="migrate", **environment):
    named = ("--events", directory / "later.ndjson") if command == "migrate" else ()
    return run(
        command,
        *named,
        *flags(served, directory, state),
        "--json",
        *arguments,
        key=served.key,
        **{**QUICK, **environment},
    )


def revert(served, directory, state, *period):
    return run("revert", *period, *flags(served, directory, state), "--yes", key=served.key)


def purchases(served):
    """Return how often the purchases were applied that were applied more than once."""
    found = served.ledger()["events"].items()
    return {(who, name): count for who, own in found for name, count in own.items() if count > 1}


def dead_letters(directory, state):
    path = directory / state / "dead-letter.events.ndjson"
    return [(each["reason"], each["line"]) for each in lines(path)] if path.exists() else []


def test_an_old_purchase_is_held_back_and_an_altered_one_is_warned_of(served, migrated):
    """The new one is sent. Messages name the earlier run."""
    later_export(migrated)
    done = send(served, migrated, "second")
    assert done.returncode == 3, done.stderr
    summary = json.loads(done.stdout)
    assert summary["kinds"]["events"]["reasons"] == {"sent_before": 1}
    (warning,) = [each for each in summary["warnings"] if "an earlier run sent" in each]
    assert warning.startswith("1 event whose purchase_id an earlier run sent to this account, the first at")
    assert f"{migrated / 'later.ndjson'}:3" in warning
    (letter,) = lines(migrated / "second/dead-letter.events.ndjson")
    assert (letter["reason"], letter["line"]) == ("sent_before", 2)
    assert str(migrated / "first") in letter["message"]
    assert list(purchases(served).values()) == [2]  # the altered one


@pytest.mark.parametrize("command", ["plan", "validate"])
def test_a_dry_run_finds_the_same(command, served, migrated):
    """With the key, it lists both findings with their places and the earlier run; without it, it cannot know."""
    later_export(migrated)
    named = ("--events", migrated / "later.ndjson", "--state-dir", migrated / "look", "--json")
    environment = {"MASIVO_BASE_URL": served.url}
    done = run(command, *named, key=served.key, **environment)
    assert done.returncode == 3, done.stderr
    summary = json.loads(done.stdout)
    summary = summary.get("summary", summary)
    found = {each["check"]: each for each in summary["checks"]["results"] if each["check"].endswith("sent_before")}
    (same,), (other,) = found["event_sent_before"]["first"], found["purchase_sent_before"]["first"]
    assert (same["line"], other["line"]) == (2, 3)
    assert (same["sent"]["state_dir"], same["sent"]["sure"]) == (str(migrated / "first"), True)
    assert summary["kinds"]["events"]["reasons"] == {"sent_before": 1}
    assert any("1 event whose purchase_id an earlier run sent" in each for each in summary["warnings"])
    shown = run(command, *named[:-1], key=served.key, **environment)
    assert b"1 event_sent_before" in shown.stderr + shown.stdout
    done = run(command, *named, **environment)
    assert done.returncode == 0, done.stderr


def test_the_first_run_continues_unaccused(served, migrated):
    """It is started again with a longer export, and retries."""
    with (migrated / "events.ndjson").open("a") as file:
        file.write(json.dumps(lines(later_export(migrated))[0]) + "\n")
    done = served.migrate(migrated, state="first")
    assert (done.returncode, dead_letters(migrated, "first")) == (0, []), done.stderr


def test_a_retry_follows_the_setting(served, migrated):
    """Unchanged it stays a dead letter; with `warn` it is sent."""
    later_export(migrated)
    send(served, migrated, "second")
    done = send(served, migrated, "second", command="retry")
    assert (done.returncode, dead_letters(migrated, "second")) == (3, [("sent_before", 2)]), done.stderr
    done = send(served, migrated, "second", "--duplicate-purchase", "warn", command="retry")
    assert (done.returncode, dead_letters(migrated, "second")) == (0, []), done.stderr
    assert list(purchases(served).values()) == [2, 2]


def test_again_sends_everything_again(served, migrated):
    """A person has confirmed that purchases count twice; the next process of that run knows it."""
    (migrated / "later.ndjson").write_bytes((migrated / "events.ndjson").read_bytes())
    assert send(served, migrated, "second").returncode == 2
    done = send(served, migrated, "second", "--again")
    assert (done.returncode, dead_letters(migrated, "second")) == (0, []), done.stderr
    with (migrated / "later.ndjson").open("a") as file:
        file.write((migrated / "events.ndjson").read_text().splitlines()[0].replace('"id"', ' "id"', 1) + "\n")
    done = send(served, migrated, "second", "--duplicate-purchase", "warn")
    assert (done.returncode, dead_letters(migrated, "second")) == (0, []), done.stderr


def test_a_run_that_was_taken_back_is_forgotten(served, migrated):
    """All of it: then its purchases are new again."""
    assert revert(served, migrated, "first", *EVERYTHING).returncode == 0
    assert (
        run(
            "migrate", "--customers", migrated / "customers.ndjson", *flags(served, migrated, "again"), key=served.key
        ).returncode
        == 0
    )
    served.ledger()  # the second run does not know that customers of another run may still have to show
    write(migrated / "later.ndjson", lines(migrated / "events.ndjson")[::-1])
    done = send(served, migrated, "second")
    assert (done.returncode, dead_letters(migrated, "second")) == (0, []), done.stderr
    assert not any("an earlier run sent" in each for each in json.loads(done.stdout)["warnings"])


def test_what_a_partial_revert_took_back_is_sent_again(served, migrated):
    """A run never compares with its own notes."""
    time.sleep(1)
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(1)
    for kind in ("customers", "events"):
        new = [{**each, "id": f"n{each['id']}"} for each in lines(migrated / f"{kind}.ndjson")[:3]]
        with (migrated / f"{kind}.ndjson").open("a") as file:
            for each in new:
                each.update({"email": f"n{each['email']}"} if "email" in each else {})
                file.write(json.dumps(each) + "\n")
    assert served.migrate(migrated, state="first", **QUICK).returncode == 0
    served.ledger()  # waits for the queue: a revert deletes what is queued, and then nothing was applied twice
    assert revert(served, migrated, "first", "--from", begin, "--to", "2099-01-01T00:00:00Z").returncode == 0
    done = run("migrate", "--only-missing", *flags(served, migrated, "first"), "--json", key=served.key, **QUICK)
    assert (done.returncode, dead_letters(migrated, "first")) == (0, []), done.stderr
    assert {who[0] for who, _ in purchases(served)} == {"n"}
    assert not any("an earlier run sent" in each for each in json.loads(done.stdout)["warnings"])


def test_after_another_revert_nothing_is_held_back(served, migrated):
    """It is not known which purchases the account still has: they are sent with a warning, which says so."""
    time.sleep(1)
    begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(1)
    write(
        migrated / "more.ndjson",
        [
            {**each, "id": f"n{each['id']}", "email": f"n{each['email']}"}
            for each in lines(migrated / "customers.ndjson")
        ],
    )
    assert (
        run(
            "migrate", "--customers", migrated / "more.ndjson", *flags(served, migrated, "other"), key=served.key
        ).returncode
        == 0
    )
    assert (
        revert(served, migrated, "other", "--from", "1999-01-01T00:00:00Z", "--to", "2000-01-01T00:00:00Z").returncode
        == 0
    )
    later_export(migrated)
    looked = send(served, migrated, "look-1", "--duplicate-purchase", "reject")
    assert len(dead_letters(migrated, "look-1")) == 2, looked.stderr
    assert revert(served, migrated, "other", "--from", begin, "--to", "2099-01-01T00:00:00Z").returncode == 0
    write(migrated / "later.ndjson", lines(migrated / "events.ndjson")[2:4][::-1])
    done = send(served, migrated, "second")
    assert (done.returncode, dead_letters(migrated, "second")) == (0, []), done.stderr
    warnings = json.loads(done.stdout)["warnings"]
    assert any("a revert may have taken back purchases" in each for each in warnings)
    assert any("whose purchase_id an earlier run sent" in each for each in warnings)


def test_what_a_killed_run_sent_is_known(served, export):
    """All that was accepted before the kill, but for the batch that was on the wire."""
    directory = export(3000, kinds=["customers", "events"])
    assert (
        run(
            "migrate",
            "--customers",
            directory / "customers.ndjson",
            *flags(served, directory, "customers"),
            key=served.key,
        ).returncode
        == 0
    )
    argv = [COMMAND, "migrate", "--events", directory / "events.ndjson", *flags(served, directory, "killed")]
    argv[argv.index("--limit") + 1] = "1/0.3s"
    environment = clean_environment(MASIVO_API_KEY=served.key)
    with subprocess.Popen(
        [*map(str, argv)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: served.requests("events", status=201) >= 3, process)
        process.send_signal(signal.SIGKILL)
    sent = sum(count for found in served.ledger()["events"].values() for count in found.values())
    write(directory / "later.ndjson", lines(directory / "events.ndjson")[::-1])
    assert send(served, directory, "second").returncode == 3
    doubled = sum(purchases(served).values()) // 2
    assert sent >= 3000
    assert doubled <= 1000


def test_a_shared_directory_that_cannot_be_written_ends_no_run(served, migrated):
    """This is reported once."""
    later_export(migrated)
    done = send(served, migrated, "second", MASIVO_SHARED_DIR="/proc/none")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(b"purchases_unguarded") == 1


def test_damaged_notes_end_no_run(served, migrated, meeting):
    """The warning says how many files there are; what can be read is used."""
    write(migrated / "later.ndjson", lines(migrated / "events.ndjson")[::-1])
    (path,) = (meeting / "masivo-stream/purchases").glob("*.notes")
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    done = send(served, migrated, "second")
    assert done.returncode == 0, done.stderr
    assert any("1 file of purchases" in each for each in json.loads(done.stdout)["warnings"])


def test_notes_hold_no_secret_and_no_record(served, migrated, meeting):
    """And no other user can read them."""
    records = lines(migrated / "events.ndjson")
    for path in (meeting / "masivo-stream/purchases").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        content = path.read_bytes()
        for secret in (served.key, records[0]["id"], records[0]["events"][0]["order"]["purchase_id"]):
            assert secret.encode() not in content
