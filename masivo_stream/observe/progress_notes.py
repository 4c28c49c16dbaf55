"""Show the snapshot of a run to other processes, by a file in its state directory.

What a person would miss at once (the checks have ended, a kind begins, the run is paused) is noted at once. Everything
else is noted within a second, so what is shown is never older than that, however long the run waits for a slot.
"""

import math
from collections.abc import Callable
from pathlib import Path

from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.files.progress_file import remove_progress, write_progress
from masivo_stream.model.notices import (
    ChecksEnded,
    ChecksStarted,
    ExportsMeasured,
    KindEnded,
    KindStarted,
    Notice,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SecondPassed,
    SettingsReread,
    Stopping,
)
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import RunSnapshot

EVERY = 10.0
"""Seconds between two notes, if nothing happens: the forecast end moves meanwhile."""

AT_ONCE = (
    ChecksEnded,
    ChecksStarted,
    ExportsMeasured,
    KindEnded,
    KindStarted,
    Paused,
    Resumed,
    SettingsReread,
    Stopping,
)
"""A few of each in a run: what a person asks changes with them."""


class ProgressNotes:
    """An observer. It writes from `RunStarted` on: then this process owns the state directory."""

    def __init__(self, snapshot: Callable[[], RunSnapshot], state_dir: str, clock: Clock | None = None) -> None:
        """Note what `snapshot` returns."""
        self._snapshot, self._path, self._clock = snapshot, Path(state_dir), clock or SystemClock()
        self._noted = math.inf
        """When it was noted last; nothing is noted before that."""
        self._changed = False
        """Whether something has happened since."""

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice:
            case RunStarted():
                self._note()
            case RunEnded():
                self._noted = math.inf
                remove_progress(self._path)
            case SecondPassed():  # also while nothing else happens: a slot may be awaited for an hour
                self._note_after(0.0 if self._changed else EVERY)
            case _ if isinstance(notice, AT_ONCE):
                self._note_after(0.0)
            case _:
                self._changed = True

    def _note_after(self, seconds: float) -> None:
        if self._clock.now() - self._noted >= seconds:
            self._note()

    def _note(self) -> None:
        self._noted, self._changed = self._clock.now(), False
        write_progress(self._path, self._snapshot())
