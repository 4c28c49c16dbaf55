"""Hand out tasks to workers that may be killed, hang or fail: which one is next, and when to give up.

A task is pure: it may be handed out again, and its first answer counts. Each time has a ticket of its own. A task comes
back without an answer for three reasons:

1. Its worker was lost (KILLED), or the function failed (FAILED). It is handed out again, up to MOST_TRIES times.
2. It took longer than `task_timeout` since its worker began (SLOW). A thread cannot be stopped from outside, so its
   worker is avoided from then on, and the task is handed out again, up to MOST_SLOW times.
3. It waits behind a task that hangs. It has not begun, so this counts as nothing.
"""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from masivo_stream.model.tasks import Loss, Task

MOST_TRIES = 3
"""How often a task is handed out. A scheduler tries some times by itself before it reports that workers were lost."""
MOST_SLOW = 2
"""On how many workers a task may take too long: one may hang, for two the task itself is large."""


class Handed(Struct, frozen=True):
    """A task that is handed out."""

    ticket: int
    task: Task
    avoid: frozenset[str]
    """Workers that must not do it."""


class GivenUp(Struct, frozen=True):
    """A task that is not handed out again."""

    task: Task
    loss: Loss
    tries: int


class _Out(Struct):
    """A task that a worker has, or waits for."""

    task: Task
    worker: str = ""
    began: float | None = None


class HandOut:
    """The tasks that are left, and those that are under way."""

    def __init__(self, tasks: Iterator[Task], *, task_timeout: float) -> None:
        """Hand out `tasks` in their order; a task may take `task_timeout` seconds since its worker began."""
        self._left = tasks
        self._task_timeout = task_timeout
        self._again: deque[Task] = deque()
        self._out: dict[int, _Out] = {}
        self._tickets = 0
        self._lost: dict[str, list[Loss]] = {}
        """How each unanswered task was lost so far, by the task's name."""
        self._avoid: set[str] = set()

    @property
    def under_way(self) -> int:
        """How many tasks are handed out."""
        return len(self._out)

    @property
    def avoid(self) -> frozenset[str]:
        """Workers on which a task has taken too long."""
        return frozenset(self._avoid)

    def next(self, most: int) -> Handed | None:
        """Return the task to hand out now; None if `most` are under way, or if none is left."""
        if len(self._out) >= most:
            return None
        task = self._again.popleft() if self._again else next(self._left, None)
        if task is None:
            return None
        self._tickets += 1
        self._out[self._tickets] = _Out(task)
        return Handed(self._tickets, task, self.avoid)

    def begun(self, ticket: int, worker: str, now: float) -> None:
        """Note that a worker has begun with a task. A scheduler may begin it again elsewhere."""
        if ticket in self._out:
            self._out[ticket].worker, self._out[ticket].began = worker, now

    def answered(self, ticket: int) -> bool:
        """Note an answer. Returns whether it is the first one of its task."""
        out = self._out.pop(ticket, None)
        if out is not None:
            self._lost.pop(out.task.name, None)
        return out is not None

    def lost(self, ticket: int, loss: Loss) -> GivenUp | None:
        """Note that a task does not come back. Returns it if it is not handed out again."""
        out = self._out.pop(ticket, None)
        if out is None:
            return None
        losses = self._lost.setdefault(out.task.name, [])
        losses.append(loss)
        if len(losses) >= MOST_TRIES or losses.count(Loss.SLOW) >= MOST_SLOW:
            return GivenUp(out.task, loss, len(losses))
        self._again.append(out.task)
        return None

    def overdue(self, now: float) -> list[int]:
        """Return the tickets of tasks that take too long, and avoid their workers from now on."""
        found = [
            ticket
            for ticket, out in self._out.items()
            if out.began is not None and now - out.began > self._task_timeout
        ]
        self._avoid.update(self._out[ticket].worker for ticket in found)
        return found

    def not_begun(self) -> list[int]:
        """Return the tickets of tasks that wait for a worker."""
        return [ticket for ticket, out in self._out.items() if out.began is None]

    def take_back(self, ticket: int) -> None:
        """Hand a task that has not begun out again; this is no loss."""
        out = self._out.pop(ticket, None)
        if out is not None:
            self._again.append(out.task)
