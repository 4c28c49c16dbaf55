"""A whole fleet that is stopped, killed and started again: the installed command against the installed sandbox."""

import json
import os
import re
import signal
import socket
import urllib.request
from contextlib import contextmanager
from tempfile import TemporaryFile

import forks
import pytest
from end_to_end_tools import COMMAND, clean_environment, run, serving, wait_until
from fakes import record, write_export

from masivo_stream.model.contract import CONTRACTS, Kind, sandbox_key

pytestmark = pytest.mark.slow

NAMES = ("a1", "a2", "a3")
RECORDS = 140
"""Some nine of them fit into a request."""
KEYS = {f"MASIVO_API_KEY_{name.upper()}": sandbox_key(number) for number, name in enumerate(NAMES, 1)}


@pytest.fixture
def accounts(tmp_path):
    """A sandbox with three accounts that take a request every 0.2 seconds each."""
    with serving(tmp_path, "--limits", "1/0.2s,1000/h", "--accounts", 3) as served:
        text = f'[settings.api]\nbase_url = "{served.url}"\n[settings.limits]\nlimit = ["1/0.2s", "1000/h"]\n'
        text += "[settings.verify]\nsample = 0\n[settings.upload]\nmax_body_bytes = 1024\n"
        for name in NAMES:
            text += f'[[accounts]]\nname = "{name}"\ncustomers = ["{name}.ndjson"]\n'
            customers = [record(Kind.CUSTOMERS, f"{name}-{number}") for number in range(RECORDS)]
            write_export(tmp_path / f"{name}.ndjson", customers)
        (tmp_path / "fleet.toml").write_text(text)
        yield served


@contextmanager
def migrating(directory, *arguments, **environment):
    """Start `fleet migrate`; yield the process and where its standard output goes."""
    with open(os.devnull, "r+b") as nothing, TemporaryFile() as told:  # noqa: PTH123 - no path is needed
        process = forks.start(
            [COMMAND, "fleet", "migrate", "fleet.toml", "--json", "--quiet", *arguments],
            cwd=directory,
            environment=clean_environment(**KEYS, **environment),
            streams=(nothing.fileno(), told.fileno(), nothing.fileno()),
        )
        try:
            yield process, told
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def read(url):
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own loopback address
        return answer.read().decode()


def requests(accounts, number):
    """Return the outcomes of the batches of an account."""
    noted = accounts.get(f"/__sandbox/requests?account={number}")["requests"]
    return [each["outcome"] for each in noted if each["path"] == CONTRACTS[Kind.CUSTOMERS].path]


def sent(accounts, more_than):
    return lambda: all(len(requests(accounts, number)) > more_than for number in (1, 2, 3))


def status(directory):
    done = run("fleet", "status", "fleet.toml", "--json", cwd=directory, **KEYS)
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"]
    return document


def outcomes(directory):
    accounts = status(directory)["accounts"]
    return [each["summary"]["outcome"] if "summary" in each else each["failure"]["message"] for each in accounts]


def test_a_fleet_goes_on_after_a_kill_and_a_signal(accounts, tmp_path):
    """Status knows each account at work, killed, stopped and complete; at the end every record took effect once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        page = f"http://127.0.0.1:{free.getsockname()[1]}"
    with migrating(tmp_path, "--monitor", page.removeprefix("http://")) as (process, _):
        wait_until(sent(accounts, 1), process)
        assert {f'account="{name}"' for name in NAMES} <= set(re.findall('account="[^"]*"', read(f"{page}/metrics")))
        assert [each["name"] for each in json.loads(read(f"{page}/status.json"))["accounts"]] == list(NAMES)
        assert json.loads(read(f"{page}/accounts/a2/status.json"))["phases"][0]["kind"] == "customers"
        at_work = status(tmp_path)
        assert at_work["exit_code"] == 0
        assert all(each["summary"]["message"].startswith("at work: ") for each in at_work["accounts"])
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = status(tmp_path)
    assert killed["exit_code"] == 6
    assert {each["summary"]["message"] for each in killed["accounts"]} == {"the last process was killed"}
    with migrating(tmp_path) as (process, told):
        wait_until(sent(accounts, 4), process)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
        told.seek(0)
        stopped = json.load(told)
    assert [each["exit_code"] for each in stopped["accounts"]] == [143] * 3
    assert {each["summary"]["message"] for each in stopped["accounts"]} == {"stopped by SIGTERM"}
    with migrating(tmp_path) as (process, told):
        assert process.wait() == 0
        told.seek(0)
        done = json.load(told)
    assert [each["summary"]["kinds"]["customers"]["accepted"] for each in done["accounts"]] == [RECORDS] * 3
    assert status(tmp_path)["exit_code"] == 0
    for number, name in enumerate(NAMES, 1):
        wait_until(lambda number=number: accounts.get(f"/__sandbox/ledger?account={number}")["queue"] == 0)
        found = accounts.get(f"/__sandbox/ledger?account={number}")
        # Customers in flight when the process was killed are sent again: a customer that was sent twice exists once.
        assert set(found["customers"]) == {f"c{name}-{each}" for each in range(RECORDS)}


def test_storage_that_does_not_answer_leaves_the_other_accounts_alone(accounts, tmp_path):
    """They arrive while one account waits for its export; a signal ends the wait at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        storage = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        text = (tmp_path / "fleet.toml").read_text().replace('"a2.ndjson"', '"s3://bucket/a2.ndjson"')
        (tmp_path / "fleet.toml").write_text(text)
        with migrating(tmp_path, **storage) as (process, told):
            wait_until(lambda: outcomes(tmp_path) == ["complete", "not begun", "complete"], process, pause=0.3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 143
            told.seek(0)
            stopped = json.load(told)
    assert [each["exit_code"] for each in stopped["accounts"]] == [0, 143, 0]
    assert stopped["accounts"][1]["failure"]["message"] == "stopped by SIGTERM"
