"""Memory shared with the workers: it holds the questions, so that only their places go through a socket.

It has no name and no file, so its content (lines of an export) disappears with the processes.
"""

import mmap
import os

from msgspec import Struct


class MemorySpan(Struct, frozen=True):
    """The place of something in the memory, in bytes."""

    start: int
    length: int


class SharedMemory:
    """Slots of one size, each for one question at a time."""

    def __init__(self, slots: int, slot_bytes: int) -> None:
        """Make the slots. A slot takes memory once it is used, and only as much as was put into it.

        Raises:
            OSError: the system cannot share memory.
        """
        self.descriptor = os.memfd_create("masivo-stream")
        try:
            os.ftruncate(self.descriptor, slots * slot_bytes)
            self._memory = mmap.mmap(self.descriptor, slots * slot_bytes)
        except OSError:
            os.close(self.descriptor)
            raise
        self._slot_bytes = slot_bytes
        self._free = [slot * slot_bytes for slot in reversed(range(slots))]

    def put(self, content: bytes) -> MemorySpan | None:
        """Keep `content` until its span is cleared; None if there is no room for it."""
        if len(content) > self._slot_bytes or not self._free:
            return None
        span = MemorySpan(self._free.pop(), len(content))
        self._memory[span.start : span.start + span.length] = content
        return span

    def clear(self, span: MemorySpan) -> None:
        """Free what was put there."""
        self._free.append(span.start)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.descriptor)


class SharedMemoryView:
    """A worker's view of the memory."""

    def __init__(self, descriptor: int) -> None:
        """Map the memory of `descriptor`, and close the descriptor."""
        self._memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        os.close(descriptor)

    def read(self, span: MemorySpan) -> bytes:
        """Return what is there."""
        return self._memory[span.start : span.start + span.length]
