"""What the README, the pages and the example configuration say is true."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from end_to_end_tools import KINDS, run
from made_docs import program

from masivo_stream.cli.help import GROUPS
from masivo_stream.cli.main import COMMANDS, build_app
from masivo_stream.edges.config import leaves, load_settings
from masivo_stream.generate.planted_findings import PLANTS
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.findings import CheckName
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.settings import Settings
from masivo_stream.observe.fleet_watch import FLEET_EVENTS
from masivo_stream.observe.log_observer import EVENTS
from masivo_stream.observe.log_observer import SAMPLE_EVENT as SAMPLE_READ_BACK
from masivo_stream.observe.work_log import WORK_EVENT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLE = ROOT / "config.example.toml"


def page(name):
    """Return a page under docs/."""
    return (ROOT / "docs" / name).read_text()


def rows(text, heading):
    """Return the first cells of the table under a heading of a page; of all of it, if that is its title."""
    section = f"\n{text}".split(f"# {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [row.split("|")[1].strip().strip("`") for row in section.splitlines() if row.startswith("| ")][2:]


def test_every_command_is_documented():
    """The table of commands is the program's."""
    named = [row.removeprefix("masivo-stream ") for row in rows(page("commands.md"), "Commands")]
    assert sorted(named) == sorted(COMMANDS)


def test_every_flag_of_a_migration_is_in_a_group():
    """If a new flag is not one of `OWN_FLAGS`: add it to `GROUPS` in masivo_stream/cli/help.py."""
    grouped = {name for names in GROUPS.values() for name in names.split()}
    for command in ("plan", "migrate", "retry", "verify", "fleet"):
        flags = build_app(command)[command].assemble_argument_collection()
        own = {flag.name.lstrip("-") for flag in flags if flag.show and flag.index is None} - grouped
        assert own == OWN_FLAGS.get(command, set())


OWN_FLAGS = {
    "retry": {"unchanged", "dry-run"},
    "verify": {"sample", "all", "seed", "totals", "most-requests", "day-zone", "reward", "brand"},
    "fleet": {"only"},
}
"""Flags about what this command alone does."""


def test_every_flag_is_documented():
    """As a setting with its name on the page of the settings, or as a flag on any page."""
    pages = "\n".join(path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
    written = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", pages))
    settings = {name for names in leaves().values() for name in names}
    for command in COMMANDS:
        for flag in build_app(command)[command].assemble_argument_collection():
            if flag.show and flag.index is None:
                is_setting = flag.name.lstrip("-").replace("-", "_") in settings
                assert is_setting or written & set(flag.names), f"masivo-stream {command} {flag.name}"


def test_every_exit_code_is_documented():
    """The README's table of exit codes is the enum's."""
    codes = {int(code) for row in rows(README, "Exit codes") for code in row.split(",")}
    assert codes == {int(code) for code in ExitCode}


def test_every_reason_is_documented():
    """The table of reasons is the enum's."""
    assert sorted(rows(page("dead-letters.md"), "Reasons")) == sorted(Reason)


def test_every_reason_to_skip_is_documented():
    """The table of what is skipped is the enum's."""
    assert sorted(rows(page("skipped.md"), "Skipped records")) == sorted(SkipReason)


def test_every_finding_is_documented():
    """The table of findings is the enum's; the list of what can be planted is the generator's."""
    assert sorted(rows(page("checks.md"), "Checks over all files")) == sorted(CheckName)
    section = page("checks.md").split("writes exports with findings", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`(\w+)`", section)) == set(PLANTS)


def test_every_log_event_is_documented():
    """The table of events is the program's."""
    assert sorted(rows(page("log.md"), "Log")) == sorted([*EVENTS, *FLEET_EVENTS, SAMPLE_READ_BACK, WORK_EVENT])


def test_every_setting_is_documented():
    """The page of the settings names each under its section."""
    section = page("settings.md")
    found = {
        match[1]: set(re.findall(r"`([a-z_]+)`", match[2]))
        for match in re.finditer(r"^\| `\[(\w+)\]` \| (.*) \|$", section, re.MULTILINE)
    }
    assert found == {name: set(settings) for name, settings in leaves().items()}


def test_the_example_configuration_is_the_defaults():
    """`config.example.toml` holds every setting, and loading it changes nothing."""
    given = tomllib.loads(EXAMPLE.read_text())
    assert {name: set(section) for name, section in given.items()} == {n: set(s) for n, s in leaves().items()}
    assert load_settings(str(EXAMPLE)) == Settings()


def test_every_setting_has_its_reason():
    """In the example configuration every setting, or its group, has a comment above it."""
    above = ""
    for line in EXAMPLE.read_text().splitlines():
        if re.match(r"\w+ = ", line):
            assert above.startswith("#") or re.match(r"\w+ = ", above), line
        above = line


def test_the_schema_for_editors_is_made_from_the_settings():
    """After a change of the settings or of the example: python docs/make/make_settings_schema.py."""
    assert (ROOT / "config.schema.json").read_text() == program("make_settings_schema").schema_text()


def test_the_field_reference_is_made_from_the_schema():
    """After a change of the schema or of a word: python docs/make/make_fields.py."""
    assert page("fields.md") == program("make_fields").make_page()


def test_the_readme_records_are_valid(tmp_path):
    """`validate` accepts the example lines of the README."""
    examples = [line.strip() for line in README.splitlines() if line.strip().startswith('{"id": "c-1"')]
    assert len(examples) == 3
    for kind, example in zip(KINDS, examples, strict=True):
        (tmp_path / kind).write_text(example + "\n")
    named = [part for kind in KINDS for part in (f"--{kind}", tmp_path / kind)]
    assert run("validate", *named, "--state-dir", tmp_path / "state").returncode == 0


@pytest.mark.slow
def test_the_first_python_example_runs(served, export, tmp_path):
    """The first Python example runs unchanged, with its capitals filled in."""
    directory = export(20, kinds=("customers",))
    code = re.search(r"```python unrun\n(.*?)```", page("library.md"), re.DOTALL)[1]
    values = {
        "BASE_URL": served.url,
        "STATE_DIR": str(tmp_path / "state"),
        "API_KEY": served.key,
        "CUSTOMERS": str(directory / "customers.ndjson"),
    }
    head = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    shown = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == ["1 requests, 0 s at a production account's limits", "complete 20"]


def test_the_first_commands_are_single_lines():
    """The README's two set-up commands make their own environment and need nothing else."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for block in blocks[:2]:
        assert block.count("\n") == 1
        assert block.startswith("python3 -m venv .venv && ")
    assert (ROOT / "constraints.txt").is_file()


def test_every_extra_that_a_page_names_exists():
    """In `pip install 'masivo-stream[cloud]'` and the like."""
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        named = re.findall(r"""(?:masivo-stream|['"]\.)\[([a-z,]+)\]""", path.read_text())
        assert {extra for names in named for extra in names.split(",")} <= extras, path.name


PLACE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|(?:\.py|\.toml|\.md|\.yaml)))`")
"""What a page names as a place in the repository: a folder with a slash behind it, or a file."""


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_every_path_that_a_page_names_exists(name):
    """Each file and folder that a page names is in the repository, or in the package."""
    for place in PLACE.findall((ROOT / name).read_text()):
        tried = (ROOT / place, ROOT / "masivo_stream" / place, (ROOT / name).parent / place)
        written_by_a_run = place in {"config.toml", "example.py", "purchases/", "site/"}
        known = written_by_a_run or any(path.exists() for path in tried) or any(ROOT.glob(f"masivo_stream/**/{place}"))
        assert known, f"{name} names `{place}`, which does not exist: name what has taken its place"


@pytest.mark.parametrize("name", ["docs/development.md", "docs/design.md"])
@pytest.mark.parametrize("floor", ["core", "edges", "flow"])
def test_every_room_is_on_the_plan(name, floor):
    """The table of floors names each room of `core`, `edges` and `flow`, and no other."""
    row = re.search(rf"^\| `{floor}` \|.*\|(.*)\|$", (ROOT / name).read_text(), re.MULTILINE)[1]
    rooms = {path.parent.name for path in (ROOT / "masivo_stream" / floor).glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)`", row)) == rooms


STATE_FILE = re.compile(r"^[a-z-]+\.(?:ndjson|db|json|html|under-way)$")
"""What a constant text that names a file of a state directory looks like; formatted ones end in `.ndjson`."""


def names_of_state_files():
    """Return the names of files in the code of `edges` and `flow`; of `f"x.{kind}.ndjson"`, `x.`."""
    found = set()
    for room in ("edges/files", "edges/journal", "flow"):
        for path in (ROOT / "masivo_stream" / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATE_FILE.match(node.value):
                    found.add(node.value)
                elif isinstance(node, ast.JoinedStr) and len(node.values) > 2:
                    first, *_, last = node.values
                    if all(isinstance(end, ast.Constant) for end in (first, last)) and last.value == ".ndjson":
                        found.add(first.value)
    return found


def test_every_file_of_a_state_directory_is_documented():
    """Each file that the code names has its row."""
    named = names_of_state_files()
    assert {"journal.db", "report.html", "dead-letter.", "retry-", "findings.under-way"} <= named
    table = page("state-directory.md").split("\n## ", 1)[0]
    assert not {name for name in named if f"`{name}" not in table}


def test_the_readme_stays_short():
    """It is for the first ten minutes; what is more belongs on a page of its own."""
    assert README.count("\n") <= 320


def test_the_project_speaks_of_itself_alone():
    """No file of the project names a machine's paths or another folder's documents."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        text = (ROOT / name).read_bytes()
        assert b"../" + b"shared" not in text, name
        assert b"/wo" + b"rk/" not in text, name


def test_no_test_depends_on_the_environment():
    """No setting of this machine reaches the tests."""
    assert not [name for name in os.environ if name.startswith("MASIVO_")]
