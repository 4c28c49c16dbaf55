"""Memory that a crew and its workers share: what is asked stands there, and only its place goes through a socket.

It has no name and no file, so what is in it (lines of an export) is gone with the processes.
"""

import mmap
import os

from msgspec import Struct


class Spot(Struct, frozen=True):
    """Where in an arena something stands, in bytes."""

    start: int
    length: int


class SharedMemory:
    """Slots of one size, each for one thing at a time."""

    def __init__(self, slots: int, slot_bytes: int) -> None:
        """Make room. A slot takes memory once it is used, and only as much as was put into it.

        Raises:
            OSError: the system has none to share.
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

    def put(self, content: bytes) -> Spot | None:
        """Lay something down until it is taken away; None where there is no room for it."""
        if len(content) > self._slot_bytes or not self._free:
            return None
        spot = Spot(self._free.pop(), len(content))
        self._memory[spot.start : spot.start + spot.length] = content
        return spot

    def clear(self, spot: Spot) -> None:
        """Take away what was put there."""
        self._free.append(spot.start)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.descriptor)


class SharedMemoryView:
    """A worker's sight of an arena."""

    def __init__(self, descriptor: int) -> None:
        """Look at the arena behind `descriptor`, and close that."""
        self._memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ)
        os.close(descriptor)

    def read(self, spot: Spot) -> bytes:
        """Return what stands there."""
        return self._memory[spot.start : spot.start + spot.length]
