"""Customers whose request went without an answer: they may be there, and a repeat is how to find out.

Their ids are unique, so they are sent again. Where the API then refuses what it has already, the refusal must not make
dead letters of customers who arrived. Each of them is read back: requests may have been applied as a whole, but which
of several requests was, and who was in the account before, only the customer's own answer tells.

What an attempt without an answer has applied shows `events_settle` seconds after that attempt ended, at the latest.
That time passes once for an attempt, whatever is refused meanwhile, and however many culprits there are.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import Protocol

from masivo_stream.core.pacing.pauses import doubling_pauses
from masivo_stream.core.sending.path_ids import UNREADABLE_IDS, is_plain
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.attempt import Answer
from masivo_stream.model.batch import Batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import ReadBack, ReadBackAwaited
from masivo_stream.model.ports import Clock, CustomerReader
from masivo_stream.model.progress import Resume
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings

_Place = tuple[int, int]


class Finder(Protocol):
    """Who finds out which customers are there."""

    async def find(self, entries: Sequence[Entry], *, since: float | None) -> list[Entry]:
        """Return those of `entries` that can be read back.

        `since` is when the last attempt that may have applied them ended, by the run's clock: what such an attempt has
        done is given time to show. None: what does not show at once is not there.
        """
        ...


class Unanswered:
    """Which records were on the wire without an answer, and when that attempt ended."""

    def __init__(self) -> None:
        """Know of none."""
        self._batches: set[str] = set()
        self._since: dict[_Place, float] = {}
        """When the last attempt that carried a record ended, by source and line of the record."""
        self._looked: set[_Place] = set()
        """Records that were given time to show, and did not."""

    def resume(self, known: Resume, clock: Clock) -> None:
        """Go on with what an earlier process knew. A clock that was set back since makes no attempt a future one."""
        for batch, places in known.unanswered.items():
            age = max(0.0, (clock.wall() - datetime.fromisoformat(known.unanswered_at[batch])).total_seconds())
            self._note(batch, places, clock.now() - age)

    def add(self, batch: Batch, since: float) -> None:
        """Note that a batch may have been applied, by an attempt that ended at `since`."""
        self._note(batch.id, {_place(entry) for entry in batch.entries}, since)

    def _note(self, batch: str, places: set[_Place], since: float) -> None:
        self._batches.add(batch)
        self._looked -= places
        for place in places:
            self._since[place] = max(since, self._since.get(place, since))

    def settle(self, entries: Iterable[Entry], batch: str = "") -> None:
        """Forget entries that have a fate now, and the batch that carried them."""
        if self._since:
            self._batches.discard(batch)
            for place in map(_place, entries):
                self._since.pop(place, None)
                self._looked.discard(place)

    def __contains__(self, batch: str) -> bool:
        """Tell whether a batch of this id may have been applied."""
        return batch in self._batches

    def among(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied."""
        if not self._since:
            return []
        return [entry for entry in entries if _place(entry) in self._since]

    def fresh(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied and were not given time to show yet."""
        return [entry for entry in self.among(entries) if _place(entry) not in self._looked]

    def since(self, entries: Iterable[Entry]) -> float | None:
        """Return when the last attempt ended that may have applied one of the entries, None where none may have."""
        return max((self._since[_place(entry)] for entry in self.among(entries)), default=None)

    def looked(self, entries: Iterable[Entry]) -> None:
        """Note that the entries were given time to show: to wait a second time would tell nothing new."""
        self._looked.update(map(_place, entries))


def _place(entry: Entry) -> _Place:
    return entry.source, entry.line


class CustomerFinder:
    """Find customers by reading each of them back."""

    def __init__(
        self, reader: CustomerReader, clock: Clock, settings: VisibleSettings, observer: Observer | None = None
    ) -> None:
        """Read by `reader`; the patience is that of the settings."""
        self._reader, self._clock, self._settings = reader, clock, settings
        self._observer = observer or Observers()
        self._numbers = count(1)

    async def find(self, entries: Sequence[Entry], *, since: float | None) -> list[Entry]:
        """Return those of `entries` that can be read back.

        A few of them are waited for until effects of an attempt that ended at `since` must show, or all the few do; if
        none of these comes, none of all is there. So a wait costs a few reads, whatever it waits for, and each entry
        is read once at most.
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
        """Return a few entries, spread over all, the last one first: those who can be read back for certain if any."""
        certain = [entry for entry in entries if is_plain(entry.customer)] or list(entries)
        step = max(1, len(certain) // self._settings.evidence_probes)
        return certain[::-1][::step][: self._settings.evidence_probes]

    async def _wait_for_one(self, entries: Sequence[Entry], until: float) -> bool:
        """Return whether one of a few shows at `until`, or all of them do before: then there is nothing to wait for."""
        pauses = doubling_pauses(self._settings.first_probe, self._settings.longest_probe)
        while entries and (left := until - self._clock.now()) > 0:
            if await self._all_show(entries):  # one read as long as the last one does not show: queues work in order
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
