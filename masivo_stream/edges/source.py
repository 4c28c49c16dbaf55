"""Read exports in large blocks: plain, gzip or zstandard files, or standard input.

Files are read through aiofiles a block at a time (a hop to a thread each; per line it would be 300 times slower).
Decompression is bounded: a small file that unpacks to gigabytes comes out in blocks like any other.
"""

import errno
import glob
import os
import stat
import sys
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

import aiofiles
import anyio
import anyio.lowlevel
import zstandard
from msgspec import Struct

from masivo_stream.model.errors import InputError

STDIN = "-"
_GLOB = frozenset("*?[")


class Input(Struct, frozen=True):
    """One export to read. `size` in bytes as stored, 0 where unknown."""

    path: str
    size: int
    head: bytes = b""
    """Bytes of a stream that were read of it already."""

    @property
    def name(self) -> str:
        """What positions call it: the path, with bytes that are no UTF-8 escaped."""
        return self.path.encode("utf-8", "backslashreplace").decode()


def find_inputs(patterns: Iterable[str]) -> list[Input]:
    """Return the inputs that names, globs and `-` (standard input) stand for, in that order, each once.

    Two names of one file (another spelling, a link) are one input: read twice, its records would be sent twice.

    Raises:
        InputError: a name that does not exist, is no file, or a pattern that matches nothing.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        for name in _expand(pattern):
            size = _size(name)
            found.setdefault(name if name == STDIN else os.path.realpath(name), Input(name, size))
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


class Truncated(Exception):  # noqa: N818 - a turn in the flow, caught by our own reader, not an error of the tree
    """A compressed file ended in the middle; the blocks before were complete."""


class Unpacker(Protocol):
    """Turn stored blocks into plain ones, never more than a bounded piece at a time."""

    def feed(self, block: bytes) -> Iterable[bytes]:
        """Return the plain bytes of `block` in pieces."""
        ...

    def finish(self) -> None:
        """Check that the end is an end.

        Raises:
            Truncated: it is not.
        """
        ...


async def read_blocks(source: Input, *, block_bytes: int, start: int = 0) -> AsyncGenerator[bytes, None]:
    """Yield the plain bytes of an export, from byte `start` on, in blocks of about `block_bytes`.

    A plain file is entered at `start`; compressed bytes before it are unpacked and dropped.

    Raises:
        InputError: unreadable, or compressed bytes that make no sense.
        Truncated: a compressed file that ends too early, after its last complete bytes.
    """
    unpacker = _unpacker(source.path, block_bytes)
    try:
        enter = start if is_plain_file(source) else 0
        drop = start - enter
        async with aclosing(_stored_blocks(source, block_bytes, enter)) as blocks:
            async for block in blocks:
                for piece in unpacker.feed(block):
                    if drop < len(piece):
                        yield piece[drop:] if drop else piece
                    drop = max(0, drop - len(piece))
    except (zlib.error, zstandard.ZstdError) as error:
        raise InputError(
            "the compressed file is damaged",
            operation="read the export",
            place=source.name,
            hint="copy or export it again; what was read before the damage has been dealt with",
        ) from error
    except OSError as error:
        raise _unreadable(source.name, error) from error
    unpacker.finish()


async def _stored_blocks(source: Input, block_bytes: int, enter: int) -> AsyncGenerator[bytes, None]:
    if source.head:
        yield source.head
    stored, blocks = _open(source)
    if enter:
        os.lseek(stored, enter, os.SEEK_SET)
    try:
        async with aclosing(blocks(stored, block_bytes)) as found:
            async for block in found:
                yield block
    finally:
        if source.path != STDIN:
            os.close(stored)


async def begin_stream(source: Input, most: int) -> Input:
    """Read what comes first of a stream, at most so many bytes; it stays with the input, and is read from there.

    Raises:
        OSError: it cannot be read.
    """
    stored, blocks = _open(source)
    async with aclosing(blocks(stored, most)) as found:
        async for block in found:
            return Input(source.path, source.size, source.head + block)
    return source


def _open(source: Input) -> tuple[int, Callable[[int, int], AsyncGenerator[bytes, None]]]:
    """Return a descriptor and the way to read it: a file on a disk is never silent, a pipe may be."""
    if source.path == STDIN:
        if sys.stdin is None:  # the shell's `<&-`
            raise OSError(errno.EBADF, "standard input is closed")
        stored = sys.stdin.fileno()
        return stored, _file_blocks if stat.S_ISREG(os.fstat(stored).st_mode) else _pipe_blocks
    if stat.S_ISREG(Path(source.path).stat().st_mode):
        return os.open(source.path, os.O_RDONLY | os.O_CLOEXEC), _file_blocks
    # A named pipe: opening it must not wait for who writes to it.
    return os.open(source.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), _pipe_blocks


async def _file_blocks(stored: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
    """Read a file on a disk. Never cancelled in the middle: the thread would go on reading from a closed descriptor."""
    with anyio.CancelScope(shield=True):
        file = await aiofiles.open(stored, "rb", buffering=0, closefd=False)
    while True:
        with anyio.CancelScope(shield=True):
            block = await file.read(block_bytes)
        if not block:
            return
        yield block


async def _pipe_blocks(stored: int, block_bytes: int) -> AsyncGenerator[bytes, None]:
    """Read a pipe or a terminal, which may be silent for long: waiting for it can be cancelled, a thread could not."""
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


def ends_line(source: Input, offset: int) -> bool:
    """Tell whether a line of a plain file ends just before byte `offset`; of others it is taken for granted."""
    if offset == 0 or not is_plain_file(source):
        return True
    with Path(source.path).open("rb") as file:
        file.seek(offset - 1)
        return file.read(1) == b"\n"


def is_plain_file(source: Input) -> bool:
    """Tell whether an export's bytes stand on a disk as they are, so that it can be entered anywhere."""
    return not is_compressed(source) and is_file(source)


def is_file(source: Input) -> bool:
    """Tell whether an export stands on a disk: what comes from a pipe has no size that could be known."""
    return source.path != STDIN and Path(source.path).is_file()


def is_compressed(source: Input) -> bool:
    """Tell whether an export's bytes are not its text."""
    return not isinstance(_unpacker(source.path, 1), _Plain)


def _unpacker(name: str, block_bytes: int) -> Unpacker:
    if name.lower().endswith(".gz"):
        return _Gzip(block_bytes)
    if name.lower().endswith((".zst", ".zstd")):
        return _Zstandard(block_bytes)
    return _Plain()


class _Plain:
    def feed(self, block: bytes) -> Iterable[bytes]:
        return (block,)

    def finish(self) -> None:
        pass


class _Gzip:
    """RFC 1952: any number of members, one after the other."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._member = zlib.decompressobj(wbits=31)

    def feed(self, block: bytes) -> Iterable[bytes]:
        full = False  # of output: the member may hold more of it back, although it has taken the whole block
        while block or full:
            if self._member.eof:
                block = block.lstrip(b"\0")  # padding between or after members, as gzip itself allows
                if not block:
                    return
                self._member = zlib.decompressobj(wbits=31)
            piece = self._member.decompress(block, self._most)
            if piece:
                yield piece
            full = len(piece) == self._most
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        if not self._member.eof:
            raise Truncated


class _Zstandard:
    """RFC 8878: any number of frames, one after the other."""

    _STEP = 256
    """Stored bytes unpacked at once. The library has no cap on what they become; a block of 128 KiB may take three
    bytes (RFC 8878 3.1.1.2), so this is at most about 11 MiB, and costs nothing measurable on ordinary files."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._frame = self._decompressor.decompressobj()

    def feed(self, block: bytes) -> Iterable[bytes]:
        for start in range(0, len(block), self._STEP):
            step = block[start : start + self._STEP]
            while step:
                if self._frame.eof:
                    self._frame = self._decompressor.decompressobj()
                plain = self._frame.decompress(step)
                for begin in range(0, len(plain), self._most):
                    yield plain[begin : begin + self._most]
                step = self._frame.unused_data if self._frame.eof else b""

    def finish(self) -> None:
        if not self._frame.eof:
            raise Truncated


def _unreadable(name: str, error: OSError | ValueError) -> InputError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else "not a file name"
    return InputError(
        f"the export cannot be read: {why}",
        operation="read the export",
        place=name,
        hint="check the path and its permissions",
    )


async def read_spans(source: Input, spans: Sequence[tuple[int, int]], *, block_bytes: int) -> list[bytes]:
    """Return the plain bytes at these offsets and lengths, which are in ascending order.

    Raises:
        InputError: unreadable, or the export ends before them.
    """
    found: list[bytes] = []
    if not spans:
        return found
    start = spans[0][0]
    held, offset = b"", start
    async with aclosing(read_blocks(source, block_bytes=block_bytes, start=start)) as blocks:
        async for block in blocks:
            held += block
            while len(found) < len(spans) and sum(spans[len(found)]) <= offset + len(held):
                begin, length = spans[len(found)]
                found.append(held[begin - offset : begin - offset + length])
            if len(found) == len(spans):
                return found
            keep = max(0, spans[len(found)][0] - offset)
            held, offset = held[keep:], offset + min(keep, len(held))
    raise InputError(
        "the export ends before a record that was read from it",
        operation="read a record again",
        place=source.name,
        hint="restore the export as it was",
    )
