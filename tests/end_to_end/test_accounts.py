"""A state directory belongs to one account: other addresses, keys and tokens are recognised."""

import base64
import json
import shlex
import signal
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing

import pytest
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, run, serving

from masivo_stream.model.contract import SANDBOX_API_KEY

pytestmark = pytest.mark.slow

OTHER_KEY = "9d7e3d8f-0000-4000-8000-000000000000"
ALWAYS = ("--from", "2020-01-01T00:00:00Z", "--to", "2099-01-01T00:00:00Z", "--yes")
SENDING = {
    "migrate": (),
    "retry": (),
    "resolve": (),
    "verify": (),
    "revert": ALWAYS,
}


def send(command, url, directory, *arguments, key=SANDBOX_API_KEY, state="state", **environment):
    """Run one of the commands that send, for the exports of a directory."""
    named = [part for kind in KINDS if (path := directory / f"{kind}.ndjson").exists() for part in (f"--{kind}", path)]
    exports = named if command == "migrate" else []
    flags = ["--base-url", url, "--limit", "none", "--state-dir", directory / state, "--quiet"]
    environment = {"MASIVO_FIRST_PROBE": "0.1", **environment}
    return run(command, *exports, *SENDING[command], *flags, *arguments, key=key, **environment)


def requests(served):
    return served.get("/__sandbox/requests")


def get_token(served, key=SANDBOX_API_KEY):
    asked = urllib.request.Request(f"{served.url}/auth/authorize", headers={"x-api-key": key})  # noqa: S310 - loopback
    with urllib.request.urlopen(asked, timeout=300) as answer:  # noqa: S310 - the same
        return json.load(answer)["data"]


def renamed(token, **claims):
    """Return a token that claims something else; its signature is worth nothing."""
    head, payload, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | claims
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b'=').decode()}.{signature}"


@pytest.mark.parametrize("command", SENDING)
def test_another_address_or_key_is_refused_before_anything_is_sent(command, tmp_path, export):
    """Both accounts are named, and since when the first one has been used. Neither the key nor a request leaves."""
    directory = export(30, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as first, serving(tmp_path, "--limits", "none") as second:
        assert send("migrate", first.url, directory).returncode == 0
        before = first.ledger(), requests(first)
        for url, key in ((second.url, SANDBOX_API_KEY), (first.url, OTHER_KEY), (second.url, OTHER_KEY)):
            done = send(command, url, directory, key=key)
            assert done.returncode == 2, done.stderr
            for told in (f"http://127.0.0.1:{first.port} (account ", " since 20", f"not to {url[: url.index('/api')]}"):
                assert told.encode() in done.stderr
            assert b"--same-account" in done.stderr
            assert key.encode() not in done.stderr
        assert (first.ledger(), requests(first)) == before
        assert second.ledger()["customers"] == {}
        assert requests(second)["requests"] == [] if isinstance(requests(second), dict) else requests(second) == []
        assert send(command, first.url, directory).returncode == 0


@pytest.mark.parametrize(
    "spelling", ["{}/", "HTTP://127.0.0.1:{port}/api/storefront/v1", "http://127.0.0.1:0{port}/api/storefront/v1"]
)
def test_another_spelling_of_the_address_is_the_same(spelling, served, export):
    """Trailing slashes, capitals, and leading zeros of the port make no difference."""
    directory = export(10, kinds=["customers"])
    assert send("migrate", served.url, directory).returncode == 0
    url = spelling.format(served.url, port=served.port)
    assert send("migrate", url, directory).returncode == 0


def test_another_name_of_this_machine_is_the_same_address(served, export):
    """The run continues, another state directory is refused the export, and the address is shown as it was given."""
    directory = export(10, kinds=["customers"])
    assert send("migrate", served.url, directory).returncode == 0
    localhost = served.url.replace("127.0.0.1", "localhost")
    refused = send("migrate", localhost, directory, state="another")
    assert refused.returncode == 2
    assert b"already has this export" in refused.stdout + refused.stderr
    done = send("migrate", localhost, directory)
    assert done.returncode == 0, done.stderr
    assert f"to http://localhost:{served.port} (account ".encode() in done.stdout
    assert send("migrate", served.url, directory).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(directory)["customers"]


def test_a_killed_run_does_not_continue_at_another_address(tmp_path, export):
    """One half has arrived.

    The other half does not go to another server; at the first one the run continues to its end.
    """
    directory = export(3000, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as first, serving(tmp_path, "--limits", "none") as second:
        named = ["--customers", directory / "customers.ndjson", "--state-dir", directory / "state"]
        process = subprocess.Popen(
            [COMMAND, "migrate", *named, "--base-url", first.url, "--limit", "1/0.5s", "--quiet"],
            stdout=subprocess.DEVNULL,
            env=clean_environment(MASIVO_API_KEY=SANDBOX_API_KEY),
        )
        while not first.ledger()["customers"]:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = send("migrate", second.url, directory)
        assert done.returncode == 2
        assert second.ledger()["customers"] == {}
        assert send("migrate", first.url, directory).returncode == 0
        assert set(first.ledger()["customers"]) == set(expected_ledger(directory)["customers"])


def test_a_rotated_key_is_confirmed_once(tmp_path, export):
    """The confirmation is journalled with the person. From then on both keys are known, and nothing is sent twice."""
    directory, store = export(30), tmp_path / "store.db"
    with serving(tmp_path, "--limits", "none", "--store", store) as served:
        assert send("migrate", served.url, directory).returncode == 0
        ledger = served.ledger()
    with serving(tmp_path, "--limits", "none", "--store", store, "--api-key", OTHER_KEY) as served:
        assert send("migrate", served.url, directory, key=OTHER_KEY).returncode == 2
        assert send("migrate", served.url, directory, "--same-account", key=OTHER_KEY).returncode == 0
        assert send("verify", served.url, directory, key=OTHER_KEY).returncode == 0
        assert {kind: served.ledger()[kind] for kind in KINDS} == {kind: ledger[kind] for kind in KINDS}
    report = json.loads(run("report", "--json", "--state-dir", directory / "state").stdout)
    (said,) = [note for note in report["decisions"] if note["what"] == "same account"]
    assert f"127.0.0.1:{served.port}" in said["detail"]
    assert OTHER_KEY not in json.dumps(report)


def test_a_corrected_key_needs_no_confirmation(served, export):
    """Nothing was sent with the wrong key, so the advice to check the key can be followed."""
    directory = export(30)
    done = send("migrate", served.url, directory, key=OTHER_KEY)
    assert done.returncode == 7
    assert b"check MASIVO_API_KEY" in done.stdout
    assert send("migrate", served.url, directory).returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)


def test_an_outage_that_ends_at_another_address_needs_no_confirmation(served, export):
    """The first address led nowhere, so nothing was sent there."""
    directory = export(10, kinds=["customers"])
    done = send("migrate", "http://127.0.0.1:9", directory, MASIVO_OUTAGE_LIMIT="0.3", MASIVO_FIRST_DELAY="0.1")
    assert done.returncode == 6
    assert send("migrate", served.url, directory).returncode == 0


@pytest.mark.parametrize("order", ["key first", "token first"])
def test_a_key_and_a_token_of_one_account_can_alternate(order, served, export):
    """The account that its tokens name proves it. A token of another account is refused before anything is sent."""
    directory = export(30, kinds=["customers", "events"])
    token = get_token(served)
    keys = [{"key": SANDBOX_API_KEY}, {"key": "", "MASIVO_TOKEN": token}]
    for secret in keys if order == "key first" else keys[::-1]:
        assert send("migrate", served.url, directory, **secret).returncode == 0, secret
    other = renamed(token, account_id="another")
    before = served.ledger()
    done = send("migrate", served.url, directory, key="", MASIVO_TOKEN=other)
    assert done.returncode == 2
    assert other.encode() not in done.stderr
    assert {kind: served.ledger()[kind] for kind in KINDS} == {kind: before[kind] for kind in KINDS}


def test_a_new_account_at_the_same_key_and_address_is_recognised_by_its_tokens(tmp_path, export):
    """A sandbox that started from the beginning is refused when its first token comes, before the first batch."""
    directory = export(10, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as served:
        assert send("migrate", served.url, directory).returncode == 0
    line = (directory / "customers.ndjson").read_bytes().splitlines(keepends=True)[0]
    with (directory / "customers.ndjson").open("ab") as file:
        file.write(line.replace(b'"id":"', b'"id":"z').replace(b'"email":"', b'"email":"z'))
    with serving(tmp_path, "--limits", "none", "--port", str(served.port)) as fresh_run:
        done = send("migrate", fresh_run.url, directory)
        assert done.returncode == 2, done.stdout
        assert b"--same-account" in done.stdout
        assert fresh_run.ledger()["customers"] == {}
        done = send("migrate", fresh_run.url, directory, state="another")
        assert done.returncode in {0, 3}, done.stderr


def test_a_journal_without_an_account_needs_one_confirmation(served, export):
    """Version 0.1.0 noted no account, so what it has sent may belong to any. A run that sent nothing is adopted."""
    directory = export(30)
    assert send("migrate", served.url, directory).returncode == 0
    forget_account(directory / "state")
    done = send("migrate", served.url, directory)
    assert done.returncode == 2
    assert f"has sent to http://127.0.0.1:{served.port} since".encode() in done.stderr
    assert b"0.1.0" in done.stderr
    assert send("migrate", served.url, directory, "--same-account").returncode == 0
    assert send("migrate", served.url, directory).returncode == 0
    assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
    with closing(sqlite3.connect(directory / "state/journal.db")) as journal, journal:
        journal.execute("DELETE FROM batches")
    forget_account(directory / "state")
    assert send("verify", served.url, directory).returncode == 0


def forget_account(state):
    with closing(sqlite3.connect(state / "journal.db")) as journal, journal:
        journal.execute("DELETE FROM meta WHERE name = 'accounts'")


def test_a_directory_that_begins_again_is_free_for_any_account(tmp_path, export):
    """All of the run was taken back, so the next one may go to another account."""
    directory = export(10, kinds=["customers"])
    with serving(tmp_path, "--limits", "none") as first, serving(tmp_path, "--limits", "none") as second:
        assert send("migrate", first.url, directory).returncode == 0
        first.ledger()  # what is still queued cannot be taken back
        assert send("revert", first.url, directory).returncode == 0
        assert send("migrate", second.url, directory).returncode == 0
        assert second.ledger()["customers"] == expected_ledger(directory)["customers"]


def test_an_account_that_a_header_names_counts(served, export):
    """One key may open several accounts."""
    directory = export(10, kinds=["customers"])
    assert send("migrate", served.url, directory, MASIVO_HEADERS="x-account-id=1").returncode == 0
    assert send("migrate", served.url, directory, MASIVO_HEADERS="x-account-id=2").returncode == 2
    assert send("migrate", served.url, directory, MASIVO_HEADERS="X-Account-Id=1").returncode == 0


def test_reading_commands_need_no_key_and_name_the_account(served, export):
    """`status`, `report` and `plan` each show where the run went."""
    directory = export(10, kinds=["customers"])
    assert send("migrate", served.url, directory).returncode == 0
    state = ("--state-dir", directory / "state")
    status = json.loads(run("status", *state, "--json").stdout)
    assert status["target"] == f"http://127.0.0.1:{served.port}"
    assert len(status["account"]) == 8
    told = f"to {status['target']} (account {status['account']})"
    assert told in run("status", *state).stdout.decode()
    assert told in send("migrate", served.url, directory).stdout.decode()
    report = json.loads(run("report", *state, "--json").stdout)
    assert (report["target"], report["account"]) == (status["target"], status["account"])
    page = (directory / "state/report.html").read_text()
    assert told.removeprefix("to ") in page
    planned = run("plan", "--customers", directory / "customers.ndjson", "--state-dir", directory / "other")
    assert planned.returncode == 0


def test_the_hint_can_be_followed(tmp_path, export):
    """The same account is confirmed once; a different one gets its own state directory, and all of the export."""
    directory = export(30)
    with serving(tmp_path, "--limits", "none") as first, serving(tmp_path, "--limits", "none") as second:
        assert send("migrate", first.url, directory).returncode == 0
        hint = send("migrate", second.url, directory).stderr.decode().partition("hint: ")[2]
        assert "needs its own --state-dir" in hint
        assert send("migrate", second.url, directory, state="of its own").returncode == 0
        for served in (first, second):
            assert {kind: served.ledger()[kind] for kind in KINDS} == expected_ledger(directory)
        assert shlex.split(hint)
