"""Advice about commands that are written wrongly: if it is followed literally, the command works."""

import json
import subprocess
import sys

import pytest
from advice_tools import QUICK, arrived, expect_advice, make_exports, migrate, named, paste, sending
from end_to_end_tools import clean_environment, run

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path):
    """A working directory with three records of each kind."""
    return make_exports(tmp_path)


DID_YOU_MEAN = "did you mean {…}? ({…} --help lists them all)"
PLANNED = ["plan", "--customers", "customers.ndjson"]


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        (["pla", *PLANNED[1:]], DID_YOU_MEAN, lambda name, _: [name, *PLANNED[1:]]),
        (["plan", "--customer", PLANNED[2]], DID_YOU_MEAN, lambda flag, _: ["plan", flag, PLANNED[2]]),
        ([*PLANNED, "-q", "-v"], "use only one of them", lambda: [*PLANNED, "-q"]),
        (["plan"], "name exports with --customers, --events or --transactions", lambda: PLANNED),
        (
            ["validate", "--customers", "-", "--events", "-"],
            "only one export can come from standard input",
            lambda: ["validate", "--customers", "customers.ndjson", "--events", "-"],
        ),
        (["generate", "events", "--records", "-1"], "use 0 or more", lambda: ["generate", "events", "--records", "0"]),
        (
            ["generate", "events", "--records", "9", "--invalid", "0.5"],
            "give --faults FILE",
            lambda: ["generate", "events", "--records", "9", "--invalid", "0.5", "--faults", "faults.ndjson"],
        ),
        (
            ["generate", "events", "--records", "9", "--invalid", "7", "-o", "e"],
            "use a share from 0 to 0.9",
            lambda: ["generate", "events", "--records", "9", "--invalid", "0.9", "-o", "e"],
        ),
    ],
)  # fmt: skip
def test_a_wrong_command_is_corrected_as_its_hint_says(wrong, says, right, work):
    """With the suggested command, flag or number, the command ends with 0."""
    done = run(*wrong, cwd=work)
    assert (done.returncode, done.stdout) == (2, b"")
    assert run(*right(*expect_advice(done, says)), cwd=work).returncode == 0


@pytest.mark.parametrize("wrong", [["plan", "somewhere"], ["frobnicate"], ["plan", "--zzz"], ["generate"]])
def test_the_named_help_command_works(wrong, work):
    """Pasted into a shell, the line shows what is available."""
    done = run(*wrong, cwd=work)
    assert done.returncode == 2
    (command,) = expect_advice(done, "{…} --help lists them all")
    shown = paste(f"{command} --help", cwd=work)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert (b"--customers" if wrong[0] == "plan" else b"generate") in shown.stdout


def test_a_state_directory_is_named_with_its_flag(work):
    """A command that takes no word says so; with the flag, it looks into that directory."""
    assert run("validate", *PLANNED[1:], "--state-dir", "my state", cwd=work).returncode == 0
    done = run("dead-letters", "my state", cwd=work)
    assert done.returncode == 2
    named_with, _ = expect_advice(done, DID_YOU_MEAN)
    assert named_with == "--state-dir {…}".replace("{…}", "'my state'")
    done = paste(f"masivo-stream dead-letters {named_with}", cwd=work)
    assert done.returncode == 0, done.stderr


NO_HOURS = "masivo-stream pause STATE holds a run until masivo-stream resume STATE"


def test_a_pause_without_hours_is_a_command(served, work):
    """Both commands are as they are written; STATE is the run's. Paused, it waits; then it goes on."""
    pause, resume = (f"masivo-stream {name} STATE" for name in ("pause", "resume"))
    assert f"{pause} holds a run until {resume}" == NO_HOURS
    done = run(*PLANNED, "--limit", "00:00-24:00 pause", cwd=work)
    assert (done.returncode, NO_HOURS in " ".join(done.stderr.decode().split())) == (2, True), done.stderr
    assert migrate(served, work).returncode == 0
    assert b"paused" in paste(pause.replace("STATE", "state"), cwd=work).stdout
    assert b"resumed" in paste(resume.replace("STATE", "state"), cwd=work).stdout


@pytest.mark.parametrize("way", ["variable", "file"])
def test_a_key_on_the_command_line_moves_to_the_environment_or_a_file(way, served, work):
    """The key goes into the environment, or into a file of mode 0600 that a flag names. Then everything arrives."""
    wrong = ["migrate", *named(work), *sending(served, work), "--api-key", served.key]
    done = run(*wrong)
    assert (done.returncode, served.key.encode() in done.stderr) == (2, False)
    expect_advice(done, "set MASIVO_API_KEY, or put the key into a file (mode 0600) and name that with --api-key-file")
    if way == "variable":
        done = run(*wrong[:-2], key=served.key, **QUICK)
    else:
        (work / "key").touch(0o600)
        (work / "key").write_text(served.key)
        done = run(*wrong[:-2], "--api-key-file", work / "key", **QUICK)
    assert done.returncode == 0, done.stderr
    arrived(served, work)


@pytest.mark.parametrize("way", [["--json"], ["--output", "page.html"]])
def test_a_report_goes_to_one_place(way, served, work):
    """Either of the two flags alone produces the report."""
    assert migrate(served, work).returncode == 0
    done = run("report", "--state-dir", work / "state", "--json", "--output", "page.html", cwd=work)
    assert done.returncode == 2
    expect_advice(done, "use --json or --output, not both")
    done = run("report", "--state-dir", work / "state", *way, cwd=work)
    assert done.returncode == 0
    assert json.loads(done.stdout)["kinds"] if way == ["--json"] else (work / "page.html").stat().st_size


@pytest.mark.parametrize("way", [["--sample", "1"], ["--all"]])
def test_an_impossible_sample_is_corrected(way, served, work):
    """A number of records works, and so does `--all`."""
    assert migrate(served, work).returncode == 0
    done = run("verify", *sending(served, work), "--sample", "0", key=served.key)
    assert done.returncode == 2
    expect_advice(done, "use --sample of 1 or more, or --all")
    done = run("verify", *sending(served, work), *way, key=served.key, **QUICK)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        (("yesterday", "2026-02-01T00:00:00Z"), "write it like 2026-01-31T00:00:00Z", ("2026-01-31T00:00:00Z",)),
        (("2026-02-01T00:00:00Z", "2026-01-31T00:00:00Z"), "swap --from and --to", ("2026-01-31T00:00:00Z",)),
    ],
)
def test_an_invalid_period_is_corrected(wrong, says, right, served, work):
    """Then the revert is made, for a period without records here: what had arrived is still there."""
    assert migrate(served, work).returncode == 0

    def revert(start, end):
        return run("revert", "--from", start, "--to", end, "--yes", *sending(served, work), key=served.key)

    done = revert(*wrong)
    assert done.returncode == 2
    expect_advice(done, says)
    assert revert(*right, "2026-02-01T00:00:00Z").returncode == 0
    arrived(served, work)
    assert served.ledger()["reverted"]["customers"] == {}


def test_a_command_with_lost_output_is_started_again(work):
    """Standard output is on a full disk. With room, the same command writes all of it."""
    command = "masivo-stream generate customers --records 3000 --seed 5"
    done = paste(f"{command} > /dev/full", cwd=work)
    assert done.returncode == 6
    expect_advice(done, "fix the cause, then start again")
    done = paste(f"{command} > export.ndjson", cwd=work)
    assert done.returncode == 0
    assert run("validate", "--customers", "export.ndjson", "--state-dir", "dry", cwd=work).returncode == 0


def test_a_plan_with_lost_output_is_made_again(work):
    """Standard output is on a full disk. A plan has changed nothing, so it can simply be made again."""
    command = "masivo-stream plan --customers customers.ndjson"
    done = paste(f"{command} > /dev/full", cwd=work)
    assert done.returncode == 6
    expect_advice(done, "fix the cause, then start the same command again: it changes nothing")
    assert b"at least" in paste(command, cwd=work).stdout


def test_status_shows_the_outcome_of_a_run(served, work):
    """Its summary was lost, but its work was not."""
    flags = " ".join(map(str, [*named(work), *sending(served, work)]))
    done = paste(f"masivo-stream migrate {flags} > /dev/full", key=served.key)
    assert done.returncode == 6, done.stderr
    expect_advice(done, "the work is done and noted: masivo-stream status shows the outcome")
    done = paste(f"masivo-stream status --state-dir {work / 'state'} --json")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "complete")
    arrived(served, work)


def test_the_first_look_needs_nothing(tmp_path):
    """The two lines of the overview, pasted: the demo ends well, and a command explains itself."""
    done = run("--help", COLUMNS="200")
    expect_advice(
        done, "Usage: masivo-stream COMMAND\n\n{…}\n\nTry it: masivo-stream demo\n\nCommands:\n{…}\n\nOptions:\n{…}"
    )
    shown = paste("masivo-stream demo", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count(b"as accepted") == 3
    expect_advice(done, "Show this, or the flags of a command: masivo-stream COMMAND --help")
    assert b"--customers" in paste("masivo-stream plan --help").stdout
    expect_advice(done, "The same of a command, on one screen: masivo-stream COMMAND -h")
    screen = paste("masivo-stream plan -h")
    expect_advice(screen, "Further flags; masivo-stream {…} --help explains them:")
    assert b"--limit" in screen.stdout
    assert b"Rate window" not in screen.stdout
    assert b"Rate window" in paste("masivo-stream plan --help").stdout


def test_a_bug_can_be_reported(tmp_path):
    """The traceback is printed above the hint. A command whose module does not exist simulates the bug."""
    code = (
        "import sys\nfrom masivo_stream.cli import main\n"
        "main.COMMANDS['broken'] = ''\nsys.exit(main.run(['broken', '--customers', 'x']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path, check=False, env=clean_environment()
    )
    assert done.returncode == 1
    expect_advice(done, "please report the traceback above; first check whether its last line quotes a record")
    above = done.stderr.decode().partition("error: this is a bug")[0]
    assert above.startswith("Traceback")
    assert "ModuleNotFoundError" in above.splitlines()[-1]
