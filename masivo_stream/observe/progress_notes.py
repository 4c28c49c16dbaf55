"""Show the snapshot of a run to other processes, by a file in its state directory."""

import math
from collections.abc import Callable
from pathlib import Path

from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.files.progress_file import remove_progress, write_progress
from masivo_stream.model.notices import (
    BatchWaits,
    ExportsMeasured,
    KindStarted,
    Notice,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    SettingsReread,
    Stopping,
    TenSecondsPassed,
    WaitingVisible,
)
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import RunSnapshot

EVERY = 10.0
"""Seconds between two notes, if nothing special happens."""

_SOON = 1.0
_NOTABLE = (
    ExportsMeasured,
    KindStarted,
    Stopping,
    WaitingVisible,
    BatchWaits,
    Paused,
    Resumed,
    SettingsReread,
)


class ProgressNotes:
    """An observer. It writes from `RunStarted` on: then this process owns the state directory."""

    def __init__(self, snapshot: Callable[[], RunSnapshot], state_dir: str, clock: Clock | None = None) -> None:
        """Note what `snapshot` returns."""
        self._snapshot, self._path, self._clock = snapshot, Path(state_dir), clock or SystemClock()
        self._noted = math.inf
        """When it was noted last; nothing is noted before that."""

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice:
            case RunStarted():
                self._note(-math.inf)
            case RunEnded():
                self._noted = math.inf
                remove_progress(self._path)
            case TenSecondsPassed():  # also while nothing else happens: a slot may be awaited for an hour
                self._note(_SOON)
            case _:
                self._note(_SOON if isinstance(notice, _NOTABLE) else EVERY)

    def _note(self, after: float) -> None:
        now = self._clock.now()
        if now - self._noted >= after or after == -math.inf:
            self._noted = now
            write_progress(self._path, self._snapshot())
