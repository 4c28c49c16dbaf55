"""The ports of the pipeline: what it needs from the journal, the files, the client and the reader."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from masivo_stream.core.sending.backoff import Decision
from masivo_stream.model.attempt import Attempt
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import Packable
from masivo_stream.model.examples import SkippedPlace
from masivo_stream.model.progress import Progress
from masivo_stream.model.results import Entry, Rejected
from masivo_stream.model.states import BatchOutcome, BatchState, Note


class Sender(Protocol):
    """Puts a batch on the wire: one attempt a call."""

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        ...

    def fresh(self, token: str) -> bool:
        """Return whether a token may still be used."""
        ...

    async def send(self, kind: Kind, body: bytes, token: str, departed: Callable[[], None]) -> Attempt:
        """Send, calling `departed` when the first bytes have left."""
        ...

    def renew(self, token: str) -> bool:
        """Drop a token that was not taken; return whether there can be a fresh one."""
        ...


class AttemptRecorder(Protocol):
    """Counts attempts, and notes them durably before the flow goes on. Called where nothing can cancel."""

    async def begin(self, batch: Batch) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        ...

    async def settle(self, batch: Batch, decision: Decision) -> None:
        """Count the outcome of an attempt, and note it."""
        ...

    def count_request(self, size: int) -> None:
        """Count a request that departed, of `size` bytes."""
        ...

    def count_throttled(self) -> None:
        """Count a 429."""
        ...


class Finder(Protocol):
    """Finds out which customers are there."""

    async def find(self, entries: Sequence[Entry], *, since: float | None) -> list[Entry]:
        """Return those of `entries` that can be read back.

        `since` is when the last attempt that may have applied them ended, by the run's clock: the effects of that
        attempt are given time to show. None: what does not show at once is not there.
        """
        ...


class DeadLetterSink(Protocol):
    """The file of records that are not sent."""

    @property
    def length(self) -> int:
        """Bytes written."""
        ...

    @property
    def crc(self) -> int:
        """CRC-32 of them."""
        ...

    def append(self, dead_letters: Iterable[Rejected]) -> None:
        """Write dead letters."""
        ...

    def sync(self) -> None:
        """Make what was written durable; called from another thread."""
        ...


class SkippedSink(Protocol):
    """The list of records that are not to be migrated."""

    @property
    def length(self) -> int:
        """Bytes counted."""
        ...

    @property
    def crc(self) -> int:
        """CRC-32 of them."""
        ...

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write places, not yet counted."""
        ...

    def count(self) -> None:
        """Count what was written."""
        ...

    def sync(self) -> None:
        """Make what was counted durable; called from another thread."""
        ...


class UnchangedSkipped:
    """The list of skipped records of a kind that is not read: it stays as it is."""

    def __init__(self, length: int, crc: int) -> None:
        """Take the bytes counted of it, and their CRC-32."""
        self.length, self.crc = length, crc

    def append(self, places: Iterable[SkippedPlace]) -> None:
        """Write nothing."""

    def count(self) -> None:
        """Count nothing."""

    def sync(self) -> None:
        """Do nothing."""


class PurchaseSink(Protocol):
    """The notes of purchases that were accepted."""

    def accepted(self, parts: Iterable[Packable]) -> None:
        """Take the parts of a batch that was accepted."""
        ...

    def sync(self) -> None:
        """Note what was taken; called from another thread."""
        ...


class InDoubtSink(Protocol):
    """The list of records that may or may not have arrived."""

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Write the entries of a batch."""
        ...

    def remove(self, batch: str) -> None:
        """Take a batch off the list."""
        ...


class KindFiles(Struct, frozen=True):
    """The files in which a person finds what was not accepted."""

    dead_letters: DeadLetterSink
    in_doubt: InDoubtSink
    skipped: SkippedSink


class JournalPort(Protocol):
    """Makes durable what becomes of batches, and how far reading has come.

    `sync` makes the files durable of which `progress` speaks; the journal calls it before each commit.
    """

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        ...

    async def settle(
        self, kind: Kind, batch: str, outcome: BatchOutcome, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note the outcome of an attempt."""
        ...

    async def remove(self, kind: Kind, batch: str, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that a batch was certainly not applied, and may be sent again."""
        ...

    async def note_found(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
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
