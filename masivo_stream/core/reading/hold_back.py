"""Hold back what a finding of the checks over all files concerns: exactly these lines, and exactly these events.

Whole lines become dead letters. An event that came before is marked, as the decoder marks those that it remembers, and
the setting `duplicate_purchase` decides about it. If the decoder found a duplicate itself, the finding has better
words: it names the first place. A dead letter that is tried again is not held back: a person has corrected it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from masivo_stream.model.entries import EntryRun, LineResults, count_lines
from masivo_stream.model.findings import HELD_AS, CheckName, HeldLine
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import MOST_FAULTS, Blank, Entry, LineResult, RecordFault, Rejected, reject_entry

HeldOfLines = Mapping[int, Sequence[HeldLine]]
"""What is held back, by line."""

FindHeld = Callable[[str, int, int], HeldOfLines]
"""Returns what is held back of a file, from a line up to another one, both included."""

FirstPlaces = dict[tuple[int, int], str]
"""The place of the earlier event, by line and index of an event that came before."""

_FIELDS = {
    Reason.DUPLICATE_ID: "id",
    Reason.DUPLICATE_EMAIL: "email",
    Reason.SPLIT_TRANSACTIONS: "transactions",
    Reason.BALANCE_MISMATCH: "transactions",
    Reason.NO_BALANCE: "transactions",
    Reason.UNKNOWN_CUSTOMER: "id",
}

_BETTER_WORDS = {
    Reason.DUPLICATE_ID: (CheckName.DUPLICATE_ID, CheckName.SPLIT_TRANSACTIONS),
    Reason.DUPLICATE_EMAIL: (CheckName.DUPLICATE_EMAIL,),
}
"""Findings that say more about a line that the decoder has rejected for this reason."""


class HeldBack(Struct, frozen=True):
    """The results of a block's lines, changed where something is held back."""

    results: Sequence[LineResults]
    first_places: FirstPlaces = {}


def hold_back(results: Sequence[LineResults], find: FindHeld) -> HeldBack:
    """Return the results of a block's lines, of one file and in order, with what is held back as dead letters."""
    there = [each for each in results if not isinstance(each, Blank)]
    if not there:
        return HeldBack(results)
    held = find(there[0].file, there[0].line, there[-1].line + count_lines(there[-1:]) - 1)
    if not held:
        return HeldBack(results)
    opened = (part for each in results for part in (_open(each, held) if isinstance(each, EntryRun) else (each,)))
    changed = [
        each if isinstance(each, EntryRun) or each.line not in held else _hold(each, held[each.line]) for each in opened
    ]
    of_lines = ((line, found) for line, of_line in held.items() for found in of_line)
    places = {(line, found.item): found.message for line, found in of_lines if found.item is not None}
    return HeldBack(changed, places)


def reject_lines(results: Sequence[LineResults], dead: Mapping[str, frozenset[int]]) -> list[LineResults]:
    """Return the results of a block's lines, rejected if they are dead letters of the run: `dead` has lines by file."""
    changed: list[LineResults] = []
    for each in results:
        lines = frozenset() if isinstance(each, Blank) else dead.get(each.file, frozenset())
        parts: Iterable[LineResults] = (each,)
        if isinstance(each, EntryRun):
            parts = _open(each, {line: () for line in range(each.line, each.line + len(each)) if line in lines})
        changed += [
            _refuse(part) if isinstance(part, Entry | Rejected) and part.line in lines else part for part in parts
        ]
    return changed


def _refuse(result: Entry | Rejected) -> Rejected:
    if isinstance(result, Rejected):
        return msgspec.structs.replace(result, reason=Reason.REFUSED, listed=result.faults)
    return reject_entry(result, Reason.REFUSED, "a dead letter of the run")


def _open(run: EntryRun, held: HeldOfLines) -> Iterator[LineResults]:
    """Yield the parts of a run, and the lines in it that are held back one by one."""
    start = 0
    for line in sorted(line for line in held if run.line <= line < run.line + len(run)):
        index = line - run.line
        if index > start:
            yield run.part(start, index)
        yield run.entry(index)
        start = index + 1
    if start < len(run):
        yield run.part(start, len(run)) if start else run


def _hold(result: LineResult, found: Sequence[HeldLine]) -> LineResult:
    """Return the result of a line that findings concern."""
    if isinstance(result, Entry) and result.retried is None:
        faults = _faults(found, HELD_AS)
        return _reject(result, faults) if faults else _mark(result, found)
    if isinstance(result, Rejected) and result.retried is None:
        better = _BETTER_WORDS.get(result.reason, ())
        faults = _faults(found, HELD_AS) if any(each.check in better for each in found) else []
        return _list_faults(result, faults) if faults else result
    return result


def _faults(found: Sequence[HeldLine], checks: Iterable[CheckName]) -> list[RecordFault]:
    """Return what findings of these checks say about a line, in the order of the checks."""
    there = (each for check in checks for each in found if each.check is check)
    reasons = ((HELD_AS[each.check], each.message) for each in there)
    return list(dict.fromkeys(RecordFault(reason, _FIELDS[reason], message) for reason, message in reasons))


def _list_faults(rejected: Rejected, faults: Sequence[RecordFault]) -> Rejected:
    first = faults[0]
    return msgspec.structs.replace(
        rejected,
        reason=first.reason,
        field=first.field,
        message=first.message,
        listed=tuple(faults[:MOST_FAULTS]),
        faults_left_out=max(0, len(faults) - MOST_FAULTS),
    )


def _reject(entry: Entry, faults: Sequence[RecordFault]) -> Rejected:
    rejected = _list_faults(reject_entry(entry, faults[0].reason, ""), faults)
    # No `customer` with a duplicate: the earlier record has the same one, so the customer can still arrive.
    return msgspec.structs.replace(rejected, customer=None) if rejected.reason is Reason.DUPLICATE_ID else rejected


def _mark(entry: Entry, found: Iterable[HeldLine]) -> Entry:
    """Mark the events of a record that came before, in addition to those that the decoder remembered."""
    own = range(entry.items) if entry.indexes is None else entry.indexes
    marked: dict[CheckName, set[int]] = {CheckName.DUPLICATE_EVENT: set(), CheckName.DUPLICATE_PURCHASE: set()}
    for each in found:
        if each.item in own and each.item is not None:
            marked[each.check].add(each.item)
    same = {*entry.same, *marked[CheckName.DUPLICATE_EVENT]}
    alike = {*entry.alike, *marked[CheckName.DUPLICATE_PURCHASE]} - same
    return msgspec.structs.replace(entry, same=tuple(sorted(same)), alike=tuple(sorted(alike)))
