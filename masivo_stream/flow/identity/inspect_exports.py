"""Inspect the exports before a run: each must be an export, and be named once. This comes before any note or request.

An export that is named twice would be sent twice: as the same file by another name or link, as a copy, compressed
beside itself, or as an older copy that it begins with. Copies are found by their text. Only files that begin alike are
read: the first lines of each, then a megabyte, then everything.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from masivo_stream.core.reading.decompress import Truncated
from masivo_stream.core.reading.fingerprint import Fingerprint, Normaliser
from masivo_stream.core.reading.formats import begins_with_record, foreign
from masivo_stream.edges.export.source import FileHead, Input, is_file, read_blocks, read_head, refuse_foreign
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, InputError, UnreachableExportError

_FIRST_LINES = 4096
"""Bytes: reading them takes no noticeable time, even of thousands of files."""
_CLOSER = (1 << 16, 1 << 20)
"""Bytes to read if the first line is longer, or cannot be sent."""
_NEXT = 1 << 20
_BLOCK_BYTES = 1 << 20
_OPERATION = "inspect the exports"


class Export(Struct, frozen=True):
    """A file and the flag that names it."""

    kind: Kind
    input: Input


async def inspect_exports(inputs: Mapping[Kind, Sequence[Input]]) -> None:
    """Inspect the exports that are files; what comes from a pipe is checked when it is read.

    Raises:
        InputError: a file is no export.
        ConfigurationError: an export is named twice.
    """
    files = [Export(kind, found) for kind, named in inputs.items() for found in named if is_file(found)]
    _check_files(files)
    begun: dict[str, bytes] = {}
    for export in files:
        head = await _read_head(export.input, _FIRST_LINES)
        await _check_format(export.input, head)
        text = _normalise(head)
        if b"\n" in text.strip() or begins_with_record(text + b"\n") or not head.ended:
            begun[export.input.path] = text
    await _check_copies({export.input.path: export for export in files}, begun)


async def _read_head(found: Input, most: int) -> FileHead:
    """Read a head; that of an object in a thread, because it may take long."""
    if found.stored is None:
        return read_head(found, most)
    return await anyio.to_thread.run_sync(read_head, found, most, abandon_on_cancel=True)


async def _check_format(found: Input, head: FileHead) -> None:
    if head.empty:
        raise InputError(
            "the compressed file is empty: even an empty export takes some bytes when it is compressed",
            operation=_OPERATION,
            place=found.shown_path,
            hint="copy the file or export again, then start the same command again",
        )
    for most in _CLOSER:
        if begins_with_record(head.plain):
            return
        if not head.ended:
            head = await _read_head(found, most)
    refuse_foreign(found, foreign(head.plain, ended=head.ended, compression=head.compression), head.compression)


def _check_files(files: Iterable[Export]) -> None:
    """Check that no file is named twice, by another name, a link, or for another kind."""
    seen: dict[Hashable, Export] = {}
    for export in files:
        first = seen.setdefault(_place(export.input), export)
        if first is not export:
            raise _twice(first, export, "is the same file as")


def _place(found: Input) -> Hashable:
    """Return what two names of one file, or of one object, have in common."""
    if found.stored is not None:
        return found.path
    status = Path(found.path).stat()
    return status.st_dev, status.st_ino


def _twice(first: Export, second: Export, how: str) -> ConfigurationError:
    here, there = second.input.shown_path, first.input.shown_path
    what = f"{here} {how} {there}" if here != there else f"{here} is named twice"
    kinds = "" if first.kind is second.kind else f", for {first.kind} and for {second.kind}"
    return ConfigurationError(
        f"{what}{kinds}",
        operation=_OPERATION,
        place=here,
        hint="their records would be sent twice: name only one of the two, the longer one if they differ",
    )


def _normalise(head: FileHead) -> bytes:
    """Return the start of a text; if the text goes on, only the part that is certain."""
    normaliser = Normaliser()
    text = normaliser.feed(head.plain)
    return text + normaliser.finish() if head.ended else text


# Copies.


async def _check_copies(exports: Mapping[str, Export], begun: Mapping[str, bytes]) -> None:
    """Refuse exports of which one begins with all of another; `begun` are their first bytes."""
    for alike in _alike(begun):
        paths = [path for path in exports if path in alike]  # as they were named
        for most in (_NEXT, None):
            paths = await _still_alike([exports[path] for path in paths], most) if paths else []


def _alike(begun: Mapping[str, bytes]) -> Iterator[set[str]]:
    """Yield groups of paths whose first bytes are the same, up to the end of the shorter one.

    In sorted sequence a text comes before all that begin with it, so it is enough to compare neighbours.
    """
    group: set[str] = set()
    stem = b""
    for (one, text), (other, following) in pairwise(sorted(begun.items(), key=lambda item: item[1])):
        if not group:
            stem = text
        if following.startswith(stem):
            group |= {one, other}
        elif group:
            yield group
            group = set()
    if group:
        yield group


async def _still_alike(exports: Sequence[Export], most: int | None) -> list[str]:
    """Compare texts up to `most` bytes; return those that go on and are the same so far.

    Raises:
        ConfigurationError: one of them begins with all of another.
    """
    read = {export.input.path: await _fingerprint(export.input, most) for export in exports}
    lengths = {path: mark.length for path, (mark, ended) in read.items() if ended and mark.length}
    marked: dict[str, dict[int, bytes]] = {}
    for export in exports if lengths else ():
        marked[export.input.path] = (await _fingerprint(export.input, most, lengths.values()))[0].marks
    for number, second in enumerate(exports):
        for first in exports[:number]:
            for short, long in ((first, second), (second, first)):
                length = lengths.get(short.input.path)
                if length is None or marked[long.input.path].get(length) != read[short.input.path][0].digest():
                    continue
                same = lengths.get(long.input.path) == length
                raise _twice(short, long, "holds the same records as" if same else "begins with all records of")
    going_on = [path for path, (_, ended) in read.items() if not ended]
    digests = [read[path][0].digest() for path in going_on]
    return [path for path, digest in zip(going_on, digests, strict=True) if digests.count(digest) > 1]


async def _fingerprint(found: Input, most: int | None, lengths: Iterable[int] = ()) -> tuple[Fingerprint, bool]:
    """Return the fingerprint of a text's first bytes, and whether that is all of it."""
    mark, normaliser = Fingerprint(lengths), Normaliser()
    try:
        async with aclosing(read_blocks(found, block_bytes=_BLOCK_BYTES)) as blocks:
            async for block in blocks:
                text = normaliser.feed(block)
                if most is not None and mark.length + len(text) > most:
                    mark.feed(text[: most - mark.length])
                    return mark, False
                mark.feed(text)
    except UnreachableExportError:  # two exports that are not compared might be one
        raise
    except (Truncated, InputError):
        pass  # reported when the export is read
    mark.feed(normaliser.finish())
    return mark, True
