"""Every command as a function: its exit code, what goes to standard output, and what to standard error."""

import gzip
import json

import pytest
from fakes import record, write_export

from masivo_stream.cli.main import operation_of
from masivo_stream.cli.overview import COMMANDS
from masivo_stream.edges.files.state_dir import own_state_dir
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode, Interrupted, OutageError


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(command, name):
    """It goes to standard output, and names the command."""
    ended = command(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"masivo-stream {name}" in ended.out


def test_validate_counts_and_writes_dead_letters(command, customers, tmp_path):
    """0 if every line can be sent; 3, and a dead letter, if one cannot."""
    assert command("validate", "--customers", customers).code == 0
    with (tmp_path / "customers.ndjson").open("a") as export:
        export.write("{}\n")
    ended = command("validate", "--customers", customers, "--json", "--state-dir", "other")
    assert ended.code == 3
    assert json.loads(ended.out)["kinds"]["customers"]["dead"] == 1
    assert len((tmp_path / "other/dead-letter.customers.ndjson").read_bytes().splitlines()) == 1


def test_plan_needs_no_key(command, customers):
    """One JSON document, with the number of requests."""
    ended = command("plan", "--customers", customers, "--json")
    assert (ended.code, json.loads(ended.out)["requests"]) == (0, 1)


def test_check_asks_the_account(online, customers, tmp_path):
    """0 with what it has; saved, that is a catalogue for a person without a key; 3 for an export that names more."""
    ended = online("check", "--json")
    found = json.loads(ended.out)
    assert (ended.code, len(found["rewards"]), len(found["tiers"]), found["findings"]) == (0, 2, 4, [])
    (tmp_path / "catalogue.json").write_text(ended.out)
    ended = online("check", "--customers", customers)
    assert ended.code == 0
    assert "rewards: 2 (Puntos, Cashback)" in ended.out


def test_check_needs_no_key(command, tmp_path):
    """With exports alone, what they name is listed; with a catalogue, what that lacks is found."""
    booked = {"reward_id": "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90", "type": "ACCUMULATION", "amount": 1}
    record = {"id": "c", "transactions": [{**booked, "issued_at": "2024-01-01T00:00:00Z", "brand_id": "andes"}]}
    export = write_export(tmp_path / "transactions.ndjson", [record])
    ended = command("check", "--transactions", export)
    assert ended.code == 0
    assert "no API key is given" in ended.out
    assert "  andes: 1, first at " in ended.out
    (tmp_path / "catalogue.json").write_text('{"rewards": [], "brands": [{"id": "andes"}]}')
    ended = command("check", "--transactions", export, "--catalogue", "catalogue.json", "--json")
    assert (ended.code, [each["id"] for each in json.loads(ended.out)["findings"]]) == (3, [booked["reward_id"]])


@pytest.mark.slow
def test_a_run_is_followed_from_its_start_to_its_report(online, customers, tmp_path):
    """Migrate, read back, look at it, and make its page: each in its own words, on standard output."""
    ended = online("migrate", "--customers", customers, "--json")
    summary = json.loads(ended.out)
    assert (ended.code, summary["outcome"], summary["kinds"]["customers"]["accepted"]) == (0, "complete", 3)
    assert json.loads(online("verify", "--all", "--json").out)["kinds"]["customers"]["confirmed"] == 3
    status = json.loads(online("status", "--json").out)
    assert (status["outcome"], status["owner"]) == ("complete", "")
    page = online("report", "-o", "page.html")
    assert (page.code, page.out) == (0, "page.html\n")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads(online("report", "--json").out)["kinds"]["customers"]["accepted"] == 3
    assert json.loads(online("resolve", "--json").out)["in_doubt"] == []


def test_a_dead_letter_is_corrected_and_sent(online, customers, tmp_path):
    """3 after the migration, 0 after the retry."""
    export = tmp_path / "customers.ndjson"
    export.write_bytes(export.read_bytes().replace(b'"email"', b'"e-mail"', 1))
    assert online("migrate", "--customers", customers).code == 3
    letters = tmp_path / "masivo-state/dead-letter.customers.ndjson"
    letter = json.loads(letters.read_bytes())
    letters.write_text(json.dumps({**letter, "raw": letter["raw"].replace("e-mail", "email")}) + "\n")
    ended = online("retry", "--json")
    assert (ended.code, json.loads(ended.out)["kinds"]["customers"]["accepted"]) == (0, 3)
    (measured,) = [line for line in map(json.loads, ended.err.splitlines()) if line["event"] == "exports_measured"]
    assert [measured[name] for name in ("records", "requests", "records_unread", "requests_left")] == [
        {"customers": 1},
        {"customers": 1},
        1,
        1,
    ]


def test_what_sends_nothing_need_not_wait_for_a_run_at_work(online, customers, tmp_path):
    """A plan leaves the run's files alone; a validation writes dead letters, so it needs a directory of its own."""
    with (tmp_path / "customers.ndjson").open("a") as export:
        export.write("{}\n")
    assert online("migrate", "--customers", customers).code == 3
    state, other = tmp_path / "masivo-state", ("--state-dir", "other")
    left = {path.name: path.read_bytes() for path in state.glob("dead-letter.*")}
    exports = ("--customers", customers)
    with own_state_dir(str(state)):
        planned = online("plan", *exports)
        assert (planned.code, {path.name: path.read_bytes() for path in state.glob("dead-letter.*")}) == (3, left)
        assert not (state / "plan.json").exists()
        assert "its dead letters are not written" in " ".join(planned.out.split())
        validated = online("validate", *exports)
        assert (validated.code, "is in use by process" in validated.err) == (2, True)
        hint = "name another directory with --state-dir for the dead letters of this command; it sends nothing"
        assert hint in " ".join(validated.err.split())
        assert online("validate", *exports, *other).code == 3
        assert (tmp_path / "other/dead-letter.customers.ndjson").exists()
        for asks in (("check", *exports), ("status",), ("report",), ("dead-letters",), ("mend",)):
            assert "in use" not in online(*asks).err
        for waits in ("retry", "resolve", "verify"):
            assert "wait for that run to end" in " ".join(online(waits).err.split())


def test_a_revert_is_made_only_if_a_person_agrees(online, customers):
    """Standard input is no terminal here: without --yes nothing is taken back."""
    assert online("migrate", "--customers", customers).code == 0
    period = ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
    ended = online("revert", *period)
    assert (ended.code, ended.out) == (2, "")
    assert "not confirmed" in ended.err
    ended = online("revert", *period, "--yes", "--json")
    assert (ended.code, json.loads(ended.out)["reverted"]["from"]) == (0, period[1])
    assert "of the run in masivo-state, this period covers 3 records of customers" in ended.err


def test_a_revert_names_the_other_runs_of_the_period(online, request, tmp_path, monkeypatch):
    """Before the question, and with --yes: it takes back their customers, too. One of them has lost its journal."""
    monkeypatch.setenv("MASIVO_SHARED_DIR", str(tmp_path / "shared"))
    for number, state in enumerate(("mine", "other", "lost")):
        each = record(Kind.CUSTOMERS, number)
        each["id"], each["email"] = f"{request.node.name}-{number}", f"{request.node.name}{number}@example.com"
        export = write_export(tmp_path / f"{state}.ndjson", [each])
        assert online("migrate", "--customers", export, "--state-dir", state).code == 0
    for path in (tmp_path / "lost").glob("journal.db*"):
        path.unlink()
    period = ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z")
    ended = online("revert", *period, "--state-dir", "mine")
    assert ended.code == 2
    assert "warning: other runs of this machine sent to this account in this period" in ended.err
    assert f"  {tmp_path / 'other'}: up to 1 customers" in ended.err
    assert f"  {tmp_path / 'lost'}: its journal cannot be read" in ended.err
    assert f"  {tmp_path / 'mine'}:" not in ended.err
    past = ("--from", "2020-01-01T00:00:00Z", "--to", "2020-02-01T00:00:00Z")
    assert str(tmp_path / "other") not in online("revert", *past, "--state-dir", "mine").err
    ended = online("revert", *period, "--state-dir", "mine", "--yes")
    assert (ended.code, "other: up to 1 customers" in ended.err) == (0, True)


@pytest.mark.parametrize("name", ["retry", "resolve", "verify", "status", "report"])
def test_commands_are_refused_without_a_run(online, name):
    """2, nothing on standard output, and a hint on standard error."""
    ended = online(name)
    assert (ended.code, ended.out) == (2, "")
    assert "hint: name the " in ended.err


@pytest.mark.parametrize("name", ["migrate", "retry", "resolve", "verify", "revert"])
def test_nothing_is_sent_without_a_key(command, customers, name):
    """2, before any request."""
    more = {
        "migrate": ("--customers", customers),
        "revert": ("--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"),
    }
    ended = command(name, *more.get(name, ()), "--base-url", "http://127.0.0.1:1/")
    assert (ended.code, ended.out) == (2, "")
    assert "MASIVO_API_KEY" in ended.err


def test_generate_writes_the_same_bytes_for_the_same_seed(command, tmp_path):
    """To a file, and says on standard error how much."""
    for name in ("one", "two"):
        ended = command("generate", "customers", "--records", 5, "--seed", 7, "-o", name)
        assert (ended.code, ended.out) == (0, "")
        assert ended.err.startswith("5 records, 5 items, 0 faulty lines")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.slow
def test_the_demo_needs_nothing(command, tmp_path):
    """It ends with 0, and what it accepted is what its sandbox applied."""
    ended = command("demo", "--records", 5, "--directory", tmp_path / "demo", "--json")
    assert (ended.code, json.loads(ended.out)["outcome"]) == (0, "complete")
    assert "ledger: 5 customers applied, as accepted" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sandbox", "--port", "70000"), "a number is out of range"),
        (("sandbox", "--limits", "many"), "start the sandbox"),
        (("demo", "--records", "0"), "leave nothing to show"),
        (("generate", "customers", "--records", "-1"), "--records must not be negative"),
        (("bench", "--rounds", "0"), "leave nothing to measure"),
        (("bench", "--customers", "-"), "standard input can be read only once"),
        (("bench", "--target", "https://app.masivo.ai/api"), "must not be measured"),
        (("report", "--json", "-o", "page.html"), "there is no run in this state directory"),
        (("migrate", "--customers", "missing.ndjson"), "missing.ndjson"),
        (("migrate",), "nothing to read"),
        (("validate", "--quiet", "--verbose"), "contradict"),
        (("check",), "nothing to check"),
        (("check", "--catalogue", "missing.json"), "is no catalogue"),
        (("verify", "--sample", "0"), "this sample is not possible"),
        (("verify", "--sample", "3", "--all"), "this sample is not possible"),
        (("migrate", "--api-key", "secret"), "secrets are not accepted on the command line"),
        (("migrat",), "did you mean migrate?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_command_is_refused(command, arguments, words):
    """Its code is that of the table, standard output stays empty, and standard error says what is wrong."""
    ended = command(*arguments)
    assert ended.code in {2, 5}
    assert ended.out == ""
    assert words in ended.err
    assert "secret" not in ended.err.replace("secrets are", "")


@pytest.mark.parametrize("name", ["resolve", "verify", "retry", "migrate"])
def test_a_signal_has_stopped_the_command_that_was_given(name):
    """Not always a migration; other errors know what they ended."""
    assert operation_of(Interrupted("SIGTERM", ExitCode.TERMINATED), [name, "--quiet"]) == name
    assert operation_of(OutageError("gone", operation="read back", hint=""), [name]) == "read back"


def test_a_completion_goes_to_standard_output(command):
    """So that a shell can read it."""
    ended = command("completion", "bash")
    assert (ended.code, ended.err) == (0, "")
    assert "masivo" in ended.out


def test_the_program_itself_answers(command):
    """Its version, and the list of its commands."""
    assert command("--version").out.count(".") == 2
    assert all(f"\n  {name} " in command().out for name in COMMANDS)


@pytest.mark.parametrize("name", ["validate", "plan"])
def test_exports_are_checked_as_a_whole(command, tmp_path, name):
    """3 and the places for what the API would refuse; 0 if that check is left out; the totals in any case."""
    plants = "balance=0.02,orphans=0.02,no_balance=0.02"
    named = []
    for kind in ("customers", "transactions"):
        assert command("generate", kind, "--records", 200, "--plant", plants, "-o", f"{kind}.ndjson").code == 0
        named += [f"--{kind}", f"{kind}.ndjson"]
    listed = [json.loads(line) for line in (tmp_path / "transactions.ndjson.planted.ndjson").read_bytes().splitlines()]
    ended = command(name, *named, "--json")
    document = json.loads(ended.out)
    checks = document.get("summary", document)["checks"]
    found = [(each["check"], line["line"]) for each in checks["results"] for line in each["first"]]
    assert sorted(found) == sorted((each["check"], each["line"]) for each in listed)
    assert ended.code == 3
    left_out = ("--skip-checks", "balance_mismatch", "--skip-checks", "unknown_customer", "--skip-checks", "no_balance")
    shown = command(name, *named, *left_out)
    assert shown.code == 0
    words = " ".join(shown.out.split())
    assert "control totals customers transactions" in words
    assert "earned spent left balances" in words
    assert "checks" not in command(name, *named, "--json", "--skip-checks", "all").out


def test_a_moved_run_continues_by_its_next_command(online, customers, tmp_path, monkeypatch):
    """From another directory, too: `status` and the report name what works there, followed literally."""
    whole = gzip.compress(b"")
    broken = tmp_path / "events.ndjson.gz"
    broken.write_bytes(whole[:-1])
    run = ("migrate", "--customers", "customers.ndjson", "--events", broken.name, "--state-dir", "st", "--no-verify")
    assert online(*run).code == 5
    (tmp_path / "st").rename(tmp_path / "moved")
    broken.write_bytes(whole)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = json.loads(online("status", "--state-dir", "../moved", "--json").out)
    step = told["next_steps"][0]["command"]
    assert step == (
        f"masivo-stream migrate --customers {tmp_path}/customers.ndjson --events {tmp_path}/events.ndjson.gz"
        " --no-verify --state-dir ../moved"
    )
    assert told["report"] == "../moved/report.html"
    report = json.loads(online("report", "--state-dir", "../moved", "--json").out)
    assert report["next_steps"][0]["command"] == step
    ended = online(*step.split()[1:], "--json")
    assert (ended.code, json.loads(ended.out)["kinds"]["customers"]["accepted"]) == (0, 3)
    assert not (tmp_path / "st").exists()


def test_a_complete_run_that_is_started_again_says_that_it_sends_nothing(online, customers):
    """So does a retry that has nothing to retry; the figures are those of all processes."""
    nothing = "complete: every record is accepted or skipped; nothing was sent this time: nothing was left to send"
    flags = ("--customers", customers, "--no-verify")
    first = online("migrate", *flags)
    assert (first.code, "this time" in first.out) == (0, False)
    for again in (("migrate", *flags), ("retry", "--no-verify")):
        assert nothing in " ".join(online(*again).out.split())
