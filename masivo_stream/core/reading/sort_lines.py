"""Sort validated lines into entries to pack, dead letters and skipped records.

A valid record is left out after all if a finding of the checks over all files concerns it, if its customer does not
arrive, or if its purchase came before. Runs and dry runs share these rules:

0. What a finding concerns is held back (`hold_back`).
1. If the customer may still arrive (a dead letter, or unknown to the account), the record is a dead letter and waits.
2. If the customer was skipped as deleted, the record is skipped, whatever else is wrong with it.
3. An event whose purchase came before, in these exports or in an earlier run, is a dead letter by itself. The rest of
   its record is sent, as with reversed events.
"""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.hold_back import FindHeld, FirstPlaces, hold_back
from masivo_stream.core.reading.marks import find_customer
from masivo_stream.model.earlier_runs import EarlierRun
from masivo_stream.model.entries import LineResults, Packable, opened
from masivo_stream.model.examples import SkippedPlace
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Entry, Rejected, Retried, Skipped, reject_entry
from masivo_stream.model.slicing import take_part

_SAME = "an earlier event of this customer is identical: the same purchase_id, type, value and time"
_ALIKE = "an earlier, different event of this customer has the same purchase_id"
_ITEMS = "events"


class _Doubled(Struct, frozen=True):
    """Items of an entry that have come before, and whether they are held back for it."""

    items: tuple[int, ...]
    reason: Reason
    message: str
    rejects: bool


class Absence(enum.Enum):
    """Why a customer does not arrive (yet)."""

    DEAD = enum.auto()
    """The customer is a dead letter, or unknown to the account."""
    GONE = enum.auto()
    """The customer was skipped as deleted."""


class SortedLines(Struct, frozen=True):
    """The lines of a block, sorted."""

    results: Sequence[LineResults]
    """The results as they are counted. An entry that is divided is one whole entry here."""
    dead_letters: list[tuple[Rejected, Entry | None]] = []
    """Dead letters in the order of the lines, each with the part of a divided entry that it is, None otherwise."""
    to_pack: list[Packable] = []
    skipped: list[SkippedPlace] = []
    duplicates: list[tuple[str, int]] = []
    """File and line of each event that is sent although its purchase came before, once per event."""
    sent_before: list[tuple[str, int]] = []
    """The same of each event that is sent although an earlier run sent its purchase."""


class LineSorter:
    """Sort the lines of one kind, block by block."""

    def __init__(self, duplicate_purchase: str = "auto", held: FindHeld | None = None) -> None:
        """Treat events whose purchase came before as the setting `duplicate_purchase` says.

        `held` returns what findings hold back; None: nothing.
        """
        self._held = held
        self._first_places: FirstPlaces = {}
        """Of the block at hand."""
        self._looks = duplicate_purchase != "allow"
        self._rejects_same = duplicate_purchase in {"auto", "reject"}
        self._rejects_alike = duplicate_purchase == "reject"

    def sort(self, results: Sequence[LineResults], why: Callable[[str], Absence | None] | None) -> SortedLines:
        """Sort the lines of a block. `why` returns the reason why a customer does not arrive; None: all arrive."""
        if self._held is not None:
            block = hold_back(results, self._held)
            results, self._first_places = block.results, block.first_places
        if why is not None:
            results = [
                _unless_absent(each, why) for each in opened(results, lambda customer: why(customer) is not None)
            ]
        into = SortedLines([])
        counted = [self._place(each, into) for each in results]
        return msgspec.structs.replace(into, results=counted, skipped=list(skipped_places(counted)))

    def _place(self, each: LineResults, into: SortedLines) -> LineResults:
        """Add a result to the group it belongs to; return it as it is counted."""
        if self._looks and isinstance(each, Entry) and (each.same or each.alike or each.sent):
            return self._divide(each, into)
        if isinstance(each, Rejected):
            into.dead_letters.append((each, None))
        elif isinstance(each, Packable):
            into.to_pack.append(each)
        return each

    def _divide(self, entry: Entry, into: SortedLines) -> LineResults:
        """Place an entry of which some events came before: as a whole, or in parts."""
        own = entry.indexes or tuple(range(entry.items))
        dead, gone = [], set[int]()
        for each in self._doubled(entry):
            items = tuple(index for index in each.items if index not in gone)
            if items and each.rejects:
                dead.append(msgspec.structs.replace(each, items=items))
                gone.update(items)
        for each in dead:  # all of the entry is one dead letter
            if len(each.items) == len(own):
                rejected = self._reject(entry, each)
                into.dead_letters.append((rejected, None))
                return rejected
        for each in dead:
            part = take_part(entry, each.items, _ITEMS)
            into.dead_letters.append((self._reject(part, each), part))
        left = [index for index in own if index not in gone]
        if len(left) == len(own):
            into.to_pack.append(entry)
        elif left:
            into.to_pack.append(take_part(entry, left, _ITEMS))
        into.duplicates.extend([entry.record] * sum(index not in gone for index in (*entry.same, *entry.alike)))
        into.sent_before.extend([entry.record] * sum(each.item not in gone for each in entry.sent))
        return entry

    def _doubled(self, entry: Entry) -> Iterator[_Doubled]:
        """Yield the items that came before: in the exports, then in an earlier run."""
        yield _Doubled(entry.same, Reason.DUPLICATE_EVENT, _SAME, self._rejects_same)
        yield _Doubled(entry.alike, Reason.DUPLICATE_EVENT, _ALIKE, self._rejects_alike)
        sent: dict[tuple[EarlierRun, bool], list[int]] = {}
        for each in entry.sent:
            sent.setdefault((each.run, each.same), []).append(each.item)
        for (run, same), items in sent.items():
            rejects = self._rejects_same if same else self._rejects_alike and run.sure
            yield _Doubled(tuple(items), Reason.SENT_BEFORE, describe_sent_before(run, same=same), rejects)

    def _reject(self, entry: Entry, doubled: _Doubled) -> Rejected:
        first = min(doubled.items)
        place = self._first_places.get((entry.line, first)) if doubled.reason is Reason.DUPLICATE_EVENT else None
        message = f"{doubled.message}: {place}" if place else doubled.message
        rejected = reject_entry(entry, doubled.reason, message)
        return msgspec.structs.replace(rejected, field=f"{_ITEMS}[{first}].order.purchase_id")


def describe_sent_before(run: EarlierRun, *, same: bool) -> str:
    """Return the sentence that an earlier run has sent the purchase of an event."""
    which = "this event" if same else "an event with this purchase_id"
    where = f" (state directory {run.state_dir}, since {run.at})" if run.state_dir else ""
    return f"an earlier run sent {which}{where}{'' if run.sure else '; a revert may have taken it back'}"


def _unless_absent(result: LineResults, why: Callable[[str], Absence | None]) -> LineResults:
    """Return the result of a line, changed if its customer does not arrive."""
    if isinstance(result, Entry):
        match why(result.customer):
            case Absence.DEAD:
                return reject_entry(result, Reason.CUSTOMER_NOT_MIGRATED, "its customer did not arrive")
            case Absence.GONE:
                return _skip(result, result.items)
            case None:
                return result
    if isinstance(result, Rejected):
        customer = result.customer or find_customer(result.raw)
        if customer is not None and why(customer) is Absence.GONE:
            return _skip(result, result.item_count)
    return result


def _skip(result: Entry | Rejected, items: int) -> Skipped:
    return Skipped(
        file=result.file,
        line=result.line,
        offset=result.offset,
        reason=SkipReason.CUSTOMER_DELETED,
        items=items + result.skipped_items,
        retried=result.retried,
    )


def skipped_places(results: Iterable[LineResults]) -> Iterator[SkippedPlace]:
    """Yield the places of skipped records and items, in order; for a retried dead letter, its place in the export."""
    for each in results:
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
