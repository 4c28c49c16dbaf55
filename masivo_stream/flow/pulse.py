"""The pulse: how long the event loop was not free, and a minute hand.

How much later than asked a short sleep wakes is how long the loop was busy with one thing. The minute hand is for those
who tell of a run now and then, even if nothing happens in it.

It beats beside a run in real time only. Where time is a number that jumps (in tests and simulations) nothing can be
late, and a beat every 50 ms would be all that ever happens.
"""

from masivo_stream.edges.clock import Clock, SystemClock
from masivo_stream.flow.observer import Observer
from masivo_stream.model.notices import LoopStalled, MinutePassed

BEAT = 0.05
"""Seconds between two looks: 20 timers a second cost nothing that can be measured."""

STALL = 0.1
"""Seconds of delay below which it is no stall: a busy machine takes as long to give a process its turn."""

MINUTE = 60.0


async def pulse(clock: Clock, observer: Observer) -> None:
    """Beat, if `clock` is the machine's. Runs beside the work: cancel it."""
    if isinstance(clock, SystemClock):
        await beat(clock, observer)


async def beat(clock: Clock, observer: Observer) -> None:
    """Tell of each stall that is longer than all before, and of each minute. Never returns."""
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
