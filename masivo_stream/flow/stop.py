"""Stop a run in an orderly way: no new reads, no new requests; what is in flight may finish within the drain time.

Everything that only waits (for a slot, a token, the next block) is inside `work`, which is cancelled at once. A request
in flight and the notes about it are inside a shield of their own, from `flight`.

The first signal asks for such a stop; a second SIGINT leaves at once. If several runs share a process, they share its
signals, too: `SharedSignals`. A watch on the event loop runs beside the work: it measures how long the loop is blocked,
and notifies observers every minute.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NoReturn, Protocol

import anyio
from anyio.abc import TaskStatus

from masivo_stream.edges.clock import SystemClock
from masivo_stream.flow.observer import Observer
from masivo_stream.model.errors import ExitCode, Interrupted, MasivoStreamError
from masivo_stream.model.notices import LoopStalled, MinutePassed, Notice, SecondPassed, Stopping
from masivo_stream.model.ports import Clock


class Levers(Protocol):
    """What a person changes about a run at work."""

    def hang_up(self) -> None:
        """Read the settings again: a SIGHUP came."""
        ...

    async def watch(self) -> None:
        """Do what a person asks for, until this is cancelled."""
        ...


class StopControl:
    """Stops a run once, for the first cause."""

    def __init__(self, clock: Clock, *, drain_time: float) -> None:
        """Let requests in flight finish for `drain_time` seconds."""
        self.work = anyio.CancelScope()
        self.cause: MasivoStreamError | None = None
        self.clock = clock
        self.drain_time = drain_time
        self.levers: Levers | None = None
        """What a person changes while it runs; it is watched beside the work."""
        self._begun = anyio.Event()
        self._flights: set[anyio.CancelScope] = set()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._flights)

    def begin(self, cause: MasivoStreamError) -> None:
        """Begin to stop, for `cause`; only the first call counts."""
        if self.cause is None:
            self.cause = cause
            self._begun.set()
            self.work.cancel()

    @contextmanager
    def flight(self) -> Iterator[anyio.CancelScope]:
        """Give a request a scope that a stop cancels only after the drain time."""
        with anyio.CancelScope() as scope:
            self._flights.add(scope)
            try:
                yield scope
            finally:
                self._flights.discard(scope)

    async def drain(self) -> None:
        """Wait for a stop, then for the drain time, then give up what is still in flight. Runs beside the work."""
        await self._begun.wait()
        await self.clock.sleep(self.drain_time)
        for scope in list(self._flights):
            scope.cancel()


# Signals.

_OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SharedSignals:
    """What lets several runs of one process stop on its signals: a signal has one receiver in an event loop.

    It also lets them share a watch on the loop, which would cost each of a hundred runs 20 timers per second: it is the
    observer of that watch. Runs receive the minutes; `observer` receives the stalls, once and not for each run.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        """No signal has come yet."""
        self._observer = observer
        self._stops: dict[StopControl, Observer] = {}
        self.received: Interrupted | None = None
        """The signal that stops every run, also one that begins later."""
        self.hang_ups = 0
        """How many times SIGHUP has come. A run that begins after one reads the settings again, too."""
        self._came = anyio.Event()

    async def wait(self) -> None:
        """Wait for the signal."""
        await self._came.wait()

    @contextmanager
    def stopping(self, stop: StopControl, observer: Observer) -> Iterator[None]:
        """Let signals stop this run meanwhile; `observer` is notified of it."""
        self._stops[stop] = observer
        try:
            if self.received is not None:
                self._begin(stop, observer, self.received)
            if self.hang_ups:
                _hang_up(stop)
            yield
        finally:
            del self._stops[stop]

    async def obey(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Stop all runs at the first signal. Never returns."""
        with _received() as signals:
            task_status.started()
            async for received in signals:
                if received is signal.SIGHUP:
                    self.hang_ups += 1
                    for stop in self._stops:
                        _hang_up(stop)
                elif self.received is None:
                    self.received = _interruption(received)
                    self._came.set()
                    for stop, observer in list(self._stops.items()):
                        self._begin(stop, observer, self.received)
                elif received is signal.SIGINT:
                    leave_at_once()

    def notify(self, notice: Notice) -> None:
        """Pass a notice of the watch on the loop on."""
        if isinstance(notice, SecondPassed | MinutePassed):
            for observer in list(self._stops.values()):
                observer.notify(notice)
        elif self._observer is not None:
            self._observer.notify(notice)

    def _begin(self, stop: StopControl, observer: Observer, cause: Interrupted) -> None:
        observer.notify(Stopping(why=cause.signal, in_flight=stop.in_flight, drain_time=stop.drain_time))
        stop.begin(cause)


async def work_under(
    stop: StopControl,
    work: Callable[[], Awaitable[None]],
    *,
    observer: Observer,
    handle_signals: bool | SharedSignals,
) -> None:
    """Do `work` until it is done or stopped. Then what was in flight has landed, or its drain time is over.

    A `MasivoStreamError` of the work stops it, and is the cause of `stop` afterwards.
    """
    shared = handle_signals if isinstance(handle_signals, SharedSignals) else None
    async with anyio.create_task_group() as beside:
        beside.start_soon(stop.drain)
        if shared is None:
            beside.start_soon(watch_loop_lag, stop.clock, observer)
        if stop.levers is not None:
            beside.start_soon(stop.levers.watch)
        if handle_signals and shared is None:
            await beside.start(obey_signals, stop, observer)  # before any work, so no signal is missed
        with shared.stopping(stop, observer) if shared is not None else nullcontext(), stop.work:
            try:
                await work()
            except MasivoStreamError as error:
                stop.begin(error)
        beside.cancel_scope.cancel()


async def obey_signals(
    stop: StopControl, observer: Observer, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Stop on SIGINT and SIGTERM; read the settings again on SIGHUP. Never returns.

    A lost terminal sends SIGHUP, too, and must not end a migration: settings that have not changed change nothing.

    Above all PID 1 of a container needs it: there the kernel ignores a SIGTERM without a handler.
    """
    with _received() as signals:
        task_status.started()
        async for received in signals:
            if received is signal.SIGHUP:
                _hang_up(stop)
            elif stop.cause is None:
                cause = _interruption(received)
                observer.notify(Stopping(why=cause.signal, in_flight=stop.in_flight, drain_time=stop.drain_time))
                stop.begin(cause)
            elif received is signal.SIGINT:
                leave_at_once()


@contextmanager
def _received() -> Iterator[AsyncIterator[signal.Signals]]:
    """Yield the signals that are obeyed, as they come."""
    with _restored(_OBEYED), anyio.open_signal_receiver(*_OBEYED) as signals:
        yield signals


def _hang_up(stop: StopControl) -> None:
    if stop.levers is not None:
        stop.levers.hang_up()


def _interruption(received: signal.Signals) -> Interrupted:
    code = ExitCode.INTERRUPTED if received is signal.SIGINT else ExitCode.TERMINATED
    return Interrupted(received.name, code)


def leave_at_once() -> NoReturn:
    """End the process, as `kill -9` does: a restart needs no orderly end."""
    os._exit(ExitCode.INTERRUPTED)


@contextmanager
def _restored(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Restore the earlier handlers: asyncio leaves the system's default, which would end the process at once.

    The summary is not written yet at that time.
    """
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: it was not set by Python
                signal.signal(number, handler)


BEAT = 0.05
"""Seconds between two looks: the cost of 20 timers per second cannot be measured."""

STALL = 0.1
"""A shorter delay, in seconds, is no stall: a busy machine takes as long to give a process its turn."""

SECOND, MINUTE = 1.0, 60.0


# The watch on the event loop.


async def watch_loop_lag(clock: Clock, observer: Observer) -> None:
    """Report stalls of the event loop, if `clock` is the machine's. Runs beside the work: cancel it."""
    if isinstance(clock, SystemClock):
        await notify_every_minute(clock, observer)


async def notify_every_minute(clock: Clock, observer: Observer) -> None:
    """Report each stall that is longer than all before, each second and each minute. Never returns."""
    longest, minute, second = STALL, clock.now() + MINUTE, clock.now() + SECOND
    while True:
        began = clock.now()
        if began >= second:
            second = began + SECOND
            observer.notify(SecondPassed())
        if began >= minute:
            minute = began + MINUTE
            observer.notify(MinutePassed())
        await clock.sleep(BEAT)
        late = clock.now() - began - BEAT
        if late > longest:
            longest = late
            observer.notify(LoopStalled(seconds=late))
