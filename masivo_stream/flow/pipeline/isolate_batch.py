"""Isolate the bad records of a refused batch. Bad records become dead letters; good ones are delivered on the way.

`core.isolation.isolate` decides which part is sent next. A part is sent like any batch: the journal knows of it before
its first byte, and of its refusal before a part of it is sent. So the plan of parts needs no note of its own: what an
earlier process was looking for is read from the refused batches that it left (`core.isolation.restart`). Entries that
nothing speaks against are packed again.

A record that a firewall or proxy refuses is found in the same way. But a firewall may refuse everything, or everyone
who sends too much for a while, so its refusal alone makes no dead letter. The entries it refused are held until
something else has got through to the API; then each is sent alone once more. Nothing of that is noted: a restart begins
again.

Some bad records must be read back first, because an attempt without an answer may have applied them. Then isolation
stops, and goes on after the read-back.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from masivo_stream.core.isolation.isolate import FIRST_CREDIT, Isolation
from masivo_stream.core.isolation.named import NamedEntries, faults_of, find_named
from masivo_stream.core.sending.backoff import MOST_FOREIGN_ANSWERS, Halt, Hold, Settle
from masivo_stream.core.sending.refusal_limits import Refusals
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.deliver import Delivery, halt_error
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.refused import RefusedEntries
from masivo_stream.model.attempt import Accepted, Refused, TooLarge
from masivo_stream.model.batch import Batch, body_groups, make_batch
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.notices import RecordIsolated
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, reject_entry

_WORDS_LOST = "refused, in a process that ended before it recorded the server's message"


class BatchToIsolate(Struct, frozen=True, kw_only=True):
    """Entries with a bad record among them, to be isolated after a read-back, or left by an earlier process."""

    of: str
    """The batch they were refused in."""
    status: int
    batch: Batch
    """The entries, for the ledger; never sent as it is."""
    refused: Refused | None = None
    """The refusal; None if an earlier process got it."""


class RefusedPart(Struct, frozen=True):
    """A refusal, and the entries that it is about, in the order of the batch."""

    refused: Refused
    entries: Sequence[Entry]


class TooLargeBatch(Struct, frozen=True):
    """A batch that the server finds too large."""

    batch: Batch
    message: str


ToReadBack = BatchToIsolate | TooLargeBatch
"""What is to be read back before it becomes dead letters."""


class ForeignRefusals(Struct):
    """Entries that a firewall or proxy has refused, each with the batch it was refused in."""

    answered: int = 0
    """How many requests had got through to the API when the last of them was refused."""
    by: str = ""
    """What has refused them."""
    entries: list[tuple[Entry, str]] = []

    def take(self) -> list[Entry]:
        """Return all of them, to be packed again."""
        taken, self.entries = [entry for entry, _ in self.entries], []
        return taken


class RefusedIsolator:
    """Delivers batches of one kind, and isolates those that are refused; calls may run side by side."""

    def __init__(
        self, recorder: Recorder, delivery: Delivery, *, entries: RefusedEntries, refusals: Refusals, observer: Observer
    ) -> None:
        """Send by `delivery`, settle bad records in `entries`, and give up when `refusals` says so."""
        self._kind, self._ledger = recorder.kind, recorder.ledger
        self._delivery, self._entries, self._refusals = delivery, entries, refusals
        self._observer = observer
        self._credit = FIRST_CREDIT
        """Requests that the bad records found so far have left over, in items."""
        self._alone = 0
        """Times in a row that a firewall refused all there was to send."""

    def change_in_flight(self, most: int) -> None:
        """Have at most `most` batches on the wire from now on."""
        self._delivery.change_in_flight(most)

    async def deliver(self, batch: Batch) -> Settle | Hold:
        """Send a batch until it is settled or in doubt.

        Raises:
            MasivoStreamError: the run cannot go on.
        """
        decision = await self._delivery.deliver(batch)
        if isinstance(decision, Halt):
            raise halt_error(decision, f"batch {batch.id} of {batch.kind}")
        if isinstance(decision, Settle) and isinstance(decision.outcome, Accepted):
            self._refusals.accepted()
        return decision

    def count_read_backs(self, batches: int) -> None:
        """Note how many batches are read back at present: they are isolated in turn with the others."""
        self._refusals.count_read_backs(batches)

    async def read_back(self, batch: Batch) -> bool:
        """Settle entries of a refused batch that did arrive; return whether any did.

        If any did, the others are packed again, and nothing is left of the batch. It may take a while.
        """
        return await self._entries.clear_up(batch.entries)

    async def settle_too_large(self, large: TooLargeBatch, *, wait: bool = False) -> TooLargeBatch | None:
        """Make a dead letter of the only entry of a batch that is too large; return it if it must be read back first.

        `wait`: wait for the read-back instead.
        """
        batch = large.batch
        if not wait and self._entries.must_wait(batch.entries):
            return large
        entry = batch.entries[0]
        dead_letter = reject_entry(entry, Reason.TOO_LARGE, large.message, status=413, batch=batch.id)
        await self._entries.to_dead_letter(dead_letter, entry)
        return None

    async def reject_too_large(self, entry: Entry, message: str, items: tuple[int, ...] | None) -> None:
        """Make a dead letter of an entry that no request can carry; `items` names the items too large, None for all."""
        await self._entries.to_dead_letter(reject_entry(entry, Reason.TOO_LARGE, message, items=items), entry)

    async def isolate(self, batch: Batch, refused: Refused) -> ToReadBack | None:
        """Isolate the bad records of a refused batch; entries that nothing speaks against are packed again.

        Returns what is left: a part that is too large, or one that is to be read back before it is isolated.

        Raises:
            DeniedError: the refusal does not look as if it was about records.
            MasivoStreamError: the run cannot go on.
        """
        if self._must_read_back(batch, refused):
            return self._put_off(batch, refused)
        self._count(refused, batch)
        return await self._isolate(batch.entries, refused, batch.id)

    async def go_on(self, suspected: BatchToIsolate) -> ToReadBack | None:
        """Go on where an earlier process ended, or after a read-back; as `isolate`.

        If its body is larger than the server takes by now, all of it is packed again instead.
        """
        batch = suspected.batch
        if self._entries.must_wait(batch.entries):
            return suspected
        if len(batch.body) > self._ledger.target_bytes:
            self._ledger.repack(batch.entries)
            return None
        words = suspected.refused or Refused(suspected.status, _WORDS_LOST)
        return await self._isolate(batch.entries, words, suspected.of)

    def _must_read_back(self, batch: Batch, refused: Refused) -> bool:
        return not refused.foreign and self._entries.must_wait(batch.entries)

    def _put_off(self, batch: Batch, refused: Refused, *, of: str = "") -> BatchToIsolate:
        """Return a refused batch as one to be isolated after a read-back; the refusal counts now."""
        self._count(refused, batch)
        return BatchToIsolate(of=of or batch.id, status=refused.status, batch=batch, refused=refused)

    async def _isolate(
        self, entries: Sequence[Entry], refused: Refused, of: str, held: ForeignRefusals | None = None
    ) -> ToReadBack | None:
        """Send parts of `entries`, refused in batch `of`, until the bad ones are found; as `isolate`.

        `held`: entries that a firewall has refused before.
        """
        held = held or ForeignRefusals()
        credit, self._credit = self._credit, 0  # if an isolation is given up, its credit goes with it
        named = self._named(entries, refused)
        isolation = Isolation(entries, named.entries, surely=named.surely, credit=credit)
        last = RefusedPart(refused, entries)
        named_by = dict.fromkeys(map(id, named.entries), last)
        await self._settle_bad(isolation, last, named_by, of, held)
        while not isolation.done:
            part = make_batch(self._kind, isolation.part)
            # If isolation ends early (`repack` and return), the rest travels with others, and is isolated there.
            match await self.deliver(part):
                case Settle(Accepted()):
                    isolation.settle(accepted=True)
                case Settle(Refused() as refused):
                    if self._must_read_back(part, refused):
                        put_off = self._put_off(part, refused, of=of)
                        self._ledger.repack([*isolation.left, *held.take()])
                        return put_off
                    named = self._named(part.entries, refused)
                    last = RefusedPart(refused, part.entries)
                    named_by.update(dict.fromkeys(map(id, named.entries), last))
                    isolation.settle(accepted=False, named=named.entries, surely=named.surely)
                    # Before the count, which may stop the run: the API's words about them are known now.
                    await self._settle_bad(isolation, last, named_by, of, held)
                    self._count(refused, part)
                case Settle(TooLarge(message)):
                    self._ledger.repack([*isolation.left, *held.take()])
                    return TooLargeBatch(part, message)
                case Hold():
                    self._ledger.repack([*isolation.left, *held.take()])
                    return None
            await self._settle_bad(isolation, last, named_by, of, held)
        self._credit += isolation.credit
        return await self._confirm(held, isolation.rest)

    async def _confirm(self, held: ForeignRefusals, rest: list[Entry]) -> ToReadBack | None:
        """Find out whether a firewall lets others pass, among them the untested `rest`; then try those held."""
        # 1. Nothing got through to the API since the last of them was refused. The untested rest shows whether anything
        #    does. Without a rest, and if nothing was ever accepted, the firewall may refuse everything.
        if held.entries and self._refusals.answered == held.answered:
            if rest:
                return await self._send_rest(make_batch(self._kind, rest), held)
            if not self._refusals.ever:
                self._try_later(held)
                return None
        # 2. Otherwise each of them is sent alone: the firewall lets others pass, so what it refuses again is bad.
        self._ledger.repack(rest)
        return await self._try_held(held)

    async def _try_held(self, held: ForeignRefusals) -> ToReadBack | None:
        """Send each of those held alone: by now something else got through."""
        while held.entries:
            entry, of = held.entries.pop(0)
            part = make_batch(self._kind, [entry])
            match await self.deliver(part):
                case Settle(Refused() as refused):
                    if self._must_read_back(part, refused):
                        self._ledger.repack(held.take())
                        return self._put_off(part, refused, of=of)
                    await self._write_dead_letter(entry, RefusedPart(refused, [entry]), of)
                    self._count(refused, part)
                case Settle(TooLarge(message)):
                    self._ledger.repack(held.take())
                    return TooLargeBatch(part, message)
                case Hold():
                    self._ledger.repack(held.take())
                case Settle(Accepted()):
                    pass
        return None

    def _try_later(self, held: ForeignRefusals) -> None:
        """Pack those held again: in one batch with others they may fare better.

        Raises:
            DeniedError: they did not, a few times.
        """
        self._alone += 1
        self._ledger.repack(held.take())
        if self._alone >= MOST_FOREIGN_ANSWERS:
            raise halt_error(self._refusals.blocked(held.by), f"{self._kind}")

    async def _send_rest(self, batch: Batch, held: ForeignRefusals) -> ToReadBack | None:
        """Send the untested rest of a batch: it shows whether anything gets through."""
        match await self.deliver(batch):
            case Settle(Accepted()):
                return await self._confirm(held, [])
            case Settle(Refused() as refused):
                if self._must_read_back(batch, refused):
                    self._ledger.repack(held.take())
                    return self._put_off(batch, refused)
                self._count(refused, batch)
                return await self._isolate(batch.entries, refused, batch.id, held)
            case Settle(TooLarge(message)):
                self._ledger.repack(held.take())
                return TooLargeBatch(batch, message)
            case Hold():
                self._ledger.repack(held.take())
        return None

    def _named(self, entries: Sequence[Entry], refused: Refused) -> NamedEntries:
        groups = body_groups(self._kind, entries)
        named = find_named(refused.details, groups)
        return named if named.entries else find_named(refused.complaint, groups)

    def _count(self, refused: Refused, batch: Batch) -> None:
        customers = frozenset(entry.customer for entry in batch.entries)
        by = refused.message if refused.foreign else ""
        halt = self._refusals.refused(refused.status, refused.complaint, customers, by)
        if halt is not None:
            raise halt_error(halt, f"batch {batch.id} of {batch.kind}")

    async def _settle_bad(
        self, isolation: Isolation, last: RefusedPart, named_by: dict[int, RefusedPart], of: str, held: ForeignRefusals
    ) -> None:
        """Make dead letters of entries proven bad since the last time, with the refusal that named each."""
        for bad in isolation.take_culprits():
            by = named_by.get(id(bad), last)
            if by.refused.foreign:
                held.answered, held.by = self._refusals.answered, by.refused.message
                held.entries.append((bad, of))
            else:
                await self._write_dead_letter(bad, by, of)

    async def _write_dead_letter(self, bad: Entry, by: RefusedPart, of: str) -> None:
        refused = by.refused
        groups = body_groups(self._kind, by.entries) if refused.faults else []
        found = faults_of(bad, refused.faults, groups, CONTRACTS[self._kind].item_field)
        dead_letter = msgspec.structs.replace(
            reject_entry(bad, Reason.REFUSED, refused.message, status=refused.status, batch=of),
            listed=found.listed,
            faults_left_out=found.left_out,
        )
        if await self._entries.to_dead_letter(dead_letter, bad):
            file, line = bad.record
            self._observer.notify(
                RecordIsolated(kind=self._kind, batch=of, file=file, line=line, status=refused.status)
            )
