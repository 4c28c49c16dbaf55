"""What the lines of a run come to, so that a batch may be cut from it at any of them."""

from itertools import accumulate

from masivo_stream.model.entries import EntryRun


class Sums:
    """A run of entries, and what its lines come to, added up once: however often the run is cut, that stays right."""

    __slots__ = ("bytes", "items", "run")

    def __init__(self, run: EntryRun) -> None:
        """Add up."""
        self.run = run
        self.items = list(accumulate(run.items, initial=0))
        """Items of the lines before each."""
        self.bytes = list(accumulate([len(body) + 1 for body in run.bodies], initial=0))
        """Bytes of the bodies before each, with their commas."""
