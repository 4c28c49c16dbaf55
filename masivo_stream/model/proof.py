"""What the extension has proved of lines."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Proof(NamedTuple):
    """What was proved of lines."""

    doubted: list[int]
    """The indexes of lines that are not proved. The columns hold all others, in order."""
    customers: list[str]
    items: list[int]
    emails: list[str]
    """Of customers; empty for the other kinds."""
    purchases: list[str]
    """With `contents`, the signs of all events, if the rules ask for them."""
    contents: list[int]

    def stretches(self, lines: int) -> "Iterator[tuple[range, Proof, range]]":
        """Yield all `lines` in order, stretch by stretch: proved ones, what was proved of them, the doubted ones after.

        Both ranges are of indexes, and either may be empty.
        """
        record = event = 0
        for proved, doubted in stretches(self.doubted, lines):
            records = slice(record, record + len(proved))
            events = slice(event, event + sum(self.items[records]) if self.purchases else 0)
            part = Proof(
                [],
                self.customers[records],
                self.items[records],
                self.emails[records],
                self.purchases[events],
                self.contents[events],
            )
            yield proved, part, doubted
            record, event = records.stop, events.stop


def stretches(doubted: Iterable[int], lines: int) -> Iterator[tuple[range, range]]:
    """Yield the indexes of all `lines` in order, in turns: those that are not doubted, and those that are.

    The first and the last of these ranges may be empty.
    """
    begin, doubts = 0, deque(doubted)
    while begin < lines:
        end = doubts[0] if doubts else lines
        stop = end
        while doubts and doubts[0] == stop:
            doubts.popleft()
            stop += 1
        yield range(begin, end), range(end, stop)
        begin = stop
