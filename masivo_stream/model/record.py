"""What becomes of one line: an entry to send, a rejection, a record to skip, or nothing (blank).

A bad record is a value here, never an exception.
"""

from msgspec import Struct

from masivo_stream.model.reason import Reason, SkipReason


class Line(Struct, frozen=True, gc=False):
    """One line of a source, without its terminator.

    `length` counts the line's bytes in the source without the terminator; it is larger than `len(body)` only
    where the line passed the cap and `body` is its beginning.
    """

    number: int
    offset: int
    body: bytes
    length: int


class Place(Struct, frozen=True, order=True):
    """A place in a kind's inputs, in reading order: before line `line` of the input numbered `source` (from 0)."""

    source: int
    line: int
    offset: int


class Entry(Struct, frozen=True, gc=False, kw_only=True):
    """What a batch carries: a valid record, or a part of one.

    `body` is the record's source bytes; for a part, or where reversed events were left out, it is composed from
    raw slices of them. `indexes` names the record's items in `body`, None for all of them.
    """

    file: str
    line: int
    offset: int
    length: int
    body: bytes
    customer: str
    items: int
    """Items in `body`."""
    record_items: int
    """Items of the whole record that are to travel, over all its parts."""
    indexes: tuple[int, ...] | None = None
    skipped_items: int = 0
    """Items of the record that are not to be migrated (reversed events). Not in `record_items`."""
    source: int = 0
    """The number of the input in reading order."""

    @property
    def place(self) -> Place:
        """Where the record begins."""
        return Place(self.source, self.line, self.offset)


class Rejected(Struct, frozen=True, gc=False, kw_only=True):
    """A record that will not be sent as it is. No value of the record stands in `message`."""

    file: str
    line: int
    offset: int
    length: int
    reason: Reason
    field: str
    """Path of the field concerned, such as `events[3].order.value`; empty for the whole line."""
    message: str
    raw: bytes
    items: tuple[int, ...] | None = None
    """The items concerned, None for all of them or where that is not known."""
    item_count: int = 0
    """How many items the record would have put on the wire, 0 where that is not known."""
    status: int | None = None
    batch: str | None = None
    customer: str | None = None
    """The customer's id, where it could be read."""


class Skipped(Struct, frozen=True, gc=False, kw_only=True):
    """A record that is valid, but not to be migrated."""

    file: str
    line: int
    offset: int
    reason: SkipReason
    items: int


class Blank(Struct, frozen=True, gc=False):
    """A line of white space: counted, nothing else."""

    line: int


Judgement = Entry | Rejected | Skipped | Blank


def reject_entry(
    entry: Entry,
    reason: Reason,
    message: str,
    *,
    items: tuple[int, ...] | None = None,
    status: int | None = None,
    batch: str | None = None,
) -> Rejected:
    """Turn an entry into a rejection of what it carries; a part names its items unless `items` names fewer."""
    return Rejected(
        file=entry.file,
        line=entry.line,
        offset=entry.offset,
        length=entry.length,
        reason=reason,
        field="",
        message=message,
        raw=entry.body,
        items=items or entry.indexes,
        item_count=entry.items,
        status=status,
        batch=batch,
        customer=entry.customer,
    )
