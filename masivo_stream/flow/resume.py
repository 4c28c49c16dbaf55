"""Take up what an earlier process left: the same inputs, where reading goes on, and records read once more."""

import zlib
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from masivo_stream.core.letters import read_retry
from masivo_stream.core.plain import customer_of
from masivo_stream.core.tally import Tally
from masivo_stream.edges.identity import changed, check_identity, decode_identity, encode_identity, take_identity
from masivo_stream.edges.journal import Journal, JournalReader
from masivo_stream.edges.source import (
    Input,
    ends_line,
    find_inputs,
    is_compressed,
    is_plain_file,
    read_blocks,
    read_spans,
)
from masivo_stream.flow.judge import Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.errors import InputError
from masivo_stream.model.progress import KnownSource, Reference, Resume
from masivo_stream.model.record import Entry, Place
from masivo_stream.model.slicing import slice_record

Consumed = dict[int, tuple[int, int, int]]


async def match_sources(
    journal: Journal, kind: Kind, inputs: Iterable[Input], *, state_dir: Path, full: bool = False
) -> list[Source]:
    """Return the inputs in the order the journal knows them, new ones behind, after a look at whether they changed.

    What an export has grown by since a later one was begun is an input of its own. A retry's copies, in `state_dir`,
    are known without being named. `full`: look at every byte that was read.

    Raises:
        InputError: the consumed part of an export changed, or a known one is gone.
        StorageError: the journal cannot be written.
    """
    named = {found.name: found for found in inputs}
    known = journal.sources(kind)
    sources = await known_sources(journal, kind, named.values(), state_dir=state_dir, full=full)
    names = {source.name for source in known}
    grown = list(_tails(sources, journal.consumed(kind)))
    new = [Source(found) for name, found in named.items() if name not in names]
    for number, added in enumerate([*grown, *new], len(known)):
        begin = msgspec.structs.replace(added.begin, source=number)
        sources.append(msgspec.structs.replace(added, number=number, begin=begin))
    await journal.add_sources(kind, [_know(source) for source in sources])
    return sources


_NOTHING = (0, 0, 1)


async def known_sources(
    journal: JournalReader, kind: Kind, inputs: Iterable[Input], *, state_dir: Path, full: bool = False
) -> list[Source]:
    """Return the inputs that the journal knows, in its order, after a look at whether they changed.

    Raises:
        InputError: as `match_sources`.
    """
    named = {found.name: found for found in inputs}
    consumed = journal.consumed(kind)
    sources: list[Source] = []
    for source in journal.sources(kind):
        if source.letters:
            found = find_inputs([str(state_dir / source.name)])[0]
        elif source.name in named:
            found = named[source.name]
        else:
            continue  # what came from a pipe: `check_rereadable` has seen that nothing of it is left
        read, crc, _ = consumed.get(source.number, _NOTHING)
        await _check(found, source, read, crc, full=full)
        begin = Place(source.number, source.line, source.offset)
        before = [each.number for each in sources if each.input.name == found.name]
        known_before = consumed.get(before[-1], _NOTHING)[:2] if before else (0, 0)
        sources.append(Source(found, source.number, letters=source.letters, begin=begin, known=known_before))
    return sources


def _tails(sources: Sequence[Source], consumed: Consumed) -> Iterable[Source]:
    """Yield what exports have grown by since a later one was begun, as inputs of their own."""
    last = {source.input.name: source for source in sources}  # a file may have several tails
    begun = max(consumed, default=-1)
    for source in last.values():
        read, crc, line = consumed.get(source.number, _NOTHING)
        if source.number < begun and is_plain_file(source.input) and source.input.size > read:
            yield Source(source.input, begin=Place(0, line, read), known=(read, crc))


def known_inputs(journal: JournalReader, kind: Kind) -> list[Input]:
    """Return the exports a run knows; what came from a pipe cannot be read again, and is left out.

    Raises:
        InputError: one is not there.
    """
    names = [
        source.name
        for source in journal.sources(kind)
        if not source.letters and not decode_identity(source.identity).stream
    ]
    try:
        return [found for name in names for found in find_inputs([name])]
    except InputError as error:
        error.hint = "the run knows it by this name: start where the migration was started, or put it back"
        raise


def check_rereadable(journal: Journal, kind: Kind) -> None:
    """Check that nothing is left to be read of what came from a pipe, where it would be lost without a word.

    Raises:
        InputError: something is.
    """
    streams = [source for source in journal.sources(kind) if decode_identity(source.identity).stream]
    figures = journal.figures(kind)
    if not streams or figures is None:
        return
    pending, _ = Tally(CONTRACTS[kind], figures).outstanding
    if pending or not journal.read_all(kind):
        raise changed(
            streams[0].name,
            "what came from a pipe cannot be read again, and was not dealt with to its end",
            "write the export to a file, then migrate it with a --state-dir of its own",
        )


def _know(source: Source) -> KnownSource:
    found = source.input
    identity = encode_identity(take_identity(found.path))
    begin = source.begin
    return KnownSource(source.number, source.name, found.size, identity, source.letters, begin.line, begin.offset)


async def _check(found: Input, known: KnownSource, read: int, crc: int, *, full: bool) -> None:
    check_identity(found.path, decode_identity(known.identity), consumed=read, crc=crc, compressed=is_compressed(found))
    if full and await _checksum(found, read) != crc:
        raise changed(found.path, f"something changed in the first {read} bytes of its text")


async def _checksum(found: Input, length: int) -> int:
    """Return the CRC-32 of an export's first plain bytes."""
    done, crc = 0, 0
    if length:
        async with aclosing(read_blocks(found, block_bytes=1 << 20)) as blocks:
            async for block in blocks:
                crc = zlib.crc32(block[: length - done], crc)
                done += len(block)
                if done >= length:
                    break
    return crc


def begin_at(sources: Sequence[Source], resume: Resume) -> list[Source]:
    """Return the sources that are not done with, each with the place where reading goes on, and where it ends."""
    left = [_begin_at(source, resume) for source in sources if source.number >= resume.start.source]
    return [msgspec.structs.replace(source, end=_end(source, sources)) for source in left]


def _end(source: Source, sources: Sequence[Source]) -> int | None:
    """Return where an input ends whose file has grown since: what it has grown by is read as another one."""
    later = [each for each in sources if each.input.name == source.input.name and each.number > source.number]
    return min((each.begin.offset for each in later), default=None)


def _begin_at(source: Source, resume: Resume) -> Source:
    read, crc = source.known
    if source.number in resume.consumed:
        read, crc, _ = resume.consumed[source.number]
    start = resume.start if source.number == resume.start.source else source.begin
    unfinished = start.line > 1 and not ends_line(source.input, start.offset)
    return msgspec.structs.replace(source, start=start, unfinished=unfinished, known=(read, crc))


async def reread(
    sources: Sequence[Source], kind: Kind, references: Iterable[Reference], block_bytes: int
) -> list[Entry]:
    """Read the entries that references speak of once more, in the references' order.

    Raises:
        InputError: they cannot be read.
    """
    wanted = list(references)
    there = {source.number for source in sources}
    if not all(reference.source in there for reference in wanted):
        raise InputError(
            "what came from a pipe cannot be read again",
            operation="read a record again",
            hint="--accept needs no record; look the others up in the account",
        )
    bodies: dict[Reference, bytes] = {}
    for source in sources:
        spans = sorted(
            {(reference.offset, reference.length) for reference in wanted if reference.source == source.number}
        )
        read = dict(zip(spans, await read_spans(source.input, spans, block_bytes=block_bytes), strict=True))
        for reference in wanted:
            if reference.source == source.number:
                bodies[reference] = read[reference.offset, reference.length]
    by_number = {source.number: source for source in sources}
    return [_entry(kind, by_number[reference.source], reference, bodies[reference]) for reference in wanted]


def _entry(kind: Kind, source: Source, reference: Reference, stored: bytes) -> Entry:
    raw, retried = read_retry(stored) if source.letters else (stored, None)
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


def bare(references: Iterable[Reference], names: dict[int, str]) -> list[Entry]:
    """Return the entries that references speak of without their bytes: enough to count and to place them.

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
