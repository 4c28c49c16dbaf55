"""Exports that are wrong as a whole, through the installed command into the sandbox."""

import json
import signal
import subprocess
import sys

import pytest
from end_to_end_tools import COMMAND, KINDS, PATIENCE, clean_environment, lines, run

from masivo_stream.model.findings import HELD_AS
from masivo_stream.model.sample_programme import POINTS

pytestmark = pytest.mark.slow

SORTS = ("balance", "orphans", "duplicate_ids", "duplicate_emails", "split", "duplicate_events", "email_case")
PLANT = ",".join(f"{sort}=0.02" for sort in SORTS)


def generate(directory, records=2500):
    """Write exports with planted findings; return the dead letters that belong to them: kind, line and reason."""
    wanted = set()
    for kind in KINDS:
        flags = ["--records", records, "--seed", "4", "--plant", PLANT]
        names = ["-o", directory / f"{kind}.ndjson", "--planted", directory / f"{kind}.planted"]
        assert run("generate", kind, *flags, *names).returncode == 0
        for found in lines(directory / f"{kind}.planted"):
            check = found["check"]
            if check in HELD_AS or check == "duplicate_event":
                wanted.add((kind, found["line"], HELD_AS.get(check, check)))
            if check == "split_transactions":
                wanted.add((kind, found["other"], check))
    return wanted


def held(directory):
    return {
        (kind, letter["line"], letter["reason"])
        for kind in KINDS
        for letter in lines(directory / f"dead-letter.{kind}.ndjson")
    }


def exports(directory):
    return [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson")]


def test_the_sandbox_accepts_what_the_plan_predicts(served, tmp_path):
    """As many requests of each kind, none of them refused; exactly what was planted is a dead letter."""
    wanted = generate(tmp_path)
    done = run("plan", *exports(tmp_path), "--state-dir", tmp_path / "dry", "--json")
    assert done.returncode == 3
    planned = json.loads(done.stdout)
    done = served.migrate(tmp_path)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["closes"]) == (3, True)
    assert {kind: served.requests(kind) for kind in KINDS} == {
        kind: each["requests"] for kind, each in planned["kinds"].items()
    }
    assert sum(served.requests(kind, status=201) for kind in KINDS) == planned["requests"]
    assert held(tmp_path / "state") == held(tmp_path / "dry") == wanted
    assert summary["checks"] == planned["summary"]["checks"]
    for name in ("report.json", "findings.db"):
        assert (tmp_path / "state" / name).stat().st_mode & 0o077 == 0
    report = json.loads((tmp_path / "state" / "report.json").read_bytes())
    assert report["checks"] == summary["checks"]
    status = run("status", "--state-dir", tmp_path / "state", "--json")
    assert json.loads(status.stdout)["checks"] == summary["checks"]


def test_a_run_that_is_killed_in_its_checks_begins_them_again(served, tmp_path):
    """Nothing is sent before they end; then everything is as if it had not been killed."""
    wanted = generate(tmp_path, 20_000)
    command = [COMMAND, "migrate", *exports(tmp_path), "--base-url", served.url, "--limit", "none"]
    process = subprocess.Popen(
        [*map(str, command), "--state-dir", tmp_path / "state", "--log-format", "json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.05"),
    )  # fmt: skip
    for line in process.stderr:
        if b'"checks_started"' in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert served.requests() == 0
    assert not (tmp_path / "state" / "findings.db").exists()
    summary = json.loads(served.migrate(tmp_path).stdout)
    assert (summary["exit_code"], summary["closes"]) == (3, True)
    assert held(tmp_path / "state") == wanted
    assert served.requests(status=422) == 0
    assert [path.name for path in (tmp_path / "state").iterdir() if path.name.startswith(".")] == []


_CUSTOMER = (
    '{{"id": "c-{0}", "name": "Ana", "email": "c-{0}@example.test", "registration_date": "2020-01-01T00:00:00Z",'
    ' "balance": [{{"reward_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a", "amount": 5}}]}}\n'
)
_TRANSACTIONS = (
    '{{"id": "c-{0}", "transactions": [{{"type": "ACCUMULATION", "amount": 5, "issued_at": "2024-05-07T05:31:56Z",'
    ' "reward_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a"}}]}}\n'
)
_MEASURE = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
    " print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
"""Measured beside a process that is small itself: what the one that starts it has in memory counts until it starts."""


def peak_memory(directory, customers):
    """Validate an export of that many customers in one process; return the most memory that it had."""
    directory.mkdir()
    for kind, line in (("customers", _CUSTOMER), ("transactions", _TRANSACTIONS)):
        with (directory / f"{kind}.ndjson").open("w") as file:
            file.writelines(map(line.format, range(customers)))
    named = [part for kind in ("customers", "transactions") for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    command = [COMMAND, "validate", *named, "--state-dir", directory / "state", "--workers", "1", "--quiet"]
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *map(str, command)],
        capture_output=True,
        check=True,
        timeout=PATIENCE,
        env=clean_environment(MASIVO_REMEMBER_IDS="1000"),  # what the decoder remembers is bounded by this
    )
    code, peak = map(int, measured.stdout.split())
    assert code == 0, measured.stderr
    return peak


def test_memory_does_not_grow_with_the_number_of_customers(tmp_path):
    """Four times as many take no more. If an id of each was kept, they would take a third more.

    Up to some 80,000 the buffers of fixed size are not full yet.
    """
    few, many = (peak_memory(tmp_path / str(count), count) for count in (80_000, 320_000))
    assert many < 1.15 * few


def test_reports_of_a_run_have_the_names_of_rewards(served, tmp_path):
    """From the catalogue that it was given last: summary, status, both reports, and those of later processes."""
    generate(tmp_path, 300)
    account = json.loads(run("check", "--base-url", served.url, "--json", key=served.key).stdout)
    assert {"id": POINTS, "name": "Puntos"}.items() <= account["rewards"][0].items()
    (tmp_path / "catalogue.json").write_text(json.dumps(account))

    def names(checks):
        (found,) = [each for each in checks["results"] if each["check"] == "balance_mismatch"]
        return {each["sums"]["name"] for each in found["first"]} | {each["name"] for each in checks["rewards"]}

    flags = exports(tmp_path)
    (tmp_path / "no.json").write_text("{}")
    assert served.migrate(tmp_path, *flags, "--catalogue", tmp_path / "no.json").returncode == 2
    assert served.requests() == 0
    done = served.migrate(tmp_path, *flags)
    assert names(json.loads(done.stdout)["checks"]) == {""}
    done = served.migrate(tmp_path, *flags, "--catalogue", tmp_path / "catalogue.json")
    assert names(json.loads(done.stdout)["checks"]) >= {"Puntos"}
    assert all("--catalogue" not in step["command"] for step in json.loads(done.stdout)["next_steps"])
    (tmp_path / "catalogue.json").unlink()
    done = served.migrate(tmp_path, *flags)
    status = run("status", "--state-dir", tmp_path / "state", "--json")
    for document in (done.stdout, status.stdout, (tmp_path / "state" / "report.json").read_bytes()):
        assert names(json.loads(document)["checks"]) >= {"Puntos"}
    assert "Puntos" in (tmp_path / "state" / "report.html").read_text()
    remembered = json.loads((tmp_path / "state" / "rewards.json").read_bytes())
    assert [sorted(each) for each in remembered["rewards"]] == [["id", "name"]] * len(account["rewards"])
