"""Whom an account tells: the journal, the dead letters, the list of what is in doubt."""

from collections.abc import Callable, Iterable
from typing import Protocol

from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Progress
from masivo_stream.model.results import Entry, Rejected
from masivo_stream.model.skipped import SkippedPlace
from masivo_stream.model.states import BatchOutcome, BatchState, Note


class DeadLetterSink(Protocol):
    """Where records go that are not sent."""

    @property
    def length(self) -> int:
        """Bytes written."""
        ...

    @property
    def crc(self) -> int:
        """CRC-32 of them."""
        ...

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write them down."""
        ...

    def sync(self) -> None:
        """Make what was written durable; called from another thread."""
        ...


class SkippedSink(Protocol):
    """Where records are listed that are not to be migrated."""

    @property
    def length(self) -> int:
        """Bytes counted."""
        ...

    @property
    def crc(self) -> int:
        """CRC-32 of them."""
        ...

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write them down, not yet counted."""
        ...

    def count(self) -> None:
        """Count what was written."""
        ...

    def sync(self) -> None:
        """Make what was counted durable; called from another thread."""
        ...


class UnchangedSkipped:
    """The list of a kind of which nothing is read: it stays as it is."""

    def __init__(self, length: int, crc: int) -> None:
        """Take what is counted of it."""
        self.length, self.crc = length, crc

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write nothing."""

    def count(self) -> None:
        """Count nothing."""

    def sync(self) -> None:
        """Do nothing."""


class InDoubtSink(Protocol):
    """Where records are listed of which nobody knows whether they arrived."""

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Write them down."""
        ...

    def remove(self, batch: str) -> None:
        """Take them off the list."""
        ...


class JournalPort(Protocol):
    """Who makes durable how batches stand, and how far reading has come."""

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        ...

    async def settle(
        self, kind: Kind, batch: str, outcome: BatchOutcome, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what came of an attempt."""
        ...

    async def remove(self, kind: Kind, batch: str, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that a batch was certainly not applied, and may be sent again."""
        ...

    async def find(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
        """Note that records are there."""
        ...

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        ...

    async def decide(
        self, kind: Kind, state: BatchState, note: Note, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what a person decided about the batch in doubt that `note` names."""
        ...

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far the kind has come."""
        ...

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies."""
        ...
