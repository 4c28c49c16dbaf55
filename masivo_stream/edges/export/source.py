"""Read exports in large blocks: plain, gzip or zstandard files, objects, or standard input.

The first bytes show how a file is compressed, and whether it is an export at all; its name does not count
(`core.reading.formats`). Files are read through aiofiles a block at a time (one hop to a thread each; a line at a time
would be 300 times slower).
"""

import errno
import glob
import os
import stat
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
from msgspec import Struct

from masivo_stream.core.reading.decompress import Damage, make_unpacker
from masivo_stream.core.reading.formats import Compression, Foreign, compression_of, foreign, way_out
from masivo_stream.edges.export.meter import METER
from masivo_stream.model.errors import InputError
from masivo_stream.model.ports import StoredExport, StoredObject

STDIN = "-"
_GLOB = frozenset("*?[")
_HEAD_BYTES = 512
"""Stored bytes that show how a file is compressed; a tar header is as long."""


class Input(Struct, frozen=True):
    """One export to read. `size` in bytes as stored, 0 where unknown."""

    path: str
    size: int
    head: bytes = b""
    """The bytes of a stream that were read already."""
    known_as: str = ""
    """The name by which a run first knew it, if it is elsewhere now."""
    stored: StoredObject | None = None
    """The object that `path`, its URL, named when it was found; None for what is on this machine."""

    @property
    def name(self) -> str:
        """The name used in positions: the one the run knows, else the path."""
        return self.known_as or self.shown_path

    @property
    def shown_path(self) -> str:
        """The path; bytes that are not UTF-8 are escaped."""
        return self.path.encode("utf-8", "backslashreplace").decode()


def find_inputs(patterns: Iterable[str]) -> list[Input]:
    """Return the inputs that names, globs and `-` (standard input) stand for, in that order.

    A name that occurs twice (for example by a pattern, too) is one input.

    Raises:
        InputError: a name does not exist or is no file, or a pattern matches nothing.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        for name in _expand(pattern):
            if name not in found:
                found[name] = Input(name, _size(name))
    return list(found.values())


def _expand(pattern: str) -> list[str]:
    if not _GLOB.intersection(pattern) or os.path.lexists(pattern):
        return [pattern]
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute, Path.glob's may not
    if not names:
        raise InputError(
            "no file matches the pattern",
            operation="find the export",
            place=pattern,
            hint="check the pattern and the working directory",
        )
    return names


def _size(name: str) -> int:
    if name == STDIN:
        return 0
    try:
        status = os.stat(name)  # noqa: PTH116 - an empty Path would be the working directory
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise _unreadable(name, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(
            "the export is a directory",
            operation="find the export",
            place=name,
            hint=f'name the files in it, for example "{name}/*.ndjson"',
        )
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


async def read_blocks(source: Input, *, block_bytes: int, start: int = 0) -> AsyncGenerator[bytes, None]:
    """Yield the plain bytes of an export, from byte `start` on, in blocks of about `block_bytes`.

    A plain file is read from `start` on; a compressed one from its beginning, and the bytes before `start` are dropped.

    Raises:
        InputError: unreadable, or compressed bytes that make no sense.
        Truncated: a compressed file that ends too early, after its last complete bytes.
    """
    try:
        with _opened(source) as opened:
            async with aclosing(_plain_blocks(source, opened, block_bytes, start)) as pieces:
                async for piece in pieces:
                    yield piece
    except Damage as error:
        raise _damaged(source) from error
    except OSError as error:
        raise _unreadable(source.shown_path, error) from error


async def _plain_blocks(
    source: Input, opened: "StoredExport | int", block_bytes: int, start: int
) -> AsyncGenerator[bytes, None]:
    """Yield the plain bytes of what is open, from `start` on. The first bytes of a pipe show what it is."""
    if isinstance(opened, int):
        compression, enter, blocks = None, 0, _stream_blocks(opened, block_bytes)
    else:
        compression = compression_of(opened.read_at(0, _HEAD_BYTES), source.path)
        enter = start if compression is Compression.PLAIN else 0
        blocks = opened.blocks(enter, block_bytes)
    unpacker = None if compression is None else make_unpacker(compression, block_bytes)
    beginning, looked_at, held, meter = _Beginning(source, start - enter), compression is not None, b"", METER.get()
    async with aclosing(_with_head(source, blocks)) as found:
        async for block in found:
            meter.read(len(block))
            if unpacker is None:
                held += block
                if len(held) < _LEAST_BYTES:
                    continue
                compression, block = compression_of(held, source.path), held  # noqa: PLW2901 - all that has come
                unpacker = make_unpacker(compression, block_bytes)
            for piece in unpacker.feed(block):
                if not looked_at and compression is not None:
                    refuse_foreign(source, foreign(piece, ended=False, compression=compression), compression)
                    looked_at = True
                if rest := beginning.drop(piece):
                    yield rest
    if unpacker is None:
        unpacker = make_unpacker(compression_of(held, source.path), block_bytes)
        for piece in unpacker.feed(held):
            yield piece
    unpacker.finish()


class _Beginning:
    """The beginning of a compressed export that was read before: it is unpacked again, and dropped."""

    def __init__(self, source: Input, length: int) -> None:
        self._source, self._length, self._left = source, length, length

    def drop(self, piece: bytes) -> bytes:
        """Return what of the next piece is behind the beginning."""
        if not self._left:
            return piece
        dropped = min(self._left, len(piece))
        self._left -= dropped
        METER.get().skipped(self._source.name, self._length - self._left, self._length)
        return piece[dropped:]


async def _with_head(source: Input, blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield what was already read of a stream, then the rest."""
    async with aclosing(blocks):
        if source.head:
            yield source.head
        async for block in blocks:
            yield block


_LEAST_BYTES = 6
"""Bytes of a pipe that show how it is compressed: the length of the longest signature."""


def _damaged(source: Input) -> InputError:
    return InputError(
        "the compressed file is damaged",
        operation="read the export",
        place=source.shown_path,
        hint="copy the file or export again, then start the same command again; what was read before the damage was"
        " already processed",
    )


class FileHead(Struct, frozen=True):
    """The beginning of an export on disk."""

    compression: Compression
    plain: bytes
    """Its first plain bytes."""
    ended: bool
    """Nothing follows them."""
    empty: bool
    """Nothing is stored, although even an empty compressed file takes some bytes."""


def read_head(source: Input, most: int) -> FileHead:
    """Read the first plain bytes of an export on disk, at most `most`.

    Raises:
        InputError: unreadable, or compressed bytes that make no sense.
    """
    plain, ended = bytearray(), False
    try:
        with stored_bytes(source) as stored:
            offset, step = 0, max(most, _HEAD_BYTES)
            block = stored.read_at(offset, step)
            compression = compression_of(block, source.path)
            empty = compression is not Compression.PLAIN and not block
            unpacker = make_unpacker(compression, most)
            while len(plain) <= most:
                if not block:
                    ended = True
                    break
                for piece in unpacker.feed(block):
                    plain += piece
                    if len(plain) > most:
                        break
                offset += len(block)
                block = stored.read_at(offset, step)
    except Damage as error:
        raise _damaged(source) from error
    except OSError as error:
        raise _unreadable(source.shown_path, error) from error
    return FileHead(compression, bytes(plain[:most]), ended, empty)


async def begin_stream(source: Input, most: int) -> Input:
    """Read the first bytes of a stream, at most `most`; they stay with the input, and are read from there.

    Raises:
        InputError: it is no export, if that shows already.
        OSError: it cannot be read.
    """
    stored = _open_stream()
    async with aclosing(_stream_blocks(stored, most)) as found:
        async for block in found:
            source = msgspec.structs.replace(source, head=source.head + block)
            compression = compression_of(source.head, source.path)
            if len(source.head) >= _LEAST_BYTES:
                refuse_foreign(source, foreign(plain_head(source), ended=False, compression=compression), compression)
            break
    return source


def plain_head(source: Input) -> bytes:
    """Return the text of the bytes of a stream that were read already."""
    try:
        pieces = make_unpacker(compression_of(source.head, source.path), max(1, len(source.head))).feed(source.head)
        return next(iter(pieces), b"")
    except Damage:  # reported when it is read
        return b""


def refuse_foreign(source: Input, found: Foreign | None, compression: Compression) -> None:
    """Refuse what is no export.

    Raises:
        InputError: it is what `found` describes.
    """
    if found is None:
        return
    inside = "" if compression is Compression.PLAIN or found.what == "compressed twice" else f", inside {compression}"
    elsewhere = "write it to a file and name that file: then the message says what to do"
    on_disk = is_file(source) and source.stored is None
    raise InputError(
        f"the export is {found.what}{inside}",
        operation="look at the export",
        place=source.shown_path,
        hint=way_out(found, source.path, compression) if on_disk else elsewhere,
    )


class DiskFile:
    """An open file on disk: a `StoredExport`. It stays the file that was opened, also if another takes its name."""

    def __init__(self, descriptor: int) -> None:
        """Read an open file."""
        self._descriptor = descriptor

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer at the end."""
        return os.pread(self._descriptor, length, offset)

    def blocks(self, start: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` on."""
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return _file_blocks(self._descriptor, block_bytes)

    async def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes at these offsets and lengths."""
        return [os.pread(self._descriptor, length, offset) for offset, length in spans]


@contextmanager
def stored_bytes(source: Input) -> Iterator[StoredExport]:
    """Open what can be read at any place: a file on disk or an object."""
    if source.stored is not None:
        yield source.stored
        return
    descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield DiskFile(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _opened(source: Input) -> Iterator[StoredExport | int]:
    """Open an export; of what can be read only once, and from its beginning, the descriptor."""
    if source.path == STDIN:
        yield _open_stream()
    elif source.stored is not None or stat.S_ISREG(Path(source.path).stat().st_mode):
        with stored_bytes(source) as stored:
            yield stored
    else:  # a named pipe: opening it must not wait for its writer
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _open_stream() -> int:
    if sys.stdin is None:  # the shell's `<&-`
        raise OSError(errno.EBADF, "standard input is closed")
    return sys.stdin.fileno()


def _stream_blocks(stored: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
    """Read on: a file always has bytes ready (standard input may be one, not at its beginning), a pipe may not."""
    regular = stat.S_ISREG(os.fstat(stored).st_mode)
    return _file_blocks(stored, block_bytes) if regular else _pipe_blocks(stored, block_bytes)


async def _file_blocks(stored: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
    """Read a file on disk. Never cancelled in the middle: the thread would go on reading from a closed descriptor."""
    import aiofiles  # noqa: PLC0415 - imports asyncio, which commands that read no export do without

    with anyio.CancelScope(shield=True):
        file = await aiofiles.open(stored, "rb", buffering=0, closefd=False)
    while True:
        with anyio.CancelScope(shield=True):
            block = await file.read(block_bytes)
        if not block:
            return
        yield block


async def _pipe_blocks(stored: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
    """Read a pipe or a terminal, which may send nothing for long: this wait can be cancelled, a thread could not."""
    while True:
        try:
            await anyio.wait_readable(stored)
        except PermissionError:  # a device that is always ready, such as /dev/null, cannot be waited for
            await anyio.lowlevel.checkpoint()
        try:
            block = os.read(stored, block_bytes)
        except BlockingIOError:
            continue
        if not block:
            return
        yield block


def is_plain_file(source: Input) -> bool:
    """Return whether an export is a plain file or object, so that it can be read from any byte on."""
    return not is_compressed(source) and is_file(source)


def is_file(source: Input) -> bool:
    """Return whether an export is a file on disk or an object: what comes from a pipe has no size, and comes once."""
    return source.stored is not None or (source.path != STDIN and Path(source.path).is_file())


def is_compressed(source: Input) -> bool:
    """Return whether an export is compressed."""
    return compression_at(source) is not Compression.PLAIN


def compression_at(source: Input) -> Compression:
    """Return how an export is compressed; for a pipe the name decides until its first bytes come."""
    head = b""
    if is_file(source):
        with stored_bytes(source) as stored:
            head = stored.read_at(0, _HEAD_BYTES)
    return compression_of(head, source.path)


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "not a file name"
    return InputError(
        f"the export cannot be read: {why}",
        operation="read the export",
        place=name,
        hint="check the path and its permissions",
    )


async def read_ranges(source: Input, ranges: Sequence[tuple[int, int]], *, block_bytes: int) -> list[bytes]:
    """Return the plain bytes at these offsets and lengths, which are in ascending order.

    Raises:
        InputError: unreadable, or the export ends before them.
    """
    if ranges and source.stored is not None and not is_compressed(source):
        return await read_places(source, ranges)
    async with aclosing(each_range(source, ranges, block_bytes=block_bytes)) as found:
        return [content async for content in found]


async def each_range(
    source: Input, ranges: Sequence[tuple[int, int]], *, block_bytes: int
) -> AsyncGenerator[bytes, None]:
    """Yield the same one after the other. A compressed export is read once, whatever the number of ranges.

    Raises:
        InputError: as `read_ranges`.
    """
    if not ranges:
        return
    start, count = ranges[0][0], 0
    held, offset = b"", start
    async with aclosing(read_blocks(source, block_bytes=block_bytes, start=start)) as blocks:
        async for block in blocks:
            held += block
            while count < len(ranges) and sum(ranges[count]) <= offset + len(held):
                begin, length = ranges[count]
                yield held[begin - offset : begin - offset + length]
                count += 1
            if count == len(ranges):
                return
            keep = max(0, ranges[count][0] - offset)
            held, offset = held[keep:], offset + min(keep, len(held))
    raise InputError(
        "the export ends before a record that was read from it",
        operation="read a record again",
        place=source.shown_path,
        hint="restore the export as it was",
    )


_LINE_BYTES = 64 * 1024
"""Bytes that are read at once to find the end of a line."""


async def line_after(source: Input, place: int) -> int:
    """Return the offset of the first line of a plain file or object that begins at byte `place` or after it.

    It is the size if no line does.

    Raises:
        InputError: unreadable.
    """
    offset = place - 1  # a line begins at `place` if the byte before it ends one
    if place <= 0:
        return 0
    try:
        with stored_bytes(source) as stored:
            while offset < source.size:
                (block,) = await stored.read_spans([(offset, min(_LINE_BYTES, source.size - offset))])
                if not block:
                    break
                found = block.find(b"\n")
                if found >= 0:
                    return offset + found + 1
                offset += len(block)
    except OSError as error:
        raise _unreadable(source.shown_path, error) from error
    return source.size


async def read_places(source: Input, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return the bytes at these offsets and lengths, which are in ascending order, of a plain file or object.

    Raises:
        InputError: unreadable.
    """
    try:
        with stored_bytes(source) as stored:
            return await stored.read_spans(spans)
    except OSError as error:
        raise _unreadable(source.shown_path, error) from error
