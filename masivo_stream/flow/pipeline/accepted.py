"""Find which records of the exports were accepted: read and validate them once more, and compare with the journal.

The journal forgets the lines of a batch when the checkpoint has passed them. But every line before the checkpoint has
an outcome, and these are known by their lines: what is dead, what is in doubt or on the wire, and what is in a copy
because a retry or a revert took it up. What is left was accepted.
"""

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from masivo_stream.core.accounting.missing import MissingCustomers
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.identity.known_exports import NOT_MOVED, Moved
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.pipeline.find_sources import find_exports, list_sources
from masivo_stream.flow.pipeline.read_exports import make_decoder, validate_sources
from masivo_stream.flow.pipeline.resume import begin_at
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.entries import LineResults, one_by_one
from masivo_stream.model.progress import Covered, Resume
from masivo_stream.model.results import Blank, Entry, Position, Retried
from masivo_stream.model.settings import Settings
from masivo_stream.model.slicing import take_part
from masivo_stream.model.states import BatchState

_ELSEWHERE = (
    BatchState.IN_DOUBT,
    BatchState.SENDING,
    BatchState.RESENDING,
    BatchState.UNANSWERED,
    BatchState.REFUSED,
)
"""States of batches whose records are not known to have been accepted."""

_PERHAPS_APPLIED = (BatchState.IN_DOUBT, BatchState.SENDING, BatchState.RESENDING, BatchState.UNANSWERED)
"""Those among them whose records may have arrived."""


class KnownOutcomes:
    """The outcomes of the lines of one kind."""

    def __init__(self, journal: JournalReader, kind: Kind, checkpoint: Position) -> None:
        """Read from `journal`; every line before `checkpoint` has an outcome."""
        self._journal, self._kind, self._checkpoint = journal, kind, checkpoint
        self._read = {number: size for number, (size, _, _) in journal.consumed(kind).items()}
        self._accepted = journal.placed(kind, BatchState.ACCEPTED)
        self._elsewhere = journal.placed(kind, *_ELSEWHERE)
        self._in_doubt = journal.placed(kind, *_PERHAPS_APPLIED)
        gone = () if kind is Kind.CUSTOMERS else journal.gone_customers()
        self._skipped = MissingCustomers(gone=gone, salt=journal.salt())
        self._copied: defaultdict[tuple[int, int], list[tuple[int, tuple[int, ...] | None]]] = defaultdict(list)
        """By source and line of a record: the copies of retries that hold some of its items, and which items."""
        self._copied_whole: defaultdict[tuple[int, int], array[int]] = defaultdict(lambda: array("q"))
        """By source and copy: the lines of records that are in the copy as a whole; after a revert perhaps millions."""

    def copied(self, copy: int, old: Retried) -> None:
        """Note what a line of a retry's copy holds: its outcome is decided there."""
        if old.items is None:
            self._copied_whole[old.source, copy].append(old.line)
        else:
            self._copied[old.source, old.line].append((copy, old.items))

    def close(self) -> None:
        """End the noting of copies."""
        self._copied_whole = defaultdict(
            lambda: array("q"), {place: array("q", sorted(lines)) for place, lines in self._copied_whole.items()}
        )

    def accepted_part(self, entry: Entry) -> Entry | None:
        """Return what of an entry was accepted, None if nothing was."""
        if entry.offset >= self._read.get(entry.source, 0):  # not read yet, or read as a source of its own
            return None
        if entry.customer in self._skipped:
            return None
        place = (entry.source, entry.line)
        dead = self._journal.dead_items(self._kind, *place)
        passed = entry.place < self._checkpoint and place not in self._elsewhere

        def was_accepted(index: int) -> bool:
            if not passed and not self._is_known_accepted(entry, index):
                return False
            return not any(_among(items, index) for items in dead) and not self._went_on(entry, index)

        own = entry.indexes or tuple(range(entry.items))
        left = [index for index in own if was_accepted(index)]
        if len(left) == len(own):
            return entry
        return take_part(entry, left, CONTRACTS[self._kind].item_field or "") if left else None

    def in_doubt_part(self, entry: Entry) -> Entry | None:
        """Return what of an entry may or may not have arrived, None if there is no doubt."""
        place = (entry.source, entry.line)
        if place not in self._in_doubt:
            return None
        own = entry.indexes or tuple(range(entry.items))
        left = [index for index in own if _among(self._in_doubt[place], index)]
        return take_part(entry, left, CONTRACTS[self._kind].item_field or "") if left else None

    def _is_known_accepted(self, entry: Entry, index: int) -> bool:
        """Return whether an item was accepted, of a record beyond the checkpoint or with a line that is remembered."""
        place = (entry.source, entry.line)
        if _holds(self._accepted, place, index):
            return True
        return entry.place < self._checkpoint and not _holds(self._elsewhere, place, index)

    def _went_on(self, entry: Entry, index: int) -> bool:
        """Return whether a later copy holds this item."""
        old = entry.retried
        record = (entry.source, entry.line) if old is None else (old.source, old.line)
        item = index if old is None or old.items is None else old.items[index] if index < len(old.items) else -1
        here = -1 if old is None else entry.source
        for (source, copy), lines in self._copied_whole.items():
            if source == record[0] and copy > here and _has(lines, record[1]):
                return True
        return any(copy > here and _among(items, item) for copy, items in self._copied.get(record, ()))


class AcceptedRecords:
    """The accepted records of one kind."""

    def __init__(self, kind: Kind, outcomes: KnownOutcomes, sources: Sequence[Source], settings: Settings) -> None:
        """Use `open_accepted_records`."""
        self.kind, self._outcomes, self._sources, self._settings = kind, outcomes, sources, settings

    @property
    def inputs(self) -> list[Input]:
        """What `blocks` reads."""
        return [source.input for source in self._sources]

    async def blocks(self) -> AsyncGenerator[list[Entry], None]:
        """Yield the valid entries, block by block; `part` returns what was accepted of each.

        Raises:
            InputError: an export cannot be read.
        """
        async with aclosing(self._validate(self._sources)) as blocks:
            async for found in blocks:
                yield [result for result in one_by_one(found) if isinstance(result, Entry)]

    async def parts(self) -> AsyncGenerator[Entry, None]:
        """Yield what was accepted of each entry.

        Raises:
            InputError: as `blocks`.
        """
        async with aclosing(self.blocks()) as blocks:
            async for entries in blocks:
                for part in filter(None, map(self.part, entries)):
                    yield part

    def part(self, entry: Entry) -> Entry | None:
        """Return what of an entry was accepted, None if nothing was."""
        return self._outcomes.accepted_part(entry)

    def in_doubt_part(self, entry: Entry) -> Entry | None:
        """Return what of an entry may or may not have arrived, None if there is no doubt."""
        return self._outcomes.in_doubt_part(entry)

    async def learn_copies(self) -> None:
        """Read the copies that retries have made."""
        for copy in [source for source in self._sources if source.is_copy]:
            async with aclosing(self._validate([copy])) as blocks:
                async for found in blocks:
                    for result in one_by_one(found):
                        if not isinstance(result, Blank) and result.retried is not None:
                            self._outcomes.copied(copy.number, result.retried)
        self._outcomes.close()

    async def _validate(self, sources: Sequence[Source]) -> AsyncGenerator[Sequence[LineResults], None]:
        """Validate each source alone, and no record by an earlier one: the journal knows which duplicates are dead."""
        forgetful = msgspec.structs.replace(self._settings.validation, remember_ids=1, duplicate_purchase="allow")
        settings = msgspec.structs.replace(self._settings, validation=forgetful)
        for source in sources:
            validated = validate_sources(
                [source],
                make_decoder(self.kind, settings),
                block_bytes=settings.source.block_bytes,
                max_line_bytes=forgetful.max_line_bytes,
            )
            async with aclosing(validated) as blocks:
                async for block in blocks:
                    yield block.found


async def open_accepted_records(
    journal: JournalReader, kind: Kind, settings: Settings, state_dir: Path, moved: Moved = NOT_MOVED
) -> AcceptedRecords | None:
    """Find the accepted records of a kind, None if the run has not begun it.

    `moved`: what a person says of exports that have another path now.

    Raises:
        InputError: an export is not there, or not what it was.
    """
    reached = journal.reached(kind)
    if reached is None:
        return None
    full = settings.source.check_export == "full"
    patience = patience_of(settings.retry)
    exports = await find_exports(journal, kind, state_dir=state_dir, patience=patience, moved=moved, full=full)
    sources = await list_sources(journal, kind, exports, state_dir=state_dir, full=full, grown=False)
    found = AcceptedRecords(kind, KnownOutcomes(journal, kind, reached[0]), _as_read(journal, kind, sources), settings)
    await found.learn_copies()
    return found


def _as_read(journal: JournalReader, kind: Kind, sources: Sequence[Source]) -> list[Source]:
    """Return the inputs up to where they were read: what an export has grown by is no part of the run yet."""
    read = journal.consumed(kind)
    return [
        source if source.is_copy else msgspec.structs.replace(source, end=read.get(source.number, (0, 0, 1))[0])
        for source in begin_at(sources, Resume())
        if source.is_copy or source.number in read
    ]


def _holds(covered: Covered, place: tuple[int, int], index: int) -> bool:
    return place in covered and _among(covered[place], index)


def _has(lines: "array[int]", line: int) -> bool:
    index = bisect_left(lines, line)
    return index < len(lines) and lines[index] == line


def _among(items: frozenset[int] | tuple[int, ...] | None, index: int) -> bool:
    return items is None or index in items
