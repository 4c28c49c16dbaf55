"""What of the lines read is left out after all: its customer does not arrive, or its purchase came before.

One rule for runs and dry runs. What belongs to a customer who may still arrive is a dead letter, and waits for that
customer; what belongs to one who was skipped as deleted is skipped, whatever else is wrong with it. An event that came
before is a dead letter by itself: the rest of its record is sent, as where reversed events are left behind.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.untyped import find_customer
from masivo_stream.model.entries import LineResults, Packable, opened
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Entry, Rejected, Retried, Skipped, reject_entry
from masivo_stream.model.skipped import SkippedPlace
from masivo_stream.model.slicing import take_part

_SAME = "an earlier event of this customer is the same one: purchase_id, type, value and time"
_ALIKE = "an earlier event of this customer has this purchase_id, and is another one"
_ITEMS = "events"


class Absence(enum.Enum):
    """Why a customer does not arrive."""

    DEAD = enum.auto()
    """A dead letter, or unknown to the account."""
    GONE = enum.auto()
    """Skipped as deleted."""


class SortedLines(Struct, frozen=True):
    """What becomes of a block's lines."""

    found: Sequence[LineResults]
    """As they are to be counted; an entry of which only a part is sent stands here as a whole."""
    dead_letters: list[tuple[Rejected, Entry | None]] = []
    """Dead letters, in the order of the lines; each with the part of such an entry that it is."""
    to_pack: list[Packable] = []
    skipped: list[SkippedPlace] = []
    duplicates: list[tuple[str, int]] = []
    """File and line of each event that is sent although its purchase came before."""


class LineSorter:
    """Sort blocks of lines of one kind."""

    def __init__(self, duplicate_purchase: str = "auto") -> None:
        """Go by the setting of that name."""
        self._looks = duplicate_purchase != "allow"
        self._rejects_same = duplicate_purchase in {"auto", "reject"}
        self._rejects_alike = duplicate_purchase == "reject"

    def sort(self, found: Sequence[LineResults], why: Callable[[str], Absence | None] | None) -> SortedLines:
        """Sort lines; `why` tells for what a customer does not arrive, None where all do."""
        if why is not None:
            found = [_hold_back(each, why) for each in opened(found, lambda customer: why(customer) is not None)]
        into = SortedLines([])
        counted = [self._place(each, into) for each in found]
        return msgspec.structs.replace(into, found=counted, skipped=list(skipped_places(counted)))

    def _place(self, each: LineResults, into: SortedLines) -> LineResults:
        """Put a line where it belongs; return it as it is to be counted."""
        if self._looks and isinstance(each, Entry) and (each.same or each.alike):
            return self._divide(each, into)
        if isinstance(each, Rejected):
            into.dead_letters.append((each, None))
        elif isinstance(each, Packable):
            into.to_pack.append(each)
        return each

    def _divide(self, entry: Entry, into: SortedLines) -> LineResults:
        own = entry.indexes or tuple(range(entry.items))
        dead = [
            (items, message)
            for items, message, rejects in (
                (entry.same, _SAME, self._rejects_same),
                (entry.alike, _ALIKE, self._rejects_alike),
            )
            if items and rejects
        ]
        for items, message in dead:
            if len(items) == len(own):
                letter = _reject(entry, items, message)
                into.dead_letters.append((letter, None))
                return letter
        for items, message in dead:
            part = take_part(entry, items, _ITEMS)
            into.dead_letters.append((_reject(part, items, message), part))
        gone = {index for items, _ in dead for index in items}
        left = [index for index in own if index not in gone]
        if len(left) == len(own):
            into.to_pack.append(entry)
        elif left:
            into.to_pack.append(take_part(entry, left, _ITEMS))
        into.duplicates.extend([entry.record] * sum(index not in gone for index in (*entry.same, *entry.alike)))
        return entry


def _reject(entry: Entry, items: Iterable[int], message: str) -> Rejected:
    letter = reject_entry(entry, Reason.DUPLICATE_EVENT, message)
    return msgspec.structs.replace(letter, field=f"{_ITEMS}[{min(items)}].order.purchase_id")


def _hold_back(found: LineResults, why: Callable[[str], Absence | None]) -> LineResults:
    """Return what becomes of a line whose customer does not arrive."""
    if isinstance(found, Entry):
        match why(found.customer):
            case Absence.DEAD:
                return reject_entry(found, Reason.CUSTOMER_NOT_MIGRATED, "its customer did not arrive")
            case Absence.GONE:
                return _skip(found, found.items)
            case None:
                return found
    if isinstance(found, Rejected):
        customer = found.customer or find_customer(found.raw)
        if customer is not None and why(customer) is Absence.GONE:
            return _skip(found, found.item_count)
    return found


def _skip(found: Entry | Rejected, items: int) -> Skipped:
    return Skipped(
        file=found.file,
        line=found.line,
        offset=found.offset,
        reason=SkipReason.CUSTOMER_DELETED,
        items=items + found.skipped_items,
        retried=found.retried,
    )


def skipped_places(found: Iterable[LineResults]) -> Iterator[SkippedPlace]:
    """Yield what is skipped, in order; a line of a retry's copy stands for its record in the export."""
    for each in found:
        match each:
            case Skipped(reason=reason, retried=old):
                yield _place(each, reason, None if old is None else old.items)
            case Entry(skipped_items=count, indexes=kept) | Rejected(skipped_items=count, items=kept) if count:
                others = set(kept or ())
                gone = tuple(index for index in range(len(others) + count) if index not in others)
                yield _place(each, SkipReason.REVERSED_EVENT, _in_record(gone, each.retried))
            case _:
                pass


def _in_record(items: tuple[int, ...], old: Retried | None) -> tuple[int, ...]:
    return items if old is None else old.name_items(items) or items


def _place(at: Entry | Rejected | Skipped, reason: SkipReason, items: tuple[int, ...] | None) -> SkippedPlace:
    shown = at if at.retried is None else at.retried
    return SkippedPlace(file=shown.file, line=shown.line, offset=shown.offset, reason=reason, items=items)
