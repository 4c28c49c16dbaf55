"""Work in one thread, in order, beside the loop."""

import asyncio
import gc
import threading

import pytest

from masivo_stream.flow.in_thread import InThread


@pytest.mark.parametrize("ahead", [0, 1, 3])
async def test_work_is_done_in_order(ahead):
    done = []
    beside = InThread("test", ahead=ahead)
    for number in range(10):
        await beside.give(done.append, number)
    await beside.finish()
    beside.close()
    assert done == [*range(10)]


async def test_no_more_waits_than_is_allowed():
    """Whoever gives more waits for the first of them."""
    may_go_on, beside = threading.Event(), InThread("test", ahead=2)
    for _ in range(2):
        await beside.give(may_go_on.wait)
    third = asyncio.create_task(beside.give(may_go_on.wait))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not third.done()
    may_go_on.set()
    await third
    await beside.finish()
    beside.close()


async def test_what_fails_is_raised_once_and_what_comes_after_it_is_dropped(caplog):
    """Also if more fails: no word of an exception that was never retrieved."""
    beside = InThread("test", ahead=2)

    def fail():
        raise OSError("full")

    async def give_all():
        for _ in range(4):
            await beside.give(fail)

    with pytest.raises(OSError, match="full"):
        await give_all()
    beside.close()
    await asyncio.sleep(0.01)
    gc.collect()
    assert not caplog.records
