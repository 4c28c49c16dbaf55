"""The other commands: demo, validate, plan, generate, sandbox, help; and each of them with nonsense."""

import json
import random
import subprocess
import sys

import pytest
from end_to_end_tools import COMMAND, KINDS, PATIENCE, clean_environment, lines, run, run_installed

COMMANDS = (
    "demo",
    "validate",
    "plan",
    "migrate",
    "status",
    "verify",
    "report",
    "revert",
    "sandbox",
    "generate",
    "bench",
)


def test_demo_needs_nothing(tmp_path):
    """`demo` migrates three kinds, reads them back, and ends with figures that add up."""
    done = run_installed("demo", "--records", "400", "--json", cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["outcome"], summary["closes"]) == (0, "complete", True)
    assert [figures["accepted"] for figures in summary["kinds"].values()] == [400, 400, 400]
    assert done.stderr.count(b"as accepted") == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    """Each command explains itself, with an example."""
    done = run_installed(command, "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Example:" in done.stdout
    assert f"masivo-stream {command}".encode() in done.stdout


def test_the_module_is_the_program():
    """`python -m masivo_stream` is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "masivo_stream", "--version"], capture_output=True, check=True, env=clean_environment()
    )
    assert done.stdout == run_installed("--version").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["migrat"], b"did you mean migrate?"),
        (["plan", "--uploader", "1"], b"did you mean --uploaders?"),
        (["migrate", "--api-key", "s3cret"], b"set MASIVO_API_KEY"),
        (["plan", "-q", "-v", "--customers", "x"], b"contradict"),
        (["migrate", "--custmers", "x"], b"--customers"),
        (["migrate", "--uploaders", "many"], b"--uploaders"),
        (["migrate", "--uploaders", "0", "--customers", "x"], b"uploaders"),
        (["migrate"], b"nothing to read"),
        (["validate"], b"--customers"),
        (["migrate", "--limit", "often"], b"1/5s"),
        (["migrate", "--limit", "none", "--customers", "x"], b"vendor"),
        (["migrate", "--base-url", "http://example.com", "--customers", "x"], b"https"),
        (["generate", "customers"], b"--records"),
        (
            ["generate", "customers", "--records", "5", "--invalid", "7", "-o", "/dev/null", "--faults", "/dev/null"],
            b"0.9",
        ),
        (["sandbox", "--limits", "sometimes"], b"1/5s"),
        (["sandbox", "--fault", "explode"], b"explode"),
        (["sandbox", "--port", "99999"], b"65535"),
        (["demo", "--invalid", "5"], b"0.9"),
        (["validate", "--customers", "-", "--events", "-"], b"named twice"),
        (["bench", "--rounds", "0"], b"--rounds"),
        (["bench", "--uploaders", "0"], b"--uploaders"),
        (["bench", "--customers", "-"], b"to a file"),
        (["bench", "--target", "https://app.masivo.ai/api"], b"vendor"),
        (["bench", "--target", "https://MASIVO.AI./api", "--yes"], b"vendor"),
        (["bench", "--target", "https://example.com"], b"--yes"),
        (["bench", "--target", "http://example.com", "--yes"], b"https"),
        (["sandbox", "--host", "192.0.2.1"], b"--allow-remote"),
        (["sandbox", "--port", "1", "--host", "127.0.0.77", "--store", "/nonexistent/store"], b"/nonexistent/store"),
        (["revert", "--from", "yesterday", "--to", "today", "--yes"], b"2026-01-31T00:00:00Z"),
        (["status", "--state-dir", "/nonexistent"], b"--state-dir"),
        (["validate", "--config", "/nonexistent", "--customers", "x"], b"--config"),
    ],
)
def test_a_wrong_command_gets_a_remedy(arguments, says, tmp_path):
    """A usage error ends with 2 and names the remedy; there is never a traceback."""
    done = run(*arguments, key="k", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_wrong_setting_is_reported_with_its_place(tmp_path):
    """A wrong key in the file is named with file and section, and so is the nearest right one."""
    (tmp_path / "c.toml").write_text("[upload]\nuploders = 3\n")
    done = run("validate", "--config", "c.toml", "--customers", "x", cwd=tmp_path)
    assert done.returncode == 2
    assert b"c.toml: [upload] uploders" in done.stderr
    assert b"did you mean uploaders?" in done.stderr


RUBBISH = {
    "empty": b"",
    "newlines": b"\n\n\r\n \t\n",
    "nul": b"\0" * 5000,
    "random": random.Random(1).randbytes(200_000),
    "bom": b"\xef\xbb\xbf",
    "utf16": '{"id": "a"}\n'.encode("utf-16"),
    "deep": b"[" * 100_000 + b"\n" + b'{"id":' * 50_000,
    "long": b'{"id": "' + b"x" * 18_000_000,
    "numbers": b'{"id": 1e999}\n' + b'{"id": ' + b"9" * 6000 + b"}\n",
    "surrogates": b'{"id": "\\ud800", "name": "\\udfff"}\n',
    "json array": b"[" + b'{"id":"a"},' * 1000 + b"]",
    "terminal": b'{"id": "\x1b[2J\x1b]0;owned\x07"}\n',
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", RUBBISH)
def test_any_bytes_end_in_an_exit_code(kind, name, tmp_path):
    """Whatever the bytes are, plain or named as compressed, the exit code is one of the table; never a traceback."""
    for suffix in ("", ".gz", ".zst"):
        path = tmp_path / f"in.ndjson{suffix}"
        path.write_bytes(RUBBISH[name])
        done = run("validate", f"--{kind}", path, "--state-dir", tmp_path / f"state{suffix}", "--json")
        assert done.returncode in {0, 3, 5}, (suffix, done.stderr)
        assert b"Traceback" not in done.stderr
        assert b"\x1b" not in done.stdout + done.stderr
        if not done.stdout:  # not an export at all: reported before the run begins
            assert (done.returncode, b"error: " in done.stderr) == (5, True)
            continue
        summary = json.loads(done.stdout)
        assert summary["closes"]
        assert summary["exit_code"] == done.returncode
        assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("what", ["missing", "directory", "unmatched"])
def test_an_unreadable_export_is_reported(what, tmp_path):
    """An export that cannot be read ends with 5, and the message names it."""
    path = {"missing": tmp_path / "no.ndjson", "directory": tmp_path, "unmatched": tmp_path / "*.nothing"}[what]
    done = run("validate", "--customers", path, "--state-dir", tmp_path / "state")
    assert done.returncode == 5
    assert str(path).encode() in done.stderr


@pytest.mark.slow
def test_validate_and_plan_predict_the_migration(served, export):
    """`validate` writes the dead letters that a run will write, and `plan` predicts its number of requests."""
    directory = export(2500, "--invalid", "0.02")
    named = [part for kind in KINDS for part in (f"--{kind}", directory / f"{kind}.ndjson")]
    validated = run("validate", *named, "--state-dir", directory / "dry", "--json")
    planned = run("plan", *named, "--state-dir", directory / "dry2", "--json")
    done = served.migrate(directory)
    assert (validated.returncode, planned.returncode, done.returncode) == (3, 3, 3)
    summary, plan = json.loads(done.stdout), json.loads(planned.stdout)
    for kind in KINDS:
        letters = [lines(directory / state / f"dead-letter.{kind}.ndjson") for state in ("dry", "dry2", "state")]
        for letter in (letter for found in letters for letter in found):
            del letter["at"]
        assert letters[0] == letters[1] == letters[2]
        assert plan["kinds"][kind]["requests"] == summary["kinds"][kind]["requests"]
        assert json.loads(validated.stdout)["kinds"][kind]["dead"] == summary["kinds"][kind]["dead"]


@pytest.mark.parametrize(
    "arguments", [["validate", "--customers", "in", "--json"], ["generate", "customers", "--records", "5000"]]
)
def test_output_that_cannot_be_written_is_reported(arguments, tmp_path):
    """A full disk behind standard output is not a bug: the answer is lost, and the exit code shows it."""
    (tmp_path / "in").write_bytes(b"{}\n")
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
            env=clean_environment(),
        )
    assert done.returncode == 6
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_output_without_a_reader_ends_quietly():
    """`generate … | head -1` is not an error."""
    process = subprocess.Popen(
        [COMMAND, "generate", "customers", "--records", "100000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    assert process.stdout.readline().startswith(b"{")
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_knows_all_commands(shell):
    """The script goes to standard output, and nothing is installed. bash reads it without a complaint."""
    done = run_installed("completion", shell)
    assert (done.returncode, done.stderr) == (0, b"")
    assert all(name.encode() in done.stdout for name in (*COMMANDS, "--uploaders"))
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, capture_output=True, check=True).stderr == b""
