"""Say no to a line, with its place and its bytes; or pass it over."""

from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import Line, Rejected, Skipped


def reject_line(
    line: Line,
    file: str,
    reason: Reason,
    message: str,
    *,
    field: str = "",
    items: tuple[int, ...] | None = None,
    item_count: int = 0,
    customer: str | None = None,
) -> Rejected:
    """Reject a line for `reason`; the other arguments are the rejection's own."""
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=reason,
        field=field,
        message=message,
        raw=line.body,
        items=items,
        item_count=item_count,
        customer=customer,
    )


def reject_deep(line: Line, file: str) -> Rejected:
    """Reject a line that cannot be decoded, or not be taken apart, for its depth."""
    return reject_line(line, file, Reason.TOO_DEEP, "objects and lists are nested too deeply")


def reject_duplicate(line: Line, file: str, reason: Reason, *, items: int, customer: str) -> Rejected:
    """Reject a valid record because its customer or its email came before."""
    if reason is Reason.DUPLICATE_ID:  # no customer of its own: the earlier record's stands or falls without it
        return reject_line(line, file, reason, "an earlier line has this customer", field="id", item_count=items)
    message = "an earlier customer has this email"
    return reject_line(line, file, reason, message, field="email", item_count=items, customer=customer)


def skip_line(line: Line, file: str, reason: SkipReason, *, items: int = 1, customer: str | None = None) -> Skipped:
    """Skip a line for `reason`; the other arguments are the value's own."""
    return Skipped(file=file, line=line.number, offset=line.offset, reason=reason, items=items, customer=customer)
