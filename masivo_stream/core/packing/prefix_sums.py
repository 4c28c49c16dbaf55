"""Prefix sums of lines that are entries: what some of them hold is one subtraction, where a limit falls one search."""

from itertools import accumulate

from masivo_stream.model.entries import EntryRun


class Sums:
    """An `EntryRun` with its prefix sums."""

    __slots__ = ("bytes", "items", "run")

    def __init__(self, run: EntryRun) -> None:
        """Add up the run."""
        self.run = run
        self.items = list(accumulate(run.items, initial=0))
        """By index: the items of all lines before it."""
        self.bytes = list(accumulate(run.sizes, initial=0))
        """By index: the bytes of all bodies before it, each with a comma."""
