"""Take refused batches apart until the culprits are dead letters, while what is cleared on the way arrives.

Which part is sent next is for `core.isolation.isolate` to say. A part is sent like any batch: the journal knows of it
before its first byte, and of its refusal before a part of it is sent. So the plan of parts needs no note of its own:
what a dead process was looking for is read from the refused batches it left (`core.isolation.restart`).

A record that a firewall dislikes is found in the same way. But a firewall may as well dislike everything, or whoever
sends too much for a while; so its word alone makes no dead letter. What it refused is held until something else has got
through to the API since, then sent alone once more. Nothing of it is noted: a restart begins anew.
"""

from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.core.isolation.isolate import FIRST_CREDIT, Isolation
from masivo_stream.core.isolation.named import NamedEntries, find_named
from masivo_stream.core.sending.backoff import MOST_FOREIGN_ANSWERS, Halt, Hold, Settle
from masivo_stream.core.sending.refusal_limits import Refusals
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.pipeline.deliver import Delivery, halt_error
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.pipeline.refused import RefusedEntries
from masivo_stream.model.batch import Batch, body_groups, make_batch
from masivo_stream.model.notices import RecordIsolated
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, reject_entry

_WORDS_LOST = "refused, in a process that ended before it could note the words"


class Suspected(Struct, frozen=True, kw_only=True):
    """Entries among which a culprit is, as an earlier process left them; or put off until they are read back."""

    of: str
    """The batch they were refused in."""
    status: int
    batch: Batch
    """The entries, to be kept account of; never sent as it is."""
    refused: Refused | None = None
    """The refusal; None where an earlier process had it."""


class TooLargePart(Struct, frozen=True):
    """A part that the server finds too large."""

    batch: Batch
    message: str


class HeldCulprits(Struct):
    """Culprits by the word of a firewall or proxy, and what each of them was refused in."""

    answered: int = 0
    """How many requests had got through to the API when the last of them was."""
    by: str = ""
    """Who has refused them."""
    culprits: list[tuple[Entry, str]] = []

    def take(self) -> list[Entry]:
        """Return all of them, to be given back."""
        taken, self.culprits = [entry for entry, _ in self.culprits], []
        return taken


class RefusedIsolator:
    """Isolates the culprits of one kind; calls may run side by side."""

    def __init__(
        self, *, delivery: Delivery, account: Recorder, burial: RefusedEntries, refusals: Refusals, observer: Observer
    ) -> None:
        """Send parts by `delivery`; `refusals` says when to give up."""
        self._delivery, self._account, self._burial = delivery, account, burial
        self._refusals, self._observer = refusals, observer
        self._credit = FIRST_CREDIT
        """Requests that culprits found so far have left over, in items."""
        self._alone = 0
        """Times in a row that a firewall refused all there was to send."""

    def put_off(self, batch: Batch, refused: Refused, *, of: str = "") -> Suspected:
        """Return a refused batch as what is to be isolated later; the refusal counts now.

        Raises:
            DeniedError: it is not about records, by the look of it.
        """
        self._count(refused, batch)
        return Suspected(of=of or batch.id, status=refused.status, batch=batch, refused=refused)

    async def isolate(self, batch: Batch, refused: Refused) -> TooLargePart | Suspected | None:
        """Go on until nothing of a refused batch is suspected; its unsuspected rest is given back.

        Returns what is left: a part that is too large, or one that is to be read back before it is isolated.

        Raises:
            DeniedError: it is not about records, by the look of it.
            MasivoStreamError: the run cannot go on.
        """
        self._count(refused, batch)
        return await self._work(batch.entries, refused, batch.id)

    async def go_on(self, suspected: Suspected) -> TooLargePart | Suspected | None:
        """Go on where an earlier process ended, or with what was put off; as `isolate`."""
        words = suspected.refused or Refused(suspected.status, _WORDS_LOST)
        return await self._work(suspected.batch.entries, words, suspected.of)

    async def _work(
        self, entries: Sequence[Entry], refused: Refused, of: str, held: HeldCulprits | None = None
    ) -> TooLargePart | Suspected | None:
        held = held or HeldCulprits()
        credit, self._credit = self._credit, 0  # where an isolation is given up, its credit goes with it
        named = self._named(entries, refused)
        isolation = Isolation(entries, named.entries, surely=named.surely, credit=credit)
        said = dict.fromkeys(map(id, named.entries), refused)
        await self._to_dead_letter(isolation, refused, said, of, held)
        while not isolation.done:
            part = make_batch(self._account.kind, isolation.part)
            match await self._delivery.deliver(part, self._account):
                case Settle(Accepted()):
                    self._refusals.accepted()
                    isolation.settle(accepted=True)
                case Settle(Refused() as refused):
                    if not refused.foreign and self._burial.must_wait(part.entries):
                        put_off = self.put_off(part, refused, of=of)
                        self._account.give_back([*isolation.left, *held.take()])
                        return put_off
                    named = self._named(part.entries, refused)
                    said.update(dict.fromkeys(map(id, named.entries), refused))
                    isolation.settle(accepted=False, named=named.entries, surely=named.surely)
                    await self._to_dead_letter(
                        isolation, refused, said, of, held
                    )  # whatever follows, their words are known now
                    self._count(refused, part)
                case Settle(TooLarge(message)):
                    self._account.give_back([*isolation.left, *held.take()])
                    return TooLargePart(part, message)
                case Hold():
                    self._account.give_back([*isolation.left, *held.take()])
                    return None
                case Halt() as halt:
                    raise halt_error(halt, f"batch {part.id} of {part.kind}")
            await self._to_dead_letter(isolation, refused, said, of, held)
        self._credit += isolation.credit
        return await self._confirm(held, isolation.rest)

    async def _confirm(self, held: HeldCulprits, rest: list[Entry]) -> TooLargePart | Suspected | None:
        """Find out whether a firewall lets others pass, among them the untested `rest`; then judge those held."""
        if held.culprits and self._refusals.answered == held.answered:  # nothing got through since
            if rest:
                return await self._pass(make_batch(self._account.kind, rest), held)
            if not self._refusals.ever:
                self._try_later(held)
                return None
        self._account.give_back(rest)
        return await self._judge(held)

    async def _judge(self, held: HeldCulprits) -> TooLargePart | Suspected | None:
        """Send each of those held alone: by now something else got through."""
        while held.culprits:
            entry, of = held.culprits.pop(0)
            part = make_batch(self._account.kind, [entry])
            match await self._delivery.deliver(part, self._account):
                case Settle(Accepted()):
                    self._refusals.accepted()
                case Settle(Refused() as refused):
                    if not refused.foreign and self._burial.must_wait(part.entries):
                        self._account.give_back(held.take())
                        return self.put_off(part, refused, of=of)
                    await self._make_letter(entry, refused, of)
                    self._count(refused, part)
                case Settle(TooLarge(message)):
                    self._account.give_back(held.take())
                    return TooLargePart(part, message)
                case Hold():
                    self._account.give_back(held.take())
                case Halt() as halt:
                    raise halt_error(halt, f"batch {part.id} of {part.kind}")
        return None

    def _try_later(self, held: HeldCulprits) -> None:
        """Give back who was held: with others on the wire, or in the packer, it may come to something else.

        Raises:
            DeniedError: it came to the same some times.
        """
        self._alone += 1
        self._account.give_back(held.take())
        if self._alone >= MOST_FOREIGN_ANSWERS:
            raise halt_error(self._refusals.blocked(held.by), f"{self._account.kind}")

    async def _pass(self, batch: Batch, held: HeldCulprits) -> TooLargePart | Suspected | None:
        """Send the untested rest of a batch, by which is seen whether anything gets through."""
        match await self._delivery.deliver(batch, self._account):
            case Settle(Accepted()):
                self._refusals.accepted()
                return await self._confirm(held, [])
            case Settle(Refused() as refused):
                if not refused.foreign and self._burial.must_wait(batch.entries):
                    self._account.give_back(held.take())
                    return self.put_off(batch, refused)
                self._count(refused, batch)
                return await self._work(batch.entries, refused, batch.id, held)
            case Settle(TooLarge(message)):
                self._account.give_back(held.take())
                return TooLargePart(batch, message)
            case Hold():
                pass
            case Halt() as halt:
                raise halt_error(halt, f"batch {batch.id} of {batch.kind}")
        self._account.give_back(held.take())
        return None

    def _named(self, entries: Sequence[Entry], refused: Refused) -> NamedEntries:
        groups = body_groups(self._account.kind, entries)
        named = find_named(refused.details, groups)
        return named if named.entries else find_named(refused.complaint, groups)

    def _count(self, refused: Refused, batch: Batch) -> None:
        customers = frozenset(entry.customer for entry in batch.entries)
        by = refused.message if refused.foreign else ""
        halt = self._refusals.refused(refused.status, refused.complaint, customers, by)
        if halt is not None:
            raise halt_error(halt, f"batch {batch.id} of {batch.kind}")

    async def _to_dead_letter(
        self, isolation: Isolation, last: Refused, said: dict[int, Refused], of: str, held: HeldCulprits
    ) -> None:
        """Make dead letters of those proven bad since the last time, with what was `said` when they were named."""
        for culprit in isolation.take_culprits():
            refused = said.get(id(culprit), last)
            if refused.foreign:
                held.answered, held.by = self._refusals.answered, refused.message
                held.culprits.append((culprit, of))
            else:
                await self._make_letter(culprit, refused, of)

    async def _make_letter(self, culprit: Entry, refused: Refused, of: str) -> None:
        letter = reject_entry(culprit, Reason.REFUSED, refused.message, status=refused.status, batch=of)
        if await self._burial.to_dead_letter(letter, culprit):
            file, line = culprit.record
            self._observer.notify(
                RecordIsolated(kind=self._account.kind, batch=of, file=file, line=line, status=refused.status)
            )
