"""Take refused batches apart until the culprits are dead letters, while what is cleared on the way arrives.

Which part is sent next is for `core.isolate` to say. A part is sent like any batch: the journal knows of it before its
first byte, and of its refusal before a part of it is sent. So the plan of parts needs no note of its own: what a dead
process was looking for is read from the refused batches it left (`core.suspects`).
"""

from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.core.accuse import Accused, accused
from masivo_stream.core.isolate import FIRST_CREDIT, Isolation
from masivo_stream.core.refusals import Refusals
from masivo_stream.core.retry import Halt, Hold, Settle
from masivo_stream.flow.account import Account
from masivo_stream.flow.burial import Burial
from masivo_stream.flow.observer import Observer
from masivo_stream.flow.upload import Delivery, halt_error
from masivo_stream.model.batch import Batch, body_groups, make_batch
from masivo_stream.model.notices import RecordIsolated
from masivo_stream.model.outcome import Accepted, Refused, TooLarge
from masivo_stream.model.reason import Reason
from masivo_stream.model.record import Entry, reject_entry

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


class Isolator:
    """Isolates the culprits of one kind; calls may run side by side."""

    def __init__(
        self, *, delivery: Delivery, account: Account, burial: Burial, refusals: Refusals, observer: Observer
    ) -> None:
        """Send parts by `delivery`; `refusals` says when to give up."""
        self._delivery, self._account, self._burial = delivery, account, burial
        self._refusals, self._observer = refusals, observer
        self._credit = FIRST_CREDIT
        """Requests that culprits found so far have left over, in items."""

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

    async def _work(self, entries: Sequence[Entry], refused: Refused, of: str) -> TooLargePart | Suspected | None:
        credit, self._credit = self._credit, 0  # where an isolation is given up, its credit goes with it
        named = self._named(entries, refused)
        isolation = Isolation(entries, named.entries, surely=named.surely, credit=credit)
        said = dict.fromkeys(map(id, named.entries), refused)
        await self._bury(isolation, refused, said, of)
        while not isolation.done:
            part = make_batch(self._account.kind, isolation.part)
            match await self._delivery.deliver(part, self._account):
                case Settle(Accepted()):
                    self._refusals.accepted()
                    isolation.settle(accepted=True)
                case Settle(Refused() as refused):
                    if self._burial.must_wait(part.entries):
                        put_off = self.put_off(part, refused, of=of)
                        self._account.give_back(isolation.left)
                        return put_off
                    named = self._named(part.entries, refused)
                    said.update(dict.fromkeys(map(id, named.entries), refused))
                    isolation.settle(accepted=False, accused=named.entries, surely=named.surely)
                    await self._bury(isolation, refused, said, of)  # whatever follows, their words are known now
                    self._count(refused, part)
                case Settle(TooLarge(message)):
                    self._account.give_back(isolation.left)
                    return TooLargePart(part, message)
                case Hold():
                    self._account.give_back(isolation.left)
                    return None
                case Halt() as halt:
                    raise halt_error(halt, f"batch {part.id} of {part.kind}")
            await self._bury(isolation, refused, said, of)
        self._credit += isolation.credit
        self._account.give_back(isolation.rest)
        return None

    def _named(self, entries: Sequence[Entry], refused: Refused) -> Accused:
        return accused(refused.details, body_groups(self._account.kind, entries))

    def _count(self, refused: Refused, batch: Batch) -> None:
        customers = frozenset(entry.customer for entry in batch.entries)
        halt = self._refusals.refused(refused.status, refused.complaint, customers)
        if halt is not None:
            raise halt_error(halt, f"batch {batch.id} of {batch.kind}")

    async def _bury(self, isolation: Isolation, last: Refused, said: dict[int, Refused], of: str) -> None:
        """Make dead letters of those proven bad since the last time, with what was `said` when they were named."""
        for culprit in isolation.take_culprits():
            refused = said.get(id(culprit), last)
            letter = reject_entry(culprit, Reason.REFUSED, refused.message, status=refused.status, batch=of)
            if await self._burial.bury(letter, culprit):
                file, line = culprit.record
                self._observer.notify(
                    RecordIsolated(kind=self._account.kind, batch=of, file=file, line=line, status=refused.status)
                )
