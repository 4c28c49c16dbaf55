"""Answers that are not what they look like: the installed command against a sandbox that gives them."""

import json

import pytest
from end_to_end_tools import KINDS, expected_ledger, lines, run, serving

CLOUD = "server=cloudflare,ray=8f1-MAD"
WHO = "from a firewall or proxy (Server: cloudflare, CF-Ray: 8f1-MAD), not from the API"


def arrived(sandbox, kinds=KINDS):
    ledger = sandbox.ledger()
    return {kind: ledger[kind] for kind in kinds}


def test_an_answer_close_to_the_contract_is_accepted_with_a_warning(tmp_path, export):
    """They are counted in summary, status, report and page, once per kind.

    `verify`, which the warning names, finds everything.
    """
    directory = export(30)
    with serving(tmp_path, "--limits", "none", "--fault", "status=200,applied=yes,body=object") as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["outcome"]) == (0, "complete")
        assert arrived(sandbox) == expected_ledger(directory)
        base = ("--base-url", sandbox.url, "--limit", "none", "--state-dir", directory / "state")
        assert run("verify", *base, key=sandbox.key).returncode == 0
    assert [f"1 batch of {kind}" in warning for kind, warning in zip(KINDS, summary["warnings"], strict=True)] == [
        True
    ] * 3
    state = ("--state-dir", directory / "state")
    for command in ("status", "report"):
        assert json.loads(run(command, *state, "--json").stdout)["warnings"] == summary["warnings"]
    page = (directory / "state" / "report.html").read_text()
    assert page.count("status 200 instead of 201") == 3
    assert run("status", *state).stdout.decode().count("instead of 201") == 3


def test_an_undocumented_success_leaves_a_doubt_that_is_resolved(tmp_path, export):
    """A batch of transactions gets a 207: `resolve` names it and shows what arrived. Once accepted, nothing is left."""
    directory = export(30, kinds=("customers", "transactions"))
    fault = "status=207,body=results,applied=yes,on=transactions,at=1"
    with serving(tmp_path, "--limits", "none", "--fault", fault) as sandbox:
        assert sandbox.migrate(directory).returncode == 4
        assert sandbox.ledger()["transactions"] == expected_ledger(directory)["transactions"]
        base = ("--base-url", sandbox.url, "--limit", "none", "--state-dir", directory / "state", "--json")
        (doubt,) = json.loads(run("resolve", *base, key=sandbox.key).stdout)["in_doubt"]
        assert (doubt["why"][:26], doubt["evidence"]["verdict"]) == ("status 207 instead of 201,", "present")
        assert run("resolve", "--accept", "all", *base, key=sandbox.key).returncode == 0
        assert sandbox.ledger()["transactions"] == expected_ledger(directory)["transactions"]


def test_undocumented_successes_stop_customers_until_they_end(tmp_path, export):
    """Three in a row end with exit 7. Started again as the hint says, customers are sent again, and all are there."""
    directory = export(30, kinds=("customers",))
    with serving(tmp_path, "--limits", "none", "--fault", "multistatus=5,times=3") as sandbox:
        done = sandbox.migrate(directory, MASIVO_FIRST_DELAY="0.05")
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["kinds"]["customers"]["requests"]) == (7, 3)
        assert "if you start again, customers are sent again" in summary["hint"]
        assert sandbox.migrate(directory, MASIVO_FIRST_DELAY="0.05").returncode == 0
        assert set(sandbox.ledger()["customers"]) == set(expected_ledger(directory)["customers"])


def test_a_record_that_a_firewall_blocks_is_one_dead_letter(tmp_path, export):
    """All others arrive, and its dead letter names the firewall.

    When the firewall lets it pass, `retry` sends it unchanged.
    """
    directory = export(60)
    path = directory / "events.ndjson"
    records = path.read_bytes().splitlines(keepends=True)
    records[17] = records[17].replace(b'{"id":', b'{"note":"1; DROP TABLE x","id":', 1)
    path.write_bytes(b"".join(records))
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store, "--fault", f"firewall=DROP TABLE,{CLOUD}") as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
        assert (done.returncode, summary["outcome"]) == (3, "dead_letters"), summary["message"]
    (letter,) = lines(directory / "state" / "dead-letter.events.ndjson")
    assert (letter["line"], letter["reason"], letter["message"]) == (18, "refused", f"403 {WHO}")
    with serving(tmp_path, *store, "--port", sandbox.port) as healed:
        base = ("--base-url", healed.url, "--limit", "none", "--state-dir", directory / "state", "--json")
        retried = run("retry", *base, key=healed.key, MASIVO_FIRST_PROBE="0.1")
        assert retried.returncode == 0, retried.stdout
        assert arrived(healed) == expected_ledger(directory)


def test_a_firewall_that_blocks_every_request_stops_the_run(tmp_path, export):
    """There is no dead letter and no word about the key.

    When the firewall lets requests pass, the same command sends everything.
    """
    directory = export(40)
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store, "--fault", f"html=403,{CLOUD}") as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
    assert (done.returncode, summary["kinds"]["customers"]["dead"]) == (7, 0)
    assert f"403 {WHO}" in summary["message"]
    assert "make the firewall or proxy let requests to base_url pass" in summary["hint"]
    assert "key" not in summary["message"] + summary["hint"]
    assert b"sign in" not in done.stdout + done.stderr
    with serving(tmp_path, *store, "--port", sandbox.port) as healed:
        assert healed.migrate(directory).returncode == 0
        assert arrived(healed) == expected_ledger(directory)


@pytest.mark.parametrize("fault", ["html=403,on=auth", "html,type=,on=auth"])
def test_a_page_at_the_token_call_does_not_blame_the_key(tmp_path, export, fault):
    """When the page is gone, the same command sends everything."""
    directory = export(10, kinds=("customers",))
    store = ("--limits", "none", "--store", tmp_path / "store")
    with serving(tmp_path, *store, "--fault", f"{fault},{CLOUD}") as sandbox:
        done = sandbox.migrate(directory)
        summary = json.loads(done.stdout)
    assert done.returncode == 7
    assert "Server: cloudflare, CF-Ray: 8f1-MAD" in summary["message"]
    assert "key" not in (summary["message"] + summary["hint"]).lower()
    with serving(tmp_path, *store, "--port", sandbox.port) as healed:
        assert healed.migrate(directory).returncode == 0
        assert arrived(healed, ["customers"]) == {"customers": expected_ledger(directory)["customers"]}
