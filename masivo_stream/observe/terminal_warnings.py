"""Write warnings above the progress on a terminal: each cause once, when it is over, with how often it came.

While a cause lasts, the progress shows it. What cannot last is written at once.
"""

from collections.abc import Callable

from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.notices import Notice
from masivo_stream.model.ports import Clock
from masivo_stream.observe.warning_counts import WarningCounts, closing_line


class TerminalWarnings:
    """An observer that writes to a terminal."""

    def __init__(self, write: Callable[[str], object], clock: Clock | None = None) -> None:
        """Write lines by `write`, which must not fail."""
        self._write, self._clock, self._counts = write, clock or SystemClock(), WarningCounts()

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        now = self._clock.wall().timestamp()
        self._counts.feed(notice, now)
        for warning in self._counts.take():
            self._write(f"{closing_line(warning)}\n")
