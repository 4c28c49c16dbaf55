"""A world without real time: an event loop that jumps to its next timer when there is nothing else to do.

It has no threads. So a test takes no longer than its work, and everything happens in the same order every time, however
busy the machine is. A wait that nothing can end is an error at once, not a test that hangs.
"""

import asyncio
import selectors
from contextlib import contextmanager
from datetime import UTC, datetime

import anyio

COMMIT_SECONDS = 0.002
"""Virtual time that a commit takes. Notes that come meanwhile share the next commit."""
TICK = 1e-6
"""The shortest wait, in seconds."""


class _Jump(selectors.SelectSelector):
    """Instead of waiting for files, let the loop's time pass."""

    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("every task waits for another one")
        self.loop.seconds += max(timeout, 0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Begins at `seconds`. It does work for threads on the spot."""

    def __init__(self, seconds=0.0):
        jump = _Jump()
        jump.loop = self
        self.seconds = seconds
        super().__init__(jump)

    def time(self):
        return self.seconds

    def run_in_executor(self, executor, func, *args):
        return _done(self, func, *args)


def _done(loop, func, *args):
    """Call `func` now. Return a future that holds its result or its error."""
    done = loop.create_future()
    try:
        done.set_result(func(*args))
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the task that awaits the result
        done.set_exception(error)
    return done


@contextmanager
def without_threads():
    """Do the running loop's work for threads on the spot while the context lasts.

    A `FakeClock` jumps when every task waits, and a task that waits for a thread looks like the others. So virtual time
    would pass while a file is read, and a busy machine would change what happens.
    """
    loop = asyncio.get_running_loop()
    loop.run_in_executor = lambda _executor, func, *args: _done(loop, func, *args)
    try:
        yield
    finally:
        del loop.run_in_executor


class LoopClock:
    """The running loop's time. `ahead`: seconds by which the wall clock is ahead of it."""

    def __init__(self, ahead=0.0):
        self.ahead = ahead

    def now(self):
        return asyncio.get_running_loop().time()

    def wall(self):
        return datetime.fromtimestamp(1_700_000_000 + self.now() + self.ahead, UTC)

    async def sleep(self, seconds):
        """Wait. Any real wait takes a microsecond at least: what rounding leaves of one would not move the time."""
        await anyio.sleep(max(TICK, seconds) if seconds > 0 else 0)


def commit_later(work):
    """Do a journal's commits without a thread."""
    asyncio.get_running_loop().call_later(COMMIT_SECONDS, work)


def run_virtually(function, *args, begin=0.0):
    """Run `function` to its end in virtual time."""
    return anyio.run(function, *args, backend_options={"loop_factory": lambda: VirtualLoop(begin)})
