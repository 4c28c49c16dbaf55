"""The commands that a person may start about a run, as they work in this process's working directory."""

import glob
import os
from pathlib import Path

from masivo_stream.core.commands_here import Here, commands_here
from masivo_stream.core.redact import named
from masivo_stream.edges.journal import Journal
from masivo_stream.model.summary import Invocation

_STATE_DIR = "state.state_dir"


def commands_of(journal: Journal, state_dir: str) -> Invocation:
    """Return how the last process of a run was started, as one would start it here; `state_dir` is its name here."""
    facts = journal.read.facts()
    was = facts.settings.get(_STATE_DIR, state_dir)
    return commands_here(
        facts.invocation, was, Here(directory=find_working_directory(), state_dir=state_dir, exists=_exists)
    )


def find_working_directory() -> str:
    """Return the working directory; empty if it was removed, or cannot be shown."""
    try:
        found = os.getcwd()  # noqa: PTH109 - a text
    except OSError:
        return ""
    return found if named(found) == found else ""


def _exists(path: str) -> bool:
    return Path(path).exists() or next(glob.iglob(path), None) is not None  # noqa: PTH207 - absolute patterns, too
