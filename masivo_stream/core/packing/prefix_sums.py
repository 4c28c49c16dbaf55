"""Prefix sums of lines that are entries: what some of them hold is one subtraction, where a limit falls one search."""

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from masivo_stream.model.entries import EntryRun


class Sums:
    """An `EntryRun` with its prefix sums."""

    def __init__(self, run: EntryRun) -> None:
        """Add up the items. The bytes are added up line by line only if they may be too many."""
        self.run = run
        self.items = list(accumulate(run.items, initial=0))
        """By index: the items of all lines before it."""
        self.sizes = run.sizes
        self._all_bytes = sum(self.sizes)

    def bytes_between(self, start: int, end: int) -> int:
        """Return the bytes of the lines from index `start` up to `end`."""
        return sum(self.sizes[start:end])

    def bytes_reach(self, start: int, size: int) -> int:
        """Return the index up to which the lines from `start` on have at most `size` bytes."""
        if self._all_bytes <= size:  # almost always
            return len(self.run)
        return bisect_right(self._bytes, self._bytes[start] + size, start) - 1

    @cached_property
    def _bytes(self) -> list[int]:
        """By index: the bytes of all lines before it."""
        return list(accumulate(self.sizes, initial=0))
