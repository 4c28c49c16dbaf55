"""Go on from what an earlier process left: the positions to read from, and records that are read once more."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from masivo_stream.core.dead_letters import read_retry
from masivo_stream.core.reading.marks import customer_of
from masivo_stream.edges.export.source import read_ranges
from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import Covered, Reference, Resume
from masivo_stream.model.results import Entry
from masivo_stream.model.slicing import slice_record


def begin_at(sources: Sequence[Source], resume: Resume) -> list[Source]:
    """Return the sources that are not done with, each with the positions where reading goes on and ends."""
    left = [_begin_at(source, resume) for source in sources if source.number >= resume.start.source]
    whole: defaultdict[int, set[int]] = defaultdict(set)
    for (number, line), items in settled_records(sources, resume).items():
        if items is None:
            whole[number].add(line)
    return [
        msgspec.structs.replace(source, end=_end(source, sources), settled=frozenset(whole[source.number]))
        for source in left
    ]


def settled_records(sources: Sequence[Source], resume: Resume) -> Covered:
    """Return records with an outcome that are read once more on the way to others, if a retry's copy is read, too.

    The decoder must not remember them: a record in the copy would count as a duplicate of itself.
    """
    copies = any(source.is_copy and source.number >= resume.start.source for source in sources)
    return resume.covered if copies else {}


def _end(source: Source, sources: Sequence[Source]) -> int | None:
    """Return where an input ends if its file has grown since; what it has grown by is another input."""
    later = [each for each in sources if each.input.name == source.input.name and each.number > source.number]
    return min((each.begin.offset for each in later), default=None)


def _begin_at(source: Source, resume: Resume) -> Source:
    read, crc = source.known
    if source.number in resume.consumed:
        read, crc, _ = resume.consumed[source.number]
    start = resume.start if source.number == resume.start.source else source.begin
    return msgspec.structs.replace(source, start=start, known=(read, crc))


async def reread(
    sources: Sequence[Source], kind: Kind, references: Iterable[Reference], block_bytes: int
) -> list[Entry]:
    """Read the entries of references once more, in the order of the references.

    Raises:
        InputError: they cannot be read.
    """
    wanted = list(references)
    there = {source.number for source in sources}
    if not all(reference.source in there for reference in wanted):
        raise InputError(
            "what came from a pipe cannot be read again",
            operation="read a record again",
            hint="--accept does not need the records; look up the other batches in the account",
        )
    bodies: dict[Reference, bytes] = {}
    for source in sources:
        ranges = sorted(
            {(reference.offset, reference.length) for reference in wanted if reference.source == source.number}
        )
        read = dict(zip(ranges, await read_ranges(source.input, ranges, block_bytes=block_bytes), strict=True))
        for reference in wanted:
            if reference.source == source.number:
                bodies[reference] = read[reference.offset, reference.length]
    by_number = {source.number: source for source in sources}
    return [_entry(kind, by_number[reference.source], reference, bodies[reference]) for reference in wanted]


def _entry(kind: Kind, source: Source, reference: Reference, stored: bytes) -> Entry:
    raw, retried = read_retry(stored) if source.is_copy else (stored, None)
    body = raw
    if reference.indexes is not None:
        body = slice_record(raw, CONTRACTS[kind].item_field or "").compose(reference.indexes)
    return Entry(
        file=source.name,
        line=reference.line,
        offset=reference.offset,
        length=reference.length,
        body=body,
        customer=customer_of(raw),
        items=reference.items,
        record_items=reference.record_items,
        indexes=reference.indexes,
        source=reference.source,
        retried=retried,
    )


def entries_without_bytes(references: Iterable[Reference], names: dict[int, str]) -> list[Entry]:
    """Return the entries of references without their bytes: enough to count and to locate them.

    `names` are the inputs' by number.
    """
    return [
        Entry(
            file=names.get(reference.source, ""),
            line=reference.line,
            offset=reference.offset,
            length=reference.length,
            body=b"",
            customer="",
            items=reference.items,
            record_items=reference.record_items,
            indexes=reference.indexes,
            source=reference.source,
        )
        for reference in references
    ]


class BatchReader:
    """Reads the entries of one kind's batches once more, from the exports."""

    def __init__(self, journal: JournalReader, kind: Kind, sources: Sequence[Source], block_bytes: int) -> None:
        """Ask `journal` which entries a batch has; read `sources` in blocks of `block_bytes`."""
        self._journal, self._kind, self._sources, self._block_bytes = journal, kind, sources, block_bytes

    async def read(self, batch: str) -> list[Entry]:
        """Read the entries of a batch.

        Raises:
            InputError: they cannot be read.
        """
        return await self.reread(self._journal.references(batch))

    async def reread(self, references: Iterable[Reference]) -> list[Entry]:
        """Read the entries of references, in the order of the references.

        Raises:
            InputError: they cannot be read.
        """
        return await reread(self._sources, self._kind, references, self._block_bytes)

    async def read_if_possible(self, batch: str) -> list[Entry]:
        """Read the entries of a batch; those that came from a pipe have no bytes."""
        try:
            return await self.read(batch)
        except InputError:
            names = {source.number: source.name for source in self._journal.sources(self._kind)}
            return entries_without_bytes(self._journal.references(batch), names)
