"""What passes between the two ends: frames of bytes, each behind its length.

A question that stands in the arena is a frame with nothing in it but its place there.
"""

import struct

from msgspec import Struct

from masivo_stream.core.reading.rules import Rules
from masivo_stream.edges.workers.shared_memory import Spot

_LENGTH = struct.Struct("<I")
_SPOT = struct.Struct("<qI")
_IN_LINE = -1


class Orders(Struct, frozen=True, array_like=True):
    """What a worker is told before it is asked anything."""

    rules: Rules
    arena: int | None
    """Descriptor of the arena, where there is one."""


HEAD_BYTES = _LENGTH.size
SPOT_BYTES = _SPOT.size


def head(frame: bytes) -> bytes:
    """Return what goes before a frame."""
    return _LENGTH.pack(len(frame))


def length(head: bytes) -> int:
    """Return the length of the frame behind a head."""
    size: int = _LENGTH.unpack(head)[0]
    return size


def question(content: bytes, spot: Spot | None) -> bytes:
    """Return what is sent of a question: where it stands, or itself behind a mark."""
    if spot is None:
        return _SPOT.pack(_IN_LINE, len(content)) + content
    return _SPOT.pack(spot.start, spot.length)


def spot_of(head: bytes) -> tuple[Spot | None, int]:
    """Return where a question stands, by its first bytes; and how many bytes follow, where it stands nowhere."""
    start, size = _SPOT.unpack(head)
    return (None, size) if start == _IN_LINE else (Spot(start, size), 0)
