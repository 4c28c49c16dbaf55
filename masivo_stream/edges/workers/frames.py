"""What passes between the two ends: frames of bytes, each after its length.

A question that is in the shared memory is sent as its place there, and nothing else.
"""

import struct

from msgspec import Struct

from masivo_stream.core.reading.strict import Rules
from masivo_stream.edges.workers.shared_memory import MemorySpan

_LENGTH = struct.Struct("<I")
_SPAN = struct.Struct("<qI")
_IN_LINE = -1


class WorkerSetup(Struct, frozen=True, array_like=True):
    """What a worker gets before its first question."""

    rules: Rules
    memory: int | None
    """Descriptor of the shared memory; None without one."""


HEAD_BYTES = _LENGTH.size
SPAN_BYTES = _SPAN.size


def head(frame: bytes) -> bytes:
    """Return what goes before a frame."""
    return _LENGTH.pack(len(frame))


def length(head: bytes) -> int:
    """Return the length of the frame that follows a head."""
    size: int = _LENGTH.unpack(head)[0]
    return size


def question(content: bytes, span: MemorySpan | None) -> bytes:
    """Return what is sent of a question: its place in the shared memory, or a mark and the question itself."""
    if span is None:
        return _SPAN.pack(_IN_LINE, len(content)) + content
    return _SPAN.pack(span.start, span.length)


def span_of(head: bytes) -> tuple[MemorySpan | None, int]:
    """Return from its first bytes where a question is in the shared memory, or None and how many bytes follow."""
    start, size = _SPAN.unpack(head)
    return (None, size) if start == _IN_LINE else (MemorySpan(start, size), 0)
