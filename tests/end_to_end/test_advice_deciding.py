"""Advice about batches in doubt and about read-backs: if it is followed, each record has arrived once."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from advice_tools import (
    QUICK,
    arrived,
    ask,
    expect_advice,
    go,
    make_exports,
    make_record,
    matches,
    migrate,
    named,
    next_command,
    paste,
    read_advice,
    sending,
    type_in,
)  # fmt: skip
from end_to_end_tools import expected_ledger, lines, run, serving
from fakes import event, write_export

pytestmark = pytest.mark.slow

ALWAYS = ("--from", "2000-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z")
DOUBT = "masivo-stream resolve shows what is known about them, and takes your decision"


def lost(kind, applied):
    """Return a fault for the sandbox: the first batch of a kind gets no answer."""
    return ("--limits", "none", "--fault", f"hang=0.05,applied={applied},on={kind},at=1")


def show(served, directory, *arguments, **environment):
    """Run `resolve` as a person does, and return what it shows."""
    flags = [*sending(served, directory), *arguments]
    return run("resolve", *flags, key=served.key, COLUMNS="400", **{**QUICK, **environment})


def post(served, kind, entries):
    """Send entries to a sandbox as another program would."""
    base = served.url.partition(str(served.port))[2]
    _, granted = ask(served.port, f"{base}/auth/authorize", headers={"x-api-key": served.key})
    headers = {"Authorization": f"Bearer {json.loads(granted)['data']}", "Content-Type": "application/json"}
    body = json.dumps({"customers": entries})
    status, _ = ask(served.port, f"{base}/customers/migrate/{kind}", method="POST", body=body, headers=headers)
    assert status == 201
    served.ledger()


def test_a_batch_that_is_found_in_the_account_is_accepted(tmp_path):
    """First the hint of the run is followed, then the one beside the batch. After that the run is complete."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "yes")) as served:
        done = migrate(served, tmp_path)
        assert done.returncode == 4, done.stderr
        expect_advice(done, "masivo-stream resolve shows what is known about them, and takes your decision")
        step = "see what is known about the batches in doubt, then decide"
        done = paste(next_command(done, step), key=served.key, COLUMNS="400")
        assert done.returncode == 4
        expect_advice(done, "all {found} records checked are in the account: the batch was applied; use --accept")
        expect_advice(done, "decide with --accept, --discard or --resend and a batch's id (or its beginning), or all")
        assert show(served, tmp_path, "--accept", done.stdout[:8].decode()).returncode == 0
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["--accept", "--discard", "--resend"])
def test_a_batch_that_never_arrived_is_resent_or_discarded(way, tmp_path):
    """Resent it arrives, discarded it becomes dead letters, and accepted it counts as there: nothing is doubled."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "no")) as served:
        assert migrate(served, tmp_path).returncode == 4
        done = show(served, tmp_path)
        expect_advice(done, "decide with --accept, --discard or --resend and a batch's id (or its beginning), or all")
        done = show(served, tmp_path, way, "all")
        assert done.returncode == (3 if way == "--discard" else 0), done.stderr
        wanted = expected_ledger(tmp_path)
        ledger = served.ledger()
    assert ledger["transactions"] == (wanted["transactions"] if way == "--resend" else {})
    assert ledger["events"] == wanted["events"]


def test_a_discarded_record_is_sent_after_its_correction(tmp_path):
    """The remedy of a discarded record: after a space is added, the retry sends it."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("events", "no")) as served:
        assert migrate(served, tmp_path).returncode == 4
        assert go("resolve", served, tmp_path, "--discard", "all").returncode == 3
        done = go("retry", served, tmp_path)
        assert (done.returncode, served.ledger()["events"]) == (3, {})
        expect_advice(done, "given up by `resolve --discard`: correct it to have `retry` send it")
        touch(tmp_path / "state" / "dead-letter.events.ndjson", lambda letter: True)
        assert go("retry", served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def touch(path, chosen):
    """Add a space to `raw` of the dead letters that `chosen` selects."""
    letters = [{**letter, "raw": letter["raw"] + " " * chosen(letter)} for letter in lines(path)]
    path.write_text("".join(json.dumps(letter) + "\n" for letter in letters))


def test_a_batch_that_arrived_in_part_is_completed(tmp_path):
    """Each record is looked up. Those that are missing are corrected and sent; the others are not sent again."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "no")) as served:
        assert migrate(served, tmp_path).returncode == 4
        post(served, "transactions", [make_record("transactions", 1)])
        for _ in range(2):  # waited, and checked again
            done = show(served, tmp_path)
            expect_advice(
                done, "{found} of {looked_at} records checked are in the account: wait and check again, or look up all"
            )
        there = served.ledger()["transactions"]  # all of them looked up
        assert there == {"c1": 1}
        done = show(served, tmp_path, "--resend", "all")
        assert done.returncode == 2
        expect_advice(
            done,
            "--accept it if all of its records are there; otherwise --discard it, change `raw` of the records that are"
            " not there (adding a space is enough), then start masivo-stream retry",
        )
        assert show(served, tmp_path, "--discard", "all").returncode == 3
        touch(
            tmp_path / "state" / "dead-letter.transactions.ndjson",
            lambda letter: json.loads(letter["raw"])["id"] not in there,
        )
        done = paste("masivo-stream retry " + " ".join(map(str, sending(served, tmp_path))), key=served.key)
        assert done.returncode == 3  # c1 stays given up, and is in the account
        arrived(served, tmp_path)


def test_a_batch_that_is_there_is_accepted_instead_of_resent(tmp_path):
    """The first thing that the refusal suggests."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "yes")) as served:
        assert migrate(served, tmp_path).returncode == 4
        done = show(served, tmp_path, "--resend", "all")
        assert done.returncode == 2
        expect_advice(
            done,
            "--accept it if all of its records are there; otherwise --discard it, change `raw` of the records that are"
            " not there (adding a space is enough), then start masivo-stream retry",
        )
        assert len(served.ledger()["transactions"]) == 3
        assert show(served, tmp_path, "--accept", "all").returncode == 0
        arrived(served, tmp_path)


def test_events_that_have_left_a_trace_are_looked_up_and_accepted(tmp_path):
    """Purchases change the customers' metrics. The account (here its ledger) shows that they are there."""
    make_exports(tmp_path, kinds=["customers", "events"])
    with serving(tmp_path, *lost("events", "yes")) as served:
        assert migrate(served, tmp_path).returncode == 4
        advice = (
            "since then, these or other events changed the metrics of {found} of {looked_at} customers: it was probably"
            " applied; look two or three of them up in the account, then use --accept; --resend would count them twice"
        )
        expect_advice(show(served, tmp_path), advice)
        assert served.ledger()["events"]
        assert show(served, tmp_path, "--accept", "all").returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize("applied", ["yes", "no"])
def test_records_that_cannot_be_read_back_are_looked_up_in_the_account(applied, tmp_path):
    """Events without purchases leave no trace. The account (here its ledger) shows whether they are there."""
    make_exports(tmp_path, kinds=["customers"])
    write_export(
        tmp_path / "events.ndjson", [{"id": f"c{n}", "events": [event(f"p{n}", type="VISIT")]} for n in range(3)]
    )
    with serving(tmp_path, *lost("events", applied)) as served:
        assert migrate(served, tmp_path).returncode == 4
        expect_advice(
            show(served, tmp_path), "nothing that was read back is evidence: look up the batch in the account"
        )
        there = bool(served.ledger()["events"])
        assert there == (applied == "yes")
        assert show(served, tmp_path, "--accept" if there else "--resend", "all").returncode == 0
        arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["answered", "--yes"])
def test_a_resend_needs_a_yes(way, tmp_path):
    """A batch is resent on a terminal only after a yes. After a no, nothing was sent."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "no")) as served:
        assert migrate(served, tmp_path).returncode == 4
        command = ["resolve", *sending(served, tmp_path), "--resend", "all"]
        done = type_in(command, "no", key=served.key)
        assert (done.returncode, served.ledger()["transactions"]) == (2, {})
        expect_advice(done, "answer yes, or give --yes")
        done = (
            type_in(command, "yes", key=served.key)
            if way == "answered"
            else type_in([*command, "--yes"], "no", key=served.key)
        )
        assert done.returncode == 0, done.stderr
        arrived(served, tmp_path)


@pytest.mark.parametrize("way", ["answered", "--yes"])
def test_a_revert_needs_a_yes(way, served, tmp_path):
    """Without a terminal, or after a no, nothing is taken back.

    After a yes all is, and the run starts from the beginning.
    """
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    command = ["revert", *ALWAYS, *sending(served, tmp_path)]
    for done in (run(*command, key=served.key), type_in(command, "no", key=served.key)):
        assert done.returncode == 2
        expect_advice(done, "answer yes, or give --yes")
    arrived(served, tmp_path)
    done = type_in(command, "yes", key=served.key) if way == "answered" else run(*command, "--yes", key=served.key)
    assert done.returncode == 0, done.stderr
    assert served.ledger()["reverted"]["customers"] == {f"c{number}": 1 for number in range(3)}
    done = migrate(served, tmp_path)
    assert done.returncode == 0
    ledger, wanted = served.ledger(), expected_ledger(tmp_path)
    assert ledger["reverted"]["events"] == wanted["events"]
    assert ledger["customers"] == dict.fromkeys(wanted["customers"], 2)  # once each, and taken back once


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--accept", "all", "--discard", "all"), "name each batch for one decision only"),
        (("--accept", "ffffff"), "masivo-stream resolve without a decision lists the batches in doubt"),
    ],
)
def test_an_impossible_decision_is_corrected(wrong, says, tmp_path):
    """With one decision per batch, and an id from the list, the decision is carried out."""
    make_exports(tmp_path)
    with serving(tmp_path, *lost("transactions", "yes")) as served:
        assert migrate(served, tmp_path).returncode == 4
        done = show(served, tmp_path, *wrong)
        assert done.returncode == 2
        expect_advice(done, says)
        (batch,) = json.loads(go("resolve", served, tmp_path).stdout)["in_doubt"]
        assert show(served, tmp_path, "--accept", batch["batch"]).returncode == 0
        arrived(served, tmp_path)


def test_an_export_is_restored_before_its_batch_is_sent_again(tmp_path):
    """A change that no sample shows is noticed before anything is sent.

    With the export restored, the batch arrives once.
    """
    make_exports(tmp_path, 900)
    events = tmp_path / "events.ndjson"
    with serving(tmp_path, *lost("events", "no")) as served:
        assert migrate(served, tmp_path).returncode == 4
        whole, times = events.read_bytes(), events.stat()
        edit = next(place for place in range(9000, len(whole)) if not _looked_at(place, len(whole)))
        events.write_bytes(whole[:edit] + bytes([whole[edit] ^ 1]) + whole[edit + 1 :])
        os.utime(events, ns=(times.st_atime_ns, times.st_mtime_ns))
        done = go("resolve", served, tmp_path, "--resend", "all")
        assert (done.returncode, served.ledger()["events"]) == (5, {})
        expect_advice(done, "restore the export as it was")
        events.write_bytes(whole)
        os.utime(events, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert go("resolve", served, tmp_path, "--resend", "all").returncode == 0
        assert migrate(served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def _looked_at(place, size):
    """Return whether a byte is among those that a restart compares (33 blocks of 4 KiB)."""
    last = size - 4096
    return any(offset <= place < offset + 4096 for offset in (last * step // 32 for step in range(33)))


# Reading back.


def test_a_complete_run_is_verified(served, tmp_path):
    """The command of the next step, pasted, confirms a sample."""
    make_exports(tmp_path)
    done = migrate(served, tmp_path)
    step = "optional: read a sample back; accepted only means enqueued, and this shows what arrived"
    assert any(matches(step, said) for said in read_advice(done))
    done = paste(next_command(done, step), key=served.key)
    assert done.returncode == 0, done.stdout
    arrived(served, tmp_path)


def test_missing_records_are_looked_up(tmp_path):
    """The positions are those in the export: their customers are not in the account, all others are."""
    make_exports(tmp_path, 5, kinds=["customers"])
    with serving(tmp_path, "--limits", "none", "--fault", "lose=2,on=customers") as served:
        done = run(
            "migrate", *named(tmp_path), *sending(served, tmp_path), key=served.key, COLUMNS="400",
            **{**QUICK, "MASIVO_SAMPLE": "5", "MASIVO_VISIBLE_TIMEOUT": "0.1"},
        )  # fmt: skip
        assert done.returncode == 0
        expect_advice(done, "  hint: masivo-stream verify checks these records again, and more")
        flags = ["--all", "--visible-timeout", "0.1"]
        done = go("verify", served, tmp_path, *flags)
        ledger = served.ledger()
    assert done.returncode == 3
    expect_advice(done, "look up these records in the account's dashboard; the positions are those in the export")
    places = {(found["file"], found["line"]) for found in json.loads(done.stdout)["findings"]}
    export = (tmp_path / "customers.ndjson").read_bytes().splitlines()
    missing = {json.loads(export[line - 1])["id"] for _, line in places}
    assert {file for file, _ in places} == {str(tmp_path / "customers.ndjson")}
    assert ledger["customers"].keys() == {f"c{number}" for number in range(5)} - missing


def test_ids_that_a_gateway_refuses_are_looked_up(tmp_path):
    """A gateway refuses these ids. The account (here its ledger) has each of them once."""
    records = [make_record("customers", number, id=f"a/{number}") for number in range(3)]
    write_export(tmp_path / "customers.ndjson", records)
    with serving(tmp_path, "--limits", "none", "--fault", "no-slash") as served:
        assert migrate(served, tmp_path, MASIVO_VISIBLE_TIMEOUT="1").returncode == 0
        done = go("verify", served, tmp_path, "--all", MASIVO_VISIBLE_TIMEOUT="1")
        assert done.returncode == 0, done.stdout
        expect_advice(
            done,
            "the ids of some records need escaping in a URL, and something on the way to the API may refuse such URLs:"
            " look up these records in the account's dashboard",
        )
        arrived(served, tmp_path)


def test_records_that_are_not_visible_yet_are_verified_later(tmp_path):
    """Once the records are visible, the same command confirms them.

    Here the sandbox's store is moved forward in time.
    """
    make_exports(tmp_path, kinds=["customers"])
    store = tmp_path / "store"
    with serving(tmp_path, "--limits", "none", "--store", store, visible_after=600) as served:
        assert migrate(served, tmp_path).returncode == 0
        done = go("verify", served, tmp_path)
        assert done.returncode == 6, done.stdout
        expect_advice(done, "verify again later: the API answers before it applies what was sent")
    with closing(sqlite3.connect(store)) as account:
        account.execute("UPDATE customers SET visible_at = visible_at - 600")
        account.execute("UPDATE batches SET visible_at = visible_at - 600")
        account.commit()
    with serving(tmp_path, "--limits", "none", "--store", store, "--port", served.port) as served:
        assert go("verify", served, tmp_path).returncode == 0
        arrived(served, tmp_path)


# Runs that must not continue.


def test_figures_that_do_not_add_up_are_reported(served, tmp_path):
    """A journal that contradicts itself simulates the bug. It is left as it is, and every page reports the same."""
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    journal = tmp_path / "state" / "journal.db"
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("UPDATE batches SET items = items + 1 WHERE kind = 'events'")
        connection.commit()
    done = migrate(served, tmp_path)
    assert done.returncode == 1
    expect_advice(done, "the figures do not add up: please report this, and keep the state directory")
    expect_advice(done, "this is a bug: keep the state directory as it is, and report that the figures do not add up")
    page = " ".join((tmp_path / "state" / "report.html").read_text().split())
    assert "some records or items have no result. Keep the state directory, and report this." in page
    assert journal.exists()
    arrived(served, tmp_path)


def test_the_page_of_a_run_names_the_commands_that_follow(tmp_path):
    """The last words of the page are commands. The tests of `resolve` and `retry` follow them."""
    make_exports(tmp_path)
    script = (Path(__file__).parent.parent.parent / "masivo_stream/monitor/page/sections.js").read_text()
    assert "snapshot.to_do" in script
    with serving(tmp_path, *lost("transactions", "yes")) as served:
        assert migrate(served, tmp_path, "--monitor", "0").returncode == 4
        flags = " ".join(map(str, sending(served, tmp_path)))
        assert paste(f"masivo-stream resolve {flags}", key=served.key).returncode == 4
        assert paste(f"masivo-stream retry {flags}", key=served.key).returncode == 4
        assert show(served, tmp_path, "--accept", "all").returncode == 0
        arrived(served, tmp_path)
