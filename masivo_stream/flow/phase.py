"""One kind's journey: read, judge, pack, hand off, deliver, and take apart what is refused.

The producer and the uploaders meet at one bounded hand-off: when sending stalls, reading stops. What a batch leaves
over (the unsuspected part of a refused one, a body the server found too large) goes back to the producer's packer and
travels with others. The phase is done when everything read has a fate. Where entries stand is the account's business.
"""

from collections.abc import Sequence
from contextlib import aclosing

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from masivo_stream.core.decode import Decoder
from masivo_stream.core.isolate import Isolation
from masivo_stream.core.pack import Packed, Packer
from masivo_stream.core.retry import Halt, Hold, Settle
from masivo_stream.edges.clock import Clock
from masivo_stream.flow.account import Account
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.judge import Source, judge_sources
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.unanswered import Finder
from masivo_stream.flow.upload import Delivery, halt_error
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.errors import (
    DeniedError,
    InputError,
    MasivoStreamError,
)
from masivo_stream.model.notices import LimitLearned, PhaseEnded, PhaseStarted, Progressed, RecordIsolated
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, Rejected, reject_entry

MOST_REFUSALS = 50
"""Refused requests in a row before the run stops: to find four culprits that stand side by side takes fewer."""

PROGRESS_EVERY = 1.0
"""Seconds between two notices of progress."""


class Phase:
    """Run it once. What came of everything stands in `account`."""

    def __init__(
        self,
        sources: list[Source],
        *,
        account: Account,
        decoder: Decoder,
        packer: Packer,
        delivery: Delivery,
        finder: Finder,
        brake: Brake,
        clock: Clock,
        observer: Observer,
        uploaders: int,
        hand_off: int,
        block_bytes: int,
        max_line_bytes: int,
        workers: int = 1,
    ) -> None:
        """Join the parts; the numbers are the settings of the same names. `packer` is the account's, too."""
        self.account, self.kind, self._sources = account, account.kind, sources
        self._decoder, self._packer, self._delivery, self._finder = decoder, packer, delivery, finder
        self._brake, self._clock, self._observer = brake, clock, observer
        self._uploaders, self._hand_off = uploaders, hand_off
        self._block_bytes, self._max_line_bytes, self._workers = block_bytes, max_line_bytes, workers
        self.input_error: InputError | None = None
        self._refusals = 0
        """Refused requests in a row."""
        self._changed = anyio.Event()
        self._told = clock.now()
        self._bytes_read = 0

    @property
    def target_bytes(self) -> int:
        """The size of body not to exceed, as far as the server has taught it."""
        return self._packer.target_bytes

    async def run(self) -> None:
        """Go through all sources until everything has a fate, or the brake is pulled."""
        self.account.start()
        size = sum(source.input.size for source in self._sources)
        self._observer.notify(PhaseStarted(kind=self.kind, files=len(self._sources), size=size))
        send, receive = anyio.create_memory_object_stream[Batch](self._hand_off)
        try:
            with send, receive:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._produce, send)
                    for _ in range(self._uploaders):
                        tasks.start_soon(self._upload, receive)
        finally:
            await self._end()

    async def _end(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.account.note()
            except MasivoStreamError as error:
                self._brake.pull(error)
        self.account.end()
        self._observer.notify(PhaseEnded(kind=self.kind, figures=self.account.figures()))

    # The producer.

    async def _produce(self, batches: MemoryObjectSendStream[Batch]) -> None:
        with batches:  # closed, the uploaders end when they have emptied it
            try:
                await self._read(batches)
                await self._finish(batches)
            except MasivoStreamError as error:
                self._brake.pull(error)

    async def _read(self, batches: MemoryObjectSendStream[Batch]) -> None:
        judged_blocks = judge_sources(
            self._sources,
            self._decoder,
            block_bytes=self._block_bytes,
            max_line_bytes=self._max_line_bytes,
            workers=self._workers,
        )
        try:
            async with aclosing(judged_blocks) as blocks:
                async for judged in blocks:
                    self._bytes_read += judged.bytes_read
                    self.account.sort(judged)
                    await self._pack(batches)
                    self._tell_progress()
                self.account.read_all = True
        except InputError as error:
            self.input_error = error  # what was read before it is still delivered

    async def _pack(self, batches: MemoryObjectSendStream[Batch]) -> None:
        await self._hand_over(self._packer.feed(self.account.take_to_pack()), batches)

    async def _hand_over(self, packed: Packed, batches: MemoryObjectSendStream[Batch]) -> None:
        alone = [(large, make_batch(self.kind, [large.entry])) for large in packed.oversized]
        self.account.hand_over(packed.batches)  # all of them, before the first one waits for anything
        self.account.hand_over([batch for _, batch in alone])
        for large, batch in alone:
            message = f"does not fit a request of {large.max_body_bytes} bytes"
            await self._bury(reject_entry(large.entry, Reason.TOO_LARGE, message, items=large.items), large.entry)
            self.account.done_with(batch)
        for batch in packed.batches:
            await batches.send(batch)

    async def _finish(self, batches: MemoryObjectSendStream[Batch]) -> None:
        """Send what is left in the packer, and what comes back from refused batches, until nothing does."""
        while True:
            await self._hand_over(Packed(self._packer.flush(), []), batches)
            while self.account.waits_for_batches:
                self._changed = anyio.Event()
                await self._changed.wait()
            if not self.account.holds_entries:
                return
            await self._pack(batches)

    # The uploaders.

    async def _upload(self, batches: MemoryObjectReceiveStream[Batch]) -> None:
        async for batch in batches:
            try:
                await self._deliver(batch)
                self.account.done_with(batch)
            except MasivoStreamError as error:
                self._brake.pull(error)
            self._changed.set()
            self._tell_progress()

    async def _deliver(self, batch: Batch) -> None:
        if len(batch.body) > self._packer.target_bytes and self._divisible(batch):
            self.account.give_back(batch.entries)  # packed before a 413 taught a lower limit
            return
        match await self._delivery.deliver(batch, self.account):
            case Settle(Accepted()):
                self._refusals = 0
            case Settle(TooLarge(message)):
                await self._make_smaller(batch, message)
            case Settle(Refused() as refused):
                if not await self._clear_up(batch.entries):
                    await self._isolate(batch, refused)
            case Halt() as halt:
                raise halt_error(halt, f"batch {batch.id} of {self.kind}")

    async def _clear_up(self, refused: Sequence[Entry], others: Sequence[Entry] = ()) -> bool:
        """Settle those of `refused` that arrived by an attempt whose answer was lost; all the rest travels anew.

        Returns whether there were any; if not, nothing has changed.
        """
        found = await self._finder.find(self.account.unanswered.fresh(refused), patient=True)
        if not found:
            return False
        with anyio.CancelScope(shield=True):
            await self.account.find(found)
        arrived = {id(entry) for entry in found}
        self.account.give_back([entry for entry in (*refused, *others) if id(entry) not in arrived])
        return True

    async def _bury(self, letter: Rejected, entry: Entry) -> bool:
        """Make an entry a dead letter, unless it arrived by an attempt whose answer was lost; whether it is one."""
        suspect = bool(self.account.unanswered.among([entry]))
        refused = CONTRACTS[self.kind].repeatable and letter.reason is Reason.REFUSED  # for another record of it?
        there = (suspect or refused) and bool(await self._finder.find([entry], patient=suspect))
        if there and suspect:
            with anyio.CancelScope(shield=True):
                await self.account.find([entry])
            return False
        self.account.bury(entry, letter, arrived=there)
        return True

    async def _isolate(self, batch: Batch, refused: Refused) -> None:
        """Find the entry a batch is refused for, while what is cleared on the way arrives."""
        self._count_refusal(refused)
        isolation = Isolation(batch.entries)
        while not isolation.done:
            part = make_batch(self.kind, isolation.part)
            match await self._delivery.deliver(part, self.account):
                case Settle(Accepted()):
                    self._refusals = 0
                    isolation.settle(accepted=True)
                case Settle(Refused() as refused):
                    if await self._clear_up(part.entries, isolation.left):
                        return
                    self._count_refusal(refused)
                    isolation.settle(accepted=False)
                case Settle(TooLarge(message)):
                    self.account.give_back(isolation.left)
                    await self._make_smaller(part, message)
                    return
                case Hold():
                    self.account.give_back(isolation.left)
                    return
                case Halt() as halt:
                    raise halt_error(halt, f"batch {part.id} of {self.kind}")
        self.account.give_back(isolation.rest)
        culprit = isolation.culprit
        if culprit is None:  # what was refused together is accepted apart
            return
        letter = reject_entry(culprit, Reason.REFUSED, refused.message, status=refused.status, batch=batch.id)
        if not await self._bury(letter, culprit):
            return
        file, line = culprit.record
        self._observer.notify(
            RecordIsolated(kind=self.kind, batch=batch.id, file=file, line=line, status=refused.status)
        )

    def _count_refusal(self, refused: Refused) -> None:
        """Stop where everything is refused: then it is not about records.

        Raises:
            DeniedError: too many refusals with nothing accepted in between.
        """
        self._refusals += 1
        if self._refusals >= MOST_REFUSALS:
            raise DeniedError(
                f"{self._refusals} requests in a row were refused with {refused.status}, nothing was accepted",
                operation="send a batch",
                place=str(self.kind),
                hint="see the messages of the last dead letters; check account, base_url and the export's fields",
            )

    async def _make_smaller(self, batch: Batch, message: str) -> None:
        """Learn that a body was too large: its entries are packed again, into smaller ones."""
        if not self._divisible(batch):
            entry = batch.entries[0]
            letter = reject_entry(entry, Reason.TOO_LARGE, message, status=413, batch=batch.id)
            await self._bury(letter, entry)
            return
        target = len(batch.body) // 2
        if target < self._packer.target_bytes:
            self.account.come_back(self._packer.shrink(target))
            self._observer.notify(LimitLearned(kind=self.kind, max_body_bytes=target))
        self.account.give_back(batch.entries)

    def _divisible(self, batch: Batch) -> bool:
        """Tell whether a batch can be made into smaller ones."""
        return len(batch.entries) > 1 or (CONTRACTS[self.kind].splittable and batch.entries[0].items > 1)

    def _tell_progress(self) -> None:
        now = self._clock.now()
        if now - self._told >= PROGRESS_EVERY:
            self._told = now
            figures = self.account.figures()
            self._observer.notify(Progressed(kind=self.kind, figures=figures, bytes_read=self._bytes_read))
