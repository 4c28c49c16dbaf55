"""Unpack a compressed body (RFC 9110, section 8.4), up to a cap: nothing in an answer is worth a bomb.

We ask for none (`Accept-Encoding: identity`), but gateways compress what they please. A body that is not what its
header says, because somebody on the way has unpacked it, is taken as it is.
"""

import zlib
from collections.abc import Callable, Iterator

import zstandard
from msgspec import Struct

MOST_LAYERS = 3
"""Codings of one body: a gateway may pack what the server has packed. More is no answer."""

_ROOM = 64 * 1024
"""Bytes unpacked at once."""

_LARGEST_WINDOW = 8 * 1024 * 1024
"""A zstd window: the most that RFC 9659 lets a server use over HTTP."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacked(Struct, frozen=True):
    """A body, and whether that is all of it; `known` is false where it is packed in a way that we do not unpack."""

    body: bytes
    complete: bool
    known: bool = True


def unpack(body: bytes, coding: str, most: int, *, complete: bool) -> Unpacked:
    """Return up to `most` bytes of a body packed as its `Content-Encoding` says; not `complete`: it was cut."""
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
    """Return what can be unpacked, None where the body is not packed so."""
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
        if whole or (mark and body.startswith(mark)):  # what is bare has no mark: any text may begin like it
            return Unpacked(b"".join(pieces)[:most], whole and size <= most)
    return None


def _inflating(bits: int) -> Callable[[bytes], Iterator[bytes]]:
    def read(body: bytes) -> Iterator[bytes]:
        while body:  # a gzip body may be several members, one behind the other (RFC 1952, section 2.2)
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
    # That reader says nothing of a frame that was cut. This one does, and unpacks no more than was read above.
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
    "deflate": ((b"\x78", _inflating(_ZLIB)), (b"", _inflating(_RAW))),  # RFC 9110 says zlib; some servers send it bare
    "zstd": ((b"\x28\xb5\x2f\xfd", _zstd),),
}
"""By coding: how such a body begins, and how it is read."""
