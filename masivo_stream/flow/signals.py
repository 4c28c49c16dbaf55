"""Signals: the first asks for an ordered stop, a second SIGINT leaves at once."""

import os
import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import anyio
from anyio.abc import TaskStatus

from masivo_stream.flow.brake import Brake
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pulse import pulse
from masivo_stream.model.errors import ExitCode, Interrupted, MasivoStreamError
from masivo_stream.model.notices import Stopping

_OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def work_under(
    brake: Brake, work: Callable[[], Awaitable[None]], *, observer: Observer, handle_signals: bool
) -> None:
    """Do `work` until it is done or the brake is pulled. Then what was in flight has landed, or its drain time is over.

    An error of ours pulls the brake; it is the brake's cause afterwards.
    """
    async with anyio.create_task_group() as beside:
        beside.start_soon(brake.drain)
        beside.start_soon(pulse, brake.clock, observer)
        if handle_signals:
            await beside.start(obey_signals, brake, observer)  # before any work: a signal finds them listening
        with brake.work:
            try:
                await work()
            except MasivoStreamError as error:
                brake.pull(error)
        beside.cancel_scope.cancel()


async def obey_signals(
    brake: Brake, observer: Observer, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Pull the brake on SIGINT and SIGTERM; ignore SIGHUP (a lost terminal must not end a migration). Never returns.

    Needed above all as PID 1 of a container, where a SIGTERM without a handler is ignored by the kernel.
    """
    with _restored(_OBEYED), anyio.open_signal_receiver(*_OBEYED) as signals:
        task_status.started()
        async for received in signals:
            if received is signal.SIGHUP:
                continue
            if brake.cause is not None:
                if received is signal.SIGINT:
                    os._exit(ExitCode.INTERRUPTED)  # as after kill -9; nothing that matters waits for an orderly end
                continue
            code = ExitCode.INTERRUPTED if received is signal.SIGINT else ExitCode.TERMINATED
            observer.notify(Stopping(why=received.name, in_flight=brake.in_flight, drain_time=brake.drain_time))
            brake.pull(Interrupted(received.name, code))


@contextmanager
def _restored(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Give back the handlers that were there: asyncio leaves the system's default, which would end a process at work.

    The summary is still to be told then.
    """
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it was not Python that set it
                signal.signal(number, handler)
