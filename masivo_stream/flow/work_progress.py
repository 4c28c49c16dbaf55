"""Announce how far work is that sends nothing: a notice a few times a second."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from masivo_stream.edges.export.meter import METER, ReadingMeter
from masivo_stream.edges.export.source import Input
from masivo_stream.flow.observer import Observer
from masivo_stream.model.notices import WorkProgressed, WorkUnit
from masivo_stream.model.ports import Clock

EVERY = 0.2
"""Seconds between two notices of a step."""


class WorkMeter:
    """Counts one step, and announces how far it is."""

    def __init__(
        self, step: str, of: int, unit: WorkUnit, *, observer: Observer, clock: Clock, before: int = 0
    ) -> None:
        """Count up to `of`; 0 if that is not known. The first notice comes with the first count.

        `before` were counted in earlier steps, if `of` counts several of them together.
        """
        self._step, self._of, self._unit = step, of, unit
        self._observer, self._clock = observer, clock
        self._done, self._announced, self._hindered = before, -math.inf, ""

    def add(self, more: int) -> None:
        """Count further bytes, records or parts."""
        self.reach(self._done + more)

    def reach(self, done: int) -> None:
        """Note how far the step is."""
        self._done = done
        now = self._clock.now()
        if now - self._announced >= EVERY or done == self._of:
            self._announced = now
            self.announce()

    def announce(self) -> None:
        """Announce how far the step is: it ends here, and others follow that are counted with it."""
        self._observer.notify(
            WorkProgressed(step=self._step, done=self._done, of=self._of, unit=self._unit, hindered=self._hindered)
        )

    def hinder(self, why: str) -> None:
        """Announce that the step does not go on at present, or with an empty text that it does again."""
        if why != self._hindered:
            self._hindered = why
            self.announce()


@contextmanager
def measured_reading(step: str, inputs: Iterable[Input], *, observer: Observer, clock: Clock) -> Iterator[None]:
    """Announce how far the reading of `inputs` is that is done within the context."""
    found = list(inputs)
    whole = sum(each.size for each in found) if all(each.size for each in found) else 0
    with measured_bytes(step, whole, observer=observer, clock=clock):
        yield


@contextmanager
def measured_bytes(step: str, of: int, *, observer: Observer, clock: Clock) -> Iterator[None]:
    """Announce the same for a number of bytes of exports, as they are stored; 0 if that is not known."""
    meter = WorkMeter(step, of, "bytes", observer=observer, clock=clock)
    token = METER.set(ReadingMeter(read=meter.add))
    try:
        yield
    finally:
        METER.reset(token)


@contextmanager
def measured_return(*, observer: Observer, clock: Clock) -> Iterator[None]:
    """Announce how far the reading is of what compressed exports hold before the place at which a run goes on."""
    meters: dict[str, WorkMeter] = {}

    def skipped(name: str, done: int, of: int) -> None:
        step = f"reading {name} again, up to where the run was"
        meter = meters.setdefault(name, WorkMeter(step, of, "bytes", observer=observer, clock=clock))
        meter.reach(done)

    token = METER.set(ReadingMeter(skipped=skipped))
    try:
        yield
    finally:
        METER.reset(token)
