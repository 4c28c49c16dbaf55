"""Show on a terminal how far a command is that sends nothing: one line with share, rate and the time that is left.

It appears when the work has taken two seconds, and is removed at its end. A command that is quicker shows nothing.
"""

from rich.console import Console, Group, RenderableType
from rich.text import Text

from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.notices import Notice, TotalsProgressed, WorkProgressed
from masivo_stream.model.ports import Clock
from masivo_stream.observe.live_display import LiveDisplay
from masivo_stream.observe.step_pace import StepPace

REFRESHES = 4
"""The most per second."""

PATIENCE = 2.0
"""Seconds of work after which the line appears."""


class WorkLine(LiveDisplay):
    """Show the latest step. An observer, and a context manager."""

    def __init__(self, console: Console, clock: Clock | None = None) -> None:
        """Write to `console`, a terminal."""
        self._clock, self._console = clock or SystemClock(), console
        self._began = self._clock.now()
        self._step: StepPace | None = None
        super().__init__(console, self.draw, refreshes=REFRESHES)

    def notify(self, notice: Notice) -> None:
        """Take in how far the work is."""
        if isinstance(notice, TotalsProgressed):
            most = max(notice.requests, notice.requests_needed)
            notice = WorkProgressed(step="comparing totals by day", done=notice.requests, of=most, unit="requests")
        if isinstance(notice, WorkProgressed):
            now, step = self._clock.now(), self._step
            self._step = step.go_on(notice) if step and step.is_of(notice) else StepPace(notice, now)

    def draw(self) -> RenderableType:
        """Return the line; nothing while the work is young, or if nothing is known of it."""
        now, step = self._clock.now(), self._step
        if step is None or now - self._began < PATIENCE:
            return Group()
        return Group(Text(step.describe(now), no_wrap=True, overflow="ellipsis"))
