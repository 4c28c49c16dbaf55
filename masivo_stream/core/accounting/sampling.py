"""Choose accepted entries to be read back: the last ones, and a sample of all.

The sample draws a few of many, each as likely as any other, without knowing how many there will be or holding more than
a few. Li's algorithm L ("Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", ACM TOMS 1994): think of
a random key for each value and keep those with the smallest. The number of values that pass until one has a smaller key
than the largest of those kept is geometric, so the values in between are not even looked at. Values that may not be
drawn change nothing: their keys say nothing about the keys of others.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.model.entries import Entries
from masivo_stream.model.results import Entry

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


class ReadBackCandidates:
    """Feed it with batches that were accepted."""

    def __init__(
        self,
        most: int = 0,
        sample: Sampling[Entry] | None = None,
        may_be_drawn: Callable[[Entry], bool] = lambda _entry: True,
    ) -> None:
        """Keep the last `most` entries, and draw a `sample` of those that `may_be_drawn`."""
        self._most = most
        self._plain: deque[Entry] = deque(maxlen=most)
        self._odd: list[Entry] = []
        """Some of the batch accepted last, if all its ids need escaping."""
        self._sample = sample or Sampling(0, lambda: 0.0)
        self._may_be_drawn = may_be_drawn

    @property
    def last(self) -> list[Entry]:
        """The entries accepted last whose ids need no escaping in a URL; if all ids do, some of those."""
        return list(self._plain) or self._odd

    @property
    def unsure(self) -> list[Entry]:
        """Some that were accepted after `last`, in a batch whose ids all need escaping."""
        return self._odd if self._plain else []

    @property
    def sample(self) -> list[Entry]:
        """The sample drawn so far."""
        return self._sample.drawn

    def accept(self, entries: Entries) -> None:
        """Look at the entries of a batch that was accepted."""
        if self._most:
            self._keep_last(entries)
        self._sample.feed(len(entries), entries.copy, self._may_be_drawn)

    def _keep_last(self, entries: Entries) -> None:
        customers = entries.customers
        backwards = range(len(customers) - 1, -1, -1)
        plain = list(islice((index for index in backwards if is_plain(customers[index])), self._most))
        self._plain.extend(entries.copy(index) for index in reversed(plain))
        odd = [] if plain else range(max(0, len(customers) - self._most), len(customers))
        self._odd = [entries.copy(index) for index in odd]
