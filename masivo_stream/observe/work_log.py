"""Log how far a command is that sends nothing, where no terminal shows it: a line after ten seconds, then one a minute.

A command that is quicker logs nothing of it.
"""

import math

from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.notices import Notice, WorkProgressed
from masivo_stream.model.ports import Clock
from masivo_stream.observe.log_observer import LogSink
from masivo_stream.observe.step_pace import StepPace

WORK_EVENT = "work"
"""The event."""

PATIENCE = 10.0
"""Seconds of work after which the first line is written."""

EVERY = 60.0
"""Seconds between two lines."""


class WorkLog:
    """Write the latest step now and then. An observer."""

    def __init__(self, logger: LogSink, clock: Clock | None = None) -> None:
        """Write to `logger`."""
        self._log, self._clock = logger, clock or SystemClock()
        self._next = self._clock.now() + PATIENCE
        self._step: StepPace | None = None

    def notify(self, notice: Notice) -> None:
        """Take in how far the work is; write a line if it is time for one."""
        if not isinstance(notice, WorkProgressed):
            return
        now, step = self._clock.now(), self._step
        self._step = step = step.go_on(notice) if step and step.is_of(notice) else StepPace(notice, now)
        if now < self._next:
            return
        self._next = now + EVERY
        left = step.left(now)
        self._log.info(
            WORK_EVENT,
            step=notice.step,
            done=notice.done,
            of=notice.of or None,
            unit=notice.unit,
            seconds_left=None if left is None else math.ceil(left),
        )
