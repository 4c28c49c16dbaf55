"""Unpack the compressed body of an answer (RFC 9110, section 8.4), up to a cap against decompression bombs.

Requests ask for no compression (`Accept-Encoding: identity`), but gateways compress anyway. If a body is not compressed
although its header says so, because something on the way has unpacked it, it is returned as it is.
"""

import zlib
from collections.abc import Callable, Iterator

import zstandard
from msgspec import Struct

MOST_LAYERS = 3
"""Codings of one body at most: a gateway may compress what the server has compressed. More are not unpacked."""

_ROOM = 64 * 1024
"""Bytes unpacked in one step."""

_LARGEST_WINDOW = 8 * 1024 * 1024
"""Bytes of a zstd window: the largest that RFC 9659 allows over HTTP."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacked(Struct, frozen=True):
    """A body after unpacking."""

    body: bytes
    complete: bool
    """Whether this is all of it."""
    known: bool = True
    """Whether the coding is one that this module unpacks; if not, `body` is still packed."""


def unpack(body: bytes, coding: str, most: int, *, complete: bool) -> Unpacked:
    """Return up to `most` bytes of a body, unpacked as its `Content-Encoding`, `coding`, says.

    `complete`: whether `body` itself is complete, not cut.
    """
    layers = [name for name in (part.strip().lower() for part in coding.split(",")) if name not in {"", "identity"}]
    if len(layers) > MOST_LAYERS:
        return Unpacked(body, complete, known=False)
    for layer in reversed(layers):
        if layer not in _READERS:
            return Unpacked(body, complete, known=not body)
        if (found := _unpack_one(body, layer, most)) is not None:
            body, complete = found.body, complete and found.complete
    return Unpacked(body, complete)


def _unpack_one(body: bytes, layer: str, most: int) -> Unpacked | None:
    """Return what can be unpacked of a body; None if it is not packed with this coding."""
    for mark, read in _READERS[layer]:
        pieces: list[bytes] = []
        size, whole = 0, True
        try:
            for piece in read(body):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    break
        except (zlib.error, zstandard.ZstdError, EOFError):
            whole = False
        if whole or (mark and body.startswith(mark)):  # raw deflate has no mark: any text may begin like it
            return Unpacked(b"".join(pieces)[:most], whole and size <= most)
    return None


def _inflating(bits: int) -> Callable[[bytes], Iterator[bytes]]:
    def read(body: bytes) -> Iterator[bytes]:
        while body:  # a gzip body may consist of several members (RFC 1952, section 2.2)
            inflate = zlib.decompressobj(bits)
            while body and not inflate.eof:
                yield inflate.decompress(body, _ROOM)
                body = inflate.unconsumed_tail
            if not inflate.eof:
                raise EOFError
            body = inflate.unused_data

    return read


def _zstd(body: bytes) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
    with unpacker.stream_reader(body, read_across_frames=True) as reader:
        while piece := reader.read(_ROOM):
            yield piece
    # The reader above does not report a frame that was cut. A decompression object does, and it unpacks no more than
    # was read above.
    while body:
        frame = unpacker.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            raise EOFError
        body = frame.unused_data


_Reader = tuple[bytes, Callable[[bytes], Iterator[bytes]]]

_gzip: _Reader = (b"\x1f\x8b", _inflating(_GZIP))
_READERS: dict[str, tuple[_Reader, ...]] = {
    "gzip": (_gzip,),
    "x-gzip": (_gzip,),
    "deflate": ((b"\x78", _inflating(_ZLIB)), (b"", _inflating(_RAW))),  # RFC 9110: zlib; some servers send raw deflate
    "zstd": ((b"\x28\xb5\x2f\xfd", _zstd),),
}
"""By coding: the first bytes of such a body, and the function that unpacks it; several if servers differ."""
