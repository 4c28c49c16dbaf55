"""Clocks: the real one goes on, the fake one moves only when it is advanced."""

import asyncio
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from masivo_stream.edges.clock import FakeClock, SystemClock


async def test_the_system_clock_advances():
    """Monotonic seconds, a date in UTC, and a sleep that lets others work."""
    clock = SystemClock()
    before, date = clock.now(), clock.wall()
    await clock.sleep(0.01)
    assert clock.now() - before >= 0.01
    assert (date.tzinfo, abs(datetime.now(UTC) - date) < timedelta(minutes=1)) == (UTC, True)


async def test_a_real_sleep_can_be_cancelled():
    """Every wait can be interrupted."""
    with anyio.move_on_after(0.01) as scope:
        await SystemClock().sleep(60)
    assert scope.cancelled_caught


async def asleep(clock, seconds, log):
    await clock.sleep(seconds)
    log.append((seconds, clock.now()))


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_fake_clock_moves_only_by_hand():
    """Both of its faces, until it is advanced by hand; then they move alike."""
    clock = FakeClock(start=5.0)
    now, wall = clock.now(), clock.wall()
    assert (clock.now(), clock.wall()) == (now, wall)
    clock.advance(90)
    assert (clock.now() - now, clock.wall() - wall) == (90.0, timedelta(seconds=90))


async def test_a_sleeper_wakes_exactly_at_its_time():
    """In the order of their moments, whatever the order of falling asleep."""
    clock, log = FakeClock(start=0.0), []
    async with anyio.create_task_group() as tasks:
        for seconds in (3.0, 1.0, 2.0):
            tasks.start_soon(asleep, clock, seconds, log)
        await settle()
        clock.advance(0.999)
        await settle()
        assert log == []
        for _ in range(3):
            clock.advance(1.0)
            await settle()
    assert [seconds for seconds, _ in log] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("seconds", [0.0, -5.0])
async def test_a_sleep_of_zero_lets_other_tasks_run(seconds):
    """The sleep ends by itself, and time does not move."""
    clock = FakeClock()
    before = clock.now()
    await clock.sleep(seconds)
    assert clock.now() == before


async def test_a_running_clock_jumps_to_the_next_sleeper():
    """Days pass at once, each sleeper at exactly its moment."""
    clock, log = FakeClock(start=0.0), []

    async def twice():
        await asleep(clock, 86_400.0, log)
        await asleep(clock, 5.0, log)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        async with anyio.create_task_group() as sleepers:
            sleepers.start_soon(twice)
            sleepers.start_soon(asleep, clock, 86_402.0, log)
        tasks.cancel_scope.cancel()
    assert log == [(86_400.0, 86_400.0), (86_402.0, 86_402.0), (5.0, 86_405.0)]


async def test_time_does_not_jump_to_a_cancelled_sleeper():
    """A cancelled sleep is not waited for."""
    clock, log = FakeClock(start=0.0), []
    leaver = asyncio.create_task(clock.sleep(10.0))
    await settle()
    leaver.cancel()
    await asyncio.gather(leaver, return_exceptions=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        await anyio.sleep(0.02)
        assert clock.now() == 0.0
        await asleep(clock, 20.0, log)
        tasks.cancel_scope.cancel()
    assert log == [(20.0, 20.0)]
