"""Draw a few of many, each as likely as any other, without knowing how many there will be or holding more than a few.

Li's algorithm L ("Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", ACM TOMS 1994): think of a
random key for each value and keep those with the smallest. The number of values that pass until one has a smaller key
than the largest of those kept is geometric, so the values in between are not even looked at. Values that may not be
drawn change nothing: their keys say nothing about the keys of others.
"""

import math
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Sampling(Generic[T]):
    """At most `size` values of a stream."""

    def __init__(self, size: int, chance: Callable[[], float]) -> None:
        """Draw by `chance`, numbers in [0, 1)."""
        self.size = size
        self.drawn: list[T] = []
        self._chance = chance
        self._largest = 1.0
        """The largest key of those drawn."""
        self._pass = 0
        """The number of values that pass before one is looked at."""

    def candidates(self, count: int) -> Iterator[int]:
        """Yield which of the next `count` values are to be looked at; `take` those that may be drawn."""
        while self.size and self._pass < count:
            at = self._pass
            yield at
            self._pass = at + 1 + self._gap()
        self._pass -= min(self._pass, count)

    def take(self, value: T) -> None:
        """Draw the value that is looked at; if there are enough, it replaces another one."""
        if len(self.drawn) < self.size:
            self.drawn.append(value)
            if len(self.drawn) < self.size:
                return
        else:
            self.drawn[int(self._chance() * self.size)] = value
        self._largest *= (1 - self._chance()) ** (1 / self.size)

    def feed(self, count: int, value: Callable[[int], T], may_be_drawn: Callable[[T], bool] = lambda _: True) -> None:
        """Look at the next `count` values; `value` returns one by its index among them."""
        for index in self.candidates(count):
            candidate = value(index)
            if may_be_drawn(candidate):
                self.take(candidate)

    def _gap(self) -> int:
        """Return the number of values that pass before the next key that is small enough."""
        if len(self.drawn) < self.size or self._largest >= 1:
            return 0
        return int(math.log(1 - self._chance()) / math.log1p(-self._largest))
