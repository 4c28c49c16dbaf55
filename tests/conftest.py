"""Fixtures for all tests."""

import os
import tempfile

from end_to_end_tools import export, served

__all__ = ["export", "served"]

_MEETING = tempfile.TemporaryDirectory(prefix="masivo-tests-")
os.environ["XDG_STATE_HOME"] = _MEETING.name  # where runs meet: not among the developer's own
