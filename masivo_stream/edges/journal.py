"""The journal: which batches exist and how they stand. Intent is noted before the wire, the outcome before it counts.

This one keeps its notes in memory: they end with the process. The flow speaks to it through the protocol it
defines (`flow.upload.Journal`), in the order a durable journal needs.
"""

from masivo_stream.model.batch import Batch


class MemoryJournal:
    """Hold the batches that are planned, being sent, or in doubt."""

    def __init__(self) -> None:
        """Begin with none."""
        self.planned: dict[str, Batch] = {}
        self.sending: dict[str, Batch] = {}
        self.in_doubt: dict[str, Batch] = {}

    async def plan(self, batch: Batch) -> None:
        """Note a batch before it waits for its slot."""
        self.planned[batch.id] = batch

    async def send(self, batch: Batch) -> None:
        """Note that the next thing that happens is the first byte."""
        self.planned.pop(batch.id, None)
        self.sending[batch.id] = batch

    async def unsent(self, batch: Batch) -> None:
        """Note that an attempt certainly applied nothing."""
        self.sending.pop(batch.id, None)
        self.planned[batch.id] = batch

    async def settle(self, batch: Batch) -> None:
        """Note that a batch is final: accepted, or refused and taken apart."""
        self.planned.pop(batch.id, None)
        self.sending.pop(batch.id, None)

    async def doubt(self, batch: Batch) -> None:
        """Note that nobody knows whether a batch was applied."""
        self.sending.pop(batch.id, None)
        self.in_doubt[batch.id] = batch
