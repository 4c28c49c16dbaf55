"""Fixtures for all tests."""

import os

import pytest
from end_to_end_tools import export, served
from hypothesis import settings

__all__ = ["export", "served"]

# How long an example takes says something of the machine, nothing of the program.
for profile in ("default", "ci"):
    settings.register_profile(profile, settings.get_profile(profile), deadline=None)
settings.load_profile(settings.get_current_profile_name())


@pytest.fixture(autouse=True)
def meeting(tmp_path_factory, monkeypatch):
    """Where runs meet: not among the developer's own, and another place for each test, as if on another machine."""
    place = tmp_path_factory.mktemp("meeting", numbered=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place


def pytest_xdist_auto_num_workers():
    """Return what `-n auto` means: more than there are cores, for many tests wait for a disk or a moment."""
    return (os.cpu_count() or 1) + 2


LONGEST = ("end_to_end/test_storm.py", "flow/test_model.py")


def pytest_collection_modifyitems(items):
    """Begin with what takes longest: at the end, one worker would be at it and the others would have nothing to do."""
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))
