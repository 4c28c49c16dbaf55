"""A stall of the event loop is reported if it is longer than all before; simulated time has no stalls."""

from collections import Counter

import pytest
from fakes import Remembering

from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.stop import BEAT, STALL, SharedSignals, StopControl, notify_every_minute, watch_loop_lag
from masivo_stream.model.notices import LoopStalled, MinutePassed, SecondPassed


class Busy:
    """A clock whose sleeps last longer than asked, by what `late` says; then it is over."""

    def __init__(self, *late):
        self.late, self.moment = list(late), 0.0

    def now(self):
        return self.moment

    async def sleep(self, seconds):
        if not self.late:
            raise EOFError
        self.moment += seconds + self.late.pop(0)


async def test_each_stall_longer_than_all_before_is_reported():
    """A delay as long as a busy machine's scheduling is not a stall."""
    memory = Remembering()
    with pytest.raises(EOFError):
        await notify_every_minute(Busy(0.0, STALL / 2, 0.3, 0.2, 0.5), memory)
    stalls = [notice for notice in memory.notices if not isinstance(notice, SecondPassed)]
    assert [type(notice) for notice in stalls] == [LoopStalled, LoopStalled]
    assert [round(notice.seconds, 6) for notice in stalls] == [0.3, 0.5]
    assert BEAT < STALL


async def test_each_minute_and_each_second_are_reported():
    """However little happens."""
    memory = Remembering()
    with pytest.raises(EOFError):
        await notify_every_minute(Busy(*[BEAT / 2] * 2000), memory)
    assert Counter(map(type, memory.notices)) == {MinutePassed: 2, SecondPassed: 142}


async def test_runs_of_one_process_share_the_watch():
    """Each run receives the minutes while it is at work; a stall is reported once."""
    process, first, second = Remembering(), Remembering(), Remembering()
    signals = SharedSignals(process)
    with signals.stopping(StopControl(FakeClock(), drain_time=1), first):
        with signals.stopping(StopControl(FakeClock(), drain_time=1), second), pytest.raises(EOFError):
            await notify_every_minute(Busy(0.3, 61.0), signals)
        signals.notify(MinutePassed())
    signals.notify(MinutePassed())
    assert [len(each.notices) for each in (first, second)] == [3, 2]
    assert [type(notice) for notice in process.notices] == [LoopStalled, LoopStalled]


async def test_the_watch_ends_at_once_in_simulated_time():
    """It ends at once: no sleeper delays the simulation."""
    await watch_loop_lag(FakeClock(), Remembering())
