"""One kind's journey: read, judge, pack, hand off, deliver, and take apart what is refused.

The producer and the uploaders meet at one bounded hand-off: when sending stalls, reading stops. What a batch leaves
over (the unsuspected part of a refused one, a body the server found too large) goes back to the producer's packer and
travels with others. The phase is done when everything read has a fate. Where entries stand is the account's business.

What is refused and may be there all the same, by an attempt without an answer, is read back beside the uploaders: that
takes a while and sends nothing. What is not there comes back to them, to be isolated. While MOST_BESIDE batches are
read back no further one is handed off, so their number is bounded.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from masivo_stream.core.packing.pack import Packed, Packer
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.sending.backoff import Halt, Settle
from masivo_stream.core.sending.refusal_limits import Refusals
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.deliver import Delivery, halt_error
from masivo_stream.flow.pipeline.extent import Extent
from masivo_stream.flow.pipeline.isolate_refused import RefusedIsolator, Suspected, TooLargePart
from masivo_stream.flow.pipeline.read import Source, validate_sources
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.refused import RefusedEntries
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.errors import InputError, MasivoStreamError
from masivo_stream.model.notices import KindEnded, KindStarted, LimitLearned, Progressed
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.ports import Clock
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import reject_entry

PROGRESS_EVERY = 1.0
"""Seconds between two notices of progress."""

MOST_BESIDE = 16
"""Batches that are read back at the same time, beyond those the uploaders have at hand: at one request in 5 s no more
than six are refused after an attempt without an answer in `events_settle`."""

Parcel = Batch | Suspected
"""What is handed to an uploader."""

Left = Suspected | TooLargePart
"""What an uploader leaves of a parcel: it is to be read back first."""


class KindPipeline:
    """Run it once. What came of everything stands in `account`."""

    def __init__(
        self,
        sources: list[Source],
        *,
        account: Recorder,
        decoder: Decoder,
        packer: Packer,
        delivery: Delivery,
        burial: RefusedEntries,
        isolator: RefusedIsolator,
        refusals: Refusals,
        suspected: Sequence[Suspected],
        stop: StopControl,
        clock: Clock,
        observer: Observer,
        uploaders: int,
        hand_off: int,
        block_bytes: int,
        max_line_bytes: int,
        workers: int = 1,
        extent: Extent | None = None,
    ) -> None:
        """Join the parts; the numbers are the settings of the same names, `uploaders` that of tasks that deliver.

        `packer` is the account's, too. `suspected` is what isolation is to go on with, `extent` that of all sources,
        also of those done with.
        """
        self.account, self.kind, self._sources = account, account.kind, sources
        self._decoder, self._packer, self._delivery = decoder, packer, delivery
        self._burial, self._isolator, self._refusals, self._suspected = burial, isolator, refusals, suspected
        self._stop, self._clock, self._observer = stop, clock, observer
        self._uploaders, self._hand_off = uploaders, hand_off
        self._block_bytes, self._max_line_bytes, self._workers = block_bytes, max_line_bytes, workers
        self.input_error: InputError | None = None
        self._largest_accepted = 0
        """The largest body the server has taken, in bytes."""
        self._changed = anyio.Event()
        self._beside = 0
        """Batches that are read back beside the uploaders."""
        self._told = -math.inf
        self._extent = extent or Extent(sources)

    @property
    def target_bytes(self) -> int:
        """The size of body not to exceed, as far as the server has taught it."""
        return self._packer.target_bytes

    async def run(self) -> None:
        """Go through all sources until everything has a fate, or the brake is pulled."""
        self.account.start()
        self.account.hand_over(suspected.batch for suspected in self._suspected)
        size = sum(source.input.size for source in self._sources)
        self._observer.notify(KindStarted(kind=self.kind, files=len(self._sources), size=size))
        send, receive = anyio.create_memory_object_stream[Parcel](self._hand_off)
        try:
            with send, receive:
                async with anyio.create_task_group() as tasks:

                    def read_back(left: Left) -> None:
                        self._count_beside(1)
                        tasks.start_soon(self._read_back, left, send)

                    tasks.start_soon(self._produce, send)
                    for _ in range(self._uploaders):
                        tasks.start_soon(self._upload, receive, read_back)
        finally:
            await self._end()

    async def _end(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.account.note()
            except MasivoStreamError as error:
                self._stop.pull(error)
        self.account.end()
        read = self._extent.before(self.account.read_position)
        self._observer.notify(KindEnded(kind=self.kind, figures=self.account.figures(), bytes_read=read))

    # The producer.

    async def _produce(self, batches: MemoryObjectSendStream[Parcel]) -> None:
        with batches:  # closed, the uploaders end when they have emptied it
            try:
                for suspected in self._suspected:
                    await batches.send(suspected)
                await self._read(batches)
                await self._finish(batches)
            except MasivoStreamError as error:
                self._stop.pull(error)

    async def _read(self, batches: MemoryObjectSendStream[Parcel]) -> None:
        judged_blocks = validate_sources(
            self._sources,
            self._decoder,
            block_bytes=self._block_bytes,
            max_line_bytes=self._max_line_bytes,
            workers=self._workers,
        )
        try:
            async with aclosing(judged_blocks) as blocks:
                async for validated in blocks:
                    self.account.sort(validated)
                    if self.account.owes_the_journal:
                        await self.account.note()
                    await self._pack(batches)
                    self._tell_progress()
                self.account.read_all = True
        except InputError as error:
            self.input_error = error  # what was read before it is still delivered

    async def _pack(self, batches: MemoryObjectSendStream[Parcel]) -> None:
        await self._hand_over(self._packer.feed(self.account.take_to_pack()), batches)

    async def _hand_over(self, packed: Packed, batches: MemoryObjectSendStream[Parcel]) -> None:
        alone = [(large, make_batch(self.kind, [large.entry])) for large in packed.oversized]
        self.account.hand_over(packed.batches)  # all of them, before the first one waits for anything
        self.account.hand_over([batch for _, batch in alone])
        for large, batch in alone:
            message = f"does not fit a request of {large.max_body_bytes} bytes"
            await self._burial.to_dead_letter(
                reject_entry(large.entry, Reason.TOO_LARGE, message, items=large.items), large.entry
            )
            self.account.done_with(batch)
        for batch in packed.batches:
            while self._beside >= MOST_BESIDE:
                await self._change()
            await batches.send(batch)

    async def _change(self) -> None:
        """Wait until a parcel is dealt with."""
        self._changed = anyio.Event()
        await self._changed.wait()

    async def _finish(self, batches: MemoryObjectSendStream[Parcel]) -> None:
        """Send what is left in the packer, and what comes back from refused batches, until nothing does."""
        while True:
            await self._hand_over(Packed(self._packer.flush(), []), batches)
            while self.account.waits_for_batches:
                await self._change()
            if not self.account.holds_entries:
                return
            await self._pack(batches)

    # The uploaders.

    async def _upload(self, batches: MemoryObjectReceiveStream[Parcel], read_back: Callable[[Left], None]) -> None:
        async for parcel in batches:
            try:
                if isinstance(parcel, Suspected):
                    batch, left = parcel.batch, await self._go_on(parcel)
                else:
                    batch, left = parcel, await self._deliver(parcel)
                if left is None:
                    self.account.done_with(batch)
                else:
                    self.account.narrow(batch, left.batch)
                    read_back(left)
            except MasivoStreamError as error:
                self._stop.pull(error)
            self._changed.set()
            self._tell_progress()

    async def _deliver(self, batch: Batch) -> Left | None:
        if len(batch.body) > self._packer.target_bytes and self._divisible(batch):
            self.account.give_back(batch.entries)  # packed before a 413 taught a lower limit
            return None
        match await self._delivery.deliver(batch, self.account):
            case Settle(Accepted()):
                self._refusals.accepted()
                self._largest_accepted = max(self._largest_accepted, len(batch.body))
            case Settle(TooLarge(message)):
                return await self._make_smaller(batch, message)
            case Settle(Refused() as refused):
                if not refused.foreign and self._burial.must_wait(batch.entries):
                    return self._isolator.put_off(batch, refused)
                return await self._take_apart(self._isolator.isolate(batch, refused))
            case Halt() as halt:
                raise halt_error(halt, f"batch {batch.id} of {self.kind}")
        return None

    async def _go_on(self, suspected: Suspected) -> Left | None:
        """Go on where an earlier process ended, or after a read-back; but not with bodies larger than they may be."""
        if self._burial.must_wait(suspected.batch.entries):
            return suspected
        if len(suspected.batch.body) > self._packer.target_bytes:
            self.account.give_back(suspected.batch.entries)
            return None
        return await self._take_apart(self._isolator.go_on(suspected))

    async def _take_apart(self, isolation: Awaitable[Left | None]) -> Left | None:
        left = await isolation
        return await self._make_smaller(left.batch, left.message) if isinstance(left, TooLargePart) else left

    async def _make_smaller(self, batch: Batch, message: str) -> Left | None:
        """Learn that a body was too large: its entries are packed again, into smaller ones.

        As large as the largest that was taken, if that is more than half of it: each 413 costs a request.
        """
        if not self._divisible(batch):
            if self._burial.must_wait(batch.entries):
                return TooLargePart(batch, message)
            await self._large_to_dead_letter(batch, message)
            return None
        size = len(batch.body)
        target = max(size // 2, self._largest_accepted if self._largest_accepted < size else 0)
        if target < self._packer.target_bytes:
            self.account.come_back(self._packer.shrink(target))
            await self.account.learn_limit(target)
            self._observer.notify(LimitLearned(kind=self.kind, max_body_bytes=target))
        self.account.give_back(batch.entries)
        return None

    async def _large_to_dead_letter(self, batch: Batch, message: str) -> None:
        entry = batch.entries[0]
        letter = reject_entry(entry, Reason.TOO_LARGE, message, status=413, batch=batch.id)
        await self._burial.to_dead_letter(letter, entry)

    # Beside the uploaders.

    async def _read_back(self, left: Left, batches: MemoryObjectSendStream[Parcel]) -> None:
        """Find out who of what was refused is there; the others are isolated."""
        try:
            if isinstance(left, TooLargePart):
                await self._large_to_dead_letter(left.batch, left.message)
                self.account.done_with(left.batch)
            elif await self._burial.clear_up(left.batch.entries):
                self.account.done_with(left.batch)
            else:
                await batches.send(left)
        except MasivoStreamError as error:
            self._stop.pull(error)
        self._count_beside(-1)
        self._changed.set()
        self._tell_progress()

    def _count_beside(self, more: int) -> None:
        self._beside += more
        self._refusals.wait_beside(self._beside)

    def _divisible(self, batch: Batch) -> bool:
        """Tell whether a batch can be made into smaller ones."""
        return len(batch.entries) > 1 or (CONTRACTS[self.kind].splittable and batch.entries[0].items > 1)

    def _tell_progress(self) -> None:
        now = self._clock.now()
        if now - self._told >= PROGRESS_EVERY:
            self._told = now
            figures = self.account.figures()
            read = self._extent.before(self.account.read_position)
            self._observer.notify(Progressed(kind=self.kind, figures=figures, bytes_read=read))
