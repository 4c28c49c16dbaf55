"""What of a judged line is not to be migrated: the record, or some of its items."""

from collections.abc import Iterable, Iterator

from masivo_stream.model.entries import Found
from masivo_stream.model.reason import SkipReason
from masivo_stream.model.record import Entry, Rejected, Retried, Skipped
from masivo_stream.model.skipped import SkippedPlace


def skipped_places(found: Iterable[Found]) -> Iterator[SkippedPlace]:
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
