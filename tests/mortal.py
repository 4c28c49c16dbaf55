"""Processes that die in the middle: every operation that reaches the world may be the last one.

From then on nothing of the process reaches the world any more. Used by the tests of the flow.
"""

from contextlib import contextmanager

from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal.commit import GroupCommit
from masivo_stream.edges.shared_dir.quota import QuotaFile
from masivo_stream.edges.shared_dir.sent_exports import SentExportsFile


class Dead(BaseException):
    """The process has ended."""


class Life:
    """Counts a process's operations; it dies at one of them, and does nothing after that."""

    def __init__(self, dies_at=None):
        self.dies_at, self.count, self.dead = dies_at, 0, False
        self.held_at = float("-inf")
        """When it last noted that the server had asked for a wait."""

    def operation(self):
        self.count += 1
        if self.dead or self.count == self.dies_at:
            self.dead = True
            raise Dead

    def around(self, work, *, closing=False):
        """Return `work`, before which the process may die; `closing`: it may be called again after that, in vain."""

        def mortal(*what):
            if not (closing and self.dead):
                self.operation()
                work(*what)

        return mortal


class MortalCommit(GroupCommit):
    """Dies before a commit, or right after it."""

    def __init__(self, connection, life, **options):
        super().__init__(connection, **options)
        self.life = life

    def commit(self, notes):
        self.life.operation()
        super().commit(notes)
        self.life.operation()


class MortalQuota(QuotaFile):
    """A departure may be the last thing that is noted."""

    life = None

    def reserve(self, lanes, decide):
        self.life.operation()
        slot = super().reserve(lanes, decide)
        self.life.operation()
        return slot

    def answered(self, numbers):
        self.life.operation()
        super().answered(numbers)

    def withdraw(self, numbers):
        self.life.operation()
        super().withdraw(numbers)

    def hold(self, scope, seconds):
        self.life.operation()
        super().hold(scope, seconds)
        self.life.held_at = self._clock.now()


class MortalSent(SentExportsFile):
    """What the account has got may be the last thing that is noted."""

    life = None

    def note(self, *what):
        self.life.operation()
        super().note(*what)
        self.life.operation()

    def follow(self, *what):
        if not self.life.dead:  # a run notes it last of all, however it ends; a killed one does not
            self.life.operation()
            super().follow(*what)

    def count(self, *what):
        if not self.life.dead:  # likewise
            self.life.operation()
            super().count(*what)

    def move(self, *what):
        self.life.operation()
        super().move(*what)


class MortalState(StateDir):
    """Nothing is written by a dead process."""

    def __init__(self, path, life):
        super().__init__(path)
        self.life = life

    def write(self, name, content):
        self.life.operation()
        super().write(name, content)

    @contextmanager
    def creating(self, name):
        self.life.operation()
        with super().creating(name) as write:
            yield write
        self.life.operation()
