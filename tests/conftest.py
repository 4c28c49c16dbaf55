"""Fixtures for all tests."""

import os
import tempfile

from end_to_end_tools import export, served
from hypothesis import settings

__all__ = ["export", "served"]

# How long an example takes says something of the machine, nothing of the program.
for profile in ("default", "ci"):
    settings.register_profile(profile, settings.get_profile(profile), deadline=None)
settings.load_profile(settings.get_current_profile_name())

_MEETING = tempfile.TemporaryDirectory(prefix="masivo-tests-")
os.environ["XDG_STATE_HOME"] = _MEETING.name  # where runs meet: not among the developer's own
