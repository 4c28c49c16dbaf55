"""Signals: the first stops the run in an orderly way, a second SIGINT leaves at once."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskStatus

from masivo_stream.edges.clock import SystemClock
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.errors import ExitCode, Interrupted, MasivoStreamError
from masivo_stream.model.notices import LoopStalled, MinutePassed, Stopping
from masivo_stream.model.ports import Clock

_OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def work_under(
    stop: StopControl, work: Callable[[], Awaitable[None]], *, observer: Observer, handle_signals: bool
) -> None:
    """Do `work` until it is done or stopped. Then what was in flight has landed, or its drain time is over.

    A `MasivoStreamError` of the work stops it, and is the cause of `stop` afterwards.
    """
    async with anyio.create_task_group() as beside:
        beside.start_soon(stop.drain)
        beside.start_soon(watch_loop_lag, stop.clock, observer)
        if handle_signals:
            await beside.start(obey_signals, stop, observer)  # before any work, so no signal is missed
        with stop.work:
            try:
                await work()
            except MasivoStreamError as error:
                stop.pull(error)
        beside.cancel_scope.cancel()


async def obey_signals(
    stop: StopControl, observer: Observer, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Stop on SIGINT and SIGTERM; ignore SIGHUP (a lost terminal must not end a migration). Never returns.

    Above all PID 1 of a container needs it: there the kernel ignores a SIGTERM without a handler.
    """
    with _restored(_OBEYED), anyio.open_signal_receiver(*_OBEYED) as signals:
        task_status.started()
        async for received in signals:
            if received is signal.SIGHUP:
                continue
            if stop.cause is not None:
                if received is signal.SIGINT:
                    os._exit(ExitCode.INTERRUPTED)  # as after kill -9: a restart needs no orderly end
                continue
            code = ExitCode.INTERRUPTED if received is signal.SIGINT else ExitCode.TERMINATED
            observer.notify(Stopping(why=received.name, in_flight=stop.in_flight, drain_time=stop.drain_time))
            stop.pull(Interrupted(received.name, code))


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

MINUTE = 60.0


async def watch_loop_lag(clock: Clock, observer: Observer) -> None:
    """Report stalls of the event loop, if `clock` is the machine's. Runs beside the work: cancel it."""
    if isinstance(clock, SystemClock):
        await notify_every_minute(clock, observer)


async def notify_every_minute(clock: Clock, observer: Observer) -> None:
    """Report each stall that is longer than all before, and each minute. Never returns."""
    longest, minute = STALL, clock.now() + MINUTE
    while True:
        began = clock.now()
        if began >= minute:
            minute = began + MINUTE
            observer.notify(MinutePassed())
        await clock.sleep(BEAT)
        late = clock.now() - began - BEAT
        if late > longest:
            longest = late
            observer.notify(LoopStalled(seconds=late))
