"""One kind's journey: read, judge, pack, hand off, deliver, and settle what came of it.

The producer and the uploaders meet at one bounded hand-off: when sending stalls, reading stops. What a batch leaves
over (the unsuspected part of a refused one, a body the server found too large) goes back to the producer's packer and
travels with others. The phase is done when everything read has a fate.
"""

from collections import deque
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from masivo_stream.core.decode import Decoder
from masivo_stream.core.isolate import Isolation
from masivo_stream.core.pack import Packed, Packer
from masivo_stream.core.retry import Halt, Hold, Settle
from masivo_stream.core.tally import Fate, Tally
from masivo_stream.edges.clock import Clock
from masivo_stream.edges.source import Input
from masivo_stream.flow.brake import Brake
from masivo_stream.flow.judge import judge_inputs
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.upload import Delivery
from masivo_stream.model.batch import Batch, make_batch
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import (
    BugError,
    DeniedError,
    ExitCode,
    InputError,
    MasivoStreamError,
    OutageError,
)
from masivo_stream.model.notices import LimitLearned, PhaseEnded, PhaseStarted, Progressed, RecordIsolated
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, Judgement, Rejected, reject_entry
from masivo_stream.model.summary import KindSummary

PROGRESS_EVERY = 1.0
"""Seconds between two notices of progress."""


class DeadLetters(Protocol):
    """Where records go that are not sent."""

    def append(self, letters: Iterable[Rejected]) -> None:
        """Write them down."""
        ...


class Doubts(Protocol):
    """Where records are listed of which nobody knows whether they arrived."""

    def add(self, batch: str, entries: Iterable[Entry]) -> None:
        """Write them down."""
        ...


class Phase:
    """Run it once; its figures can be asked for at any time."""

    def __init__(
        self,
        kind: Kind,
        inputs: list[Input],
        *,
        decoder: Decoder,
        packer: Packer,
        delivery: Delivery,
        tally: Tally,
        dead_letters: DeadLetters,
        doubts: Doubts,
        brake: Brake,
        clock: Clock,
        observer: Observer,
        uploaders: int,
        hand_off: int,
        block_bytes: int,
        max_line_bytes: int,
        remember_accepted: int,
    ) -> None:
        """Join the parts; the numbers are the settings of the same names."""
        self.kind, self._inputs = kind, inputs
        self._decoder, self._packer, self._delivery, self._tally = decoder, packer, delivery, tally
        self._dead_letters, self._doubts = dead_letters, doubts
        self._brake, self._clock, self._observer = brake, clock, observer
        self._uploaders, self._hand_off = uploaders, hand_off
        self._block_bytes, self._max_line_bytes = block_bytes, max_line_bytes
        self.input_error: InputError | None = None
        self.last_accepted: deque[Entry] = deque(maxlen=remember_accepted)
        """The entries accepted last, for reading back."""
        self.accepted_at = clock.wall()
        """When that was, by the server's clock if it told."""
        self._unsettled: dict[int, Entry] = {}
        """Entries in batches, by identity."""
        self._to_pack: list[Entry] = []
        """Entries on their way to the packer: read just now, or come back."""
        self._changed = anyio.Event()
        self._began = self._told = clock.now()
        self._ended: float | None = None
        self._bytes_read = 0

    async def run(self) -> None:
        """Go through all inputs until everything has a fate, or the brake is pulled."""
        self._began = self._told = self._clock.now()
        size = sum(source.size for source in self._inputs)
        self._observer.notify(PhaseStarted(kind=self.kind, files=len(self._inputs), size=size))
        send, receive = anyio.create_memory_object_stream[Batch](self._hand_off)
        try:
            with send, receive:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._produce, send)
                    for _ in range(self._uploaders):
                        tasks.start_soon(self._upload, receive)
        finally:
            self._ended = self._clock.now()
            self._observer.notify(PhaseEnded(kind=self.kind, figures=self.figures()))

    def figures(self) -> KindSummary:
        """Return where the kind stands."""
        unsettled = [*self._to_pack, *self._packer.pending(), *self._unsettled.values()]
        ended = self._clock.now() if self._ended is None else self._ended
        return self._tally.summary(unsettled, seconds=ended - self._began)

    # The producer.

    async def _produce(self, batches: MemoryObjectSendStream[Batch]) -> None:
        with batches:  # closed, the uploaders end when they have emptied it
            try:
                await self._read(batches)
                await self._finish(batches)
            except MasivoStreamError as error:
                self._brake.pull(error)

    async def _read(self, batches: MemoryObjectSendStream[Batch]) -> None:
        judged_blocks = judge_inputs(
            self._inputs, self._decoder, block_bytes=self._block_bytes, max_line_bytes=self._max_line_bytes
        )
        try:
            async with aclosing(judged_blocks) as blocks:
                async for judged in blocks:
                    self._bytes_read += judged.bytes_read
                    self._sort(judged.judgements)
                    await self._pack(batches)
                    self._tell_progress()
        except InputError as error:
            self.input_error = error  # what was read before it is still delivered

    def _sort(self, judgements: Iterable[Judgement]) -> None:
        """Count the judgements, write the rejected ones down, keep those to send."""
        rejected: list[Rejected] = []
        for judgement in judgements:
            self._tally.judged(judgement)
            if isinstance(judgement, Entry):
                self._to_pack.append(judgement)
            elif isinstance(judgement, Rejected):
                rejected.append(judgement)
        if rejected:
            self._dead_letters.append(rejected)

    async def _pack(self, batches: MemoryObjectSendStream[Batch]) -> None:
        entries, self._to_pack = self._to_pack, []
        await self._hand_over(self._packer.feed(entries), batches)

    async def _hand_over(self, packed: Packed, batches: MemoryObjectSendStream[Batch]) -> None:
        for batch in packed.batches:  # all of them are unsettled from now on, also while the hand-off is full
            for entry in batch.entries:
                self._unsettled[id(entry)] = entry
        for large in packed.oversized:
            message = f"does not fit a request of {large.max_body_bytes} bytes"
            self._bury(large.entry, reject_entry(large.entry, Reason.TOO_LARGE, message, items=large.items))
        for batch in packed.batches:
            await batches.send(batch)

    async def _finish(self, batches: MemoryObjectSendStream[Batch]) -> None:
        """Send what is left in the packer, and what comes back from refused batches, until nothing does."""
        while True:
            await self._hand_over(Packed(self._packer.flush(), []), batches)
            while self._unsettled:
                self._changed = anyio.Event()
                await self._changed.wait()
            if not self._to_pack:
                return
            await self._pack(batches)

    # The uploaders.

    async def _upload(self, batches: MemoryObjectReceiveStream[Batch]) -> None:
        async for batch in batches:
            try:
                await self._deliver(batch)
            except MasivoStreamError as error:
                self._brake.pull(error)
            self._changed.set()
            self._tell_progress()

    async def _deliver(self, batch: Batch) -> None:
        match await self._delivery.deliver(batch):
            case Settle(Accepted(at=at)):
                self._accept(batch, at)
            case Settle(TooLarge(message)):
                self._make_smaller(batch, message)
            case Settle(Refused() as refused):
                await self._isolate(batch, refused)
            case Hold():
                self._doubt(batch)
            case Halt() as halt:
                self._halt(batch, halt)

    async def _isolate(self, batch: Batch, refused: Refused) -> None:
        """Find the entry a batch is refused for, while what is cleared on the way arrives."""
        isolation = Isolation(batch.entries)
        while isolation.culprit is None:
            part = make_batch(self.kind, isolation.part)
            match await self._delivery.deliver(part):
                case Settle(Accepted(at=at)):
                    self._accept(part, at)
                    isolation.settle(accepted=True)
                case Settle(Refused() as refused):
                    isolation.settle(accepted=False)
                case Settle(TooLarge(message)):
                    self._give_back([*isolation.suspects[len(part.entries) :], *isolation.rest])
                    self._make_smaller(part, message)
                    return
                case Hold():
                    self._give_back([*isolation.suspects[len(part.entries) :], *isolation.rest])
                    self._doubt(part)
                    return
                case Halt() as halt:
                    self._halt(part, halt)
                    return
        self._give_back(isolation.rest)
        culprit = isolation.culprit
        self._release([culprit])
        letter = reject_entry(culprit, Reason.REFUSED, refused.message, status=refused.status, batch=batch.id)
        self._bury(culprit, letter)
        self._observer.notify(
            RecordIsolated(kind=self.kind, batch=batch.id, file=culprit.file, line=culprit.line, status=refused.status)
        )

    def _make_smaller(self, batch: Batch, message: str) -> None:
        """Learn that a body was too large: its entries are packed again, into smaller ones."""
        first = batch.entries[0]
        if len(batch.entries) == 1 and not (CONTRACTS[self.kind].splittable and first.items > 1):
            self._release(batch.entries)
            self._bury(first, reject_entry(first, Reason.TOO_LARGE, message, status=413, batch=batch.id))
            return
        target = len(batch.body) // 2
        if target < self._packer.target_bytes:
            self._to_pack.extend(self._packer.shrink(target))
            self._observer.notify(LimitLearned(kind=self.kind, max_body_bytes=target))
        self._give_back(batch.entries)

    def _accept(self, batch: Batch, at: str | None) -> None:
        self.accepted_at = _moment(at) or self._clock.wall()
        self._release(batch.entries)
        self._tally.settled(batch.entries, Fate.ACCEPTED)
        self.last_accepted.extend(batch.entries[-(self.last_accepted.maxlen or 1) :])

    def _doubt(self, batch: Batch) -> None:
        self._release(batch.entries)
        self._tally.settled(batch.entries, Fate.IN_DOUBT)
        self._doubts.add(batch.id, batch.entries)

    def _halt(self, batch: Batch, halt: Halt) -> None:
        if halt.in_doubt and not CONTRACTS[self.kind].repeatable:
            self._doubt(batch)
        self._brake.pull(_error(halt, f"batch {batch.id} of {self.kind}"))

    # Where entries stand. Synchronous, so that no entry is ever counted in two places or in none.

    def _release(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            del self._unsettled[id(entry)]

    def _give_back(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            del self._unsettled[id(entry)]
            self._to_pack.append(entry)

    def _bury(self, entry: Entry, letter: Rejected) -> None:
        self._tally.settled([entry], Fate.DEAD, letter.reason)
        self._dead_letters.append([letter])

    def _tell_progress(self) -> None:
        now = self._clock.now()
        if now - self._told >= PROGRESS_EVERY:
            self._told = now
            self._observer.notify(Progressed(kind=self.kind, figures=self.figures(), bytes_read=self._bytes_read))


def _moment(date: str | None) -> datetime | None:
    """Read a `Date` header (RFC 9110 6.6.1: whole seconds, so never later than the moment itself)."""
    try:
        moment = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error(halt: Halt, place: str) -> MasivoStreamError:
    kinds: dict[ExitCode, type[MasivoStreamError]] = {
        ExitCode.OUTAGE: OutageError,
        ExitCode.DENIED: DeniedError,
    }
    kind = kinds.get(halt.exit_code, BugError)
    return kind(halt.why, operation="send a batch", place=place, hint=halt.hint)
