"""Advice before, during and after a revert: if it is followed, the account holds each record of the exports once."""

import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from advice_tools import QUICK, ask, expect_advice, go, make_exports, make_record, migrate, named, paste, sending
from end_to_end_tools import KINDS, expected_ledger, run, serving
from fakes import event, transaction, write_export

pytestmark = pytest.mark.slow

ALWAYS = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
PART = "this sends again what was taken back: {…}"
BOTH = (
    "this sends again what was taken back: {…}; or take back the rest of the run as well, then the same command"
    " migrates everything again: {…}"
)
UNCOUNTED = (
    "if no customer can have made a transaction of their own since then, the command that started the run migrates"
    " everything again; if some may have, they are still in the account, and this sends only what is missing: {…}"
)


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def revert(served, directory, period=ALWAYS, **environment):
    return go("revert", served, directory, "--from", period[0], "--to", period[1], "--yes", **environment)


def look(directory):
    return run("status", "--state-dir", directory / "state", "--json")


def account(served):
    """Return what the account holds: what was applied, without what was taken back."""
    ledger = served.ledger()
    back = ledger["reverted"]
    for kind in KINDS:
        for customer, taken in back[kind].items():
            for purchase, n in taken.items() if kind == "events" else ():
                ledger[kind][customer][purchase] -= n
            if kind == "events":
                ledger[kind][customer] = {each: n for each, n in ledger[kind][customer].items() if n}
            else:
                ledger[kind][customer] -= taken
    return {kind: {customer: left for customer, left in ledger[kind].items() if left} for kind in KINDS}


def whole(served, directory, without=()):
    """Check that the account holds each record of the exports once, except those of some customers."""
    wanted = expected_ledger(directory)
    assert account(served) == {
        kind: {customer: held for customer, held in found.items() if customer not in without}
        for kind, found in wanted.items()
    }


def buy(served, customer):
    """Let a customer make a transaction of their own."""
    booked = json.dumps(transaction() | {"issued_at": now()})
    path, form = f"/__sandbox/customers/{customer}/transactions", {"Content-Type": "application/json"}
    status, _ = ask(served.port, path, method="POST", body=booked, headers=form)
    assert status == 201


def migrate_in_two(served, directory, count=6, **options):
    """Migrate one half of the customers, then the other; return a moment in between."""
    make_exports(directory, count // 2)
    assert migrate(served, directory, **options).returncode == 0
    time.sleep(0.3)
    between = now()
    time.sleep(0.3)
    make_exports(directory, count)
    assert migrate(served, directory, **options).returncode == 0
    served.ledger()
    return between


@pytest.fixture
def in_part(tmp_path):
    """Return a function that takes back part of a run, except a customer who has bought since; then `faults` begin."""
    store = ["--limits", "none", "--store", tmp_path / "store.db"]

    def made(*faults):
        with serving(tmp_path, *store) as served:
            between = migrate_in_two(served, tmp_path)
            buy(served, "c0")
            assert revert(served, tmp_path, (ALWAYS[0], between)).returncode == 0
        return serving(
            tmp_path, *store, "--port", served.port, *[part for fault in faults for part in ("--fault", fault)]
        )

    return made


def test_reverted_records_are_sent_once_more(served, tmp_path):
    """`revert`, `migrate` and `status` show the command that sends it. Run a second time, it sends nothing."""
    between = migrate_in_two(served, tmp_path)
    commands = set()
    for done in (
        revert(served, tmp_path, (ALWAYS[0], between)),
        migrate(served, tmp_path),
        look(tmp_path),
    ):
        first, _ = expect_advice(done, BOTH)
        commands.add(first)
    (command,) = commands
    for _ in range(2):
        assert paste(command, key=served.key).returncode == 0
        whole(served, tmp_path)


def test_the_rest_is_reverted_as_well(served, tmp_path):
    """Then the same command migrates everything again."""
    between = migrate_in_two(served, tmp_path)
    _, command = expect_advice(revert(served, tmp_path, (ALWAYS[0], between)), BOTH)
    assert paste(f"{command} --yes", key=served.key).returncode == 0
    assert account(served)["customers"] == {}
    assert migrate(served, tmp_path).returncode == 0
    whole(served, tmp_path)


def test_records_of_another_runs_customers_wait_for_them(served, tmp_path):
    """It becomes dead letters. When the customers are there again, a retry sends them."""
    make_exports(tmp_path, 3, kinds=["customers"])
    assert migrate(served, tmp_path, state="first").returncode == 0
    served.ledger()  # the second run does not know that customers of another run may still have to show
    (tmp_path / "customers.ndjson").rename(tmp_path / "kept")
    make_exports(tmp_path, 3, kinds=["events", "transactions"])
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()
    (command,) = expect_advice(revert(served, tmp_path), "this sends again what was taken back: {…}")
    assert paste(command, key=served.key).returncode == 3
    letters = (tmp_path / "state" / "dead-letter.events.ndjson").read_text().splitlines()
    wanted = (
        "a revert took back its customer, who came from another run: revert the same period with that run's state"
        " directory, start migrate --only-missing there, then start retry here"
    )
    assert all(json.loads(letter)["message"] == wanted for letter in letters)
    (tmp_path / "kept").rename(tmp_path / "customers.ndjson")
    there = [*sending(served, tmp_path, state="first"), "--json"]
    period = ["--from", ALWAYS[0], "--to", ALWAYS[1], "--yes"]
    assert run("revert", *period, *there, key=served.key, **QUICK).returncode == 0
    quick = {**QUICK, "MASIVO_VISIBLE_TIMEOUT": "1"}
    assert run("migrate", "--only-missing", *there, key=served.key, **quick).returncode == 0
    served.ledger()
    assert go("retry", served, tmp_path).returncode == 0
    whole(served, tmp_path)


MIGRATED_AGAIN = (
    "if none of them was migrated again since the revert: {…}; if some were, first take these back once more: {…};"
    " then start this same command, then the other run again, then masivo-stream retry here"
)


@pytest.mark.parametrize("again", [True, False])
def test_another_runs_customers_are_migrated_again_or_stayed(again, served, tmp_path):
    """If a person knows that they stayed, a flag confirms it.

    If some were migrated again, they are taken back once more.
    """
    make_exports(tmp_path, 4, kinds=["customers"])
    kept = tmp_path / "kept"
    (tmp_path / "customers.ndjson").rename(kept)
    half = write_export(tmp_path / "half.ndjson", [make_record("customers", number) for number in range(2)])
    rest = write_export(tmp_path / "rest.ndjson", [make_record("customers", number) for number in range(2, 4)])

    def bring(name, export, *arguments):
        done = run(
            "migrate", "--customers", export, *sending(served, tmp_path, state=name), "--json", *arguments,
            key=served.key, **QUICK,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        served.ledger()

    bring("first", half)
    time.sleep(1.2)
    between = now()
    time.sleep(1.2)
    bring("rest", rest)
    make_exports(tmp_path, 4, kinds=["events", "transactions"])
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()
    (command,) = expect_advice(revert(served, tmp_path, (ALWAYS[0], between)), PART)
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as journal:  # like an API that gives no number
        journal.execute("UPDATE notes SET detail = json_set(detail, '$.customers', NULL) WHERE what = 'reverted'")
        journal.commit()
    if again:
        bring("again", half, "--again")
    refused = paste(command, key=served.key, **QUICK)
    assert refused.returncode == 2
    stayed, takes_back = expect_advice(refused, MIGRATED_AGAIN)
    if again:
        assert paste(f"{takes_back} --yes", key=served.key).returncode == 0
    assert paste(stayed, key=served.key, **QUICK).returncode == 3
    bring("once-more", half, "--again")
    assert go("retry", served, tmp_path).returncode == 0
    kept.rename(tmp_path / "customers.ndjson")
    whole(served, tmp_path)


@pytest.mark.parametrize("bought", [True, False])
def test_a_run_that_was_reverted_without_a_number_continues(bought, served, tmp_path):
    """If a customer may have bought since, only what is gone is sent.

    If none has, the run starts from the beginning.
    """
    make_exports(tmp_path)
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()
    buy(served, "c0")
    assert revert(served, tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as journal:  # like an API that gives no number
        (detail,) = journal.execute("SELECT detail FROM notes WHERE what = 'reverted'").fetchone()
        told_none = json.dumps(json.loads(detail) | {"customers": None, "whole": True})
        journal.execute("UPDATE notes SET detail = ? WHERE what = 'reverted'", (told_none,))
        journal.commit()
    (command,) = expect_advice(look(tmp_path), UNCOUNTED)
    if bought:
        assert paste(command, key=served.key).returncode == 0
        whole(served, tmp_path)
    else:
        assert migrate(served, tmp_path).returncode in (0, 3)
        assert (tmp_path / "state" / "reverted-1").is_dir()


def test_a_command_that_cannot_be_shown_is_described_in_words(served, tmp_path):
    """The name of the state directory has a control character: the flag is added by hand."""
    state = "sta\x1bte"
    make_exports(tmp_path)
    assert migrate(served, tmp_path, state=state).returncode == 0
    served.ledger()
    buy(served, "c0")
    flags = [*sending(served, tmp_path, state=state), "--yes", "--json"]
    done = run("revert", "--from", ALWAYS[0], "--to", ALWAYS[1], *flags, key=served.key, **QUICK)
    assert "the command that started the run, with --only-missing added" in json.loads(done.stdout)["hint"]
    assert migrate(served, tmp_path, "--only-missing", state=state).returncode == 0
    whole(served, tmp_path)


def test_the_flag_is_left_out_without_a_revert(served, tmp_path):
    """There is no run, or no part of it was taken back, or all of it was."""
    make_exports(tmp_path)
    expect_advice(migrate(served, tmp_path, "--only-missing"), "name the migration's --state-dir")
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()
    text = "name the exports, without --only-missing: the run continues with what is pending"
    expect_advice(migrate(served, tmp_path, "--only-missing"), text)
    assert migrate(served, tmp_path).returncode == 0
    whole(served, tmp_path)
    assert revert(served, tmp_path).returncode == 0
    text = "name the exports, without --only-missing: the run starts from the beginning"
    expect_advice(migrate(served, tmp_path, "--only-missing"), text)
    assert migrate(served, tmp_path).returncode == 0
    whole(served, tmp_path)


def test_customers_who_could_not_be_read_back_are_read_later(tmp_path, in_part):
    """The same command with the flag works when the API answers again."""
    with in_part(*(f"status=503,on=read,at={number}" for number in (4, 5, 6))) as served:
        done = migrate(served, tmp_path, "--only-missing", "--uploaders", "1")
        expect_advice(done, "start the same command again later, with --only-missing: it reads them back once more")
        assert done.returncode == 6
        assert migrate(served, tmp_path, "--only-missing", "--uploaders", "1").returncode == 0
        whole(served, tmp_path)


def test_an_api_without_an_answer_is_asked_later(tmp_path, in_part):
    """Nothing was changed. Later the same command finds out."""
    store = ["--limits", "none", "--store", tmp_path / "store.db"]
    with serving(tmp_path, *store) as served:
        between = migrate_in_two(served, tmp_path, count=40)
        buy(served, "c0")
        assert revert(served, tmp_path, (ALWAYS[0], between)).returncode == 0
    with serving(tmp_path, *store, "--port", served.port, "--fault", "status=503,on=read") as served:
        done = migrate(served, tmp_path, "--only-missing", MASIVO_FIRST_PROBE="0.01")
        expect_advice(done, "start the same command again later")
        assert done.returncode == 6
    with serving(tmp_path, *store, "--port", served.port) as served:
        assert migrate(served, tmp_path, "--only-missing").returncode == 0
        whole(served, tmp_path)


def test_customers_who_cannot_be_read_back_are_looked_up(served, tmp_path):
    """They are looked up in the account. If they are not there, they are sent from a small export."""
    names = ["..", "c1", "c2"]
    export = {
        "customers": [make_record("customers", number) | {"id": name} for number, name in enumerate(names)],
        "events": [{"id": name, "events": [event(name)]} for name in names],
        "transactions": [{"id": name, "transactions": [transaction(1)]} for name in names],
    }
    for kind, records in export.items():
        write_export(tmp_path / f"{kind}.ndjson", records)
    assert migrate(served, tmp_path).returncode == 0
    served.ledger()
    buy(served, "c1")
    assert revert(served, tmp_path).returncode == 0
    done = migrate(served, tmp_path, "--only-missing")
    text = (
        "look for these customers in the account's dashboard, because their ids cannot be read back; send those that"
        " are not there from a small export with its own --state-dir"
    )
    expect_advice(done, text)
    assert done.returncode == 6
    assert f"the first at {tmp_path / 'customers.ndjson'}:1:" in json.loads(done.stdout)["message"]
    assert ".." not in account(served)["customers"]
    small = tmp_path / "small"
    small.mkdir()
    for kind, records in export.items():
        write_export(small / f"{kind}.ndjson", records[:1])
    done = run("migrate", *named(small), *sending(served, small), "--json", "--again", key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    whole(served, tmp_path)


def test_a_run_is_read_with_the_settings_it_was_started_with(served, tmp_path):
    """With other settings its records would not be found again."""
    lenient = {"MASIVO_MAX_LINE_BYTES": "100000"}
    make_exports(tmp_path, items=12)
    assert migrate(served, tmp_path, **lenient).returncode == 0
    served.ledger()
    buy(served, "c0")
    assert revert(served, tmp_path).returncode == 0
    done = migrate(served, tmp_path, "--only-missing", MASIVO_MAX_LINE_BYTES="1024")
    expect_advice(done, "use the settings that the run was started with")
    assert done.returncode == 5
    assert migrate(served, tmp_path, "--only-missing", **lenient).returncode == 0
    whole(served, tmp_path)


def test_records_from_a_pipe_are_reverted_and_migrated_from_a_file(served, tmp_path):
    """All of it is taken back, because what a revert took back from a pipe cannot be read again."""
    make_exports(tmp_path, 24, kinds=["customers", "events"])
    piped = (tmp_path / "events.ndjson").read_bytes()
    place = ["--base-url", served.url, "--state-dir", tmp_path / "state"]
    done = run(
        "migrate", "--customers", tmp_path / "customers.ndjson", "--events", "-", *place, "--limit", "1/0.3s",
        key=served.key, stdin=piped, MASIVO_MAX_BODY_BYTES="1500", **QUICK,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    served.ledger()
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as journal:
        sent = journal.execute("SELECT sent_at FROM batches WHERE kind = 'customers' ORDER BY seq").fetchall()
    assert len(sent) > 1
    _, command = expect_advice(revert(served, tmp_path, (ALWAYS[0], sent[-1][0])), BOTH)
    done = run("migrate", *sending(served, tmp_path), "--only-missing", "--json", key=served.key, **QUICK)
    expect_advice(done, "take back the rest as well, then migrate all records from a file")
    assert done.returncode == 5
    assert paste(f"{command} --yes", key=served.key).returncode == 0
    assert account(served)["customers"] == {}
    assert migrate(served, tmp_path).returncode == 0
    whole(served, tmp_path)


def test_a_stopped_run_shows_what_is_left(tmp_path, in_part):
    """What was taken back and is not sent yet is sent by the same command."""
    with in_part("status=403,on=events,at=1") as served:
        done = migrate(served, tmp_path, "--only-missing")
        assert done.returncode == 7
        examples = {found["reason"]: found["remedy"] for found in json.loads(done.stdout)["examples"]}
        assert examples["taken_back"] == "taken back by a revert and due to be sent again: start `migrate` again"
        assert migrate(served, tmp_path).returncode == 0
        whole(served, tmp_path)


def test_a_revert_with_an_unknown_outcome_is_run_again(tmp_path):
    """The first answer says so, and so does the hint of every later command."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.1,on=revert,at=1") as served:
        assert migrate(served, tmp_path).returncode == 0
        served.ledger()
        done = revert(served, tmp_path)
        expect_advice(done, ("check the account's dashboard; the same command takes back what is left of that period"))
        assert done.returncode == 6
        (command,) = expect_advice(
            migrate(served, tmp_path), ("start the revert again to take back what is left of that period: {…}")
        )
        assert paste(f"{command} --yes", key=served.key).returncode == 0
        assert account(served)["customers"] == {}
        assert migrate(served, tmp_path).returncode == 0
        whole(served, tmp_path)


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        ("status=403,on=revert,at=1", 7, "check the period, the key's permissions and base_url"),
        ("throttle,on=revert,at=1", 6, "try again later"),
    ],
)
def test_a_revert_that_was_refused_is_made_when_the_cause_is_gone(fault, code, text, tmp_path):
    """Until then the run stays as it was."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path).returncode == 0
        served.ledger()
        done = revert(served, tmp_path)
        expect_advice(done, text)
        assert done.returncode == code
        whole(served, tmp_path)
        assert revert(served, tmp_path).returncode == 0
        assert account(served)["customers"] == {}


def test_a_revert_that_never_left_is_started_again(tmp_path):
    """With a ready token there is no other call before it."""
    make_exports(tmp_path)
    store = ["--limits", "none", "--store", tmp_path / "store.db"]
    with serving(tmp_path, *store) as served:
        _, granted = ask(served.port, "/api/storefront/v1/auth/authorize", headers={"x-api-key": served.key})
        token = {"MASIVO_TOKEN": json.loads(granted)["data"]}
        flags = [*sending(served, tmp_path), "--json"]
        assert run("migrate", *named(tmp_path), *flags, **token, **QUICK).returncode == 0
        served.ledger()
    take_back = ["revert", "--from", ALWAYS[0], "--to", ALWAYS[1], "--yes", *flags]
    done = run(*take_back, **token, **QUICK)
    expect_advice(done, "start again later")
    assert done.returncode == 6
    with serving(tmp_path, *store, "--port", served.port) as served:
        whole(served, tmp_path)
        assert run(*take_back, **token, **QUICK).returncode == 0
        assert account(served)["customers"] == {}
