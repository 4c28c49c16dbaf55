"""What all tests share: which of them run, where their files are, and the fixtures of the tests of whole commands.

`pytest` runs all tests but the slow ones. `pytest --all` runs every test. A slow test also runs when its file is named,
as in `pytest tests/flow/test_model.py`, and `-m` decides alone when it is given.
"""

import gc
import os
import shutil
from itertools import count
from pathlib import Path

import pytest
from end_to_end_tools import export, generated, served
from hypothesis import settings

__all__ = ["export", "generated", "served"]

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a directory of its own in it, as it does in /tmp
ROOM = 2 << 30
"""Bytes that must be free there. A container has 64 MiB by default."""

LONGEST = ("end_to_end/test_storm.py", "flow/test_model.py", "flow/test_two_days.py", "tests/test_docs_pages.py")
"""They begin first. At the end, one worker would be at them while the others had nothing to do."""

SLOW = "mark.slow"
"""What is in every file that has slow tests."""

# The time of an example depends on the machine and its load. So there is no deadline, and Hypothesis calls a strategy
# too slow only if it takes 30 seconds for a few examples. CI draws the same examples every time, so more of them find
# nothing new there: they are for a developer. `--hypothesis-profile few` is for one more Python.
for profile, examples in (("default", 100), ("ci", 50), ("few", 15)):
    base = settings.get_profile("default" if profile == "default" else "ci")
    settings.register_profile(profile, base, deadline=None, max_examples=examples)
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


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Let the garbage collector not visit what stays to the end: ten thousand tests, and all that they import.

    It took a quarter of the time of collecting, and a quarter of that of the tests after it.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path, config):
    """Do not import a file of tests without a slow one if the slow ones alone are wanted."""
    wanted = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if wanted and config.option.markexpr == "slow" and not _may_have_slow_tests(collection_path) else None


def _may_have_slow_tests(path):
    return SLOW in path.read_text(encoding="utf-8")


def pytest_collection_modifyitems(config, items):
    """Leave out the slow tests unless they are wanted, and begin with those that take longest."""
    if not (config.option.all or config.option.markexpr):
        named = {Path(config.invocation_params.dir, arg.partition("::")[0]).resolve() for arg in config.args}
        left_out = [item for item in items if item.get_closest_marker("slow") and item.path not in named]
        hidden = sorted(str(path) for path in {item.path for item in left_out} if not _may_have_slow_tests(path))
        if hidden:
            raise pytest.UsageError(f"write {SLOW} in these files, by which slow tests are found: {hidden}")
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            slow = set(left_out)
            items[:] = [item for item in items if item not in slow]
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


def pytest_terminal_summary(terminalreporter, config):
    """Say that there are more tests than those that ran."""
    whole = not any(Path(arg.partition("::")[0]).is_file() for arg in config.args)
    if whole and not (config.option.all or config.option.markexpr or config.option.keyword):
        terminalreporter.write_line("The slow tests were left out. `pytest --all` runs them too.")


def pytest_xdist_auto_num_workers(config):
    """Return what `-n auto` means: more workers than cores, because tests wait for a process or a moment.

    Slow tests do so most: with four workers, two cores had nothing to do for a quarter of the time. Each worker imports
    and collects all tests, so that more of them help no quick test.
    """
    slow_ones = config.option.all or config.option.markexpr == "slow"
    return (os.cpu_count() or 1) + (4 if slow_ones else 1)


@pytest.fixture(scope="session")
def meetings(tmp_path_factory):
    """Return a function that makes another directory; pytest would look through all that there are already."""
    every, numbers = tmp_path_factory.mktemp("meetings"), count()

    def make():
        place = every / str(next(numbers))
        place.mkdir()
        return place

    return make


@pytest.fixture(autouse=True)
def meeting(meetings, monkeypatch):
    """Where runs meet: not among the developer's own, and another place for each test, as if on another machine."""
    place = meetings()
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place
