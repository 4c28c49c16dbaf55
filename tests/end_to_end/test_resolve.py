"""Batches in doubt, decided by the installed command; and what a revert leaves behind."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from end_to_end_tools import KINDS, expected_ledger, lines, run, serving

ALWAYS = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def resolve(served, directory, *arguments):
    sending = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
    done = run("resolve", *sending, "--json", *arguments, key=served.key, MASIVO_EVENTS_SETTLE="0.5")
    return done, json.loads(done.stdout) if done.stdout else None


def revert(served, directory, period, *arguments):
    sending = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
    return run("revert", "--from", period[0], "--to", period[1], *sending, *arguments, key=served.key)


def notes(directory):
    with closing(sqlite3.connect(directory / "state" / "journal.db")) as journal:
        return journal.execute("SELECT what, batch, person || ': ' || detail FROM notes ORDER BY rowid").fetchall()


def doubtful(tmp_path, export, *, kind, applied, records=30):
    """Return a served account and an export whose only batch of `kind` is in doubt."""
    directory = export(records)
    fault = f"hang=0.1,applied={applied},on={kind},at=1"
    return directory, serving(tmp_path, "--limits", "none", "--fault", fault)


@pytest.mark.parametrize(
    ("kind", "applied", "evidence"),
    [
        ("transactions", "yes", "present"),
        ("transactions", "no", "absent"),
        ("events", "yes", "likely"),
        ("events", "no", "absent"),
    ],
)
def test_the_evidence_of_reading_back_is_shown(tmp_path, export, kind, applied, evidence):
    """Presence proves it, or makes it likely; absence is called absence."""
    directory, serving_it = doubtful(tmp_path, export, kind=kind, applied=applied)
    with serving_it as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.5").returncode == 4
        done, found = resolve(served, directory)
    (batch,) = found["in_doubt"]
    assert (done.returncode, found["exit_code"], batch["kind"], batch["records"]) == (4, 4, kind, 30)
    assert (batch["evidence"]["verdict"], batch["evidence"]["looked_at"]) == (evidence, 10)
    assert batch["places"] == [[str(directory / f"{kind}.ndjson"), 1, 30]]


def test_a_batch_that_arrived_is_accepted(tmp_path, export):
    """By the beginning of its id. The decision is journalled, the list becomes empty, and the run is complete."""
    directory, serving_it = doubtful(tmp_path, export, kind="transactions", applied="yes")
    with serving_it as served:
        assert served.migrate(directory).returncode == 4
        _, found = resolve(served, directory)
        batch = found["in_doubt"][0]["batch"]
        done, found = resolve(served, directory, "--accept", batch[:6], "--reason", "seen in the dashboard")
        assert (done.returncode, found["accepted"], found["in_doubt"], found["closes"]) == (0, [batch], [], True)
        assert found["kinds"]["transactions"]["accepted"] == 30
        again = served.migrate(directory)
        assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
    assert again.returncode == 0
    assert lines(directory / "state" / "in-doubt.transactions.ndjson") == []
    ((what, noted, why),) = notes(directory)
    assert (what, noted) == ("accept", batch)
    assert why.endswith(": seen in the dashboard")
    status = run("status", "--state-dir", directory / "state", "--json")
    assert (status.returncode, json.loads(status.stdout)["outcome"]) == (0, "complete")


@pytest.mark.parametrize("kind", ["events", "transactions"])
def test_a_batch_that_did_not_arrive_is_sent_again_byte_for_byte(tmp_path, export, kind):
    """The same batch is sent once more. Then everything has arrived once."""
    directory, serving_it = doubtful(tmp_path, export, kind=kind, applied="no")
    with serving_it as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.5").returncode == 4
        done, found = resolve(served, directory, "--resend", "all")
        assert (done.returncode, len(found["resent"]), found["in_doubt"]) == (0, 1, []), done.stderr
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.5").returncode == 0
        assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
    assert [what for what, _, _ in notes(directory)] == ["resend", "resent"]


def test_a_batch_that_is_found_in_the_account_is_not_sent_again(tmp_path, export):
    """It would be doubled: this is refused, and nothing is sent."""
    directory, serving_it = doubtful(tmp_path, export, kind="transactions", applied="yes")
    with serving_it as served:
        assert served.migrate(directory).returncode == 4
        before = served.ledger()["requests"]["transactions"]
        done, _ = resolve(served, directory, "--resend", "all")
        assert (done.returncode, served.ledger()["requests"]["transactions"]) == (2, before)
    assert b"would double them" in done.stderr


def test_every_batch_is_read_back_before_any_is_sent(tmp_path, export):
    """Both arrived.

    Transactions prove it, so the events are not sent again either, and nothing is accepted for them.
    """
    directory = export(50)
    faults = [part for kind in KINDS[1:] for part in ("--fault", f"reset,when=after,on={kind},at=1")]
    with serving(tmp_path, "--limits", "none", *faults) as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.5").returncode == 4
        _, found = resolve(served, directory)
        ids = {batch["kind"]: batch["batch"] for batch in found["in_doubt"]}
        assert list(ids) == ["events", "transactions"]
        for decisions in (["--resend", "all"], ["--accept", ids["events"], "--resend", ids["transactions"]]):
            done, _ = resolve(served, directory, *decisions)
            assert (done.returncode, done.stdout) == (2, b"")
            assert f"batch {ids['transactions']} of transactions".encode() in done.stderr
            assert notes(directory) == []
        assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
        done, found = resolve(served, directory, "--accept", "all")
        assert (done.returncode, len(found["accepted"]), found["closes"]) == (0, 2, True)


def test_every_batch_is_read_again_before_any_is_discarded(tmp_path, export):
    """A batch from a pipe cannot be sent again: the other batch stays in doubt, too."""
    directory = export(10)
    faults = [part for kind in KINDS[1:] for part in ("--fault", f"reset,when=after,on={kind},at=1")]
    with serving(tmp_path, "--limits", "none", *faults) as served:
        sending = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
        named = ["--events", directory / "events.ndjson", "--transactions", "-"]
        piped = (directory / "transactions.ndjson").read_bytes()
        assert run("migrate", *named, *sending, key=served.key, stdin=piped, MASIVO_EVENTS_SETTLE="0.5").returncode == 4
        done, _ = resolve(served, directory, "--discard", "all")
        assert done.returncode == 5
        assert b"what came from a pipe cannot be read again" in done.stderr
        assert notes(directory) == []
        _, found = resolve(served, directory)
    assert [batch["kind"] for batch in found["in_doubt"]] == ["events", "transactions"]


def test_a_batch_whose_answer_is_lost_again_stays_in_doubt(tmp_path, export):
    """However often it is sent, an answer is needed."""
    directory = export(30)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.1,applied=no,on=events") as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.2").returncode == 4
        for attempts in (2, 3):
            done, found = resolve(served, directory, "--resend", "all")
            assert (done.returncode, found["in_doubt"][0]["attempts"], found["closes"]) == (4, attempts, True)
    assert len(lines(directory / "state" / "in-doubt.events.ndjson")) == 30


def test_discarded_records_become_dead_letters(tmp_path, export):
    """They keep their bytes. A retry leaves them alone until a person corrects them."""
    directory, serving_it = doubtful(tmp_path, export, kind="events", applied="no")
    path = directory / "state" / "dead-letter.events.ndjson"
    with serving_it as served:
        assert served.migrate(directory, MASIVO_EVENTS_SETTLE="0.5").returncode == 4
        done, found = resolve(served, directory, "--discard", "all")
        assert (done.returncode, found["kinds"]["events"]["dead"], found["closes"]) == (3, 30, True)
        letters = lines(path)
        assert {letter["reason"] for letter in letters} == {"discarded"}
        source = (directory / "events.ndjson").read_bytes().splitlines()
        assert [letter["raw"].encode() for letter in letters] == source
        retried = run("retry", "--base-url", served.url, "--limit", "none", "--state-dir", directory / "state",
                      key=served.key, MASIVO_EVENTS_SETTLE="0.5")  # fmt: skip
        assert (retried.returncode, served.ledger()["events"]) == (3, {})
        for letter in (letters := lines(path)):
            letter["raw"] += " "
        path.write_text("".join(json.dumps(letter) + "\n" for letter in letters))
        retried = run("retry", "--base-url", served.url, "--limit", "none", "--state-dir", directory / "state",
                      key=served.key, MASIVO_EVENTS_SETTLE="0.5")  # fmt: skip
        assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
    assert retried.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--accept", "ffff"], b"no batch in doubt is named ffff"),
        (["--accept", "all", "--discard", "all"], b"named for two decisions"),
    ],
)
def test_an_impossible_decision_is_refused(tmp_path, export, arguments, says):
    """Before anything is changed."""
    directory, serving_it = doubtful(tmp_path, export, kind="transactions", applied="no")
    with serving_it as served:
        assert served.migrate(directory).returncode == 4
        done, _ = resolve(served, directory, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert notes(directory) == []


# Revert.


def test_a_reverted_run_begins_again(served, export):
    """The same command and state directory. The old files are put aside."""
    directory = export(60)
    assert served.migrate(directory).returncode == 0
    done = revert(served, directory, ALWAYS, "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        b"this period covers 60 records of customers, 60 records of events, 60 records of transactions" in done.stderr
    )
    assert (directory / "state" / "reverted-1" / "journal.db").exists()
    assert not (directory / "state" / "journal.db").exists()
    assert served.migrate(directory).returncode == 0
    assert set(served.ledger()["customers"].values()) == {2}  # applied, taken back, applied again
    assert revert(served, directory, ALWAYS, "--yes").returncode == 0
    assert (directory / "state" / "reverted-2" / "journal.db").exists()


def test_later_records_are_reverted_with_their_customers(served, export):
    """A period that holds all customers of a run holds all of the run: the run starts from the beginning."""
    directory = export(60)
    (directory / "events.ndjson").rename(directory / "later")
    assert served.migrate(directory).returncode == 0
    time.sleep(1.1)  # a period has whole seconds
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    (directory / "later").rename(directory / "events.ndjson")
    assert served.migrate(directory).returncode == 0
    done = revert(served, directory, (ALWAYS[0], now), "--yes")
    assert done.returncode == 0
    assert b"this period covers 60 records of customers, " in done.stderr
    assert served.ledger()["reverted"]["events"].keys() == expected_ledger(directory)["events"].keys()
    assert served.migrate(directory).returncode == 0


def test_a_revert_with_an_unknown_outcome_blocks_the_run(tmp_path, export):
    """Until the revert is made again, which takes back what is left."""
    directory = export(60)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.1,on=revert,times=1") as served:
        assert served.migrate(directory).returncode == 0
        done = revert(served, directory, ALWAYS, "--yes")
        assert done.returncode == 6
        assert b"may have taken effect" in done.stderr
        done = served.migrate(directory)
        assert done.returncode == 2
        assert b"it is not known whether it took effect" in done.stderr
        assert revert(served, directory, ALWAYS, "--yes").returncode == 0
        assert served.migrate(directory).returncode == 0


def test_a_refused_revert_changes_nothing(tmp_path, export):
    """The run continues as if no revert had been requested."""
    directory = export(60)
    with serving(tmp_path, "--limits", "none", "--fault", "status=403,on=revert") as served:
        assert served.migrate(directory).returncode == 0
        assert revert(served, directory, ALWAYS, "--yes").returncode == 7
        assert served.migrate(directory).returncode == 0


# One run, one account.


def test_a_state_directory_belongs_to_one_account(served, export):
    """The sandbox on this machine is not taken for a migration elsewhere."""
    directory = export(10, kinds=["customers"])
    assert served.migrate(directory).returncode == 0
    done = run(
        "migrate", "--customers", directory / "customers.ndjson", "--base-url", "https://example.invalid/v1",
        "--state-dir", directory / "state", key="9d7e3d8f-0000-4000-8000-000000000000",
    )  # fmt: skip
    assert done.returncode == 2
    assert f"has sent to http://127.0.0.1:{served.port} (account ".encode() in done.stderr
    assert b"not to https://example.invalid (account " in done.stderr
