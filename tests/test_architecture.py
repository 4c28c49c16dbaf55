"""The house keeps its floors: imports go down only, edges do not know each other, machines do not touch the world."""

import ast
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
    "bench": {"model", "core", "edges", "flow", "generate"},
    "cli": {"model", "core", "edges", "flow", "observe", "generate", "sandbox", "bench", "monitor"},
}

WORLD = {
    "aiofiles", "aiohttp", "anyio", "asyncio", "datetime", "glob", "http", "logging", "os", "pathlib", "random",
    "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib",
}  # fmt: skip

MOST_LINES = 600
"""One concept may need more than most do; beyond this there are probably two."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Yield every module a file imports, wherever the import is."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(path)], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_go_down(path):
    """A module imports its own room and the rooms below, nothing else of ours."""
    here = room(path)
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
def test_rooms_of_a_floor_know_no_circle(floor):
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
def test_edges_do_not_know_each_other(path):
    """No edge imports another edge; one that is a package knows itself."""
    own = [".".join(["masivo_stream", *path.relative_to(PACKAGE).parts[:-1]])] if path.parent.name != "edges" else []
    others = [name for name in imported(path) if name.startswith("masivo_stream.edges")]
    assert [name for name in others if not name.startswith(tuple(own))] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda path: path.name)
def test_machines_know_no_world(path):
    """No machine imports a clock, chance, an event loop, disk, socket or log."""
    assert {name.split(".")[0] for name in imported(path)} & WORLD == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_read_in_one_sitting(path):
    """No file grows past what a person reads in one sitting."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_no_module_is_a_drawer():
    """A helper without a home is a concept without a name."""
    assert {path.stem for path in MODULES} & {"utils", "util", "helpers", "common", "base", "manager", "misc"} == set()


def test_the_api_numbers_stand_once():
    """No module but the contract names the vendor's host or a migration path."""
    for path in MODULES:
        if path.name != "contract.py" or room(path) != "model":
            text = path.read_text()
            assert "app.masivo.ai" not in text, path
            assert '"/customers/migrate' not in text, path
