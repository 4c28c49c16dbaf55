"""What is said after a revert, and about one: done, the account holds each record of the exports once."""

import json
import time
from datetime import UTC, datetime

import pytest
from advice_tools import QUICK, ask, make_exports, make_record, migrate, named, paste, sending, told
from end_to_end_tools import KINDS, expected_ledger, run, serving
from fakes import write_export

pytestmark = pytest.mark.slow

LONG_AGO, FAR = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
SHORT = {"MASIVO_VISIBLE_TIMEOUT": "1"}


def revert(served, directory, start=LONG_AGO, end=FAR, *arguments, **environment):
    flags = [*sending(served, directory), "--json", "--yes", *arguments]
    return run("revert", "--from", start, "--to", end, *flags, key=served.key, **{**QUICK, **SHORT, **environment})


def held(served):
    """Return what the account holds: what was applied, less what was taken back."""
    ledger = served.ledger()
    back = ledger["reverted"]
    found = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for customer, applied in ledger[kind].items():
            if kind == "events":
                taken = back[kind].get(customer, {})
                left = {
                    name: count - taken.get(name, 0) for name, count in applied.items() if count > taken.get(name, 0)
                }
            else:
                left = applied - back[kind].get(customer, 0)
            if left:
                found[kind][customer] = left
    return found


def migrate_in_two(served, directory, *arguments, count=3):
    """Migrate three customers with all that is theirs, then as many more; return a moment in between."""
    make_exports(directory, count)
    assert migrate(served, directory, *arguments, **SHORT).returncode == 0
    time.sleep(1.1)
    between = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(1.1)
    make_exports(directory, 2 * count)
    assert migrate(served, directory, *arguments, **SHORT).returncode == 0
    return between


def hint_of(done):
    """Return the hint of a command that printed JSON, or could not begin."""
    if done.stdout.strip():
        return json.loads(done.stdout)["hint"]
    return done.stderr.decode().partition("hint: ")[2].strip()


# A part was taken back.


def test_what_was_taken_back_is_sent_once_more(served, tmp_path):
    """The command that the run's refusal names, pasted."""
    between = migrate_in_two(served, tmp_path)
    assert revert(served, tmp_path, LONG_AGO, between).returncode == 0
    done = migrate(served, tmp_path)
    assert done.returncode == 2
    told(
        done,
        "this sends what was taken back once more: {…}; or take back the rest of it as well, then the same command"
        " migrates afresh: {…}",
    )
    command = hint_of(done).partition("once more: ")[2].partition("; or ")[0]
    done = paste(command, key=served.key, **SHORT)
    assert done.returncode == 0, done.stderr
    assert held(served) == expected_ledger(tmp_path)


def test_the_rest_is_taken_back_as_well(served, tmp_path):
    """The other command, pasted with a yes; then the same command migrates afresh."""
    between = migrate_in_two(served, tmp_path)
    done = revert(served, tmp_path, LONG_AGO, between)
    told(
        done,
        "this sends what was taken back once more: {…}; or take back the rest of it as well, then the same command"
        " migrates afresh: {…}",
    )
    command = hint_of(done).partition("migrates afresh: ")[2]
    assert paste(f"{command} --yes", key=served.key, **SHORT).returncode == 0
    assert not held(served)["customers"]
    assert migrate(served, tmp_path).returncode == 0
    assert held(served) == expected_ledger(tmp_path)


def test_a_command_that_cannot_be_shown_is_told_in_words(served, tmp_path):
    """Names that a terminal would obey: the command it was started with, and one flag more."""
    place = tmp_path / "a\x1b[2Jb"
    place.mkdir()
    between = migrate_in_two(served, place)
    assert revert(served, place, LONG_AGO, between).returncode == 0
    done = migrate(served, place)
    assert done.returncode == 2
    told(done, "the command it was started with, and --only-missing")
    assert migrate(served, place, "--only-missing", **SHORT).returncode == 0
    assert held(served) == expected_ledger(place)


def test_events_of_another_runs_customers_wait_for_these(served, tmp_path):
    """A run of events alone: the command that is told sends them; they are letters until their customers are back."""
    make_exports(tmp_path, 3, kinds=["customers", "events"])
    customers = [*named(tmp_path, ["customers"]), *sending(served, tmp_path, state="other")]
    assert run("migrate", *customers, key=served.key, **QUICK).returncode == 0
    (tmp_path / "customers.ndjson").rename(tmp_path / "c")
    assert migrate(served, tmp_path).returncode == 0
    done = revert(served, tmp_path)
    assert done.returncode == 0, done.stderr
    told(done, "this sends what was taken back once more: {…}")
    command = hint_of(done).partition("once more: ")[2].partition("; or ")[0]
    done = paste(command, key=served.key, **SHORT)
    assert done.returncode == 3, done.stderr
    (tmp_path / "c").rename(tmp_path / "customers.ndjson")
    customers[-1] = tmp_path / "third"
    again = run("migrate", *customers, "--again", key=served.key, **QUICK)
    assert again.returncode == 0, again.stderr
    assert go("retry", served, tmp_path, **SHORT).returncode == 0
    assert held(served) == expected_ledger(tmp_path)


@pytest.mark.parametrize("way", ["afresh", "only what is not"])
def test_a_whole_revert_that_tells_no_number_leaves_a_choice(way, tmp_path):
    """Where nobody can have bought since, the same command migrates afresh; where some have, only the others go."""
    make_exports(tmp_path)
    fault = "status=204,body=empty,applied=yes,on=revert"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path).returncode == 0
        if way != "afresh":
            bought = {"reward_id": "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65", "type": "ACCUMULATION", "amount": 1}
            body = json.dumps({**bought, "issued_at": "2024-01-30T17:50:19Z"})
            path = "/__sandbox/customers/c1/transactions"
            status, said = ask(
                served.port, path, method="POST", body=body, headers={"Content-Type": "application/json"}
            )
            assert status < 300, said
        done = revert(served, tmp_path)
        assert done.returncode == 0, done.stderr
        told(
            done,
            "where no customer can have made a transaction of their own since, the command it was started with migrates"
            " afresh; where some may have, they are still there, and this sends only what is not: {…}",
        )
        if way == "afresh":
            again = migrate(served, tmp_path)
        else:
            again = paste(hint_of(done).partition("only what is not: ")[2], key=served.key, **SHORT)
        assert again.returncode == 0, again.stderr
        assert held(served) == expected_ledger(tmp_path)


@pytest.mark.parametrize("state", ["nothing was taken back", "all of it was", "none is there"])
def test_only_missing_is_left_out_where_nothing_is_missing(state, served, tmp_path):
    """Without it, or with the run's own directory, everything is there once."""
    make_exports(tmp_path)
    if state != "none is there":
        assert migrate(served, tmp_path).returncode == 0
    if state == "all of it was":
        assert revert(served, tmp_path).returncode == 0
    place = "elsewhere" if state == "none is there" else "state"
    done = served.migrate(tmp_path, "--only-missing", state=place)
    assert done.returncode == 2
    if state == "nothing was taken back":
        told(done, "name its exports, and leave --only-missing out: it goes on with what is pending")
    elif state == "all of it was":
        told(done, "name its exports, and leave --only-missing out: it is migrated afresh")
    else:
        told(done, "name the migration's --state-dir")
    assert migrate(served, tmp_path).returncode == 0
    assert held(served) == expected_ledger(tmp_path)


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (3, "start the same command again later, with --only-missing: it asks for them once more"),
        (12, "start the same command again later"),
    ],
)
def test_customers_that_cannot_be_read_back_are_asked_for_later(count, says, tmp_path):
    """Nothing of theirs was sent; when they can be read, the same command sends what is missing."""
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store) as served:
        between = migrate_in_two(served, tmp_path, count=count)
        assert revert(served, tmp_path, LONG_AGO, between).returncode == 0
    with serving(tmp_path, *store, "--fault", "status=500,on=read", "--port", served.port) as served:
        done = migrate(served, tmp_path, "--only-missing", **SHORT)
        assert done.returncode == 6, done.stdout
        told(done, says)
        before = held(served)
    with serving(tmp_path, *store, "--port", served.port) as served:
        assert held(served) == before
        assert migrate(served, tmp_path, "--only-missing", **SHORT).returncode == 0
        assert held(served) == expected_ledger(tmp_path)


def test_settings_of_another_judgement_are_put_back(served, tmp_path):
    """Judged otherwise, the exports hold less than was sent; as they were, what is missing is sent."""
    make_exports(tmp_path)
    for kind in KINDS:
        records = [
            {**json.loads(line), "note": "x"} for line in (tmp_path / f"{kind}.ndjson").read_bytes().splitlines()
        ]
        write_export(tmp_path / f"{kind}.ndjson", records)
    assert migrate(served, tmp_path, **SHORT).returncode == 0
    time.sleep(1.1)
    between = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(1.1)
    for kind in KINDS:
        with (tmp_path / f"{kind}.ndjson").open("ab") as export:
            export.write(json.dumps({**make_record(kind, 7), "note": "x"}).encode() + b"\n")
    assert migrate(served, tmp_path, **SHORT).returncode == 0
    assert revert(served, tmp_path, LONG_AGO, between).returncode == 0
    done = migrate(served, tmp_path, "--only-missing", "--unknown-fields", "reject", **SHORT)
    assert done.returncode == 5, done.stdout
    told(done, "start with the settings that the run was started with")
    assert migrate(served, tmp_path, "--only-missing", **SHORT).returncode == 0
    assert held(served) == expected_ledger(tmp_path)


def test_what_came_from_a_pipe_is_taken_back_and_migrated_from_a_file(served, tmp_path):
    """Nobody can read it again; taken back whole, a file in its place arrives once."""
    make_exports(tmp_path, 3, kinds=["customers"])
    assert migrate(served, tmp_path).returncode == 0
    time.sleep(1.1)
    between = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(1.1)
    make_exports(tmp_path, 6, kinds=["customers", "events"])
    flags = [*sending(served, tmp_path), "--json"]
    customers, events = ["--customers", tmp_path / "customers.ndjson"], tmp_path / "events.ndjson"
    piped = run("migrate", *customers, "--events", "-", *flags, key=served.key, stdin=events.read_bytes(), **QUICK)
    assert piped.returncode == 0, piped.stderr
    assert revert(served, tmp_path, LONG_AGO, between).returncode == 0
    done = go("migrate", served, tmp_path, "--only-missing")
    assert done.returncode == 5, done.stdout
    told(done, "take back the rest as well, then migrate all of it from a file")
    assert revert(served, tmp_path).returncode == 0
    done = run("migrate", *customers, "--events", events, *flags, key=served.key, **QUICK)
    assert done.returncode == 0, done.stderr
    assert held(served) == expected_ledger(tmp_path)


# The revert itself.


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("status=403,on=revert,times=1", 7, "check the period, the key's permissions and base_url"),
        ("throttle,retry_after=1,on=revert,times=1", 6, "try later"),
        (
            "hang=0.05,applied=yes,on=revert,times=1",
            6,
            "look at the account's dashboard; run again, it takes back what is left of that period",
        ),
        (
            "hang=0.05,applied=no,on=revert,times=1",
            6,
            "look at the account's dashboard; run again, it takes back what is left of that period",
        ),
    ],
)
def test_a_revert_that_failed_is_made_again(fault, code, says, tmp_path):
    """When it is let, or has been looked up: all of it is taken back, and the same command migrates afresh."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path).returncode == 0
        done = revert(served, tmp_path)
        assert done.returncode == code, done.stderr
        told(done, says)
        again = revert(served, tmp_path)
        assert again.returncode == 0, again.stderr
        assert not held(served)["customers"]
        last = migrate(served, tmp_path)
        if last.returncode == 2:  # the API told no number: the hint leaves a choice
            last = paste(hint_of(last).partition("only what is not: ")[2], key=served.key, **SHORT)
        assert last.returncode == 0, last.stderr
        assert held(served) == expected_ledger(tmp_path)


def test_a_revert_that_could_not_be_sent_is_sent_later(tmp_path):
    """When the API can be reached, the same command takes back everything."""
    make_exports(tmp_path)
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store) as served:
        assert migrate(served, tmp_path).returncode == 0
        base = served.url.partition(str(served.port))[2]
        _, granted = ask(served.port, f"{base}/auth/authorize", headers={"x-api-key": served.key})
    done = revert(served, tmp_path)
    assert done.returncode == 6, done.stderr
    told(done, "start again later")
    assert granted
    with serving(tmp_path, *store, "--port", served.port) as served:
        assert revert(served, tmp_path).returncode == 0
        assert migrate(served, tmp_path).returncode == 0
        assert held(served) == expected_ledger(tmp_path)


def test_a_revert_of_which_nobody_knows_is_run_again(tmp_path):
    """The command that the run's refusal names, pasted with a yes; then the run begins afresh."""
    make_exports(tmp_path)
    fault = "hang=0.05,applied=no,on=revert,times=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as served:
        assert migrate(served, tmp_path).returncode == 0
        assert revert(served, tmp_path).returncode == 6
        done = migrate(served, tmp_path)
        assert done.returncode == 2
        told(done, "run it again, it takes back what is left of that period: {…}")
        command = hint_of(done).partition("of that period: ")[2]
        assert paste(f"{command} --yes", key=served.key, **SHORT).returncode == 0
        assert migrate(served, tmp_path).returncode == 0
        assert held(served) == expected_ledger(tmp_path)
