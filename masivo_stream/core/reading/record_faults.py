"""Find all faults of a record that is rejected, so that a person can correct all of them at once.

The order is the order in which validation looks: fields that occur twice, then what the schema says, in the order in
which it lists the fields, then unclear marks, then too many items. The first fault is the reason of the dead letter.

What depends on another fault is not guessed:

* A field that occurs twice has no certain value, so nothing else is said about its value. If it is the type of a
  transaction, nothing is said about that transaction.
* A transaction of an unknown type has faults only in what every type demands.
* Nothing is said about a deleted customer or a reversed event, which are never sent.
* A line that is not JSON has one fault. In a line that is not UTF-8, each wrong byte is taken for a character.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.duplicate_fields import find_doubled
from masivo_stream.core.reading.marks import (
    CUSTOMER_MARKS,
    EVENT_MARKS,
    EXPECTED,
    certain_id,
    is_deleted,
    unclear_marks,
)
from masivo_stream.core.reading.reject import LineFault
from masivo_stream.core.reading.schema_faults import Path, Problem, find_problems, spell
from masivo_stream.model.contract import Contract, Kind
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import MOST_FAULTS, RecordFault

MOST_COUNTED = 10_000
"""Faults of a record that are counted at most, so that a broken line costs bounded time."""

MOST_ITEMS_NAMED = 1000
"""Faulty items that a dead letter names at most."""

_DOUBLED = "the field occurs twice in its object, and programs differ on which one counts"


class FaultFinder(Struct, frozen=True):
    """Find the faults of records of one kind."""

    contract: Contract
    schema: object
    reject_unknown: bool

    def find_doubled(self, body: bytes) -> list[Path]:
        """Return the paths of fields that occur twice in their object, at most `MOST_COUNTED`."""
        return list(islice(find_doubled(body, self.schema), MOST_COUNTED))

    def is_left_out(self, value: dict[str, Any], reverted: tuple[int, ...]) -> bool:
        """Return whether nothing of a record is to be sent: a deleted customer, or reversed events and no others."""
        if self.contract.kind is Kind.CUSTOMERS:
            return is_deleted(value)
        return bool(reverted) and len(reverted) == len(value["events"])

    def find(self, value: dict[str, Any], doubled: list[Path], reverted: tuple[int, ...]) -> list[Problem]:
        """Return the faults of a record, at most `MOST_COUNTED`.

        Args:
            value: the record.
            doubled: the paths of fields that occur twice.
            reverted: indexes of the events that are marked as reversed.
        """
        found = (Problem(path, Reason.DUPLICATE_FIELD, _DOUBLED) for path in doubled)
        certain: Iterator[Problem] = iter(())
        if not self.is_left_out(value, reverted):
            unclear = {self._made_unclear(path) for path in doubled}
            certain = (fault for fault in self._certain(value, reverted) if not _is_within(fault.path, unclear))
        return list(islice(chain(found, certain), MOST_COUNTED))

    def summarize(self, body: bytes, value: dict[str, Any], faults: list[Problem]) -> LineFault:
        """Return what is wrong with a line: the first fault, all of them, and the items that any of them concerns.

        `body` is the line, `value` its record.
        """
        first, field = faults[0], self.contract.item_field
        items = value.get(field) if field else None
        concerned = {fault.path[1] for fault in faults if len(fault.path) > 1 and fault.path[0] == field}
        indexes = sorted(index for index in concerned if isinstance(index, int))
        listed = list_faults(faults)
        unclear = first == Problem(("id",), Reason.DUPLICATE_FIELD, _DOUBLED)
        customer = certain_id(body) if unclear else value.get("id")
        return LineFault(
            first.reason,
            first.message,
            field=spell(first.path),
            items=tuple(indexes[:MOST_ITEMS_NAMED]) or None,
            item_count=len(items) if isinstance(items, list) else int(field is None),
            customer=customer if isinstance(customer, str) else None,
            listed=listed if len(listed) > 1 else (),
            faults_left_out=len(faults) - len(listed),
        )

    def _certain(self, value: dict[str, Any], reverted: tuple[int, ...]) -> Iterator[Problem]:
        """Yield the faults of a record, apart from fields that occur twice."""
        field, most = self.contract.item_field, self.contract.max_items
        items = value.get(field) if field else None
        for fault in self._schema_faults(value, reverted):
            empty = items == [] and fault.path == (field,)
            yield msgspec.structs.replace(fault, reason=Reason.NO_ITEMS) if empty else fault
        yield from self._mark_faults(value, reverted)
        if field and not self.contract.splittable and isinstance(items, list) and len(items) > most:
            yield Problem((field,), Reason.TOO_MANY_ITEMS, describe_too_many(self.contract, len(items)))

    def _schema_faults(self, value: dict[str, Any], reverted: tuple[int, ...]) -> Iterator[Problem]:
        """Yield what the schema says against a record, its reversed events left out."""
        if not reverted:
            yield from find_problems(self.schema, value, reject_unknown=self.reject_unknown)
            return
        gone = set(reverted)
        kept = [index for index in range(len(value["events"])) if index not in gone]
        remaining = value | {"events": [value["events"][index] for index in kept]}
        for fault in find_problems(self.schema, remaining, reject_unknown=self.reject_unknown):
            yield msgspec.structs.replace(fault, path=_in_record(fault.path, kept))

    def _mark_faults(self, value: dict[str, Any], reverted: tuple[int, ...]) -> Iterator[Problem]:
        """Yield a fault for each mark that means neither yes nor no."""

        def fault(path: Path) -> Problem:
            return Problem(path, Reason.INVALID_VALUE, f"neither yes nor no; expected {EXPECTED}")

        events = value.get("events")
        if self.contract.kind is Kind.CUSTOMERS:
            yield from (fault((name,)) for name in unclear_marks(value, CUSTOMER_MARKS))
        elif self.contract.kind is Kind.EVENTS and isinstance(events, list):
            gone = set(reverted)
            for index, event in enumerate(events):
                if isinstance(event, dict) and index not in gone:
                    yield from (fault(("events", index, name)) for name in unclear_marks(event, EVENT_MARKS))

    def _made_unclear(self, doubled: Path) -> Path:
        """Return the path of what is not certain if the field at `doubled` occurs twice."""
        decides = self.contract.kind is Kind.TRANSACTIONS and doubled[-1] == "type"
        return doubled[:-1] if decides else doubled


def list_faults(faults: Iterable[Problem]) -> tuple[RecordFault, ...]:
    """Return faults as a dead letter lists them, at most `MOST_FAULTS`."""
    return tuple(RecordFault(fault.reason, spell(fault.path), fault.message) for fault in islice(faults, MOST_FAULTS))


def describe_too_many(contract: Contract, count: int) -> str:
    """Return why a record with that many items, which may not be split, cannot be sent."""
    return f"{count} {contract.item_field}; one request carries at most {contract.max_items}, and they may not be split"


def _is_within(path: Path, places: set[Path]) -> bool:
    """Return whether a path is one of `places`, or leads through one."""
    return any(path[:length] in places for length in range(1, len(path) + 1))


def _in_record(path: Path, kept: list[int]) -> Path:
    """Turn the index of an event among the kept ones into its index in the record."""
    match path:
        case ("events", int(index), *rest):
            return ("events", kept[index], *rest)
        case _:
            return path
