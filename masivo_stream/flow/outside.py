"""The customers of a run that a revert cannot have taken back: those that were sent at a different time."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from masivo_stream.edges.journal import JournalReader
from masivo_stream.flow.revert_state import RevertPeriod
from masivo_stream.model.contract import Kind


class Outside:
    """The lines of customers that were certainly not migrated in any of the given periods."""

    def __init__(self, journal: JournalReader, periods: Iterable[RevertPeriod], slack: float) -> None:
        """Read the batches from `journal`. A customer is migrated at most `slack` seconds after it was sent.

        Clocks differ by no more than that either. Batches whose lines are not known (version 0.1.0 kept none) are not
        among them.
        """
        around = timedelta(seconds=slack)
        moment = datetime.fromisoformat
        spans = [(moment(each.start) - around, min(moment(each.end), moment(each.at)) + around) for each in periods]
        first = min((sent for kind, sent, _, _ in journal.sent() if kind == Kind.CUSTOMERS), default=None)
        stretches: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for lines, sent, settled, found in journal.customers_sent():
            began = first or sent if found else sent
            if lines is not None and not any(began <= end and begin <= settled for begin, end in spans):
                for source, low, high in lines:
                    stretches[source].append((low, high))
        self._stretches = {source: sorted(each) for source, each in stretches.items()}

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Return whether a line, given as source and number, is one of them."""
        source, line = place
        stretches = self._stretches.get(source, [])
        index = bisect_right(stretches, (line, line)) - 1
        return any(low <= line <= high for low, high in stretches[max(index, 0) : index + 2])
