"""The lines of a batch in little space: the journal keeps them for ever, and nothing else of their positions.

Lines that follow one another are one stretch. A batch of a clean export is one stretch, some ten bytes; each line in
between that is no entry costs two more bytes. Items are left out: this is for kinds whose records travel whole.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import msgspec

from masivo_stream.model.entries import EntryRun, Packable
from masivo_stream.model.progress import Covered, Reference

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[list[int]]).decode


def write_spans(parts: Iterable[Packable]) -> bytes:
    """Return the lines of the records of a batch, by source, in bytes."""
    lines = sorted((part.source, part.line, len(part) if isinstance(part, EntryRun) else 1) for part in parts)
    written = []
    for source, stretches in groupby(lines, itemgetter(0)):
        numbers: list[int] = [source]  # then: lines that are not of the batch, lines that are, in turn
        following = 0
        for _, line, count in stretches:
            if line == following and len(numbers) > 1:
                numbers[-1] += count
            else:
                numbers += [line - following, count]
            following = line + count
        written.append(numbers)
    return _pack(written)


def read_spans(blob: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield source, first and last line of each stretch, in ascending order."""
    for source, *numbers in _unpack(blob):
        following = 0
        for gap, count in zip(numbers[::2], numbers[1::2], strict=True):
            first = following + gap
            following = first + count
            yield source, first, following - 1


def cover(settled: Iterable[Reference], dead: Iterable[tuple[int, int, tuple[int, ...] | None]]) -> Covered:
    """Join what batches settled and what became dead letters (source, line, item indexes or None for all)."""
    found: dict[tuple[int, int], set[int] | None] = {}
    for reference in settled:
        whole = reference.items == reference.record_items
        _add(found, (reference.source, reference.line), None if whole else reference.indexes)
    for source, line, indexes in dead:
        _add(found, (source, line), indexes)
    return {key: None if items is None else frozenset(items) for key, items in found.items()}


def _add(found: dict[tuple[int, int], set[int] | None], key: tuple[int, int], indexes: Iterable[int] | None) -> None:
    known = found.setdefault(key, set())
    if indexes is None:
        found[key] = None
    elif known is not None:
        known.update(indexes)
