"""A model of bin packing: a list of what waits, and the rules as the module states them."""

from collections import Counter
from collections.abc import Iterator

from masivo_stream.core.packing.bin_packing import MOST_BODIES, PATIENCE
from masivo_stream.core.packing.subset_sum import fill_room
from masivo_stream.model.batch import ENVELOPE_BYTES
from masivo_stream.model.contract import Contract
from masivo_stream.model.results import Entry

_UNITS = 16
"""Of weight, for one item."""


class SimplePacker:
    """Pack entries of different lines."""

    def __init__(self, contract: Contract, target_bytes: int, look_ahead: int) -> None:
        self.limits = contract.max_items, contract.max_records, target_bytes - ENVELOPE_BYTES + 1
        self.look_ahead = look_ahead
        self.waiting: list[Entry] = []
        self.came: dict[int, int] = {}
        """By line, the number of batches that were composed before."""
        self.composed = 0

    def pack(self, fed: list[Entry]) -> list[list[Entry]]:
        """Return the entries of each batch."""
        batches: list[list[Entry]] = []
        for each in fed:
            self.waiting.append(each)
            self.came[each.line] = self.composed
            while self.exceed(self.waiting, self.look_ahead, min(self.look_ahead, MOST_BODIES)):
                batches.append(self.compose())
        while self.waiting:
            batches.append(self.compose())
        return batches

    def exceed(self, entries: list[Entry], batches: int, bodies: int) -> bool:
        """Return whether entries exceed the limits of that many batches."""
        most_items, most_records, most_bytes = self.limits
        return (
            sum(each.items for each in entries) > batches * most_items
            or len(entries) > batches * most_records
            or sum(len(each.body) + 1 for each in entries) > bodies * most_bytes
        )

    def weigh(self, *entries: Entry) -> int:
        """Return the weight of entries: of each the largest share of a limit, rounded up."""
        most = self.limits[0] * _UNITS
        shares = ((each.items, 1, len(each.body) + 1) for each in entries)
        return sum(
            max(-(-share * most // limit) for share, limit in zip(of, self.limits, strict=True)) for of in shares
        )

    def compose(self) -> list[Entry]:
        """Return the entries of the next batch, in reading order."""
        most = self.limits[0] * _UNITS
        batch = [*self.overdue(most)] or [max(self.waiting, key=self.weigh)]
        rest = [each for each in self.waiting if each not in batch]
        room = most - self.weigh(*batch)
        left = fill_room(Counter(filter(room.__ge__, map(self.weigh, rest))), room)
        for each in rest:
            if left.get(self.weigh(each)):
                left[self.weigh(each)] -= 1
                batch.append(each)
        self.top_up(batch)
        self.composed += 1
        self.waiting = [each for each in self.waiting if each not in batch]
        return sorted(batch, key=lambda each: each.line)

    def overdue(self, room: int) -> Iterator[Entry]:
        """Yield the lowest entries that have waited too long."""
        for each in sorted(self.waiting, key=lambda each: each.line):
            room -= self.weigh(each)
            if room < 0 or self.came[each.line] > self.composed - PATIENCE * self.look_ahead:
                return
            yield each

    def top_up(self, batch: list[Entry]) -> None:
        """Add what fits although its weight does not, the heaviest first; of one weight only the first, and so on."""
        blocked: set[int] = set()
        for each in sorted([each for each in self.waiting if each not in batch], key=self.weigh, reverse=True):
            if self.weigh(each) not in blocked and not self.exceed([*batch, each], 1, 1):
                batch.append(each)
            else:
                blocked.add(self.weigh(each))
