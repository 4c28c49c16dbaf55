"""Settle entries that the API has refused: dead letters, unless an attempt whose answer was lost has applied them.

A customer may have arrived by an attempt that was never answered, and be refused when it is sent again because it is
there. So customers of unanswered attempts are read back before they become dead letters (`core.accounting.unanswered`).
"""

from collections.abc import Sequence
from itertools import count

import anyio
from msgspec.structs import replace

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain
from masivo_stream.flow.customers import UnknownCustomers
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.pipeline.recorder import Recorder
from masivo_stream.flow.protocols import Finder
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.notices import ReadBack, ReadBackAwaited
from masivo_stream.model.ports import Clock, CustomerReader
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry, Rejected
from masivo_stream.model.settings import VisibleSettings

_UNTOLD = (
    "may have arrived with a request that got no answer, and cannot be read back because its id needs escaping in a URL"
)


class RefusedEntries:
    """Settles refused entries of one kind."""

    def __init__(self, recorder: Recorder, finder: Finder, unknown: UnknownCustomers | None = None) -> None:
        """Record by `recorder`; `finder` finds customers that are there, `unknown` those that are not."""
        self._recorder, self._finder, self._unknown = recorder, finder, unknown
        self._unanswered = recorder.ledger.unanswered

    def must_wait(self, refused: Sequence[Entry]) -> bool:
        """Return whether some of `refused` must be read back first, by `clear_up`, which may wait for them to show."""
        return bool(self._unanswered.fresh(refused))

    async def clear_up(self, refused: Sequence[Entry]) -> bool:
        """Settle those of `refused` that arrived by an attempt whose answer was lost, and pack the others again.

        Returns whether any arrived. If none did, nothing has changed, except that they were given the time to show.
        Waits until the effects of that attempt show, or until they must have.
        """
        fresh = self._unanswered.fresh(refused)
        since = self._unanswered.since(fresh)
        if since is None:
            return False
        found = await self._finder.find(fresh, since=since)
        if not found:
            self._unanswered.had_time(fresh)
            return False
        with anyio.CancelScope(shield=True):
            await self._recorder.note_found(found)
        arrived = {id(entry) for entry in found}
        self._recorder.ledger.repack([entry for entry in refused if id(entry) not in arrived])
        return True

    async def to_dead_letter(self, dead_letter: Rejected, entry: Entry) -> bool:
        """Make an entry a dead letter, unless it arrived by an attempt whose answer was lost; return whether it is one.

        Waits until the effects of that attempt must show, if `must_wait` holds for the entry.
        """
        # 1. It may have arrived by an attempt without an answer (`suspect`): if it is there, it is accepted.
        # 2. It was never sent without an answer: if its customer is there, another record of the customer was refused,
        #    and what belongs to the customer need not wait.
        unanswered = self._unanswered
        suspect = bool(unanswered.among([entry]))
        repeatable = CONTRACTS[self._recorder.kind].repeatable
        # Because another record of this customer arrived?
        refused = repeatable and dead_letter.reason is Reason.REFUSED
        since = unanswered.since(unanswered.fresh([entry]))
        there = (suspect or refused) and bool(await self._finder.find([entry], since=since))
        if there and suspect:
            with anyio.CancelScope(shield=True):
                await self._recorder.note_found([entry])
            return False
        if suspect and not is_plain(entry.customer):
            dead_letter = replace(dead_letter, message=f"{dead_letter.message}; it {_UNTOLD}")
        missing = None
        if repeatable:
            missing = not there
        elif self._unknown is not None and dead_letter.reason is Reason.REFUSED:
            missing = await self._unknown.lacks(entry)
        self._recorder.to_dead_letter(entry, dead_letter, missing=missing)
        return True


class CustomerFinder:
    """Finds customers by reading each of them back."""

    def __init__(
        self, reader: CustomerReader, clock: Clock, settings: VisibleSettings, observer: Observer | None = None
    ) -> None:
        """Read by `reader`, and wait as long as `settings` say."""
        self._reader, self._clock, self._settings = reader, clock, settings
        self._observer = observer or Observers()
        self._numbers = count(1)

    async def find(self, entries: Sequence[Entry], *, since: float | None) -> list[Entry]:
        """Return those of `entries` that can be read back.

        Waits for a few of them until the effects of an attempt that ended at `since` must show, or all the few show. If
        none of the few shows, none of all is there. So a wait costs a few reads, however many entries there are, and
        each other entry is read once at most.
        """
        readable = [entry for entry in entries if entry.customer not in UNREADABLE_IDS]
        if since is None:
            return [entry for entry in readable if await self._shows(entry)]
        number, began = next(self._numbers), self._clock.now()
        until = since + self._settings.events_settle
        self._observer.notify(
            ReadBackAwaited(
                kind=Kind.CUSTOMERS, number=number, records=len(entries), seconds=max(0.0, until - self._clock.now())
            )
        )
        there = await self._wait_for_one(self._choose(readable), until)
        found = [entry for entry in readable if await self._shows(entry)] if there else []
        self._observer.notify(
            ReadBack(
                kind=Kind.CUSTOMERS,
                number=number,
                records=len(entries),
                found=len(found),
                seconds=self._clock.now() - began,
            )
        )
        return found

    def _choose(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return a few entries, spread over all, the last one first; if possible, some that can surely be read back."""
        certain = [entry for entry in entries if is_plain(entry.customer)] or list(entries)
        step = max(1, len(certain) // self._settings.evidence_probes)
        return certain[::-1][::step][: self._settings.evidence_probes]

    async def _wait_for_one(self, entries: Sequence[Entry], until: float) -> bool:
        """Wait until all of a few show, at most until `until`; return whether at least one does."""
        pauses = doubling_pauses(self._settings.first_probe, self._settings.longest_probe)
        while entries and (left := until - self._clock.now()) > 0:
            if await self._all_show(entries):  # costs one read while the last does not show: queues work in order
                return True
            await self._clock.sleep(min(next(pauses), left))
        for entry in entries:
            if await self._shows(entry):
                return True
        return False

    async def _all_show(self, entries: Sequence[Entry]) -> bool:
        for entry in entries:
            if not await self._shows(entry):
                return False
        return True

    async def _shows(self, entry: Entry) -> bool:
        read = await self._reader.read_customer(entry.customer)
        return isinstance(read.attempt, Answer) and 200 <= read.attempt.status < 300
