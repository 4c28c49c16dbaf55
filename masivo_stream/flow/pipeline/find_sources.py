"""Find the sources of a run: which inputs it knows already, in which order they are read, and where each begins."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from masivo_stream.core.accounting.tally import Tally
from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.edges.export.identity import changed, decode_identity, encode_identity, identify_input
from masivo_stream.edges.export.source import Input, find_inputs, is_file, is_plain_file, read_head
from masivo_stream.edges.journal import Journal, JournalReader
from masivo_stream.flow.identity.known_exports import (
    FROM_A_PIPE,
    NOT_MOVED,
    KnownExport,
    Moved,
    Recognised,
    RecognisedExports,
    Recogniser,
    find_again,
    known_exports,
    not_the_same,
    prove,
    real_path,
)
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.progress import KnownSource
from masivo_stream.model.results import Position

Consumed = dict[int, tuple[int, int, int]]
"""By source: plain bytes read, their CRC-32, and the line after them."""

_NOTHING = (0, 0, 1)


async def recognise_exports(
    journal: JournalReader, kind: Kind, inputs: Iterable[Input], *, moved: Moved = NOT_MOVED, full: bool = False
) -> tuple[RecognisedExports, list[Input]]:
    """Return which inputs are exports that the run knows, and which are new; nothing is noted.

    Raises:
        ConfigurationError: a known export is not named, or two could be meant.
        InputError: the consumed part of an export changed.
    """
    named = list(inputs)
    exports = await Recogniser(kind, known_exports(journal, kind), moved, full=full).among(named)
    taken = {found.input.path for found in exports.values()}
    names, new = set(exports), []
    for found in named:
        if found.path in taken:
            continue
        name = found.shown_path if found.shown_path not in names else _another_name(found, names)
        names.add(name)
        new.append(msgspec.structs.replace(found, known_as="" if name == found.shown_path else name))
    return exports, new


def _another_name(found: Input, names: set[str]) -> str:
    """Return a name for a new export whose path was that of another one."""
    whole = msgspec.structs.replace(found, path=real_path(found.path)).shown_path
    return next(
        name for number in range(1, len(names) + 3) if (name := whole + f" ({number})" * (number > 1)) not in names
    )


async def find_exports(
    journal: JournalReader,
    kind: Kind,
    *,
    state_dir: Path,
    patience: Patience,
    moved: Moved = NOT_MOVED,
    full: bool = False,
) -> RecognisedExports:
    """Find the exports that a run knows, where a person names none; those from a pipe are left out.

    `patience`: how long object storage is waited for.

    Raises:
        InputError: one is not found, or not what it was.
    """
    places = (journal.state_dir(), real_path(str(state_dir)))
    return {
        known.name: await find_again(known, moved=moved, state_dirs=places, full=full, patience=patience)
        for known in known_exports(journal, kind)
        if not known.identity.stream
    }


async def list_sources(
    journal: JournalReader,
    kind: Kind,
    exports: RecognisedExports,
    new: Iterable[Input] = (),
    *,
    state_dir: Path,
    full: bool = False,
    grown: bool = True,
) -> list[Source]:
    """Return the inputs of a kind in reading order.

    What an export has grown by since a later one was begun is an input of its own, unless `grown` is false. The copies
    of retries are found in `state_dir`.

    Raises:
        InputError: a retry's copy is not what it was.
    """
    consumed = journal.consumed(kind)
    known = journal.sources(kind)
    sources: list[Source] = []
    before: dict[str, tuple[int, int]] = {}  # by name: a file may be several inputs, and there may be thousands
    for source in known:
        if source.is_copy:
            found = await _copy(source, consumed, state_dir, full=full)
        elif source.name in exports:
            found = exports[source.name].input
        else:
            continue  # what came from a pipe: `check_rereadable` has found that nothing of it is left
        begin = Position(source.number, source.line, source.offset)
        sources.append(
            Source(found, source.number, is_copy=source.is_copy, begin=begin, known=before.get(found.name, (0, 0)))
        )
        before[found.name] = consumed.get(source.number, _NOTHING)[:2]
    tails = list(_tails(sources, consumed, exports)) if grown else []
    for number, added in enumerate([*tails, *map(Source, new)], len(known)):
        begin = msgspec.structs.replace(added.begin, source=number)
        sources.append(msgspec.structs.replace(added, number=number, begin=begin))
    return sources


async def _copy(source: KnownSource, consumed: Consumed, state_dir: Path, *, full: bool) -> Input:
    """Return a retry's copy, if it has not changed."""
    (found,) = find_inputs([str(state_dir / source.name)])
    read, crc, _ = consumed.get(source.number, _NOTHING)
    known = KnownExport(source.name, "", decode_identity(source.identity), read, crc)
    if await prove(found, known, full=full) is None:
        raise not_the_same(found, known)
    return found


def _tails(sources: Sequence[Source], consumed: Consumed, exports: RecognisedExports) -> Iterable[Source]:
    """Yield what exports have grown by since a later one was begun, as inputs of their own."""
    last = {source.input.name: source for source in sources if not source.is_copy}  # a file may have several tails
    begun = max(consumed, default=-1)
    for name, source in last.items():
        read, crc, line = consumed.get(source.number, _NOTHING)
        if source.number < begun and _goes_on(source.input, read, exports[name]):
            yield Source(source.input, begin=Position(0, line, read), known=(read, crc))


def _goes_on(found: Input, read: int, export: Recognised) -> bool:
    """Return whether an export has text beyond what was read."""
    if export.grown is not None:
        return export.grown
    if is_plain_file(found):
        return found.size > read
    return not read and is_file(found) and bool(read_head(found, 1).plain)


async def note_sources(
    journal: Journal, matched: Mapping[Kind, tuple[Sequence[Source], RecognisedExports]], state_dir: Path
) -> None:
    """Note the inputs and their paths as they are now.

    Raises:
        StorageError: the journal cannot be written.
    """
    known = [(kind, _know(source, exports)) for kind, (sources, exports) in matched.items() for source in sources]
    await journal.note_sources(real_path(str(state_dir)), known)


def _know(source: Source, exports: RecognisedExports) -> KnownSource:
    found = source.input
    known = None if source.is_copy else exports.get(source.name)
    identity = identify_input(found) if known is None else known.identity
    return KnownSource(
        source.number,
        source.name,
        found.size,
        encode_identity(identity),
        source.is_copy,
        source.begin.line,
        source.begin.offset,
        "" if source.is_copy or identity.stream else real_path(found.path),
    )


def check_rereadable(journal: Journal, kind: Kind) -> None:
    """Check that everything that came from a pipe has been processed: the rest would be lost without notice.

    Raises:
        InputError: something is left.
    """
    streams = [source for source in journal.read.sources(kind) if decode_identity(source.identity).stream]
    figures = journal.read.figures(kind)
    if not streams or figures is None:
        return
    pending, _ = Tally(CONTRACTS[kind], figures).outstanding
    if pending or not journal.read.read_all(kind):
        raise changed(
            streams[0].name,
            "an export that came from a pipe was not processed to its end, and cannot be read again",
            f"start migrate once more; to do so, {FROM_A_PIPE.format(streams[0].name)}",
        )
