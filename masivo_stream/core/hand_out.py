"""Hand out tasks to workers that may be killed, hang or fail: which one is next, and when to give up.

A task is pure: it may be handed out again, and its first answer counts. Each time has a ticket of its own. A task comes
back without an answer for four reasons:

1. The function failed (FAILED). It is handed out again, up to MOST_TRIES times.
2. Its worker was lost (KILLED). Workers may be lost all the time, and take other tasks with them, so this counts only
   while no other task is answered: up to MOST_TRIES times in a row, and MOST_KILLED times in all.
3. It took longer than `task_timeout` since its worker began (SLOW). A thread cannot be stopped from outside, so its
   worker is avoided from then on, and the task is handed out again, up to MOST_SLOW times.
4. It waits behind a task that hangs. It has not begun, so this counts as nothing.
"""

from collections import deque
from collections.abc import Collection, Iterator

from msgspec import Struct

from masivo_stream.model.tasks import Loss, Task

MOST_TRIES = 3
"""How often a task is handed out, in a row. A scheduler tries some times by itself before it reports lost workers."""
MOST_KILLED = 10
"""How often a task may lose its workers while others are answered: it may be what kills them."""
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


class _Out(Struct):
    """A task that a worker has, or waits for."""

    task: Task
    worker: str = ""
    began: float | None = None


class _Losses(Struct):
    """How often a task was lost."""

    failed: int = 0
    slow: int = 0
    killed: int = 0
    in_a_row: int = 0
    """Of those killed, since another task was answered last."""
    answers: int = -1
    """How many tasks had been answered when it was killed last."""

    def add(self, loss: Loss, answers: int) -> bool:
        """Note a loss after this number of answers. Returns whether it was one too many."""
        match loss:
            case Loss.FAILED:
                self.failed += 1
            case Loss.SLOW:
                self.slow += 1
            case Loss.KILLED:
                self.killed += 1
                self.in_a_row = self.in_a_row + 1 if answers == self.answers else 1
                self.answers = answers
        return (
            self.slow >= MOST_SLOW
            or self.killed >= MOST_KILLED
            or self.failed + self.slow + self.in_a_row >= MOST_TRIES
        )


class HandOut:
    """The tasks that are left, and those that are under way."""

    def __init__(self, tasks: Iterator[Task], *, task_timeout: float) -> None:
        """Hand out `tasks` in their order; a task may take `task_timeout` seconds since its worker began."""
        self._left = tasks
        self._task_timeout = task_timeout
        self._again: deque[Task] = deque()
        self._out: dict[int, _Out] = {}
        self._tickets = 0
        self._lost: dict[str, _Losses] = {}
        """Of unanswered tasks, by the task's name."""
        self._answers = 0
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
        """Return the task to hand out now; None if `most` are under way, or if no task is left."""
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

    def keep_workers(self, workers: Collection[str]) -> None:
        """Note which workers there are: what another one had begun waits for a worker again."""
        for out in self._out.values():
            if out.began is not None and out.worker not in workers:
                out.worker, out.began = "", None

    def answered(self, ticket: int) -> bool:
        """Note an answer. Returns whether it is the first one of its task."""
        out = self._out.pop(ticket, None)
        if out is not None:
            self._answers += 1
            self._lost.pop(out.task.name, None)
        return out is not None

    def lost(self, ticket: int, loss: Loss) -> GivenUp | None:
        """Note that a task does not come back. Returns it if it is not handed out again."""
        out = self._out.pop(ticket, None)
        if out is None:
            return None
        if self._lost.setdefault(out.task.name, _Losses()).add(loss, self._answers):
            return GivenUp(out.task, loss)
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
