"""Accepted entries that are kept to be read back: the last ones, and a sample of all."""

from collections import deque
from collections.abc import Callable
from itertools import islice

from masivo_stream.core.accounting.sampling import Sampling
from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.model.entries import Entries
from masivo_stream.model.results import Entry


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
