"""What passes between the two ends: frames of bytes, each behind its length."""

import struct

_LENGTH = struct.Struct("<I")

HEAD_BYTES = _LENGTH.size


def head(frame: bytes) -> bytes:
    """Return what goes before a frame."""
    return _LENGTH.pack(len(frame))


def length(head: bytes) -> int:
    """Return the length of the frame behind a head."""
    size: int = _LENGTH.unpack(head)[0]
    return size
