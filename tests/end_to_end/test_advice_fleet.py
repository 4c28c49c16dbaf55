"""Advice about a fleet: what is wrong in its file, its keys and its state is corrected, and everything arrives."""

import json
import shlex
import signal
import subprocess
import sys

import pytest
from advice_tools import QUICK, expect_advice, matches, paste
from end_to_end_tools import COMMAND, clean_environment, run, serving, wait_until
from fakes import record, write_export

from masivo_stream.flow.fleet_file import load_fleet
from masivo_stream.model.contract import Kind, sandbox_key

pytestmark = pytest.mark.slow

NORTH = '[[accounts]]\nname = "north"\ncustomers = ["north.ndjson"]\n'
SOUTH = NORTH.replace("north", "south")
KEYS = {"MASIVO_API_KEY_NORTH": sandbox_key(1), "MASIVO_API_KEY_SOUTH": sandbox_key(2)}


@pytest.fixture
def accounts(tmp_path):
    """A sandbox with two accounts, and an export for each."""
    for name in ("north", "south"):
        write_export(tmp_path / f"{name}.ndjson", [record(Kind.CUSTOMERS, f"{name}-{each}") for each in range(3)])
    with serving(tmp_path, "--limits", "none", "--accounts", 2) as served:
        yield served


def settings(served):
    return f'[settings.api]\nbase_url = "{served.url}"\n[settings.limits]\nlimit = []\n[settings.verify]\nsample = 0\n'


def fleet(directory, action, *arguments, text=None, environment=KEYS):
    if text is not None:
        (directory / "fleet.toml").write_text(text)
    return run("fleet", action, "fleet.toml", *arguments, cwd=directory, **QUICK, **environment)


def both_arrived(served):
    for number, name in enumerate(("north", "south"), 1):
        path = f"/__sandbox/ledger?account={number}"
        wait_until(lambda path=path: served.get(path)["queue"] == 0)
        assert served.get(path)["customers"] == {f"c{name}-{each}": 1 for each in range(3)}


CORRECTIONS = {
    "no account": ("", "add a table [[accounts]] for each; docs/fleets.md shows a fleet file", NORTH),
    "no export": (
        '[[accounts]]\nname = "north"\n',
        "add customers, events or transactions, or from = the directory of prepare",
        NORTH,
    ),
    "a misspelt field": (NORTH + 'key_fil = "k"\n', "did you mean {…}?", NORTH + 'key_file = "k"\n'),
    "an unknown field": (NORTH + "zzz = 1\n", "the known names are: {…}", NORTH),
    "a number": (NORTH + "key_file = 1\n", "docs/fleets.md shows a fleet file", NORTH + 'key_file = "k"\n'),
    "a name twice": (NORTH + NORTH, "give each account a name of its own", NORTH + SOUTH),
    "a state directory twice": (
        NORTH + SOUTH + 'state_dir = "fleet-state/north"\n',
        "give each account a state_dir of its own",
        NORTH + SOUTH + 'state_dir = "fleet-state/other"\n',
    ),
    "a state directory inside another": (
        NORTH + 'state_dir = "fleet-state/south/x"\n' + SOUTH,
        "write directories that are beside each other; without state_dir, it is {…}/NAME",
        NORTH + SOUTH,
    ),
    "a key file twice": (
        NORTH + 'key_file = "k"\n' + SOUTH + 'key_file = "k"\n',
        "name its own key as {…}; exports of the same account belong in one table",
        NORTH + 'key_file = "k"\n' + SOUTH + 'key_file = "other"\n',
    ),
    "a key file and a variable": (
        NORTH + 'key_file = "k"\nkey_variable = "K"\n',
        "name only one of them",
        NORTH + 'key_file = "k"\n',
    ),
    "a key in the file": (
        NORTH + f'api_key = "{sandbox_key(1)}"\n',
        "write the key into a file (mode 0600), and its path as key_file in the account's table",
        NORTH + 'key_file = "k"\n',
    ),
    "a key in place of its variable": (
        NORTH + f'key_variable = "{sandbox_key(1)}"\n',
        "write the name of the variable that holds the key; the key itself does not belong in the fleet file",
        NORTH + 'key_variable = "NORTH_KEY"\n',
    ),
    "an export without brackets": (
        NORTH.replace('["north.ndjson"]', '"north.ndjson"'),
        'write a list: {…} = ["{…}"]',
        NORTH,
    ),
    "none at once": ("at_once = 0\n" + NORTH, "use a number from 1 to {…}", "at_once = 1\n" + NORTH),
    "a bad name": (
        NORTH.replace('"north"', '"no rth"'),
        "use up to 64 letters, digits, - and _",
        NORTH.replace('"north"', '"no-rth"'),
    ),
    "a section": (
        NORTH + "upload.uploaders = 3\n",
        "write it as settings.{…}",
        NORTH + "settings.upload.uploaders = 3\n",
    ),
    "a common setting": (
        NORTH + 'settings.monitor.monitor = "0"\n',
        "write it below [settings]",
        '[settings.monitor]\nmonitor = "0"\n' + NORTH,
    ),
    "a state directory for all": (
        '[settings.state]\nstate_dir = "s"\n' + NORTH,
        "write state_dir in [[accounts]]",
        NORTH + 'state_dir = "s"\n',
    ),
    "standard input": (
        NORTH.replace('"north.ndjson"', '"-"'),
        "write the export to a file: a fleet has several accounts",
        NORTH,
    ),
}


@pytest.mark.parametrize(("wrong", "hint", "right"), CORRECTIONS.values(), ids=CORRECTIONS.keys())
def test_a_fleet_file_is_corrected_as_the_hint_says(wrong, hint, right, tmp_path):
    """Then the file is accepted."""
    done = fleet(tmp_path, "status", text=wrong)
    assert done.returncode == 2
    expect_advice(done, hint)
    (tmp_path / "fleet.toml").write_text(right)
    assert load_fleet(str(tmp_path / "fleet.toml"), environment={}).accounts


def test_the_fleet_file_and_the_account_are_found(accounts, tmp_path):
    """A file that is not there, an account that is not in it, and an account that a flag names in another way."""
    expect_advice(fleet(tmp_path, "status"), "check the path of the fleet file, and the working directory")
    (tmp_path / "fleet.toml").write_text(settings(accounts) + NORTH + SOUTH)
    done = run("fleet", "migrate", "fleet.toml:south", cwd=tmp_path)
    assert expect_advice(done, "write the account as {…} --only {…}") == ("fleet.toml", "south")
    assert run("fleet", "migrate", "fleet.toml", "--only", "south", cwd=tmp_path, **QUICK, **KEYS).returncode == 0
    done = fleet(tmp_path, "migrate", "--only", "nroth", text=settings(accounts) + NORTH + SOUTH)
    (names,) = expect_advice(done, "its accounts are: {…}")
    assert names == "north, south"
    assert fleet(tmp_path, "migrate", "--only", names.split(", ")[0]).returncode == 0
    done = run("status", "--fleet", "fleet.toml", cwd=tmp_path)
    assert done.returncode == 2
    expect_advice(done, "write it as --fleet FILE:NAME")
    assert run("status", "--fleet", "fleet.toml:north", cwd=tmp_path).returncode == 0


def test_an_account_that_has_not_begun_is_begun(accounts, tmp_path):
    """By the command that is shown below it."""
    text = settings(accounts) + NORTH + SOUTH
    done = fleet(tmp_path, "status", "--json", text=text)
    assert done.returncode == 6
    expect_advice(done, "begin it")
    for each in json.loads(done.stdout)["accounts"]:
        assert paste(each["failure"]["command"], cwd=tmp_path, **KEYS).returncode == 0
    both_arrived(accounts)


def test_an_account_that_is_paused_before_it_begins_is_resumed(accounts, tmp_path):
    """By the command that is shown below it; then everything arrives."""
    assert fleet(tmp_path, "pause", text=settings(accounts) + NORTH + SOUTH).returncode == 0
    done = fleet(tmp_path, "status", "--json")
    expect_advice(done, "resume it: it sends nothing until then")
    for each in json.loads(done.stdout)["accounts"]:
        assert paste(each["failure"]["command"], cwd=tmp_path).returncode == 0
    assert fleet(tmp_path, "migrate").returncode == 0
    both_arrived(accounts)


@pytest.mark.parametrize("way", ["variable", "file"])
def test_a_key_is_given_in_each_of_the_ways_listed(way, accounts, tmp_path):
    """The account without one is the only one that waits for it, and its command is shown."""
    text = settings(accounts) + NORTH + SOUTH
    some = {"MASIVO_API_KEY_NORTH": KEYS["MASIVO_API_KEY_NORTH"]}
    done = fleet(tmp_path, "migrate", "--json", text=text, environment=some)
    assert done.returncode == 2
    (variable,) = expect_advice(done, "set {…}, or write key_file = the path of a file (mode 0600) that holds the key")
    (command,) = [each["failure"]["command"] for each in json.loads(done.stdout)["accounts"] if "failure" in each]
    if way == "variable":
        some[variable] = sandbox_key(2)
    else:
        (tmp_path / "key").touch(0o600)
        (tmp_path / "key").write_text(sandbox_key(2))
        (tmp_path / "fleet.toml").write_text(text + 'key_file = "key"\n')
    assert paste(command, cwd=tmp_path, **some).returncode == 0
    both_arrived(accounts)


def test_a_key_in_place_of_its_file_is_moved_there(accounts, tmp_path):
    """It is not shown."""
    text = settings(accounts) + NORTH + SOUTH + f'key_file = "{sandbox_key(2)}"\n'
    done = fleet(tmp_path, "migrate", text=text)
    assert done.returncode == 2
    expect_advice(
        done,
        "write the path of a file (mode 0600) that holds nothing but the key; the key itself does not belong in the"
        " fleet file",
    )
    assert sandbox_key(2).encode() not in done.stdout + done.stderr
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text(sandbox_key(2))
    assert fleet(tmp_path, "migrate", text=text.replace(sandbox_key(2), "key")).returncode == 0
    both_arrived(accounts)


def test_two_accounts_with_the_same_key_get_their_own(accounts, tmp_path):
    """Nothing was sent before: it is not known which of the two has the wrong key."""
    same = {**KEYS, "MASIVO_API_KEY_SOUTH": sandbox_key(1)}
    done = fleet(tmp_path, "migrate", text=settings(accounts) + NORTH + SOUTH, environment=same)
    assert done.returncode == 2
    expect_advice(done, "give each account its own key; exports of the same account belong in one table")
    assert fleet(tmp_path, "migrate").returncode == 0
    both_arrived(accounts)


def test_a_flag_without_effect_is_left_out(accounts, tmp_path):
    """Then the command works."""
    text = settings(accounts) + NORTH + SOUTH
    expect_advice(fleet(tmp_path, "status", "--canary", text=text), "leave it out")
    assert fleet(tmp_path, "status").returncode == 6
    done = fleet(tmp_path, "migrate", "--fleet", "fleet.toml:north")
    expect_advice(done, "leave it out, and write the account as FILE --only NAME")
    assert fleet(tmp_path, "migrate", "--only", "north").returncode == 0


def test_an_account_that_left_the_file_is_paused(accounts, tmp_path):
    """Its table is gone while it runs: the shown command lets it send nothing. Written again, it is resumed."""
    write_export(tmp_path / "south.ndjson", [record(Kind.CUSTOMERS, number) for number in range(20)])
    text = settings(accounts) + NORTH + SOUTH + "settings.upload.max_body_bytes = 1024\n"
    file, log = tmp_path / "fleet.toml", tmp_path / "log"
    file.write_text(text + 'settings.limits.limit = ["1/1000s"]\n')

    def lines(event):
        return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == event]

    with log.open("wb") as errors:
        process = subprocess.Popen(
            [COMMAND, "fleet", "migrate", "fleet.toml"],
            cwd=tmp_path, env=clean_environment(**QUICK, **KEYS), stderr=errors, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: accounts.get("/__sandbox/ledger?account=2")["customers"])
            file.write_text(settings(accounts) + NORTH)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: lines("settings_unread"))
            begin, _, command = lines("settings_unread")[0]["hint"].partition(": ")
            assert matches("write its table again, or let it send nothing: {…}", f"{begin}: {command}")
            assert run(*shlex.split(command)[1:], cwd=tmp_path).returncode == 0
            wait_until(lambda: lines("paused"))
            file.write_text(text)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: lines("settings_reread"))
            assert run(*shlex.split(lines("paused")[0]["resume_with"])[1:], cwd=tmp_path).returncode == 0
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    wait_until(lambda: len(accounts.get("/__sandbox/ledger?account=2")["customers"]) == 20)


def test_an_export_is_sent_again_by_the_command_of_one_account(accounts, tmp_path):
    """The fleet has no --again."""
    text = settings(accounts) + NORTH + SOUTH
    assert fleet(tmp_path, "migrate", text=text).returncode == 0
    done = fleet(tmp_path, "migrate", text=text + 'state_dir = "other"\n')
    assert done.returncode == 2
    flag, _ = expect_advice(done, "; give {…} to: masivo-stream migrate --fleet {…}")
    assert flag == "--again"
    assert run("migrate", "--fleet", "fleet.toml:south", flag, cwd=tmp_path, **QUICK, **KEYS).returncode == 0


def test_more_accounts_than_files_may_be_open_are_migrated_in_both_ways(accounts, tmp_path):
    """With the limit that is named, or one after the other."""
    text = settings(accounts) + NORTH + SOUTH

    def limited(files, text):
        (tmp_path / "fleet.toml").write_text(text)
        return subprocess.run(
            ["bash", "-c", f'ulimit -n {files}; exec "$@"', "bash", COMMAND, "fleet", "migrate", "fleet.toml"],
            cwd=tmp_path, env=clean_environment(**QUICK, **KEYS), capture_output=True, timeout=300, check=False,
        )  # fmt: skip

    done = limited(140, text)
    assert done.returncode == 2
    advice = "raise the limit (ulimit -n {…}), or write at_once = {…} above the first table"
    needed, at_once = expect_advice(done, advice)
    assert limited(140, f"at_once = {at_once}\n{text}").returncode == 0
    assert limited(needed, text).returncode == 0
    both_arrived(accounts)


def test_a_bug_in_one_run_can_be_reported(accounts, tmp_path):
    """The places are shown, the text of the exception is not. A bug is simulated; the other account arrives."""
    (tmp_path / "fleet.toml").write_text(settings(accounts) + NORTH + SOUTH)
    code = (
        "import sys\nfrom masivo_stream.flow.commands import fleet\nfrom masivo_stream.cli.main import run\n"
        "whole = fleet.migrate\n"
        "async def broken(settings, *others, **named):\n"
        "    if 'south' in settings.state.state_dir: raise ValueError('what a record says')\n"
        "    return await whole(settings, *others, **named)\n"
        "fleet.migrate = broken\nsys.exit(run(['fleet', 'migrate', 'fleet.toml']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, cwd=tmp_path, check=False, env=clean_environment(**QUICK, **KEYS), timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    expect_advice(done, "please report it with these places; the other accounts were not touched by it")
    assert b"flow/commands/fleet.py:" in done.stdout
    assert b"what a record says" not in done.stdout + done.stderr
    assert fleet(tmp_path, "migrate", "--only", "south").returncode == 0
    both_arrived(accounts)
