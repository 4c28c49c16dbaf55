"""Signals are handled while there is work; before and after it they belong to the caller."""

import signal

from fakes import Remembering

from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.stop import StopControl, work_under
from masivo_stream.model.errors import ExitCode

OBEYED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def test_signal_handlers_are_restored():
    """The program's handlers are restored: the system's own would end it before its summary is written."""
    former = {number: signal.signal(number, lambda *_: None) for number in OBEYED}
    try:
        own = {number: signal.getsignal(number) for number in OBEYED}
        at_work = {}

        async def work():
            at_work.update({number: signal.getsignal(number) for number in OBEYED})

        stop = StopControl(FakeClock(), drain_time=0)
        await work_under(stop, work, observer=Remembering(), handle_signals=True)
        assert {number: signal.getsignal(number) for number in OBEYED} == own
        assert all(at_work[number] is not own[number] for number in OBEYED)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


async def test_a_signal_stops_the_work():
    async def work():
        signal.raise_signal(signal.SIGTERM)
        await clock.sleep(1)

    clock = FakeClock()
    stop = StopControl(clock, drain_time=0)
    await work_under(stop, work, observer=Remembering(), handle_signals=True)
    assert stop.cause.exit_code == ExitCode.TERMINATED
