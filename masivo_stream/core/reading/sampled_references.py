"""Collect references beside a dry run: of all lines of a small export, of a part of a large one.

Looking at every line would make a plan a sixth slower. `check` looks at all of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from masivo_stream.core.reading.references import ReferenceCollector
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.references import References
from masivo_stream.model.results import Entry

ALL_UP_TO = 5_000
"""The lines of a kind that are all looked at."""

_ONE_IN = 8
"""Of further lines, one stretch in this number is looked at."""

_STRETCH = 16
"""Lines that follow one another."""

_GOLDEN = 0x9E3779B97F4A7C15
"""Spreads numbers evenly when they are multiplied by it (Knuth, TAOCP 3, 6.4: Fibonacci hashing)."""


class SampledReferences:
    """Give it the results of all lines, in reading order, one kind after the other; then take its result.

    Which stretches are looked at follows from their line numbers, and from no rhythm that an export may have.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._collector = ReferenceCollector()
        self._seen: Counter[Kind] = Counter()
        self.looked_at = 0
        """Valid lines that were looked at."""

    @property
    def lines(self) -> int:
        """Valid lines."""
        return self._seen.total()

    def add(self, kind: Kind, found: Iterable[LineResults]) -> None:
        """Look at some of the valid ones of these lines."""
        for each in found:
            if isinstance(each, EntryRun):
                self._add(kind, each.bodies, each.file, each.line)
            elif isinstance(each, Entry):
                self._add(kind, [each.body], *each.record)

    def result(self) -> References:
        """Return what was named."""
        return self._collector.result()

    def _add(self, kind: Kind, bodies: Sequence[bytes], file: str, line: int) -> None:
        every = max(0, min(len(bodies), ALL_UP_TO - self._seen[kind]))
        self._seen[kind] += len(bodies)
        if every:
            self._look(kind, bodies[:every], file, line)
        at = every
        while at < len(bodies):
            stretch, begun = divmod(line + at, _STRETCH)
            end = min(len(bodies), at + _STRETCH - begun)
            if (stretch * _GOLDEN >> 40) % _ONE_IN == 0:
                self._look(kind, bodies[at:end], file, line + at)
            at = end

    def _look(self, kind: Kind, bodies: Sequence[bytes], file: str, line: int) -> None:
        self.looked_at += len(bodies)
        self._collector.add_lines(kind, bodies, file, line)
