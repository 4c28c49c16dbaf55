"""Collect what is wrong: exact counts, and the first places in reading order, whatever the order in which it comes."""

from collections import Counter
from collections.abc import Iterable

from masivo_stream.model.findings import CheckName, ExportFault

_SORTED_AT = 4
"""The first places are sorted out when this many times more were collected."""


class Collector:
    """Add faults, then ask how many there are of each, and which are the first."""

    def __init__(self, most: int) -> None:
        """Keep the first `most` faults of each check."""
        self._most = most
        self.counts: Counter[CheckName] = Counter()
        self._kept: dict[CheckName, list[ExportFault]] = {}

    def add(self, faults: Iterable[ExportFault]) -> None:
        """Add faults."""
        for fault in faults:
            self.counts[fault.check] += 1
            kept = self._kept.setdefault(fault.check, [])
            kept.append(fault)
            if len(kept) > _SORTED_AT * self._most:
                self._cut(fault.check)

    def first(self, check: CheckName) -> list[ExportFault]:
        """Return the first faults of a check in reading order."""
        self._cut(check)
        return self._kept[check]

    def _cut(self, check: CheckName) -> None:
        self._kept[check] = sorted(self._kept.get(check, ()), key=_order)[: self._most]


def _order(fault: ExportFault) -> tuple[object, ...]:
    return fault.place, fault.others, fault.sums.reward if fault.sums is not None else ""
