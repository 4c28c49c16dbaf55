"""Read a few stretches of an export, to estimate what it holds before it is read.

Of a plain file these are spread over all of it; of a compressed one only the beginning can be read. How much text there
is in a compressed file is estimated from the beginning, too, unless the file itself says it: gzip at its end (RFC 1952,
2.3.1: modulo 2^32, of the last member), zstandard in its first frame (RFC 8878, 3.1.1.1). Both hold for files that
consist of one piece, so they count only if they are near the estimate.
"""

from contextlib import suppress

import zstandard
from msgspec import Struct

from masivo_stream.core.reading.decompress import Damage, make_unpacker
from masivo_stream.core.reading.formats import Compression, compression_of
from masivo_stream.edges.export.source import Input, stored_bytes
from masivo_stream.model.ports import StoredExport

STRETCH = 32 * 1024
LONG_STRETCH = 1024 * 1024
"""Bytes of a stretch, and of one in which the short one has no whole line."""

_HEAD = 256 * 1024
"""Stored bytes of a compressed file."""

_STEP = 4096
"""Stored bytes that are unpacked at once."""

_MOST_TEXT = 1 * 1024 * 1024
"""Bytes of text that are unpacked of it."""

_NEAR = 1.5
"""The text's size that a file claims counts if it is larger or smaller than the estimate by this factor at most."""


class TextSample(Struct, frozen=True):
    """Stretches of the text of an export, and how much text there is in all."""

    stretches: tuple[bytes, ...]
    """Whole lines, each stretch with its last newline."""
    size: int
    """Bytes of text of the export, estimated if it is compressed."""
    spread: bool
    """Whether the stretches are from all over the export."""


def sample_text(source: Input, places: int) -> TextSample:
    """Read stretches of an export that is a file or an object, at this number of places if it is not compressed.

    Raises:
        OSError: it cannot be read.
    """
    with stored_bytes(source) as stored:
        head = stored.read_at(0, 512)
        compression = compression_of(head, source.path)
        if compression is Compression.PLAIN:
            whole = places > 1 or source.size <= STRETCH
            return TextSample(_stretches(stored, source.size, places), source.size, spread=whole)
        return _unpacked(source, stored, compression)


def count_lines_of_file(source: Input) -> int:
    """Return the lines of a file that is not compressed. Each ends with a newline.

    Raises:
        OSError: it cannot be read.
    """
    with stored_bytes(source) as stored:
        blocks = (stored.read_at(offset, LONG_STRETCH) for offset in range(0, source.size, LONG_STRETCH))
        return sum(block.count(b"\n") for block in blocks)


def _stretches(stored: StoredExport, size: int, places: int) -> tuple[bytes, ...]:
    if size <= places * STRETCH:
        return (_whole_lines(stored.read_at(0, size), first=True, last=True),)
    found = []
    for number in range(places):
        offset = (size - STRETCH) * number // max(1, places - 1)
        for length in (STRETCH, LONG_STRETCH):
            lines = _whole_lines(stored.read_at(offset, length), first=not offset, last=offset + length >= size)
            if lines:
                found.append(lines)
                break
    return tuple(found)


def _whole_lines(text: bytes, *, first: bool, last: bool) -> bytes:
    """Return the whole lines of a stretch; it begins with one if it is the `first`, and ends with one if the `last`."""
    begin = 0 if first else text.find(b"\n") + 1
    end = len(text) if last else text.rfind(b"\n") + 1
    return text[begin:end] if begin or first else b""


def _unpacked(source: Input, stored: StoredExport, compression: Compression) -> TextSample:
    packed, text = stored.read_at(0, _HEAD), bytearray()
    taken = behind = 0  # stored bytes that were unpacked, and those that are behind the text: a block comes as a whole
    unpacker = make_unpacker(compression, STRETCH)
    with suppress(*Damage):  # reported when it is read
        while taken < len(packed) and len(text) < _MOST_TEXT:
            before = len(text)
            for piece in unpacker.feed(packed[taken : taken + _STEP]):
                text += piece
            taken = min(taken + _STEP, len(packed))
            behind = taken if len(text) > before else behind
    if taken >= source.size:
        return TextSample((bytes(text),), len(text), spread=True)
    estimate = len(text) * source.size // max(1, behind)
    claimed = _claimed(source, stored, compression, packed, estimate)
    lines = _whole_lines(bytes(text), first=True, last=False)
    return TextSample((lines,), claimed or estimate, spread=False)


def _claimed(source: Input, stored: StoredExport, compression: Compression, head: bytes, estimate: int) -> int:
    """Return the size of the text that the file itself claims; 0 if it does not, or cannot be right."""
    if compression is Compression.GZIP:
        low = int.from_bytes(stored.read_at(source.size - 4, 4), "little")
        claimed = low + max(0, round((estimate - low) / 2**32)) * 2**32
    else:
        try:
            claimed = zstandard.get_frame_parameters(head).content_size
        except zstandard.ZstdError:
            return 0
        if claimed in {zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR}:
            return 0
    return claimed if estimate < claimed * _NEAR and claimed < estimate * _NEAR else 0
