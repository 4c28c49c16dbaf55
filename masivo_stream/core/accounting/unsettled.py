"""The entries in batches that have no fate yet.

Almost always a batch is settled whole, so it is taken up and let go whole: that costs the same however many entries it
has. Only where one is taken apart are entries kept track of one by one.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from masivo_stream.model.entries import Entries, Packable
from masivo_stream.model.results import Entry


class Unsettled:
    """Entries by identity: two parts of one record may be equal."""

    def __init__(self) -> None:
        """Nothing is unsettled."""
        self._whole: dict[int, Entries] = {}
        """Entries of batches, by the identity of what holds them."""
        self._single: dict[int, Entry] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._whole or self._single)

    def __iter__(self) -> Iterator[Packable]:
        """Yield them, in no particular order."""
        return chain(chain.from_iterable(entries.parts for entries in self._whole.values()), self._single.values())

    def add(self, entries: Entries) -> None:
        """Take up the entries of a batch; to let go of them as a whole is to hand this very object back."""
        self._whole[id(entries)] = entries

    def remove(self, entries: Iterable[Entry]) -> None:
        """Let go of entries.

        Raises:
            KeyError: one of them is not here. What is here is wrong from then on.
        """
        if self._whole.pop(id(entries), None) is not None:
            return
        for whole in self._whole.values():
            self._single.update(zip(map(id, whole), whole, strict=True))
        self._whole.clear()
        for entry in entries:
            del self._single[id(entry)]
