"""One kind's pipeline: read, validate, pack, hand off, deliver, and isolate the bad records of what is refused.

The producer and the uploaders meet at one bounded hand-off: when sending stalls, reading stops. What is left of a batch
(the unsuspected part of a refused one, a body that the server finds too large) goes back to the packer and travels with
others. The pipeline is done when everything read has an outcome. The ledger knows where each entry is.

A refused batch that may have arrived, by an attempt without an answer, is read back beside the uploaders:
that takes a while and sends nothing. What did not arrive comes back to the uploaders, to be isolated. While
MOST_READ_BACKS batches are read back, no further one is handed off, so their number is bounded.
"""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct, structs

from masivo_stream.core.accounting.ledger import HandedOver
from masivo_stream.core.reading.decode import Decoder
from masivo_stream.core.sending.backoff import Settle
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.isolate_batch import BatchToIsolate, RefusedIsolator, TooLargeBatch, ToReadBack
from masivo_stream.flow.pipeline.read_exports import Helpers, validate_sources
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.sources import Extent, Source
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Accepted, Refused, TooLarge
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.entries import ValidatedBlock
from masivo_stream.model.errors import InputError, MasivoStreamError
from masivo_stream.model.notices import KindEnded, KindStarted, LimitLearned, Progressed
from masivo_stream.model.results import Entry

PROGRESS_EVERY = 1.0
"""Seconds between two notices of progress."""

MOST_READ_BACKS = 16
"""Batches that are read back at the same time, beyond those the uploaders have at hand: at one request in 5 s no more
than six are refused after an attempt without an answer in `events_settle`."""

ToDeliver = Batch | BatchToIsolate
"""What is handed to an uploader."""


class KindSources(Struct, frozen=True, kw_only=True):
    """What one kind is read from."""

    to_read: Sequence[Source]
    extent: Extent
    """The extent of all sources, including those that are done with."""
    decoder: Decoder
    refused: Sequence[BatchToIsolate] = ()
    """What an earlier process was isolating."""


class KindOptions(Struct, frozen=True, kw_only=True):
    """How a kind is read and sent: the settings of the same names, except `uploaders` and `in_flight`."""

    uploaders: int
    """Tasks that deliver."""
    in_flight: int
    """Batches on the wire at the same time, at most."""
    hand_off: int
    isolation_budget: int
    block_bytes: int
    max_line_bytes: int
    helpers: Helpers = Helpers()
    paced: bool = False
    """Whether rate limits pace the requests."""


class KindPipeline:
    """Migrates one kind. Run it once; the ledger of `recorder` then has the outcome of everything."""

    def __init__(
        self,
        recorder: Recorder,
        isolator: RefusedIsolator,
        sources: KindSources,
        options: KindOptions,
        *,
        stop: StopControl,
        observer: Observer,
    ) -> None:
        """Deliver what `sources` hold; `flow.pipeline.assemble` builds all of it."""
        self.recorder, self.ledger, self.kind = recorder, recorder.ledger, recorder.kind
        self._isolator, self._sources, self._options = isolator, sources, options
        self._stop, self._clock, self._observer = stop, stop.clock, observer
        self.input_error: InputError | None = None
        self._largest_accepted = 0
        """The largest body the server has taken, in bytes."""
        self._changed = anyio.Event()
        self._read_backs = 0
        """Batches that are read back beside the uploaders."""
        self._add_uploader: Callable[[], None] | None = None
        """Starts one more uploader; None while nothing is delivered."""
        self._progress_notified = -math.inf

    async def run(self) -> None:
        """Go through all sources until everything has an outcome, or the run is stopped."""
        size = sum(source.input.size for source in self._sources.to_read)
        self._observer.notify(KindStarted(kind=self.kind, files=len(self._sources.to_read), size=size))
        try:
            await self._work(self._read)
        finally:
            read = self._sources.extent.before(self.ledger.read_position)
            self._observer.notify(KindEnded(kind=self.kind, figures=self.recorder.figures(), bytes_read=read))

    async def send_ahead(self, found: Entry, block: ValidatedBlock) -> None:
        """Send one record before the lines in front of it are read; `block` is the one that holds it.

        To a later process, and to `run` in this one, it is as if the record had been sent in its turn.
        """
        self.ledger.take_ahead(found, block)
        await self._work(None)

    async def _work(self, read: Callable[[MemoryObjectSendStream[ToDeliver]], Awaitable[None]] | None) -> None:
        self.recorder.start()
        self.ledger.take_up_batches(each.batch for each in self._sources.refused)
        send, receive = anyio.create_memory_object_stream[ToDeliver](self._options.hand_off)
        try:
            with send, receive:
                async with anyio.create_task_group() as tasks:

                    def read_back(left: ToReadBack) -> None:
                        self._count_read_backs(1)
                        tasks.start_soon(self._read_back, left, send)

                    tasks.start_soon(self._produce, send, read)

                    def add_uploader() -> None:
                        tasks.start_soon(self._upload, receive, read_back)

                    for _ in range(self._options.uploaders):
                        add_uploader()
                    self._add_uploader = add_uploader
        finally:
            self._add_uploader = None
            await self._end()

    def change_uploaders(self, options: KindOptions) -> None:
        """Deliver with as many tasks, and as many batches on the wire, as `options` say from now on.

        Tasks that are too many stay: they wait for the wire.
        """
        self._isolator.change_in_flight(options.in_flight)
        if self._add_uploader is not None:
            for _ in range(self._options.uploaders, options.uploaders):
                self._add_uploader()
            self._options = structs.replace(
                self._options, uploaders=max(self._options.uploaders, options.uploaders), in_flight=options.in_flight
            )

    async def _end(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.recorder.note()
            except MasivoStreamError as error:
                self._stop.begin(error)
        self.recorder.end()

    # The producer.

    async def _produce(
        self,
        batches: MemoryObjectSendStream[ToDeliver],
        read: Callable[[MemoryObjectSendStream[ToDeliver]], Awaitable[None]] | None,
    ) -> None:
        with batches:  # when it is closed, the uploaders end after they have emptied it
            try:
                for refused in self._sources.refused:
                    await batches.send(refused)
                if read is not None:
                    await read(batches)
                await self._finish(batches)
            except MasivoStreamError as error:
                self._stop.begin(error)

    async def _read(self, batches: MemoryObjectSendStream[ToDeliver]) -> None:
        try:
            async with aclosing(self._blocks()) as blocks:
                async for block in blocks:
                    self.recorder.take_up(block)
                    # An export of nothing but faulty lines sends no batch whose note could take the dead letters along.
                    if self.ledger.owes_the_journal:
                        await self.recorder.note()
                    await self._hand_off(self.ledger.pack(), batches)
                    self._notify_progress()
                self.recorder.finish_reading()
        except InputError as error:
            self.input_error = error  # what was read before it is still delivered

    def _blocks(self) -> AsyncGenerator[ValidatedBlock, None]:
        return validate_sources(
            self._sources.to_read,
            self._sources.decoder,
            block_bytes=self._options.block_bytes,
            max_line_bytes=self._options.max_line_bytes,
            helpers=self._options.helpers,
        )

    async def _hand_off(self, packed: HandedOver, batches: MemoryObjectSendStream[ToDeliver]) -> None:
        for large, batch in packed.too_large:
            await self._isolator.reject_too_large(large.entry, large.message, large.items)
            self.ledger.done_with(batch)
        for batch in packed.batches:
            while self._read_backs >= MOST_READ_BACKS:
                await self._wait_for_change()
            await batches.send(batch)

    async def _wait_for_change(self) -> None:
        """Wait until an uploader or a read-back is done with a batch."""
        self._changed = anyio.Event()
        await self._changed.wait()

    async def _finish(self, batches: MemoryObjectSendStream[ToDeliver]) -> None:
        """Send what is left in the packer, and what comes back from refused batches, until nothing is left."""
        # Refused batches and bodies that are too large come back to the packer, so it may have to be flushed again.
        while True:
            await self._hand_off(self.ledger.flush(), batches)
            while self.ledger.waits_for_batches:
                await self._wait_for_change()
            if not self.ledger.holds_entries:
                return
            await self._hand_off(self.ledger.pack(), batches)

    # The uploaders.

    async def _upload(
        self, batches: MemoryObjectReceiveStream[ToDeliver], read_back: Callable[[ToReadBack], None]
    ) -> None:
        async for each in batches:
            try:
                if isinstance(each, BatchToIsolate):
                    batch, left = each.batch, await self._isolator.go_on(each)
                else:
                    batch, left = each, await self._deliver(each)
                if isinstance(left, TooLargeBatch):
                    left = await self._make_smaller(left)
                if left is None:
                    self.ledger.done_with(batch)
                else:
                    self.ledger.narrow(batch, left.batch)
                    read_back(left)
            except MasivoStreamError as error:
                # The batch stays where it is in the ledger, so it is pending, and holds the checkpoint.
                self._stop.begin(error)
            self._changed.set()
            self._notify_progress(at_once=self._options.paced)  # the next request may leave in an hour

    async def _deliver(self, batch: Batch) -> ToReadBack | None:
        """Deliver a batch; return what is left of it, None if nothing is."""
        if len(batch.body) > self.ledger.target_bytes and self._divisible(batch):
            self.ledger.repack(batch.entries)  # packed before a 413 taught a lower limit
            return None
        match await self._isolator.deliver(batch):
            case Settle(Accepted()):
                self._largest_accepted = max(self._largest_accepted, len(batch.body))
            case Settle(TooLarge(message)):
                return TooLargeBatch(batch, message)
            case Settle(Refused() as refused):
                return await self._isolator.isolate(batch, refused)
        return None

    async def _make_smaller(self, large: TooLargeBatch) -> ToReadBack | None:
        """Learn that a body was too large: its entries are packed again, into smaller ones.

        The new limit is the largest body that was taken, if that is more than half of this one, else half: each 413
        costs one request.
        """
        batch = large.batch
        if not self._divisible(batch):
            return await self._isolator.settle_too_large(large)
        size = len(batch.body)
        target = max(size // 2, self._largest_accepted if self._largest_accepted < size else 0)
        if target < self.ledger.target_bytes:
            await self.recorder.learn_limit(target)
            self._observer.notify(LimitLearned(kind=self.kind, max_body_bytes=target))
        self.ledger.repack(batch.entries)
        return None

    def _divisible(self, batch: Batch) -> bool:
        """Return whether a batch can be made into smaller ones."""
        return len(batch.entries) > 1 or (CONTRACTS[self.kind].splittable and batch.entries[0].items > 1)

    # Read-backs, beside the uploaders.

    async def _read_back(self, left: ToReadBack, batches: MemoryObjectSendStream[ToDeliver]) -> None:
        """Find out which entries arrived; a refused batch of which none did is isolated."""
        try:
            if isinstance(left, TooLargeBatch):
                await self._isolator.settle_too_large(left, wait=True)
                self.ledger.done_with(left.batch)
            elif await self._isolator.read_back(left.batch):
                self.ledger.done_with(left.batch)
            else:
                await batches.send(left)
        except MasivoStreamError as error:
            self._stop.begin(error)
        self._count_read_backs(-1)
        self._changed.set()
        self._notify_progress(at_once=self._options.paced)

    def _count_read_backs(self, more: int) -> None:
        self._read_backs += more
        self._isolator.count_read_backs(self._read_backs)

    def _notify_progress(self, *, at_once: bool = False) -> None:
        now = self._clock.now()
        if at_once or now - self._progress_notified >= PROGRESS_EVERY:
            self._progress_notified = now
            read = self._sources.extent.before(self.ledger.read_position)
            self._observer.notify(Progressed(kind=self.kind, figures=self.recorder.figures(), bytes_read=read))
