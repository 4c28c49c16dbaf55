"""Build the results of lines that are not sent: rejections with their place and bytes, and skipped records."""

import msgspec
from msgspec import Struct

from masivo_stream.core.reading.duplicates import CustomerMemory
from masivo_stream.model.reason import Reason, SkipReason
from masivo_stream.model.results import MOST_FAULTS, Line, RecordFault, Rejected, Skipped


class LineFault(Struct, frozen=True, gc=False, array_like=True, tag=True):
    """Why a line is rejected, and what of its record its faults concern. `message` quotes nothing of the record."""

    reason: Reason
    message: str
    field: str = ""
    """Path of the field, such as `events[3].order.value`; empty for the whole line."""
    items: tuple[int, ...] | None = None
    """Indexes of the items that are concerned; None for all of them, or if that is not known."""
    item_count: int = 0
    """How many items the record holds; 0 if that is not known."""
    customer: str | None = None
    """The customer's id, if this customer does not arrive because of the fault; see `Rejected.customer`."""
    listed: tuple[RecordFault, ...] = ()
    """All faults of the line, if there are several; the first one is this one."""
    faults_left_out: int = 0


SAME_CUSTOMER = RecordFault(Reason.DUPLICATE_ID, "id", "an earlier line has the same customer")

TOO_DEEP = LineFault(Reason.TOO_DEEP, "objects and lists are nested too deeply")


def reject_line(line: Line, file: str, fault: LineFault) -> Rejected:
    """Return the rejection of a line of `file`."""
    return Rejected(
        file=file,
        line=line.number,
        offset=line.offset,
        length=line.length,
        reason=fault.reason,
        field=fault.field,
        message=fault.message,
        raw=line.body,
        items=fault.items,
        item_count=fault.item_count,
        customer=fault.customer,
        listed=fault.listed,
        faults_left_out=fault.faults_left_out,
    )


def check_customer(fault: LineFault, memory: CustomerMemory) -> LineFault:
    """Return a fault as it is after the records that came before: `memory` knows the customers who are sent.

    If the customer is one of them, the record is a duplicate besides, and the customer still arrives.
    """
    if fault.customer is None or fault.customer not in memory:
        return fault
    known = fault.listed or (RecordFault(fault.reason, fault.field, fault.message),)
    full = len(known) >= MOST_FAULTS
    return msgspec.structs.replace(
        fault,
        customer=None,
        listed=known if full else (*known, SAME_CUSTOMER),
        faults_left_out=fault.faults_left_out + full,
    )


def reject_duplicate(line: Line, file: str, reason: Reason, *, items: int, customer: str) -> Rejected:
    """Return the rejection of a valid record whose customer or email an earlier record has."""
    if reason is Reason.DUPLICATE_ID:
        # No `customer`: the earlier record has the same one, so the customer can still arrive.
        fault = LineFault(reason, SAME_CUSTOMER.message, SAME_CUSTOMER.field, item_count=items)
        return reject_line(line, file, fault)
    message = "an earlier customer has the same email"
    return reject_line(line, file, LineFault(reason, message, "email", item_count=items, customer=customer))


def skip_line(line: Line, file: str, reason: SkipReason, *, items: int = 1, customer: str | None = None) -> Skipped:
    """Return the result of a line of `file` that is not to be migrated; `customer` is a deleted customer's id."""
    return Skipped(file=file, line=line.number, offset=line.offset, reason=reason, items=items, customer=customer)
