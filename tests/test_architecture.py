"""The package keeps its floors: imports go down only, edges do not know each other, `core` does not touch the world."""

import ast
import io
import re
import tokenize
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "masivo_stream"

MAY_IMPORT = {
    "model": set(),
    "core": {"model"},
    "edges": {"model", "core"},
    "flow": {"model", "core", "edges"},
    "observe": {"model", "core", "edges"},
    "monitor": {"model", "core", "flow", "observe"},
    "generate": {"model", "core"},
    "sandbox": {"model", "core"},
    "prepare": {"model", "core"},
    "bench": {"model", "core", "edges", "flow", "generate"},
    "cli": {"model", "core", "edges", "flow", "observe", "generate", "sandbox", "prepare", "bench", "monitor"},
}

PURE_ROOMS_OF_PREPARE = ("mapping", "settling")


WORLD = {
    "aiofiles", "aiohttp", "anyio", "asyncio", "datetime", "glob", "http", "logging", "os", "pathlib", "random",
    "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib",
}  # fmt: skip

MOST_LINES = 600
"""One concept may need more than most do; beyond this there are probably two."""

MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def imported(path):
    """Return every module that a file imports, also inside functions."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.append(node.module)
    return modules


def floor_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize(
    "path", [path for path in MODULES if floor_of(path)], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_go_down(path):
    """A module imports its own floor and the floors below, nothing else of ours."""
    here = floor_of(path)
    allowed = MAY_IMPORT[here] | {here}
    for name in imported(path):
        if name.startswith("masivo_stream."):
            assert name.split(".")[1] in allowed, f"{here} imports {name}"


def unit(name):
    """Return the room inside `core` or `flow` that a module belongs to, or the module itself if it is in no room."""
    floor, *rest = name.split(".")
    is_room = (PACKAGE / floor / rest[0]).is_dir()
    return rest[0] if rest and (is_room or len(rest) == 1) else ""


@pytest.mark.parametrize("floor", ["core", "flow"])
def test_rooms_of_a_floor_have_no_import_cycle(floor):
    """Rooms can be read one after the other: none imports a room that imports it, not even by way of others."""
    below = {}
    for path in sorted((PACKAGE / floor).rglob("*.py")):
        here = unit(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
        found = {name.removeprefix("masivo_stream.") for name in imported(path)}
        below.setdefault(here, set()).update(unit(name) for name in found if name.startswith(f"{floor}."))
    for room_itself, others in below.items():
        others.discard(room_itself)
    order = [*TopologicalSorter(below).static_order()]  # raises CycleError, which names the circle
    assert set(order) >= set(below)


@pytest.mark.parametrize("path", sorted((PACKAGE / "edges").rglob("*.py")), ids=lambda path: path.name)
def test_edges_do_not_import_each_other(path):
    """No edge imports another edge; one that is a package knows itself.

    What makes files for SQLite is for all that use SQLite: each of them once made the same mistake.
    """
    own = [".".join(["masivo_stream", *path.relative_to(PACKAGE).parts[:-1]])] if path.parent.name != "edges" else []
    others = {*imported(path)} - {"masivo_stream.edges.sqlite_file"}
    others = [name for name in others if name.startswith("masivo_stream.edges")]
    assert [name for name in others if not name.startswith(tuple(own))] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda path: path.name)
def test_core_has_no_outside_effects(path):
    """No module of `core` imports a clock, chance, an event loop, disk, socket or log."""
    assert {name.split(".")[0] for name in imported(path)} & WORLD == set()


def test_settling_knows_no_world():
    """What decides about rows touches nothing outside, and one module knows the database."""
    prepare = PACKAGE / "prepare"
    for path in (path for room in PURE_ROOMS_OF_PREPARE for path in (prepare / room).rglob("*.py")):
        assert {name.split(".")[0] for name in imported(path)} & WORLD == set(), path
        assert not any(name.startswith("masivo_stream.prepare.engine") for name in imported(path)), path
    assert [path.name for path in MODULES if "duckdb" in imported(path)] == ["database.py"]


def test_one_room_knows_dask():
    """A machine without it decides which task is handed out."""
    knows = {path for path in MODULES if {name.split(".")[0] for name in imported(path)} & {"dask", "distributed"}}
    assert {str(path.relative_to(PACKAGE).parent) for path in knows} == {"edges/scheduler"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_short_enough_to_read_in_one_sitting(path):
    """No file grows past what a person reads in one sitting."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_no_module_has_a_meaningless_name():
    """A helper without a home is a concept without a name."""
    assert {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "base", "manager", "misc"} == set()


def test_the_api_numbers_are_written_once():
    """No module but the contract names the vendor's host or a migration path."""
    for path in MODULES:
        if path.name != "contract.py" or floor_of(path) != "model":
            text = path.read_text()
            assert "app.masivo.ai" not in text, path
            assert '"/customers/migrate' not in text, path


NAME_IN_TEXT = re.compile(r"`([a-z_]+(?:\.[A-Za-z_]\w*)+|[a-z]\w*_\w+)(?:\(\))?`")
"""What a docstring or comment names: a dotted name, or one with an underscore."""

NAMES_OF_OTHERS = {"bench.svg", "json.loads", "payload.TOO_LARGE_BYTES_BODY", "select_autoescape"}
"""Names of other libraries, and of files."""

DOCSTRING = ('"""', 'r"""')


@cache
def texts_and_names(path):
    """Return number and text of each line in a file's comments and docstrings, and names and words in all the rest."""
    texts, rest = [], []
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT or token.string.startswith(DOCSTRING):
            texts += enumerate(token.string.splitlines(), token.start[0])
        else:
            rest.append(token.string)
    return texts, set(re.findall(r"\w+", " ".join(rest)))


@pytest.fixture(scope="module")
def known_names():
    """Everything that the package's code names."""
    parts = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    return parts.union(*(texts_and_names(path)[1] for path in MODULES))


def exists(name):
    """Return whether a dotted name that begins with a floor is a room or module, or is in a module."""
    parts = name.split(".")
    modules = (PACKAGE.joinpath(*parts[:end]).with_suffix(".py") for end in (len(parts), len(parts) - 1))
    return PACKAGE.joinpath(*parts).is_dir() or any(module.is_file() for module in modules)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_names_in_docstrings_and_comments_exist(path, known_names):
    """What is renamed or moved is not left behind in a text."""
    for number, line in texts_and_names(path)[0]:
        for name in set(NAME_IN_TEXT.findall(line)) - NAMES_OF_OTHERS:
            first, *_ = parts = name.split(".")
            assert set(parts) <= known_names, f"line {number} names `{name}`"
            assert len(parts) == 1 or first not in MAY_IMPORT or exists(name), f"line {number} names `{name}`"
