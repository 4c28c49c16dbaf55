"""Do work in one thread, in order, while the loop goes on."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec

_Given = ParamSpec("_Given")


class InThread:
    """Give it work, `finish`, and close it.

    Work that spends most of its time without Python's global lock takes no time of the loop.
    """

    def __init__(self, name: str, *, ahead: int) -> None:
        """Keep at most `ahead` pieces of work that are not done yet. With 0 the work is done at once, in no thread."""
        self._thread, self._ahead = ThreadPoolExecutor(1, name), ahead
        self._begun: deque[asyncio.Future[None]] = deque()

    def close(self) -> None:
        """Wait for the work that has begun, drop the rest, and end the thread."""
        self._thread.shutdown(cancel_futures=True)
        for each in self._begun:  # some are done only when the loop has its next turn
            each.add_done_callback(_take_note)

    async def give(self, work: Callable[_Given, None], *args: _Given.args, **kwargs: _Given.kwargs) -> None:
        """Do a piece of work after all that were given before. Waits if too many are not done yet.

        Raises:
            Exception: what earlier work raised.
        """
        if not self._ahead:
            work(*args, **kwargs)
            return
        while len(self._begun) >= self._ahead:
            await self._begun.popleft()
        loop = asyncio.get_running_loop()
        self._begun.append(loop.run_in_executor(self._thread, lambda: work(*args, **kwargs)))

    async def finish(self) -> None:
        """Wait until all work is done.

        Raises:
            Exception: what the work raised.
        """
        while self._begun:
            await self._begun.popleft()


def _take_note(done: "asyncio.Future[None]") -> None:
    """Retrieve the error of work that is dropped: an error before it ends everything already."""
    if not done.cancelled():
        done.exception()
