"""Unpack stored blocks: plain bytes, gzip, zstandard.

The pieces are bounded: a small file that unpacks to gigabytes needs no more memory than any other.
"""

import zlib
from collections.abc import Iterable
from typing import Protocol

import zstandard

from masivo_stream.core.reading.formats import Compression

Damage = (zlib.error, zstandard.ZstdError)
"""The errors that an unpacker raises if the stored bytes are damaged."""


class Truncated(Exception):  # noqa: N818 - control flow that the reader catches, not an error of the error tree
    """A compressed file ended in the middle; the blocks before were complete."""


class Unpacker(Protocol):
    """Turn stored blocks into plain ones, never more than a bounded piece at a time."""

    def feed(self, block: bytes) -> Iterable[bytes]:
        """Return the plain bytes of `block` in pieces."""
        ...

    def finish(self) -> None:
        """Check that the stored bytes end where a member or frame ends.

        Raises:
            Truncated: they do not.
        """
        ...


def make_unpacker(compression: Compression, block_bytes: int) -> Unpacker:
    """Return an unpacker whose pieces have at most `block_bytes`."""
    match compression:
        case Compression.GZIP:
            return _Gzip(block_bytes)
        case Compression.ZSTANDARD:
            return _Zstandard(block_bytes)
        case _:
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
        full = False  # the output was full: zlib may hold more of it, although it has taken the whole block
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
    """Stored bytes unpacked at once. The library does not limit the output of one call. Three stored bytes may become a
    block of 128 KiB (RFC 8878 3.1.1.2), so 256 become about 11 MiB at most. Small steps cost nothing measurable."""

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
