"""A journal that also reports which exports leave, and how far they were read."""

from collections.abc import Callable

from masivo_stream.flow.pipeline.ports import JournalPort
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Progress
from masivo_stream.model.states import BatchOutcome, BatchState, Note

Consumed = tuple[tuple[int, int, int, int], ...]
"""Source, plain bytes read, their CRC-32, and the line after them."""


class NotingJournal:
    """Passes everything to the journal, and calls the guard before or after it."""

    def __init__(
        self,
        journal: JournalPort,
        leave: Callable[[Batch], None],
        follow: Callable[[Kind, Consumed], None],
        count: Callable[[], None],
    ) -> None:
        """Call `leave` before a batch is noted as sending, and `follow` after the progress of reading was noted.

        `count` is called after a request was noted durably, and before its first byte.
        """
        self._journal, self._leave, self._follow, self._count = journal, leave, follow, count

    async def send(self, batch: Batch, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that the next thing that happens is the batch's first byte."""
        self._leave(batch)
        await self._journal.send(batch, progress, sync)
        self._count()
        self._follow(batch.kind, progress.consumed)

    async def settle(
        self, kind: Kind, batch: str, outcome: BatchOutcome, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note the outcome."""
        await self._journal.settle(kind, batch, outcome, progress, sync)
        self._follow(kind, progress.consumed)

    async def remove(self, kind: Kind, batch: str, progress: Progress, sync: Callable[[], None]) -> None:
        """Note that a batch was certainly not applied, and may be sent again."""
        await self._journal.remove(kind, batch, progress, sync)
        self._follow(kind, progress.consumed)

    async def find(self, batch: Batch, progress: Progress, sync: Callable[[], None], *, why: str) -> None:
        """Note that records are there."""
        await self._journal.find(batch, progress, sync, why=why)

    async def send_again(self, batch: str) -> None:
        """Note that the next thing that happens is the first byte of a batch that is in doubt."""
        await self._journal.send_again(batch)
        self._count()

    async def decide(
        self, kind: Kind, state: BatchState, note: Note, progress: Progress, sync: Callable[[], None]
    ) -> None:
        """Note what a person decided about the batch in doubt that `note` names."""
        await self._journal.decide(kind, state, note, progress, sync)

    async def note(self, kind: Kind, progress: Progress, sync: Callable[[], None]) -> None:
        """Note how far the kind has come."""
        await self._journal.note(kind, progress, sync)
        self._follow(kind, progress.consumed)

    async def learn_limit(self, max_body_bytes: int) -> None:
        """Note that the server takes no larger bodies."""
        await self._journal.learn_limit(max_body_bytes)
