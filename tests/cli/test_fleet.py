"""`fleet`: many accounts by one command, in this process, each against an account of its own in a sandbox."""

import json
import os
import pty
import re
import signal
import threading
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from fakes import event, record, write_export

from masivo_stream.flow.commands.fleet_pause import resume_fleet
from masivo_stream.flow.commands.fleet_status import fleet_status
from masivo_stream.flow.fleet_file import load_fleet
from masivo_stream.model.contract import Kind, sandbox_key
from masivo_stream.sandbox import SandboxOptions, parse_limits, running

NAMES = ("north", "south", "west")
SETTINGS = """\
[settings.api]
base_url = "{url}"
[settings.limits]
limit = []
[settings.verify]
sample = 0
"""


@contextmanager
def serving(limits="none"):
    options = SandboxOptions(limits=parse_limits(limits), visible_after=0.0, accounts=len(NAMES))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running(options)) as served:
        yield Accounts(served, portal)


class Accounts:
    """The accounts that are served from another thread."""

    def __init__(self, served, portal):
        self.url, self._served, self._portal = served.url, served, portal

    def customers(self, number):
        return self._portal.call(self._served.ledger, number).customers


@pytest.fixture
def accounts():
    """Serve three accounts from another thread."""
    with serving() as served:
        yield served


@pytest.fixture
def fleet(command, accounts, tmp_path, monkeypatch):
    """Return a function that runs one command of a fleet of three; `more` adds lines to an account's table."""
    lines = [SETTINGS.format(url=accounts.url)]
    for number, name in enumerate(NAMES, 1):
        monkeypatch.setenv(f"MASIVO_API_KEY_{name.upper()}", sandbox_key(number))
        lines.append(f'[[accounts]]\nname = "{name}"\ncustomers = ["{name}.ndjson"]\n# {name}\n')
        write_export(tmp_path / f"{name}.ndjson", [record(Kind.CUSTOMERS, each) for each in range(number)])

    def run(action, *arguments, more=(), first=""):
        text = first + "".join(lines)
        for name, added in dict(more).items():
            text = text.replace(f"# {name}\n", f"{added}\n")
        (tmp_path / "fleet.toml").write_text(text)
        return command("fleet", action, "fleet.toml", *arguments)

    return run


def codes(document):
    return {each["name"]: each["exit_code"] for each in document["accounts"]}


def arrived(accounts):
    """Return how many customers took effect in each account, each once."""
    found = [accounts.customers(number) for number in range(1, len(NAMES) + 1)]
    assert all(times == 1 for each in found for times in each.values())
    return [len(each) for each in found]


def next_step(ended, name):
    """Return the commands that are shown for an account, below the table."""
    _, _, below = ended.out.partition(f"\n{name}: ")
    own = below.split("\n" + NAMES[-1])[0] if name != NAMES[-1] else below
    return [line.strip() for line in own.splitlines() if line.startswith("  masivo-stream ")]


def test_a_fleet_is_planned_migrated_and_looked_at(fleet, accounts):
    """Each account gets its own records; the documents have a part for each, in the sequence of the file."""
    planned = json.loads(fleet("plan", "--json").out)
    assert [(each["name"], each["plan"]["requests"]) for each in planned["accounts"]] == [(name, 1) for name in NAMES]
    assert (planned["schema"], planned["exit_code"], set(planned)) == (1, 0, {"schema", "exit_code", "accounts"})
    before = json.loads(fleet("status", "--json").out)
    assert (before["exit_code"], before["accounts"][0]["failure"]["message"]) == (6, "not begun")
    ended = fleet("migrate", "--json")
    done = json.loads(ended.out)
    assert (ended.code, done["exit_code"]) == (0, 0)
    assert [set(each) for each in done["accounts"]] == [{"name", "exit_code", "summary"}] * 3
    assert [each["summary"]["kinds"]["customers"]["accepted"] for each in done["accounts"]] == [1, 2, 3]
    assert arrived(accounts) == [1, 2, 3]
    after = json.loads(fleet("status", "--json").out)
    assert [each["summary"]["outcome"] for each in after["accounts"]] == ["complete"] * 3
    again = fleet("migrate")
    assert (again.code, arrived(accounts)) == (0, [1, 2, 3])
    assert re.search(r"^all +100 % +6 +0 +0 +0 +3 +exit code 0", again.out, re.MULTILINE)


def test_each_log_line_names_its_account(fleet):
    """So does the line about an account that could not begin."""
    ended = fleet("migrate", "--log-format", "json", more={"south": 'key_file = "none/such"'})
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert {each["account_name"] for each in lines if each["event"] == "run_started"} == {"north", "west"}
    (failed,) = [each for each in lines if each["event"] == "account_failed"]
    assert (failed["account_name"], failed["exit_code"], failed["where"]) == ("south", 2, "none/such")
    assert {each["event"] for each in lines if "account_name" not in each} <= {"loop_stalled"}


def test_a_wrong_key_stops_its_account_alone(fleet, accounts, monkeypatch):
    """The others arrive; 7, and the step names the variable of this account; then the command for it alone goes on."""
    monkeypatch.setenv("MASIVO_API_KEY_SOUTH", sandbox_key(1)[:-1] + "0")
    ended = fleet("migrate", "--json")
    done = json.loads(ended.out)
    assert (ended.code, codes(done)) == (7, {"north": 0, "south": 7, "west": 0})
    assert arrived(accounts) == [1, 0, 3]
    summary = done["accounts"][1]["summary"]
    assert summary["hint"] == "check MASIVO_API_KEY_SOUTH and auth_url"
    shown = fleet("status")
    assert (shown.code, "south: stopped: the token call was answered with 401" in shown.out) == (7, True)
    assert next_step(shown, "south") == ["masivo-stream fleet migrate fleet.toml --only south"]
    monkeypatch.setenv("MASIVO_API_KEY_SOUTH", sandbox_key(2))
    assert fleet("migrate", "--only", "south").code == 0
    assert arrived(accounts) == [1, 2, 3]


def test_a_missing_key_stops_its_account_alone(fleet, accounts, monkeypatch):
    """A plan works without it, and warns; a migration of the others completes, with 2."""
    monkeypatch.delenv("MASIVO_API_KEY_WEST")
    planned = fleet("plan")
    assert planned.code == 0
    assert "west: there is no API key: MASIVO_API_KEY_WEST is not set" in planned.out
    ended = fleet("migrate")
    assert (ended.code, arrived(accounts)) == (2, [1, 2, 0])
    assert "west: there is no API key: MASIVO_API_KEY_WEST is not set" in ended.out
    assert next_step(ended, "west") == ["masivo-stream fleet migrate fleet.toml --only west"]


def test_an_outage_stops_its_account_alone(fleet, accounts):
    """6 for the account that cannot be reached, with the others done."""
    nowhere = 'settings.api.base_url = "http://127.0.0.1:9/v1"\nsettings.retry.outage_limit = 0.2\n'
    nowhere += "settings.retry.first_delay = 0.1"
    ended = fleet("migrate", "--json", more={"north": nowhere})
    assert (ended.code, codes(json.loads(ended.out))) == (6, {"north": 6, "south": 0, "west": 0})
    assert arrived(accounts) == [0, 2, 3]


def test_a_full_quota_stops_its_account_alone(fleet, accounts, tmp_path):
    """One account may send nothing more today, and says so; the others are done."""
    write_export(tmp_path / "south.ndjson", [record(Kind.CUSTOMERS, each) for each in range(20)])
    with serving("1/1d") as full:
        few = f'settings.api.base_url = "{full.url}"\nsettings.upload.max_body_bytes = 2000'
        ended = fleet("migrate", "--json", more={"south": few})
        done = json.loads(ended.out)
    assert (ended.code, codes(done)) == (6, {"north": 0, "south": 6, "west": 0})
    assert "longer than longest_hold" in done["accounts"][1]["summary"]["message"]
    assert done["accounts"][1]["summary"]["kinds"]["customers"]["requests"] == 2
    assert (arrived(accounts)[0], arrived(accounts)[2]) == (1, 3)


def test_a_changed_export_stops_its_account_alone(fleet, accounts, tmp_path):
    """5 is worse than the 3 of another one with dead letters."""
    assert fleet("migrate").code == 0
    export = tmp_path / "south.ndjson"
    export.write_bytes(b" " + export.read_bytes())
    with (tmp_path / "west.ndjson").open("a") as appended:
        appended.write("{}\n")
    ended = fleet("migrate", "--json")
    assert (ended.code, codes(json.loads(ended.out))) == (5, {"north": 0, "south": 5, "west": 3})
    assert arrived(accounts) == [1, 2, 3]


def test_dead_letters_are_sent_again_for_their_account(fleet, accounts, command, tmp_path):
    """The shown command has the account's settings, key and state directory."""
    with (tmp_path / "north.ndjson").open("a") as export:
        export.write(json.dumps(record(Kind.CUSTOMERS, 7)).replace("email", "e-mail") + "\n")
    ended = fleet("migrate")
    assert ended.code == 3
    letters = Path("fleet-state/north/dead-letter.customers.ndjson")
    letters.write_text(letters.read_text().replace("e-mail", "email"))
    look, shown = next_step(ended, "north")
    assert look == "masivo-stream mend --fleet fleet.toml:north"
    assert shown == "masivo-stream retry --fleet fleet.toml:north"
    assert command(*shown.split()[1:]).code == 0
    assert arrived(accounts) == [2, 2, 3]
    assert command("status", "--fleet", "fleet.toml:north", "--json").code == 0


def test_only_some_accounts_are_worked_on(fleet, accounts):
    """Those that are named; an unknown name ends the command before anything is sent."""
    ended = fleet("migrate", "--only", "west", "--only", "nowhere")
    assert (ended.code, "its accounts are: north, south, west" in ended.err) == (2, True)
    ended = fleet("migrate", "--only", "west", "--only", "north", "--json")
    assert list(codes(json.loads(ended.out))) == ["north", "west"]
    assert arrived(accounts) == [1, 0, 3]


def test_a_directory_that_prepare_has_written_is_read(fleet, accounts, tmp_path):
    """Beside exports that are named; a directory without any is an error of its account."""
    (tmp_path / "prepared").mkdir()
    write_export(tmp_path / "prepared/customers.ndjson", [record(Kind.CUSTOMERS, each) for each in (7, 8)])
    more = {"north": 'from = "prepared"', "west": 'from = "nowhere"'}
    ended = fleet("migrate", more=more)
    assert (ended.code, arrived(accounts)) == (2, [3, 2, 0])
    assert "west: there is no export in this directory" in ended.out
    assert "nowhere: name the directory that masivo-stream prepare has written" in ended.out


def test_two_accounts_with_one_key_are_one_account(fleet, accounts, command, monkeypatch):
    """Nothing is sent, also for one of them alone: which of the two has the wrong key is not known."""
    monkeypatch.setenv("MASIVO_API_KEY_WEST", sandbox_key(1))
    ended = fleet("plan")
    assert ended.code == 2
    assert "west: this account has the same key as north" in ended.out
    assert "north: this account has the same key as west" in ended.out
    for only in ((), ("--only", "west"), ("--only", "north", "--only", "south")):
        ended = fleet("migrate", *only)
        assert (ended.code, "this account has the same key as" in ended.err, "--only" in ended.err) == (2, True, False)
    export = ("--customers", "west.ndjson")
    for single in (("migrate", *export), ("plan", *export), ("retry",), ("verify",)):
        assert command(*single, "--fleet", "fleet.toml:west").code == 2
    assert arrived(accounts) == [0, 0, 0]
    assert fleet("migrate", "--only", "south").code == 0
    assert arrived(accounts) == [0, 2, 0]


FIELDS = ("key_file", "key_variable", "key", "api_key", "token", "MASIVO_API_KEY")
HEXADECIMAL, MIXED = "0123456789abcdef0123456789abcdef", "aB3dE5gH7jK9mN1pQ3sT5vW7"


def test_a_plan_of_a_run_that_has_begun_shows_what_is_left(fleet, command, tmp_path):
    """Its own run is not another one that has this export, also with events, whose purchases are remembered."""
    write_export(tmp_path / "events.ndjson", [record(Kind.EVENTS, 0)])
    more = {"north": 'events = ["events.ndjson"]'}
    assert fleet("migrate", more=more).code == 0
    planned = fleet("plan", more=more)
    assert (planned.code, planned.out.count("complete, nothing to send")) == (0, 3)
    assert not {"already has", "sent_before", "--again"} & set(planned.out.split())
    assert "already" not in planned.out
    document = json.loads(fleet("plan", "--json", more=more).out)["accounts"][0]
    assert document["summary"]["outcome"] == "complete"
    assert "already" not in json.dumps(document["plan"]["warnings"])
    with (tmp_path / "south.ndjson").open("a") as grown:
        grown.write(json.dumps(record(Kind.CUSTOMERS, 9)) + "\n")
    planned = fleet("plan", more=more)
    assert "begun: 2 of 3 records are accepted" in planned.out
    single = command("plan", "--fleet", "fleet.toml:north")
    assert (single.code, "already" in single.out) == (0, False)
    assert "the run in fleet-state/north has begun" in " ".join(single.out.split())
    other = command("plan", "--fleet", "fleet.toml:north", "--customers", "north.ndjson", "--state-dir", "elsewhere")
    assert "already has this export" in " ".join(other.out.split())  # for another state directory that remains true


def test_other_commands_take_the_exports_of_the_account(fleet, command, accounts):
    """Unless they name others."""
    fleet("status")
    assert command("validate", "--fleet", "fleet.toml:west", "--json").code == 0
    planned = json.loads(command("plan", "--fleet", "fleet.toml:west", "--json").out)
    named = json.loads(command("plan", "--fleet", "fleet.toml:west", "--customers", "north.ndjson", "--json").out)
    assert (planned["records"], named["records"]) == (3, 1)
    assert command("migrate", "--fleet", "fleet.toml:west").code == 0
    assert arrived(accounts) == [0, 0, 3]


def test_advice_names_what_a_fleet_has(fleet, command, accounts, tmp_path):
    """A field of its file, or the command that has the flag; that command works."""
    planned = " ".join(fleet("plan").out.split())
    assert 'for example settings.limits.limit = ["1/5s", "1000/h"] in the fleet file' in planned
    assert fleet("migrate", "--only", "south").code == 0
    ended = fleet("migrate", "--only", "south", more={"south": 'state_dir = "elsewhere"'})
    out = " ".join(ended.out.split())
    assert ended.code == 2
    assert "; here, that is state_dir = in the account's table of the fleet file" in out
    assert "; give --again to: masivo-stream migrate --fleet fleet.toml:south" in out
    assert command("migrate", "--fleet", "fleet.toml:south", "--again").code == 0
    assert accounts.customers(2) == {"c0": 2, "c1": 2}


@pytest.mark.parametrize(
    ("action", "flags"),
    [
        ("status", ("--monitor", "0")),
        ("status", ("--publish", "s3://bucket")),
        ("status", ("--canary",)),
        ("status", ("--no-verify",)),
        ("plan", ("--no-verify",)),
        ("plan", ("--monitor", "0")),
        ("migrate", ("--fleet", "fleet.toml:north")),
    ],
)
def test_a_flag_without_effect_is_refused(action, flags, fleet, accounts):
    """Before anything is done; a plan with a canary has an effect."""
    ended = fleet(action, *flags)
    assert (ended.code, f"{flags[0]} has no effect on fleet {action}" in ended.err) == (2, True)
    assert arrived(accounts) == [0, 0, 0]


def test_a_state_says_why_an_account_cannot_begin(fleet, monkeypatch):
    """Its key or its export is missing; once that is there, it is to be begun."""
    monkeypatch.delenv("MASIVO_API_KEY_WEST")
    shown = fleet("status", "--json", more={"north": 'events = ["nowhere.ndjson"]'})
    north, south, west = (each["failure"] for each in json.loads(shown.out)["accounts"])
    assert shown.code == 2
    assert north["message"].startswith("not begun: ")
    assert "nowhere.ndjson" in north["place"] + north["message"]
    assert south["message"] == "not begun"
    assert west["message"] == "not begun: there is no API key: MASIVO_API_KEY_WEST is not set"
    assert west["command"] == "masivo-stream fleet migrate fleet.toml --only west"


def test_a_step_of_several_accounts_is_shown_once(fleet):
    """By the command for all, or for those that were chosen; with --json each account has its own."""
    shown = fleet("status")
    assert shown.out.count("  masivo-stream ") == 1
    assert shown.out.endswith("next: (north, south, west) begin it\n  masivo-stream fleet migrate fleet.toml\n")
    shown = fleet("status", "--only", "west", "--only", "north")
    assert shown.out.endswith("  masivo-stream fleet migrate fleet.toml --only north --only west\n")
    failures = [each["failure"] for each in json.loads(fleet("status", "--json").out)["accounts"]]
    assert failures[2]["command"] == "masivo-stream fleet migrate fleet.toml --only west"


def test_after_a_partial_revert_the_shown_command_works(fleet, command, tmp_path):
    """It sends again what was taken back; the command of the fleet would only be refused again."""
    assert fleet("migrate").code == 0
    middle = datetime.now(UTC)
    with (tmp_path / "south.ndjson").open("a") as grown:
        grown.write(json.dumps(record(Kind.CUSTOMERS, 9)) + "\n")
    assert fleet("migrate").code == 0
    period = ("--from", middle.isoformat(), "--to", (middle + timedelta(hours=1)).isoformat())
    assert command("revert", "--fleet", "fleet.toml:south", *period, "--yes").code == 0
    ended = fleet("migrate")
    assert ended.code == 2
    (shown,) = next_step(ended, "south")
    assert shown == "masivo-stream migrate --fleet fleet.toml:south --only-missing"
    assert command(*shown.split()[1:]).code == 0
    assert fleet("migrate").code == 0


def test_warnings_of_an_account_are_shown_and_logged(fleet, tmp_path):
    """Here those about events that repeat a purchase: they were sent."""
    first, second = (record(Kind.EVENTS, 0, events=[event("p", fulfilled=each)]) for each in (True, False))
    write_export(tmp_path / "events.ndjson", [first, second])
    more = {"north": 'events = ["events.ndjson"]\nsettings.validation.duplicate_purchase = "warn"'}
    ended = fleet("migrate", "--log-format", "json", more=more)
    document = json.loads(fleet("migrate", "--json", more=more).out)["accounts"][0]
    (warning,) = document["summary"]["warnings"]
    assert f"north: warning: {warning}" in " ".join(ended.out.split())
    logged = [json.loads(line) for line in ended.err.splitlines() if '"account_warned"' in line]
    assert [(each["account_name"], each["warning"]) for each in logged] == [("north", warning)]


@pytest.mark.parametrize(
    ("field", "key"),
    [*((field, sandbox_key(2)) for field in FIELDS), ("key_variable", HEXADECIMAL), ("key_variable", MIXED)],
)
def test_a_key_in_the_file_is_not_shown(field, key, fleet, command):
    """It does not belong there; neither the error, nor the log, nor a document quotes it."""
    more = {"south": f'{field} = "{key}"'}
    for command_of in (("migrate", "--log-format", "json"), ("migrate", "--json"), ("plan",)):
        ended = fleet(*command_of, more=more)
        assert ended.code == 2
        assert key not in ended.out + ended.err
        assert field in ended.out + ended.err
    assert key not in "".join(command("verify", "--fleet", "fleet.toml:south").err)


def test_a_plan_writes_dead_letters_and_leaves_those_of_a_run(fleet, tmp_path):
    """Before the run it writes what would be dead letters, as `plan` does; after its begin, they are the run's."""
    with (tmp_path / "north.ndjson").open("a") as export:
        export.write("{}\n")
    assert fleet("plan").code == 3
    letters = Path("fleet-state/north/dead-letter.customers.ndjson")
    assert len(letters.read_bytes().splitlines()) == 1
    assert fleet("migrate").code == 3
    kept = letters.read_bytes()
    assert fleet("plan").code == 3
    assert letters.read_bytes() == kept


def test_few_accounts_at_once_are_all_done(fleet, accounts, tmp_path):
    """One after the other."""
    ended = fleet("plan")
    text = (tmp_path / "fleet.toml").read_text()
    (tmp_path / "slow.toml").write_text("at_once = 1\n" + text)
    assert ended.code == 0
    from masivo_stream.cli.main import run

    assert run(["fleet", "migrate", "slow.toml", "--quiet"]) == 0
    assert arrived(accounts) == [1, 2, 3]


@pytest.fixture
def beside():
    """Return a function that does something in a thread while a command runs, once `due` returns true."""
    threads, over = [], threading.Event()

    def go(due, act):
        def wait():
            while not due():
                if over.wait(0.05):
                    return
            act()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield go
    over.set()
    for thread in threads:
        thread.join()


def events(ended, name):
    lines = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def test_limits_of_accounts_are_changed_while_they_run(fleet, accounts, tmp_path, beside):
    """SIGHUP has the fleet file read again: each account takes over its own limits, also those that begin later.

    What else has changed is named, and counts from the next start on.
    """
    for name in NAMES:
        write_export(tmp_path / f"{name}.ndjson", [record(Kind.CUSTOMERS, each) for each in range(20)])
    slow = 'settings.limits.limit = ["1/1000s"]\nsettings.upload.max_body_bytes = 2000'

    def change():
        path = tmp_path / "fleet.toml"
        path.write_text(path.read_text().replace("1/1000s", "100/s") + '\nstate_dir = "elsewhere"\n')
        os.kill(os.getpid(), signal.SIGHUP)

    beside(lambda: accounts.customers(1), change)
    more = dict.fromkeys(NAMES, slow)
    ended = fleet("migrate", "--log-format", "json", more=more, first="at_once = 1\n")
    assert (ended.code, arrived(accounts)) == (0, [20, 20, 20])
    reread = {line["account_name"]: (line["limit"], line["left"]) for line in events(ended, "settings_reread")}
    change = "1/1000s -> 100/s"
    assert reread == {"north": (change, []), "south": (change, []), "west": (change, ["state_dir"])}


def test_accounts_are_paused_and_resumed_together(fleet, accounts, tmp_path, beside):
    """Also those that have not begun: they wait when they begin. Some stay paused if only others are resumed."""
    paused = fleet("pause")
    assert (paused.code, paused.out.count("paused since")) == (0, 3)
    assert paused.out.endswith("resume with: masivo-stream fleet resume fleet.toml\n")
    shown = fleet("status")
    assert (shown.code, shown.out.count("fleet resume")) == (6, 1)
    assert "next: (north, south, west) resume it: it sends nothing until then" in shown.out
    assert fleet("resume", "--only", "north", "--only", "west").out.splitlines() == [
        "north  resumed; not begun", "west   resumed; not begun"
    ]  # fmt: skip

    def resume():
        seen.append(arrived(accounts))
        of_file = load_fleet("fleet.toml", environment={})
        (south,) = [each for each in fleet_status(of_file).accounts if each.name == "south"]
        seen.append((south.summary.next_steps[0].command, south.exit_code))
        seen.append([each.answer.changed for each in resume_fleet(of_file).accounts])

    seen = []
    beside(lambda: accounts.customers(1) and accounts.customers(3), resume)
    ended = fleet("migrate")
    assert (ended.code, arrived(accounts)) == (0, [1, 2, 3])
    assert len(events(ended, "paused")) == len(events(ended, "resumed")) == 1
    command = "masivo-stream fleet resume fleet.toml --only south"
    assert seen == [[1, 0, 3], (command, 0), [False, True, False]]


def test_a_signal_ends_accounts_that_wait_for_the_end_of_a_pause(fleet, accounts, beside):
    """They have sent nothing; the others have ended."""
    assert fleet("pause", "--only", "south").code == 0

    def others_ended():
        return all(Path(f"fleet-state/{name}/report.html").exists() for name in ("north", "west"))

    beside(others_ended, lambda: os.kill(os.getpid(), signal.SIGTERM))
    ended = fleet("migrate", "--json")
    assert (ended.code, codes(json.loads(ended.out))) == (143, {"north": 0, "south": 143, "west": 0})
    assert arrived(accounts) == [1, 0, 3]


def test_on_a_terminal_warnings_are_sentences(fleet, accounts, command, monkeypatch):
    """One for each cause, with its account; with -v they are log lines."""
    monkeypatch.setenv("MASIVO_API_KEY_SOUTH", sandbox_key(9))
    monkeypatch.delenv("MASIVO_API_KEY_WEST")
    shown = []
    for flags in ((), ("-v",)):
        ours, theirs = pty.openpty()
        with open(theirs, "w") as terminal, redirect_stderr(terminal):  # noqa: PTH123 - it has no path
            assert fleet("migrate", *flags).code == 2
        shown.append(os.read(ours, 100_000).decode())
        os.close(ours)
    sentences, lines = shown
    assert re.search(r"\d\d:\d\d:\d\d \S+ west: there is no API key: MASIVO_API_KEY_WEST is not set", sentences)
    assert re.search(r"\d\d:\d\d:\d\d \S+ south: stopped: the token call was answered with 401", sentences)
    assert "account_name" not in sentences
    assert "account_failed" in lines


def test_answers_of_parts_are_taken_up(fleet, accounts, command):
    """For the account that names them; without an answer, that account alone does not begin."""
    part = ("validate", "--customers", "south.ndjson", "--part", "1/1", "--out", "answers")
    assert command(*part, "--discounted-value", "optional").code == 0  # of other settings
    ended = fleet("migrate", more={"south": 'parts = "answers"'})
    assert (ended.code, arrived(accounts)) == (2, [1, 0, 3])
    assert command(*part).code == 0
    assert fleet("migrate", "--only", "south", more={"south": 'parts = "answers"'}).code == 0
    assert arrived(accounts) == [1, 2, 3]
