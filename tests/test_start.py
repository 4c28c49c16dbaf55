"""What the program imports before it answers, or begins to work: nothing that it does not need for that."""

import subprocess
import sys

import pytest

from masivo_stream.cli.overview import COMMANDS, overview

NETWORK = {"aiohttp", "anyio", "asyncio", "ssl"}
DRAWING = {"jinja2", "markdown_it", "pygments", "rich", "structlog"}
PARSING = {"attr", "cyclopts", "msgspec"}
OTHER_COMMANDS = {"masivo_stream.generate", "masivo_stream.sandbox"}


def imported_by(*arguments):
    """Return the modules that are there when the program has done what the arguments say."""
    code = (
        "import sys\nfrom masivo_stream.cli.main import run\nrun(sys.argv[1:])\n"
        "print()\nprint(*sys.modules, file=sys.stdout)"
    )
    shown = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(shown.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"], []])
def test_the_program_describes_itself_without_importing_its_parts(arguments):
    """Neither parser nor renderer nor network, and of our own rooms none but the error tree's."""
    found = imported_by(*arguments)
    assert not found & (NETWORK | DRAWING | PARSING | OTHER_COMMANDS)
    ours = {name.split(".")[1] for name in found if name.startswith("masivo_stream.")}
    assert ours <= {"cli", "model"}


@pytest.mark.slow
def test_a_command_explains_itself_without_importing_the_network():
    """Nothing is imported that it would work with, or draw with."""
    working = {"sqlite3", "zstandard"}
    assert not imported_by("migrate", "--help") & (NETWORK | DRAWING | working | OTHER_COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "pause"])
def test_what_only_looks_at_a_run_imports_no_network(tmp_path, command):
    """Such commands are called by hand and in loops: neither an event loop, nor what a report needs of the system."""
    found = imported_by(command, "--state-dir", str(tmp_path))
    assert f"masivo_stream.flow.commands.{command}" in found
    assert not found & {"aiofiles", "aiohttp", "asyncio", "email.message", "importlib.metadata", "ssl"}


@pytest.mark.slow
def test_a_migration_begins_without_importing_tables_and_logs(tmp_path):
    """Up to where it opens its exports, no table, no log and no other command's part is imported."""
    found = imported_by("migrate", "--customers", str(tmp_path / "missing"), "--state-dir", str(tmp_path))
    assert "masivo_stream.flow.commands.migrate" in found
    assert not found & (DRAWING | OTHER_COMMANDS)


def test_a_thread_that_proves_lines_gets_its_turn_soon():
    """Python's own switch interval is twice as long as its work on a block."""
    code = "import sys\nfrom masivo_stream.cli.main import main\ntry: main()\nfinally: print(sys.getswitchinterval())"
    shown = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert float(shown.stdout.split()[-1]) <= 0.0005


def test_the_overview_fits_a_terminal():
    """It lists every command with what it does, in at most 88 columns."""
    shown = overview()
    for name, summary in COMMANDS.items():
        assert any(line.split() == [name, *summary.split()] for line in shown.splitlines())
    assert max(map(len, shown.splitlines())) <= 88
