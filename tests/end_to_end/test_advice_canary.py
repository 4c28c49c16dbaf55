"""Advice about a canary: if it is followed, the run goes on or starts over, and each record has arrived once."""

import gzip
import json
import subprocess

import pytest
from advice_tools import (
    arrived,
    expect_advice,
    go,
    make_exports,
    make_record,
    matches,
    migrate,
    named,
    next_command,
    paste,
    sending,
)
from end_to_end_tools import COMMAND, KINDS, clean_environment, expected_ledger, lines, run, serving
from fakes import write_export

pytestmark = pytest.mark.slow

WITHOUT = "or send the rest without the canary"
BACK = (
    "or take back all customers that the account has migrated in these minutes, the canary among them; then correct the"
    " exports, and the same command starts from the beginning"
)
PAST = {"customers": {"customers"}, "transactions": {"customers", "events", "transactions"}}
"""Kinds whose canary an earlier process has sent, by the kind at which it was killed."""
LOOK = "look the record up in the account; the same command looks again, and sends nothing twice"


def stopped(done, code=6):
    """Check that the canary stopped the run; return what it shows."""
    assert done.returncode == code, done.stderr
    canary = json.loads(done.stdout)["canary"]
    assert not canary["passed"]
    return canary


def yes(command):
    """Return a command that asks, with the answer."""
    return f"{command} --yes"


def test_a_large_plan_is_tried_first(tmp_path):
    """A plan of many requests suggests a canary. It passes, and everything arrives."""
    for kind in ("customers", "events"):
        write_export(tmp_path / f"{kind}.ndjson", [make_record(kind, number) for number in range(60)])
    flags = ["--customers", tmp_path / "customers.ndjson", "--events", tmp_path / "events.ndjson"]
    small = {"MASIVO_MAX_BODY_BYTES": "1024"}
    done = run("plan", *flags, "--state-dir", tmp_path / "state", **small)
    expect_advice(
        done,
        "masivo-stream migrate --canary first sends one record of each kind, and goes on only if the account shows"
        " them as they were sent; that costs at most {…} ({…} at the configured limits), about ten reads, and the time"
        " until the records show",
    )
    first = json.loads(run("plan", *flags, "--canary", "--json", "--state-dir", tmp_path / "state", **small).stdout)
    assert [(record["kind"], record["line"]) for record in first["canary"]] == [("customers", 1), ("events", 1)]
    assert not first["suggests_canary"]
    few = run("plan", *flags, "--state-dir", tmp_path / "state")
    assert b"--canary" not in few.stdout
    with serving(tmp_path, "--limits", "none") as served:
        done = migrate(served, tmp_path, "--canary", **small)
        assert done.returncode == 0, done.stderr
        canary = json.loads(done.stdout)["canary"]
        assert canary["passed"]
        assert [record["line"] for record in canary["records"]] == [1, 1]
        assert sum(served.requests(kind, status=201) for kind in ("customers", "events")) == first["requests"]
        arrived(served, tmp_path)


def test_a_plan_with_a_canary_needs_a_suitable_record(tmp_path):
    """All ids need escaping. Another record is added in front, and the canary passes; without one it is not needed."""
    text = (
        "no record near the beginning of the exports is fit to be sent first as a canary, so a migration with --canary"
        " ends before it sends anything (exit 2): correct the records there, or give --no-canary"
    )
    path = tmp_path / "customers.ndjson"
    odd = [make_record("customers", number, id=f"a/{number}") for number in "ab"]
    write_export(path, odd)
    plan = ("plan", "--customers", path, "--json", "--state-dir", tmp_path / "dry")
    expect_advice(run(*plan, "--canary"), text)
    assert not any(matches(text, warning) for warning in json.loads(run(*plan, "--no-canary").stdout)["warnings"])
    write_export(path, [make_record("customers", 1), *odd])
    planned = json.loads(run(*plan, "--canary").stdout)
    assert not any(matches(text, warning) for warning in planned["warnings"])
    with serving(tmp_path, "--limits", "none") as served:
        done = migrate(served, tmp_path, "--canary")
        assert done.returncode == 0, done.stderr
        assert served.requests("customers", status=201) == planned["requests"] == 2
        arrived(served, tmp_path)


def test_a_canary_that_differs_is_compared_again(tmp_path):
    """What did not show in time shows later: then the same command goes on."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", visible_after=3) as served:
        done = migrate(served, tmp_path, "--canary", "--visible-timeout", 1)
        expect_advice(done, LOOK)
        assert stopped(done)["records"][-1]["seen"] == "missing"
        assert served.requests("customers", status=201) == 1
        command = next_command(done, "start the same command again when the cause is gone: it continues from here")
        assert "--canary" in command
        again = paste(command.replace("--visible-timeout 1", "--visible-timeout 60"), key=served.key)
        assert again.returncode == 0, again.stderr
        assert served.requests("customers", status=201) == 2
        arrived(served, tmp_path)


def test_a_refused_canary_is_left_out(tmp_path):
    """The first request with transactions is refused: its dead letter says so, and the rest goes without it."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "status=422,on=transactions,at=1") as served:
        done = migrate(served, tmp_path, "--canary")
        expect_advice(
            done, "its dead letter says why: the canary's other records are in the account, and nothing else was sent"
        )
        assert [record["outcome"] for record in stopped(done)["records"]] == ["accepted", "accepted", "refused"]
        (letter,) = lines(tmp_path / "state/dead-letter.transactions.ndjson")
        assert (letter["line"], letter["reason"], letter["status"]) == (1, "refused", 422)
        command = next_command(done, WITHOUT)
        assert paste(command, key=served.key).returncode == 3
        arrived(served, tmp_path, without={"transactions": {1}})
        assert go("retry", served, tmp_path).returncode == 0
        arrived(served, tmp_path)


def test_a_refused_canary_is_corrected_and_the_rest_follows(tmp_path):
    """The first next steps, followed literally, show its cause; the corrected record and everything else arrive."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "status=422,on=transactions,at=1") as served:
        done = migrate(served, tmp_path, "--canary")
        look, first, *others = json.loads(done.stdout)["next_steps"]
        assert b"1 dead letter" in paste(look["command"]).stdout
        assert first["text"].startswith("correct `raw` in ")
        assert not any(each["text"].startswith("start the same command") for each in others)
        again = paste(first["command"], key=served.key)
        assert again.returncode == 0, again.stderr
        arrived(served, tmp_path)


def test_a_canary_is_reverted(tmp_path):
    """Its wallet is wrong. It is taken back, the export is corrected, and the same command starts over."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "spoil=1,on=customers,at=1") as served:
        done = migrate(served, tmp_path, "--canary")
        assert stopped(done)["records"][-1]["different"] == ["wallet"]
        command = next_command(done, BACK)
        assert served.ledger()["customers"] == {"c0": 1}
        back = paste(yes(command), key=served.key)
        assert back.returncode == 0, back.stderr
        assert b"took back 1 customers" in back.stderr
        write_export(
            tmp_path / "customers.ndjson", [make_record("customers", number, name="Eva") for number in range(3)]
        )
        done = migrate(served, tmp_path, "--canary")
        assert done.returncode == 0, done.stderr
        assert served.ledger()["customers"] == {"c0": 2, "c1": 1, "c2": 1}  # of c0, the first one was taken back


def test_a_canary_in_doubt_is_decided(tmp_path):
    """The answer about its events was lost. A person decides, and the same command goes on with the canary."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", "--fault", "hang=0.05,applied=yes,on=events,at=1") as served:
        done = migrate(served, tmp_path, "--canary")
        expect_advice(
            done,
            "masivo-stream resolve shows what is known, and takes your decision; then start the same command again",
        )
        assert stopped(done, 4)["records"][-1]["outcome"] == "in doubt"
        command = next_command(done, "see what is known about the batches in doubt, then decide")
        assert paste(f"{command} --accept all --yes --reason seen", key=served.key).returncode in (0, 6)
        again = migrate(served, tmp_path, "--canary")
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["canary"]["passed"]
        arrived(served, tmp_path)


def test_a_key_that_may_not_read_has_no_canary(tmp_path):
    """The customer was accepted and cannot be read back; without the canary, nothing is read back by this command."""
    make_exports(tmp_path, kinds=["customers"])
    with serving(tmp_path, "--limits", "none", "--fault", "status=403,on=read") as served:
        done = migrate(served, tmp_path, "--canary")
        assert done.returncode == 7, done.stderr
        expect_advice(done, "{…}; a canary has to be read back, and --no-canary sends everything without one")
        assert migrate(served, tmp_path, "--no-canary").returncode == 0
        arrived(served, tmp_path)


def test_an_export_without_a_suitable_record_is_sent_without_a_canary(served, tmp_path):
    """All ids need escaping in a URL: nothing is sent with a canary, and everything without."""
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number, id=f"a/{number}") for number in "ab"])
    done = migrate(served, tmp_path, "--canary")
    assert done.returncode == 2, done.stderr
    expect_advice(
        done,
        "masivo-stream validate shows what is wrong with the records; --no-canary sends everything without a canary",
    )
    assert run("validate", "--customers", tmp_path / "customers.ndjson").returncode == 0
    assert migrate(served, tmp_path, "--no-canary").returncode == 0
    assert served.ledger()["customers"].keys() == {"a/a", "a/b"}


def test_the_canary_continues_with_its_first_settings(tmp_path):
    """The record that was chosen has a field that is refused later: with the first settings it goes on."""
    make_exports(tmp_path, kinds=["customers"])
    write_export(tmp_path / "customers.ndjson", [make_record("customers", number, odd=1) for number in range(2)])
    with serving(tmp_path, "--limits", "none", visible_after=3) as served:
        assert migrate(served, tmp_path, "--canary", "--visible-timeout", 1).returncode == 6
        done = migrate(served, tmp_path, "--canary", "--unknown-fields", "reject")
        assert done.returncode == 2, done.stderr
        expect_advice(done, "use the settings that the run was started with, or send everything with --no-canary")
        assert migrate(served, tmp_path, "--canary").returncode == 0
        arrived(served, tmp_path)


def test_a_canary_costs_one_request_of_each_kind(tmp_path):
    """Counted by the sandbox: with a canary, and without. Switched on in a file, it is off with the flag."""
    make_exports(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text("[verify]\ncanary = true\n")
    counts = []
    for number, arguments in enumerate((("--config", config), ("--config", config, "--no-canary"))):
        with serving(tmp_path, "--limits", "none") as served:
            flags = [*sending(served, tmp_path, state=f"state-{number}"), "--json", *arguments]
            named = [part for kind in expected_ledger(tmp_path) for part in (f"--{kind}", tmp_path / f"{kind}.ndjson")]
            done = run("migrate", *named, *flags, key=served.key, MASIVO_FIRST_PROBE="0.05", MASIVO_EVENTS_SETTLE="0.3")
            assert done.returncode == 0, done.stderr
            arrived(served, tmp_path)
            counts.append([served.requests(kind, status=201) for kind in expected_ledger(tmp_path)])
    assert counts == [[2, 2, 2], [1, 1, 1]]
    assert not matches(WITHOUT, done.stdout.decode())


def test_the_canary_is_found_in_packed_and_divided_exports(tmp_path):
    """The first file of each kind is looked into. What is known of a run that its canary has stopped can be asked."""
    make_exports(tmp_path, 40)
    content = (tmp_path / "customers.ndjson").read_bytes().splitlines(keepends=True)
    (tmp_path / "customers-1.ndjson").write_bytes(b"".join(content[:20]))
    (tmp_path / "customers-2.ndjson.gz").write_bytes(gzip.compress(b"".join(content[20:])))
    for kind in ("events", "transactions"):
        (tmp_path / f"{kind}.ndjson.gz").write_bytes(gzip.compress((tmp_path / f"{kind}.ndjson").read_bytes()))
    with serving(tmp_path, "--limits", "none", visible_after=2) as served:
        named = ["--customers", tmp_path / "customers-1.ndjson", tmp_path / "customers-2.ndjson.gz"]
        named += ["--events", tmp_path / "events.ndjson.gz", "--transactions", tmp_path / "transactions.ndjson.gz"]
        flags = [*named, *sending(served, tmp_path), "--json"]
        quick = {"MASIVO_FIRST_PROBE": "0.05", "MASIVO_EVENTS_SETTLE": "0.3"}
        done = run("migrate", "--canary", "--visible-timeout", "1", *flags, key=served.key, **quick)
        assert [record["seen"] for record in stopped(done)["records"]] == ["missing"]
        served.ledger()
        seen = go("verify", served, tmp_path, "--all")
        assert seen.returncode == 0, seen.stderr
        assert json.loads(seen.stdout)["kinds"]["customers"]["confirmed"] == 1
        status = json.loads(run("status", "--state-dir", tmp_path / "state", "--json").stdout)
        assert (status["kinds"]["customers"]["accepted"], status["closes"]) == (1, True)
        report = json.loads((tmp_path / "state/report.json").read_text())
        assert next((note["what"], note["detail"]) for note in report["decisions"]) == (
            "canary chosen",
            "customers line 1, events line 1, transactions line 1",
        )
        done = run("migrate", "--canary", *flags, key=served.key, **quick)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["canary"]["passed"]
        arrived(served, tmp_path)


@pytest.mark.parametrize("kind", ["customers", "transactions"])
def test_a_killed_canary_is_not_sent_again(tmp_path, kind):
    """The process is killed while it waits for a record to show. The same command looks on, and sends the rest."""
    make_exports(tmp_path)
    with serving(tmp_path, "--limits", "none", visible_after=2) as served:
        argv = [COMMAND, "migrate", "--canary", *named(tmp_path), *sending(served, tmp_path), "--json"]
        environment = clean_environment(MASIVO_API_KEY=served.key, MASIVO_FIRST_PROBE="0.05")
        process = subprocess.Popen(
            [*map(str, argv)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for line in process.stderr:
            if f'"kind": "{kind}"'.encode() in line and b'"batch_sent"' in line:
                break
        process.kill()
        process.communicate(timeout=60)
        assert served.requests(kind, status=201) == 1
        done = migrate(served, tmp_path, "--canary")
        assert done.returncode == 0, done.stderr
        canary = json.loads(done.stdout)["canary"]
        assert canary["passed"]
        assert all((record["seconds"] is None) == (record["kind"] in PAST[kind]) for record in canary["records"])
        assert [served.requests(each, status=201) for each in KINDS] == [2, 2, 2]
        arrived(served, tmp_path)
