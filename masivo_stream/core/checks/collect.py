"""Collect what is wrong: exact counts, and the first places in reading order, whatever the order in which it comes."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from masivo_stream.model.findings import CheckName, ExportFault, FieldCount, LinePlace

Place = tuple[int, int, int, int]
"""A place as it is packed: source, line, offset, length."""

_SORTED_AT = 4
"""The first places are sorted out when this many times more were collected."""


class PackedFaults(Struct, frozen=True, array_like=True):
    """What was collected in a part of the exports, as another process can add it to the other parts."""

    counts: dict[str, int]
    first: list[tuple[str, Place, str]]
    """Check, place and field of the first faults of each check. They are of one line each, and without sums."""
    fields: list[tuple[str, str, int, Place]]
    """Check, field, records, and the first place."""


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

    def pack(self) -> PackedFaults:
        """Return all that `merge` needs in another process."""
        return PackedFaults(
            {check.value: count for check, count in sorted(self.counts.items())},
            [
                (check.value, pack_place(fault.place), fault.field)
                for check in sorted(self._kept)
                for fault in self.first(check)
            ],
            [
                (check.value, name, counted.records, pack_place(counted.first))
                for check, fields in sorted(self._fields.items())
                for name, counted in sorted(fields.items())
            ],
        )

    def merge(self, packed: PackedFaults, lines_before: Mapping[int, int], left_out: Collection[CheckName]) -> None:
        """Add what was collected in a part, except what is `left_out`.

        `lines_before` are the lines before the part of each source in it: the part counts its own.
        """
        for check, count in packed.counts.items():
            if check not in left_out:
                self.counts[CheckName(check)] += count
        for check, place, field in packed.first:
            if check not in left_out:
                fault = ExportFault(CheckName(check), unpack_place(place, lines_before), field=field)
                self._kept.setdefault(fault.check, []).append(fault)
        for check, field, records, place in packed.fields:
            if check not in left_out:
                self._count(CheckName(check), FieldCount(field, records, unpack_place(place, lines_before)))

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


def pack_place(place: LinePlace) -> Place:
    """Return a place for another process."""
    return place.source, place.line, place.offset, place.length


def unpack_place(place: Place, lines_before: Mapping[int, int]) -> LinePlace:
    """Return a place from a part, before which each source has a number of lines."""
    source, line, offset, length = place
    return LinePlace(source, line + lines_before[source], offset, length)


def _order(fault: ExportFault) -> tuple[object, ...]:
    return fault.place, fault.others, fault.sums.reward if fault.sums is not None else "", fault.field
