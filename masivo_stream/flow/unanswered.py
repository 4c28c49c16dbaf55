"""Customers whose request went without an answer: they may be there, and a repeat is how to find out.

Their ids are unique, so they are sent again. Where the API then refuses what it has already, the refusal must not make
dead letters of customers who arrived. Each of them is read back: requests may have been applied as a whole, but which
of several requests was, and who was in the account before, only the customer's own answer tells.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from masivo_stream.edges.clock import Clock
from masivo_stream.flow.visible import UNREADABLE_IDS, Reader
from masivo_stream.model.attempt import Answer
from masivo_stream.model.batch import Batch
from masivo_stream.model.record import Entry
from masivo_stream.model.settings import Visible as VisibleSettings


class Finder(Protocol):
    """Who finds out which customers are there."""

    async def find(self, entries: Sequence[Entry], *, patient: bool) -> list[Entry]:
        """Return those of `entries` that can be read back."""
        ...


class Unanswered:
    """Which records were on the wire without an answer, by batch."""

    def __init__(self, places: dict[str, set[tuple[int, int]]] | None = None) -> None:
        """Go on with what an earlier process knew: source and line of each record."""
        self._places = places or {}
        self._looked: set[tuple[int, int]] = set()
        """Records that were waited for, in vain."""

    def add(self, batch: Batch) -> None:
        """Note that a batch may have been applied."""
        self._places[batch.id] = {(entry.source, entry.line) for entry in batch.entries}
        self._looked -= self._places[batch.id]

    def fresh(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied, each once: to wait a second time would tell nothing new."""
        found = [entry for entry in self.among(entries) if (entry.source, entry.line) not in self._looked]
        self._looked.update((entry.source, entry.line) for entry in found)
        return found

    def __contains__(self, batch: str) -> bool:
        """Tell whether a batch of this id may have been applied."""
        return batch in self._places

    def among(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied."""
        if not self._places:
            return []
        return [
            entry for entry in entries if any((entry.source, entry.line) in places for places in self._places.values())
        ]


class CustomerFinder:
    """Find customers by reading each of them back."""

    def __init__(self, reader: Reader, clock: Clock, settings: VisibleSettings) -> None:
        """Read by `reader`; the patience is that of the settings."""
        self._reader, self._clock, self._settings = reader, clock, settings

    async def find(self, entries: Sequence[Entry], *, patient: bool) -> list[Entry]:
        """Return those of `entries` that can be read back.

        `patient`: a few of them are waited for, as long as effects may take to show; if none of these comes, none of
        all is there. Otherwise what does not show at once is not there.
        """
        readable = [entry for entry in entries if entry.customer not in UNREADABLE_IDS]
        step = max(1, len(readable) // self._settings.evidence_probes)
        if patient and not await self._wait_for_one(readable[::step]):
            return []
        return [entry for entry in readable if await self._shows(entry)]

    async def _wait_for_one(self, entries: Sequence[Entry]) -> bool:
        began, pause = self._clock.now(), self._settings.first_probe
        while entries:
            for entry in entries:
                if await self._shows(entry):
                    return True
            left = self._settings.events_settle - (self._clock.now() - began)
            if left <= 0:
                break
            await self._clock.sleep(min(pause, left))
            pause = min(pause * 2, self._settings.longest_probe)
        return False

    async def _shows(self, entry: Entry) -> bool:
        read = await self._reader.read_customer(entry.customer)
        return isinstance(read.attempt, Answer) and 200 <= read.attempt.status < 300
