"""A revert of a part by the installed command: its advice is followed literally, and what is missing is sent."""

import json
import random
import signal
import subprocess
import time
from datetime import UTC, datetime

import pytest
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, lines, run, serving, shell_path

pytestmark = pytest.mark.slow

LONG_AGO, FAR = "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
MOST_KILLS = 8
QUICK = {"MASIVO_FIRST_PROBE": "0.1", "MASIVO_EVENTS_SETTLE": "0.5", "MASIVO_VISIBLE_TIMEOUT": "1"}


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def migrate_in_two(served, directory, *arguments):
    """Migrate half of the customers with everything that belongs to them, then the rest; return a moment in between."""
    whole = {kind: (directory / f"{kind}.ndjson").read_bytes().splitlines(keepends=True) for kind in KINDS}
    half = {json.loads(line)["id"] for line in whole["customers"][: len(whole["customers"]) // 2]}
    first = {kind: [line for line in found if json.loads(line)["id"] in half] for kind, found in whole.items()}
    rest = {kind: [line for line in found if json.loads(line)["id"] not in half] for kind, found in whole.items()}
    for kind in KINDS:
        (directory / f"{kind}.ndjson").write_bytes(b"".join(first[kind]))
    assert served.migrate(directory, *arguments, **QUICK).returncode == 0
    time.sleep(1.2)
    between = now()
    time.sleep(1.2)
    for kind in KINDS:
        (directory / f"{kind}.ndjson").write_bytes(b"".join(first[kind] + rest[kind]))
    assert served.migrate(directory, *arguments, **QUICK).returncode == 0
    return between


def revert(served, directory, start, end, *arguments):
    place = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
    return run("revert", "--from", start, "--to", end, "--yes", *place, *arguments, key=served.key, **QUICK)


def paste(served, command, **environment):
    """Run a command line as a person pastes it."""
    given = {"PATH": shell_path(), "MASIVO_API_KEY": served.key, **QUICK, **environment}
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, timeout=300, check=False, env=clean_environment(**given)
    )


def account(served):
    """Return what the account holds: what was applied, without what was taken back."""
    ledger = served.ledger()
    back = ledger["reverted"]
    found = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for customer, applied in ledger[kind].items():
            taken = back[kind].get(customer, {} if kind == "events" else 0)
            if kind == "events":
                left = {each: n - taken.get(each, 0) for each, n in applied.items() if n - taken.get(each, 0)}
            else:
                left = applied - taken
            if left:
                found[kind][customer] = left
    return found


def command_in(text, *words):
    """Return the command line in a text that begins with these words."""
    begin = text.index(" ".join(("masivo-stream", *words)))
    return text[begin:].split("; or ")[0].splitlines()[0].strip()


def test_the_next_command_brings_the_missing_records_back(served, export):
    """The next command, as `revert`, `migrate` and `status` print it, brings back what was taken back."""
    directory = export(80)
    between = migrate_in_two(served, directory)
    done = revert(served, directory, LONG_AGO, between)
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    assert f"taken back: customers migrated from {LONG_AGO} to {between}" in told
    assert b"took back 40 customers" in done.stderr
    assert b"NOT 40 customers" in done.stderr
    command = command_in(told, "migrate")
    assert command.endswith("--only-missing")
    refused = served.migrate(directory, **QUICK)
    assert (refused.returncode, command_in(refused.stderr.decode(), "migrate")) == (2, command)
    status = json.loads(run("status", "--state-dir", directory / "state", "--json").stdout)
    assert (status["exit_code"], command_in(status["hint"], "migrate")) == (2, command)
    page = (directory / "state" / "report.html").read_text()
    assert "--only-missing" in page
    done = paste(served, command)
    assert done.returncode == 0, done.stderr
    assert account(served) == expected_ledger(directory)
    assert b'"gone": 40' not in done.stdout
    before = served.ledger()["requests"]["customers"]
    assert paste(served, command).returncode == 0
    assert served.migrate(directory, **QUICK).returncode == 0
    assert served.ledger()["requests"]["customers"] == before
    verified = run("verify", "--all", "--base-url", served.url, "--limit", "none", "--state-dir", directory / "state",
                   key=served.key, **QUICK)  # fmt: skip
    assert verified.returncode == 0


def test_reverting_the_rest_is_followed_by_a_new_migration(served, export):
    """The rest is taken back as well. Then the same command migrates everything again."""
    directory = export(40)
    between = migrate_in_two(served, directory)
    told = revert(served, directory, LONG_AGO, between).stdout.decode()
    done = paste(served, command_in(told.split("; or ")[1], "revert") + " --yes")
    assert done.returncode == 0, done.stderr
    assert not account(served)["customers"]
    assert served.migrate(directory, **QUICK).returncode == 0
    assert account(served) == expected_ledger(directory)


def test_json_shows_the_revert_and_the_next_command(served, export):
    """For programs: how many were taken back, and what to do."""
    directory = export(20)
    between = migrate_in_two(served, directory)
    told = json.loads(revert(served, directory, LONG_AGO, between, "--json").stdout)
    assert told["reverted"] == {"from": LONG_AGO, "to": between, "customers": 10}
    done = paste(served, command_in(told["hint"], "migrate") + " --json")
    assert json.loads(done.stdout)["outcome"] == "complete"
    told = json.loads(revert(served, directory, LONG_AGO, FAR, "--json").stdout)
    assert (told["reverted"]["customers"], told["hint"]) == (20, "")


def test_the_command_is_refused_without_a_revert(served, export):
    """It ends with exit code 2, and says what to do instead."""
    directory = export(10)
    assert served.migrate(directory, "--only-missing").returncode == 2
    assert not (directory / "state").exists()
    assert served.migrate(directory).returncode == 0
    done = served.migrate(directory, "--only-missing")
    assert (done.returncode, b"nothing of this run was taken back" in done.stderr) == (2, True)
    assert revert(served, directory, LONG_AGO, FAR).returncode == 0
    done = served.migrate(directory, "--only-missing")
    assert (done.returncode, b"all of the run was taken back" in done.stderr) == (2, True)
    assert served.migrate(directory).returncode == 0


def test_a_signal_while_reading_back_changes_nothing(tmp_path, export):
    """A signal comes while customers are read back: the same command begins again."""
    directory = export(60)
    store = ["--store", tmp_path / "store.db"]
    with serving(tmp_path, "--limits", "none", *store) as served:
        between = migrate_in_two(served, directory)
        assert revert(served, directory, LONG_AGO, between).returncode == 0
    store += ["--port", str(served.port)]  # the same account
    with serving(tmp_path, "--limits", "none", *store, "--fault", "delay=5,on=read") as served:
        process = begin(served, directory)
        while not served.get("/__sandbox/requests")["requests"]:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(300) == 143
        assert b"start again with the same command" in process.stderr.read()
        process.stderr.close()
        assert not list((directory / "state").glob("taken-back-*"))
        status = run("status", "--state-dir", directory / "state", "--json")
        assert "--only-missing" in json.loads(status.stdout)["hint"]
    with serving(tmp_path, "--limits", "none", *store) as served:
        done = served.migrate(directory, "--only-missing", **QUICK)
        assert done.returncode == 0, done.stderr
        assert account(served) == expected_ledger(directory)


def begin(served, directory, *arguments):
    named = [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    place = ["--base-url", served.url, "--limit", "none", "--state-dir", directory / "state"]
    return subprocess.Popen(
        [COMMAND, "migrate", *named, *place, "--only-missing", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean_environment(MASIVO_API_KEY=served.key, MASIVO_MAX_BODY_BYTES="65000", **QUICK),
    )


def requests(served):
    """Return how many requests of all sorts the account has received."""
    return sum(
        count for statuses in served.get("/__sandbox/ledger")["requests"].values() for count in statuses.values()
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_the_command_may_be_killed_at_any_moment(tmp_path, export, workers):
    """After some attempts one gets through: each record is there once, and what was in flight is in doubt."""
    directory = export(400)
    chance = random.Random(workers)
    with serving(tmp_path, "--limits", "none", "--fault", "delay=0.15") as served:
        between = migrate_in_two(served, directory)
        assert revert(served, directory, LONG_AGO, between).returncode == 0
        code, kills = None, 0
        while code is None:
            last = requests(served) + chance.randint(1, 6) + 4 * kills
            process = begin(served, directory, "--workers", str(workers))
            while process.poll() is None and (kills == MOST_KILLS or requests(served) < last):
                time.sleep(0.01)
            code = process.poll()
            if code is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
            process.stderr.close()
        assert code in (0, 4), [lines(path) for path in (directory / "state").glob("dead-letter.*")]
        assert kills > 2
        lists = [(kind, directory / "state" / f"in-doubt.{kind}.ndjson") for kind in ("events", "transactions")]
        doubtful = {(kind, doubt["customer"]) for kind, path in lists if path.exists() for doubt in lines(path)}
        found, wanted = account(served), expected_ledger(directory)
        assert found["customers"].keys() == wanted["customers"].keys()
        for kind in ("events", "transactions"):
            for customer, items in wanted[kind].items():
                assert found[kind].get(customer) == items or (kind, customer) in doubtful, (kind, customer)
