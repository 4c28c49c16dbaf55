"""Take up what an earlier process left: the same inputs, where reading goes on, and records read once more."""

from collections.abc import Iterable, Sequence

from masivo_stream.core.decode import customer_of
from masivo_stream.core.slicing import slice_record
from masivo_stream.edges.identity import check_identity, decode_identity, encode_identity, take_identity
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.source import Input, ends_line, is_compressed, read_spans
from masivo_stream.flow.judge import Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.progress import KnownSource, Reference, Resume
from masivo_stream.model.record import Entry, Place


async def match_sources(journal: Journal, kind: Kind, inputs: Iterable[Input]) -> list[Source]:
    """Return the inputs in the order the journal knows them, new ones behind, after a look at whether they changed.

    Raises:
        InputError: the consumed part of an export changed.
        StorageError: the journal cannot be written.
    """
    named = {found.name: found for found in inputs}
    known = {source.name: source for source in journal.sources(kind)}
    consumed = journal.consumed(kind)
    sources: list[Source] = []
    noted: list[KnownSource] = []
    for number, name in enumerate([*known, *(name for name in named if name not in known)]):
        found = named[name]
        if name in known:
            read, crc = consumed.get(number, (0, 0))
            identity = decode_identity(known[name].identity)
            check_identity(found.path, identity, consumed=read, crc=crc, compressed=is_compressed(found))
        sources.append(Source(found, number))
        noted.append(KnownSource(number, name, found.size, encode_identity(take_identity(found.path))))
    await journal.add_sources(kind, noted)
    return sources


def begin_at(sources: Sequence[Source], resume: Resume) -> list[Source]:
    """Return the sources that are not done with, each with the place where reading goes on."""
    return [_begin_at(source, resume) for source in sources if source.number >= resume.start.source]


def _begin_at(source: Source, resume: Resume) -> Source:
    known = resume.consumed.get(source.number, (0, 0))
    if source.number != resume.start.source:
        return Source(source.input, source.number, Place(source.number, 1, 0), known=known)
    unfinished = resume.start.line > 1 and not ends_line(source.input, resume.start.offset)
    return Source(source.input, source.number, resume.start, unfinished=unfinished, known=known)


async def reread(
    sources: Sequence[Source], kind: Kind, references: Iterable[Reference], block_bytes: int
) -> list[Entry]:
    """Read the entries that references speak of once more, in the references' order.

    Raises:
        InputError: they cannot be read.
    """
    wanted = list(references)
    bodies: dict[Reference, bytes] = {}
    for source in sources:
        spans = sorted(
            {(reference.offset, reference.length) for reference in wanted if reference.source == source.number}
        )
        read = dict(zip(spans, await read_spans(source.input, spans, block_bytes=block_bytes), strict=True))
        for reference in wanted:
            if reference.source == source.number:
                bodies[reference] = read[reference.offset, reference.length]
    names = {source.number: source.input.name for source in sources}
    return [_entry(kind, names[reference.source], reference, bodies[reference]) for reference in wanted]


def _entry(kind: Kind, name: str, reference: Reference, raw: bytes) -> Entry:
    body = raw
    if reference.indexes is not None:
        body = slice_record(raw, CONTRACTS[kind].item_field or "").compose(reference.indexes)
    return Entry(
        file=name,
        line=reference.line,
        offset=reference.offset,
        length=reference.length,
        body=body,
        customer=customer_of(raw),
        items=reference.items,
        record_items=reference.record_items,
        indexes=reference.indexes,
        source=reference.source,
    )
