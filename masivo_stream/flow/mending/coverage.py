"""Which values a mapping covers: those that have no new value, and old values that occur nowhere."""

from collections import Counter
from collections.abc import Iterable, Mapping

from masivo_stream.core.mending.correct import Edit
from masivo_stream.core.mending.new_values import plain_text
from masivo_stream.core.mending.shown_values import shown_value

MOST_SHOWN = 3
_MOST_COUNTED = 10_000
"""Different values that are counted at most."""


class Coverage:
    """Counts the places that a mapping is about, by value. `show`: values that may be personal, too."""

    def __init__(self, pairs: Mapping[str, str], *, show: bool) -> None:
        """Begin with a mapping of old values to new ones."""
        self._unused, self._show = dict.fromkeys(pairs), show
        self._unmapped: Counter[str] = Counter()

    def take(self, edits: Iterable[Edit], unmapped: Iterable[Edit]) -> None:
        """Count the places of a record that were mapped, and those that were not."""
        if self._unused:
            for edit in edits:
                self._unused.pop(plain_text(edit.before), None)
        for each in unmapped:
            value = shown_value(each.place, each.before, show=self._show)
            if value in self._unmapped or len(self._unmapped) < _MOST_COUNTED:
                self._unmapped[value] += 1

    def unmapped(self) -> dict[str, int]:
        """Return how many places have each value that is not mapped, the most frequent values; empty for no value."""
        return dict(self._unmapped.most_common(MOST_SHOWN))

    def left_out(self) -> int:
        """Return how many further values are not mapped."""
        return max(0, len(self._unmapped) - MOST_SHOWN)

    def unused(self) -> int:
        """Return how many old values of the mapping no place has."""
        return len(self._unused)
