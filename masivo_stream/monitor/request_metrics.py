"""Count the requests of this process by outcome, duration and number of items, which the snapshot does not hold."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import BatchSent, Notice

DURATIONS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds; the last one is `request_timeout`'s default."""

FILLINGS = (1, 10, 100, 250, 500, 750, 900, 990, 1000)
"""Upper bounds in items; the last one is the API's own limit."""

OUTCOMES = (
    "accepted",
    "refused",
    "too_large",
    "throttled",
    "token_not_taken",
    "unreachable",
    "in_doubt",
    "stop",
)
"""Outcomes of an attempt. Each is shown as zero from the start: a rate needs a value before the first event."""


class Histogram:
    """Numbers counted by size, as Prometheus expects them."""

    def __init__(self, bounds: Iterable[float]) -> None:
        """Count by ascending upper bounds; numbers above the last bound count under `+Inf`."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def add(self, number: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, number)] += 1
        self.total += number

    @property
    def buckets(self) -> list[tuple[str, int]]:
        """For each bound, how many numbers were not above it."""
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True))


class RequestMetrics:
    """Count requests; an observer."""

    def __init__(self) -> None:
        """Begin with all counts at zero."""
        self.outcomes: Counter[tuple[Kind, str]] = Counter({(kind, word): 0 for kind in Kind for word in OUTCOMES})
        self.seconds = {kind: Histogram(DURATIONS) for kind in Kind}
        self.items = {kind: Histogram(FILLINGS) for kind in Kind}

    def notify(self, notice: Notice) -> None:
        """Count a request when its outcome is known."""
        if isinstance(notice, BatchSent):
            word = notice.outcome.partition(" (")[0].replace(" ", "_")  # not the status in `refused (422)`
            self.outcomes[notice.kind, word] += 1
            self.seconds[notice.kind].add(notice.seconds)
            self.items[notice.kind].add(notice.items)
