"""Collect what is wrong: exact counts, and the first places in reading order, whatever the order in which it comes."""

from collections import Counter
from collections.abc import Iterable

from masivo_stream.model.findings import CheckName, ExportFault, FieldCount, LinePlace

_SORTED_AT = 4
"""The first places are sorted out when this many times more were collected."""


class Collector:
    """Add faults, then ask how many there are of each, and which are the first."""

    def __init__(self, most: int) -> None:
        """Keep the first `most` faults of each check."""
        self.most = most
        self.counts: Counter[CheckName] = Counter()
        self._kept: dict[CheckName, list[ExportFault]] = {}
        self._fields: dict[CheckName, dict[str, FieldCount]] = {}

    def add(self, faults: Iterable[ExportFault]) -> None:
        """Add faults."""
        for fault in faults:
            self.counts[fault.check] += 1
            kept = self._kept.setdefault(fault.check, [])
            kept.append(fault)
            if len(kept) > _SORTED_AT * self.most:
                self._cut(fault.check)
            if fault.field:
                self._count(fault.check, FieldCount(fault.field, 1, fault.place))

    def add_field(self, check: CheckName, counted: FieldCount, places: Iterable[LinePlace]) -> None:
        """Add a field with its first places: all that a check found in it."""
        self.counts[check] += counted.records
        self._kept.setdefault(check, []).extend(ExportFault(check, place, field=counted.field) for place in places)
        self._count(check, counted)

    def first(self, check: CheckName) -> list[ExportFault]:
        """Return the first faults of a check in reading order."""
        self._cut(check)
        return self._kept[check]

    def fields(self, check: CheckName) -> list[FieldCount]:
        """Return the fields in which a check found something, the most frequent one first."""
        return sorted(self._fields.get(check, {}).values(), key=lambda each: (-each.records, each.first, each.field))

    def _count(self, check: CheckName, counted: FieldCount) -> None:
        fields = self._fields.setdefault(check, {})
        before = fields.get(counted.field)
        if before is None:
            fields[counted.field] = counted
        else:
            before.records += counted.records
            before.first = min(before.first, counted.first)

    def _cut(self, check: CheckName) -> None:
        self._kept[check] = sorted(self._kept.get(check, ()), key=_order)[: self.most]


def _order(fault: ExportFault) -> tuple[object, ...]:
    return fault.place, fault.others, fault.sums.reward if fault.sums is not None else "", fault.field
