"""Several processes, from end to end: same results, and nothing is lost if one of them is killed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from end_to_end_tools import COMMAND, clean_environment, lines, run, serving, wait_until

pytestmark = pytest.mark.slow

RECORDS = 26_000
"""Number of customers: enough to make workers worth starting."""


def children(pid):
    """Return the processes a process has started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except FileNotFoundError:
        return set()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def start(served, export, state, *arguments):
    return subprocess.Popen(
        [COMMAND, "migrate", "--customers", export, "--base-url", served.url, "--state-dir", state, "--json",
         "--workers", "3", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(MASIVO_API_KEY=served.key),
    )  # fmt: skip


def wait_for_workers(served, process):
    """Wait until batches arrive, and return the workers."""
    wait_until(lambda: served.requests("customers", status=201) >= 2, process)
    assert process.poll() is None, process.stderr.read().decode()
    return children(process.pid)


@pytest.mark.parametrize("victim", ["worker", "parent", "all"])
def test_a_killed_process_loses_nothing(tmp_path, export, victim):
    """A killed worker ends the run with 6, a killed parent leaves no worker. The same command delivers everything."""
    directory = export(RECORDS, "--invalid", "0.001", kinds=["customers"])
    customers, state = directory / "customers.ndjson", tmp_path / "state"
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, customers, state, "--limit", "1/0.2s")
        workers = wait_for_workers(served, process)
        assert len(workers) == 2
        for pid in {"worker": [min(workers)], "parent": [process.pid], "all": [*workers, process.pid]}[victim]:
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=300)
        if victim == "worker":
            summary = json.loads(out)
            assert (process.returncode, summary["closes"]) == (6, True), err
        else:
            assert process.returncode == -signal.SIGKILL
        wait_until(lambda: not any(alive(pid) for pid in workers))
        again = start(served, customers, state, "--limit", "none")
        out, err = again.communicate(timeout=300)
        summary, ledger = json.loads(out), served.ledger()
    assert (again.returncode, summary["closes"]) == (3, True), err
    assert len(ledger["customers"]) == summary["kinds"]["customers"]["accepted"] == RECORDS
    faulty = {fault["line"] for fault in lines(directory / "customers.ndjson.faults.ndjson")}
    assert sorted(letter["line"] for letter in lines(state / "dead-letter.customers.ndjson")) == sorted(faulty)


def test_the_parent_alone_handles_ctrl_c(tmp_path, export):
    """A SIGINT to the whole group stops the run in an orderly way, with the parent's exit code.

    No worker ever had the key.
    """
    directory = export(RECORDS, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as served:
        process = start(served, directory / "customers.ndjson", tmp_path / "state", "--limit", "1/0.2s")
        workers = wait_for_workers(served, process)
        known = b"".join(Path(f"/proc/{pid}/environ").read_bytes() for pid in workers)
        assert (b"PATH=" in known, served.key.encode() in known) == (True, False)
        for pid in [*workers, process.pid]:
            os.kill(pid, signal.SIGINT)
        out, err = process.communicate(timeout=300)
    summary = json.loads(out)
    assert (process.returncode, summary["outcome"], summary["closes"]) == (130, "interrupted", True), err
    assert not any(alive(pid) for pid in workers)


def test_any_number_of_workers_gives_the_same_plan_and_dead_letters(tmp_path, export):
    """With one process or three: same figures, same requests, same dead letters in the same order."""
    directory = export(13_000, "--invalid", "0.01", "--skipped", "0.02", kinds=["events"])
    found = {}
    for workers in (1, 3):
        state = tmp_path / f"state-{workers}"
        done = run(
            "plan", "--events", directory / "events.ndjson", "--workers", workers, "--state-dir", state, "--json"
        )
        assert done.returncode == 3, done.stderr
        plan = json.loads(done.stdout)
        del plan["summary"]["kinds"]["events"]["seconds"]
        for dated in (plan, plan["kinds"]["events"]):
            del dated["finished_at"]
        del plan["starts_at"]
        letters = [{**letter, "at": ""} for letter in lines(state / "dead-letter.events.ndjson")]
        found[workers] = plan, letters
    assert found[1] == found[3]
    assert len(found[1][1]) > 50
