"""`plan` predicts what `migrate` then does, request for request and dead letter for dead letter."""

import gzip
import json

import pytest
from end_to_end_tools import KINDS, lines, run

pytestmark = pytest.mark.slow


def plan(directory, *arguments, state="dry", suffix="", **environment):
    """Run `plan` for the exports of `directory`."""
    named = [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson{suffix}")]
    done = run("plan", *named, "--state-dir", directory / state, "--json", *arguments, **environment)
    return done.returncode, json.loads(done.stdout)


def requests(document):
    return {kind: figures["requests"] for kind, figures in document["kinds"].items()}


def dead_letters(directory, state):
    found = {kind: lines(directory / state / f"dead-letter.{kind}.ndjson") for kind in KINDS}
    for letter in (letter for kind in KINDS for letter in found[kind]):
        del letter["at"]
    return found


def spoil_customers(directory, every):
    """Change every nth customer so that it is rejected, but its id can still be read."""
    path = directory / "customers.ndjson"
    customers = path.read_bytes().splitlines()
    for place in range(0, len(customers), every):
        customers[place] = json.dumps({"id": json.loads(customers[place])["id"]}).encode()
    path.write_bytes(b"\n".join(customers) + b"\n")
    return len(range(0, len(customers), every))


@pytest.mark.parametrize(("invalid", "body"), [("0", 4_000_000), ("0", 60_000), ("0.01", 4_000_000), ("0.01", 300_000)])
def test_migrate_takes_the_requests_that_plan_predicts(invalid, body, served, export):
    """For each kind, on clean and on faulty data, whatever limits a batch."""
    directory = export(2500, *(["--invalid", invalid] if invalid != "0" else []))
    code, planned = plan(directory, "--max-body-bytes", body)
    done = served.migrate(directory, "--max-body-bytes", body)
    summary = json.loads(done.stdout)
    assert code == done.returncode
    assert requests(planned) == requests(summary)
    assert planned["requests"] == sum(requests(summary).values())
    assert dead_letters(directory, "dry") == dead_letters(directory, "state")
    for kind in KINDS:
        counted = {dead["reason"]: dead["records"] for dead in planned["kinds"][kind]["dead_letters"]}
        assert counted == summary["kinds"][kind]["reasons"]


def test_held_back_records_of_dead_customers_are_predicted(served, export):
    """Their events and transactions are dead letters in the plan as in the run, and no request is counted for them."""
    directory = export(3000)
    dead = spoil_customers(directory, every=7)
    _, planned = plan(directory)
    summary = json.loads(served.migrate(directory).stdout)
    assert requests(planned) == requests(summary)
    assert dead_letters(directory, "dry") == dead_letters(directory, "state")
    for kind in ("events", "transactions"):
        held = planned["kinds"][kind]["dead_letters"]
        assert [(found["reason"], found["records"]) for found in held] == [("customer_not_migrated", dead)]
    assert not [warning for warning in planned["warnings"] if "not in the customers export" in warning]


def test_a_compressed_export_is_planned_like_a_plain_one(served, export):
    """`plan` and `migrate` both read `.gz`."""
    directory = export(2500)
    _, plain = plan(directory)
    for kind in KINDS:
        path = directory / f"{kind}.ndjson"
        (directory / f"{kind}.ndjson.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    _, packed = plan(directory, state="dry2", suffix=".gz")
    named = [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson.gz")]
    summary = json.loads(served.migrate(directory, *named).stdout)
    assert requests(plain) == requests(packed) == requests(summary)


def test_the_quota_that_a_migration_used_is_shown(served, export, tmp_path):
    """With the account's key, what has just been sent counts. Without it, nothing is known. Neither leaves a trace."""
    directory, shared = export(1200), tmp_path / "shared"
    environment = {"MASIVO_SHARED_DIR": str(shared)}
    done = served.migrate(directory, limit="100/0.1s,1000/h", **environment)
    sent = sum(requests(json.loads(done.stdout)).values())
    flags = ["--base-url", served.url, "--limit", "100/0.1s,1000/h"]
    before = sorted(path.name for path in shared.iterdir())
    _, known = plan(directory, *flags, key=served.key, **environment)
    _, unknown = plan(directory, *flags, state="dry2", **environment)
    assert known["quota"]["known"]
    assert known["quota"]["windows"][1] == {"scope": "migration", "window": "1000/h", "used": sent}
    assert not unknown["quota"]["known"]
    assert sorted(path.name for path in shared.iterdir()) == before


def test_an_unreadable_export_is_reported(export):
    """Exit 5, and what could be read is still planned."""
    directory = export(1500)
    for kind in KINDS:
        packed = gzip.compress((directory / f"{kind}.ndjson").read_bytes())
        (directory / f"{kind}.ndjson.gz").write_bytes(packed[:-100] if kind == "customers" else packed)
    code, planned = plan(directory, suffix=".gz")
    assert (code, planned["summary"]["outcome"]) == (5, "stopped")
    assert planned["kinds"]["events"]["records"] == 1500


def test_people_get_tables(export):
    """All of it fits into 80 columns, with exit 3 if records would be dead letters."""
    directory = export(300, "--invalid", "0.1")
    named = [part for kind in KINDS for part in (f"--{kind}", f"{kind}.ndjson")]
    done = run("plan", *named, "--limit", "1/5s", "--limit", "250/h", cwd=directory, COLUMNS="80")
    text = done.stdout.decode()
    assert done.returncode == 3
    assert "configured: 1/5s, 250/h" in text
    assert "quota: no API key is given" in text
    assert "validated, nothing sent: 900 records are ready to send" in text
    assert max(map(len, text.splitlines())) <= 80
