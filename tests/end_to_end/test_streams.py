"""Standard streams that are closed, full or in another encoding; environments that lack what most have."""

import json
import shlex
import signal
import subprocess

import forks
import pytest
from end_to_end_tools import COMMAND, clean_environment, expected_ledger, run, wait_until

pytestmark = pytest.mark.slow


def shell(line, *, cwd, **environment):
    """Run a line of a shell in which `$M` is the command."""
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        cwd=cwd,
        check=False,
        timeout=300,
        env=clean_environment(**environment),
    )


class Place:
    """A directory with an export, and the environment of a run there."""

    def __init__(self, directory, served):
        self._directory = directory
        self._settings = {"MASIVO_API_KEY": served.key, "MASIVO_BASE_URL": served.url, "MASIVO_LIMIT": "none"}

    def __call__(self, line, **more):
        """Give a line to a shell. Python starts where it decides about closed streams, and about an environment."""
        command = COMMAND if more or "&-" in line else forks.folder() / "masivo-stream"
        return shell(line, cwd=self._directory, M=str(command), **self._settings, **more)

    def run(self, line, *, keyless=False, **more):
        """Run the command of a line in a process that need not start Python, with streams that work."""
        settings = {name: value for name, value in self._settings.items() if not keyless or name != "MASIVO_API_KEY"}
        return run(*shlex.split(line.removeprefix("$M")), cwd=self._directory, **{**settings, **more})


@pytest.fixture
def place(served, export):
    """A place with thirty customers."""
    return Place(export(30, kinds=["customers"]), served)


MIGRATE = "$M migrate --customers customers.ndjson --quiet"
ASKING = {
    "status": "$M status",
    "status as JSON": "$M status --json",
    "report": "$M report",
    "report as JSON": "$M report --json",
    "report as page": "$M report -o /dev/stdout",
    "verify": "$M verify",
    "verify as JSON": "$M verify --json",
    "resolve": "$M resolve",
    "plan": "$M plan --customers customers.ndjson --state-dir look",
    "plan as JSON": "$M plan --customers customers.ndjson --state-dir look --json",
    "validate": "$M validate --customers customers.ndjson --state-dir look",
    "overview": "$M --help",
    "help": "$M migrate --help",
    "version": "$M --version",
    "completion": "$M completion fish",
    "generate": "$M generate customers --records 5",
}


@pytest.mark.parametrize("output", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("command", ASKING)
def test_lost_output_is_an_error(command, output, place):
    """It ends with 6 and reports it, never with a traceback. Started again with an output, it answers."""
    assert place.run(MIGRATE).returncode == 0
    done = place(f"{ASKING[command]} {output}")
    assert done.returncode == 6, done.stderr
    assert b"hint: " in done.stderr
    assert b"Traceback" not in done.stderr
    assert place.run(ASKING[command]).returncode == 0


@pytest.mark.parametrize("output", ["> /dev/full", ">&-", "--json > /dev/full"])
def test_a_migration_with_a_lost_summary_is_complete(output, place, served, tmp_path):
    """Its work comes first; `status` shows what was lost."""
    done = place(f"{MIGRATE} {output}")
    assert (done.returncode, b"masivo-stream status" in done.stderr) == (6, True)
    assert served.ledger()["customers"] == expected_ledger(tmp_path)["customers"]
    status = place.run("$M status --json")
    assert (status.returncode, json.loads(status.stdout)["outcome"]) == (0, "complete")


def test_a_worse_outcome_than_lost_output_keeps_its_exit_code(place):
    """Here the API refuses, which must be corrected whatever was printed."""
    wrong = "MASIVO_API_KEY=9d7e3d8f-0000-4000-8000-000000000000"
    assert place(f"{wrong} {MIGRATE} > /dev/full").returncode == 7


def test_a_reader_that_closes_early_changes_nothing(place):
    """`| head` is not a lost answer."""
    assert place(f"set -o pipefail; {MIGRATE} | head -1").returncode == 0
    assert place("set -o pipefail; $M status --json | head -c 1").returncode == 0


@pytest.mark.parametrize("errors", ["2> /dev/full", "2>&-", "2> >(true)"])
@pytest.mark.parametrize("command", ["$M migrate --customers customers.ndjson --verbose", "$M demo --records 20"])
def test_a_failing_log_does_not_end_a_migration(errors, command, place):
    """It does not change the exit code either; the answer is printed."""
    done = place(f"{command} {errors}")
    assert done.returncode == 0
    assert b"complete: every record is accepted or skipped" in done.stdout


def test_an_error_that_cannot_be_printed_keeps_its_exit_code(place):
    """Standard error is full, and something is wrong."""
    assert place("$M migrate --customers none.ndjson 2> /dev/full").returncode == 5
    assert place("$M migrat 2>&-").returncode == 2


def test_a_migration_works_without_any_stream(place, served, tmp_path):
    """No file of the program gets the number of a closed stream: what is printed would be written into the journal."""
    assert place(f"{MIGRATE} <&- >&- 2>&-").returncode == 6
    assert served.ledger()["customers"] == expected_ledger(tmp_path)["customers"]
    assert place("$M verify <&- 2>&-").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        "$M revert --from 2020-01-01T00:00:00Z --to 2099-01-01T00:00:00Z <&-",
        "$M migrate --events - --state-dir other <&-",
        "$M validate --customers - --state-dir other <&-",
    ],
)
def test_a_closed_standard_input_is_reported(command, place):
    """There is no person to ask, and nothing to read."""
    assert place.run(MIGRATE).returncode == 0
    done = place(command)
    assert done.returncode in {2, 5}
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX"},
        {"TZ": "Mars/Phobos"},
        {"TZ": ""},
        {"TERM": "dumb"},
        {"COLUMNS": "1"},
        {"TMPDIR": "/nonexistent"},
    ],
)
def test_an_odd_environment_changes_nothing(environment, place):
    """Encodings, zones, terminals; a JSON document is UTF-8 in all of them."""
    done = place(MIGRATE, **environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(place("$M status --json", **environment).stdout)["outcome"] == "complete"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"HOME": "relative", "XDG_STATE_HOME": "relative"}, 0),
        ({"HOME": "", "XDG_STATE_HOME": ""}, 0),
        ({"HOME": "/proc/none", "XDG_STATE_HOME": ""}, 0),
        ({"XDG_STATE_HOME": "/proc/none"}, 0),
        ({"XDG_STATE_HOME": "/dev/null"}, 0),
        ({"MASIVO_SHARED_DIR": "customers.ndjson"}, 0),
        ({"MASIVO_STATE_DIR": ""}, 2),
        ({"MASIVO_UPLOADERS": ""}, 2),
        ({"MASIVO_PROXY": "", "MASIVO_CONFIG": "", "MASIVO_CA_FILE": ""}, 0),
        ({"MASIVO_UPLODERS": "2"}, 2),
        ({"MASIVO_API_KEYS": "x"}, 2),
        ({"MASIVO_SANDBOX_SERVICE_HOST": "10.0.0.1"}, 0),
    ],
)
def test_odd_homes_and_variables_of_the_environment_are_handled(environment, code, place):
    """A relative home is not used. An empty value that is needed, and a name that is nearly right, are reported."""
    done = place.run(MIGRATE, **environment)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("quote", ["", '"', "'"])
@pytest.mark.parametrize("prefix", ["", "MASIVO_API_KEY=", "export MASIVO_API_KEY="])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_key_file_in_the_format_of_another_tool_is_read(quote, prefix, encoding, place, served, tmp_path):
    """The settings come from a file as it is on disk."""
    file = tmp_path / "key.env"
    file.write_bytes(f"{prefix}{quote}{served.key}{quote}\r\n".encode(encoding))
    file.chmod(0o600)
    done = place.run(f"{MIGRATE} --api-key-file key.env", keyless=True)
    assert done.returncode == 0, done.stderr
    assert served.key.encode() not in done.stdout + done.stderr


def test_a_proxy_of_the_environment_is_not_used_but_reported(place):
    """If nothing can be reached without a proxy, the hint names the way to use it, and no secret of it."""
    secret = "http://user:s3cret@127.0.0.1:9"
    unreachable = "MASIVO_BASE_URL=http://127.0.0.1:1/v1 MASIVO_OUTAGE_LIMIT=0.3 MASIVO_FIRST_DELAY=0.1"
    assert place(f"http_proxy={secret} HTTPS_PROXY={secret} {MIGRATE}").returncode == 0
    done = place(f"HTTP_PROXY={secret} {unreachable} {MIGRATE} --state-dir other")
    assert done.returncode == 6
    told = " ".join((done.stdout + done.stderr).decode().split())
    assert "HTTP_PROXY names a proxy (http://***@127.0.0.1:9), which is used only if --proxy names it" in told
    assert "s3cret" not in told
    done = place(f"{unreachable} {MIGRATE} --state-dir third --proxy {secret}")
    assert b"s3cret" not in done.stdout + done.stderr
    assert b"names a proxy" not in done.stdout + done.stderr
    kept = place("cat third/report.json third/report.html").stdout
    assert b"127.0.0.1:9" in kept
    assert b"s3cret" not in kept


def test_ctrl_c_says_that_nothing_was_sent(tmp_path):
    """A person who stops a validation sees that it was stopped, and by what code."""
    process = subprocess.Popen(
        [COMMAND, "validate", "--customers", "-", "--state-dir", "look"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=clean_environment(),
    )
    wait_until((tmp_path / "look").exists, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"interrupted: nothing was sent\n")
