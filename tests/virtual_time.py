"""An event loop whose time is a number: it jumps to the next timer when nothing else is to be done, and has no threads.

So a test takes no longer than its work, and what happens in it happens in the same order every time. A wait that
nothing will ever end is an error at once, not a test that hangs.
"""

import asyncio
import selectors
from datetime import UTC, datetime

import anyio

COMMIT_SECONDS = 0.002
"""Virtual time that a commit takes: others come meanwhile, and share the next one."""


class _Jump(selectors.SelectSelector):
    """Instead of waiting for files, let the loop's time pass."""

    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("every task waits for another one")
        self.loop.seconds += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at `seconds`; work for threads is done on the spot."""

    def __init__(self, seconds=0.0):
        jump = _Jump()
        jump.loop = self
        self.seconds = seconds
        super().__init__(jump)

    def time(self):
        return self.seconds

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits for the result
            done.set_exception(error)
        return done


class LoopClock:
    """The running loop's time; `ahead` is by how much the wall clock goes before it."""

    def __init__(self, ahead=0.0):
        self.ahead = ahead

    def now(self):
        return asyncio.get_running_loop().time()

    def wall(self):
        return datetime.fromtimestamp(1_700_000_000 + self.now() + self.ahead, UTC)

    async def sleep(self, seconds):
        await anyio.sleep(max(0.0, seconds))


async def aside(work, *args):
    """Do a journal's commit where there are no threads."""
    await anyio.sleep(COMMIT_SECONDS)
    return work(*args)


def run_virtually(function, *args, begin=0.0):
    """Run `function` to its end in virtual time."""
    return anyio.run(function, *args, backend_options={"loop_factory": lambda: VirtualLoop(begin)})
