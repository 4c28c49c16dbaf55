"""What all tests share: which of them run, where their files are, and the fixtures of the tests of whole commands.

`pytest` runs all tests but the slow ones. `pytest --all` runs every test. A slow test also runs when its file is named,
as in `pytest tests/flow/test_model.py`, and `-m` decides alone when it is given.
"""

import os
import shutil
from pathlib import Path

import pytest
from end_to_end_tools import export, served
from hypothesis import settings

__all__ = ["export", "served"]

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a directory of its own in it, as it does in /tmp
ROOM = 2 << 30
"""Bytes that must be free there. A container has 64 MiB by default."""

LONGEST = ("end_to_end/test_storm.py", "flow/test_model.py")
"""They begin first. At the end, one worker would be at them while the others had nothing to do."""

# The time of an example depends on the machine and its load. So there is no deadline, and Hypothesis calls a strategy
# too slow only if it takes 30 seconds for a few examples.
for profile in ("default", "ci"):
    settings.register_profile(profile, settings.get_profile(profile), deadline=None)
settings.load_profile(settings.get_current_profile_name())


def pytest_addoption(parser):
    """Add the flag for the whole suite."""
    parser.addoption("--all", action="store_true", help="run the slow tests too: storms, histories, browsers")


def pytest_configure(config):
    """Keep the tests' files in memory: a commit that is synced to a disk takes a hundred times as long."""
    if config.option.basetemp is None and "PYTEST_DEBUG_TEMPROOT" not in os.environ and _has_room(IN_MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)


def _has_room(place):
    return place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free >= ROOM


def pytest_collection_modifyitems(config, items):
    """Leave out the slow tests unless they are wanted, and begin with those that take longest."""
    if not (config.option.all or config.option.markexpr):
        named = {Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args}
        left_out = [item for item in items if item.get_closest_marker("slow") and item.path not in named]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in set(left_out)]
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


def pytest_terminal_summary(terminalreporter, config):
    """Say that there are more tests than those that ran."""
    whole = not any(Path(arg.partition("::")[0]).is_file() for arg in config.args)
    if whole and not (config.option.all or config.option.markexpr or config.option.keyword):
        terminalreporter.write_line("The slow tests were left out. `pytest --all` runs them too.")


def pytest_xdist_auto_num_workers():
    """Return what `-n auto` means: more workers than cores, because many tests wait for a process or a moment."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(autouse=True)
def meeting(tmp_path_factory, monkeypatch):
    """Where runs meet: not among the developer's own, and another place for each test, as if on another machine."""
    place = tmp_path_factory.mktemp("meeting", numbered=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place
