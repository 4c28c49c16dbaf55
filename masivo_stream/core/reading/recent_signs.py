"""Keep the signs of events from their validation until they are accepted: so no record is decoded again to be noted.

To decode and sign again costs ten times as much as all the rest of a note, which counts at full speed. What is kept is
bounded. If signs were dropped, they are made again.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from masivo_stream.core.reading.purchases import EventMemory, Signs
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.results import Entry

MOST_ITEMS = 50_000
"""Events whose signs are kept at most: some 8 MB, and more than can be on their way with 20 uploaders."""


FEW_RECORDS = 8
"""Shorter runs are not kept: to look for them would cost what it saves."""


class _SignedRun(Struct, gc=False):
    """The signs of an `EntryRun`."""

    ends: list[int]
    """The number of items before each record, and of all."""
    signs: Signs
    first: int
    """The index of the run's first item among the signs."""
    left: int
    """Items that were not taken yet."""


class RecentSigns:
    """The signs of events that were validated and not accepted yet."""

    def __init__(self, most_items: int = MOST_ITEMS) -> None:
        """Keep the signs of at most `most_items` events, the last ones."""
        self._places: list[tuple[int, int]] = []
        """Source and first line of each run, ascending."""
        self._runs: list[_SignedRun] = []
        self._room = self._most = most_items

    @property
    def kept(self) -> int:
        """How many events' signs are kept."""
        return self._most - self._room

    def around(self, memory: EventMemory) -> EventMemory:
        """Return a memory that keeps the signs that `memory` is given."""
        return _Keeping(memory, self)

    def keep(self, results: Sequence[LineResults], signs: Signs) -> None:
        """Keep the signs of results, as an `EventMemory` is given them."""
        first = 0
        for each in results:
            if isinstance(each, EntryRun):
                if len(each) >= FEW_RECORDS:
                    self._add((each.source, each.line), list(accumulate(each.items, initial=0)), signs, first)
                first += sum(each.items)
            elif isinstance(each, Entry):
                first += each.items

    def _add(self, place: tuple[int, int], ends: list[int], signs: Signs, first: int) -> None:
        if self._places and place <= self._places[-1]:  # lines are read again, after a canary
            self._places, self._runs, self._room = [], [], self._most
        self._places.append(place)
        self._runs.append(_SignedRun(ends, signs, first, ends[-1]))
        self._room -= ends[-1]
        while self._room < 0:
            self._drop(0)

    def _drop(self, index: int) -> None:
        self._room += self._runs[index].ends[-1]
        del self._places[index], self._runs[index]

    def take(self, wanted: EntryRun | Entry) -> Signs | None:
        """Return the signs of records, or of a part of one, that were accepted; None if they are not kept."""
        index = bisect_right(self._places, (wanted.source, wanted.line)) - 1
        if index < 0:
            return None
        (source, line), run = self._places[index], self._runs[index]
        start = wanted.line - line
        stop = start + (len(wanted) if isinstance(wanted, EntryRun) else 1)
        if source != wanted.source or stop >= len(run.ends):
            return None
        begin, end = run.first + run.ends[start], run.first + run.ends[stop]
        signs = Signs(run.signs.purchases[begin:end], run.signs.contents[begin:end])
        if isinstance(wanted, Entry) and wanted.indexes is not None:
            own = wanted.indexes
            signs = Signs([signs.purchases[item] for item in own], [signs.contents[item] for item in own])
        run.left -= len(signs.contents)
        if run.left <= 0:
            self._drop(index)
        return signs


class _Keeping:
    """An `EventMemory` that keeps signs."""

    def __init__(self, memory: EventMemory, recent: RecentSigns) -> None:
        self._memory, self._recent = memory, recent

    def mark(self, results: list[LineResults], signs: Signs) -> list[LineResults]:
        """Return what the memory returns."""
        self._recent.keep(results, signs)
        return self._memory.mark(results, signs)
