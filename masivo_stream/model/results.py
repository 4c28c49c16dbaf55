"""The result of one line: an entry to send, a rejection, a record to skip, or a blank line.

A bad record is a value here, never an exception.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from masivo_stream.model.earlier_runs import SentItem
from masivo_stream.model.proof import Proof
from masivo_stream.model.reason import Reason, SkipReason


class Line(Struct, frozen=True, gc=False):
    """One line of a source, without its terminator.

    `length` counts the line's bytes in the source without the terminator. It is larger than `len(body)` only if the
    line exceeds the cap: then `body` is its beginning.
    """

    number: int
    offset: int
    body: bytes
    length: int


class LineRun(Struct, frozen=True, gc=False):
    """Lines that follow one another in a source, none longer than the cap: many at the price of one.

    `text` holds the bytes that they were cut from, and may hold more before and after them.
    """

    number: int
    """The line number of the first one."""
    bodies: Sequence[bytes]
    offsets: Sequence[int]
    """The offset of each line; not the real ones if one process validates for another that knows them."""
    text: bytes
    proof: Proof | None = None
    """What was proved of the lines when they were cut."""

    @property
    def offset(self) -> int:
        """The position of the first line."""
        return self.offsets[0]

    def line(self, index: int) -> Line:
        """Return the line with this index."""
        body = self.bodies[index]
        return Line(self.number + index, self.offsets[index], body, len(body))

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines one by one."""
        return map(self.line, range(len(self.bodies)))


def run_of(line: Line) -> LineRun:
    """Return a line within the cap as a `LineRun`."""
    return LineRun(line.number, [line.body], [line.offset], line.body)


class Position(Struct, frozen=True, order=True):
    """A position in a kind's inputs, in reading order: before line `line` of the input numbered `source` (from 0)."""

    source: int
    line: int
    offset: int


class Death(Struct, frozen=True, kw_only=True):
    """When and why a record became a dead letter earlier."""

    at: str
    reason: str
    field: str
    message: str
    status: int | None
    batch: str | None


class Retried(Struct, frozen=True, kw_only=True):
    """A dead letter that is tried again: the position of its record in the export, and how it was counted.

    The line that is read then is one of our own (`core.dead_letters`), so `file` and `line` of its entry are that
    line's. People are shown the position in the export, which is here.
    """

    row: int
    """The dead letter's row in the journal."""
    source: int
    file: str
    line: int
    offset: int
    length: int
    items: tuple[int, ...] | None
    """The record's items that the dead letter holds, None for all of them."""
    count: int
    """How many items were counted dead."""
    whole: bool
    """Whether the whole record is tried again, not a part of it."""
    validated: bool
    """Whether it was rejected here, before it was packed, and not by the API."""
    customer: int | None
    """Salted hash of the customer's id, if it was known."""
    earlier: tuple[Death, ...]
    """Oldest first; the last one is the reason of this dead letter."""

    def name_items(self, indexes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Return indexes in the export's record for indexes of items in the dead letter."""
        own = self.items
        if own is None or indexes is None:
            return indexes or own
        return tuple(own[index] for index in indexes if index < len(own)) or own


class Entry(Struct, frozen=True, gc=False, kw_only=True):
    """A valid record, or a part of one: what a batch carries.

    `body` is the record's source bytes. For a part, or if reversed events were left out, it is composed of raw slices
    of these bytes. `indexes` names the record's items in `body`, None for all of them.
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
    """Items of the whole record that are to be sent, over all its parts."""
    indexes: tuple[int, ...] | None = None
    skipped_items: int = 0
    """Items of the record that are not to be migrated (reversed events). Not in `record_items`."""
    source: int = 0
    """The number of the input in reading order."""
    retried: Retried | None = None
    """Set for a dead letter that is tried again."""
    same: tuple[int, ...] = ()
    """The record's items that an earlier record of the customer has as well."""
    alike: tuple[int, ...] = ()
    """The items whose purchase id an earlier, different item of the customer has."""
    sent: tuple[SentItem, ...] = ()
    """The items whose purchase an earlier run sent to the account."""

    @property
    def place(self) -> Position:
        """The position of the record."""
        return Position(self.source, self.line, self.offset)

    @property
    def record(self) -> tuple[str, int]:
        """File and line of its record in the export."""
        return (self.file, self.line) if self.retried is None else (self.retried.file, self.retried.line)

    @property
    def whole(self) -> bool:
        """Whether this is all of its record that is to be sent, not a part."""
        return self.items == self.record_items and (self.retried is None or self.retried.whole)


class RecordFault(Struct, frozen=True, gc=False):
    """One thing that is wrong with a record. Found here, its `message` holds no value of the record."""

    reason: Reason
    field: str
    """Path of the field concerned, such as `events[3].order.value`; empty for the whole record."""
    message: str


MOST_FAULTS = 100
"""Faults that are listed of one record at most."""


class Rejected(Struct, frozen=True, gc=False, kw_only=True):
    """A record that will not be sent as it is. `message` holds no value of the record."""

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
    """The items concerned, None for all of them, or if that is not known."""
    item_count: int = 0
    """How many items of the record would have been sent, 0 if that is not known."""
    skipped_items: int = 0
    """More items that are not to be migrated (reversed events), if the record was valid."""
    status: int | None = None
    batch: str | None = None
    customer: str | None = None
    """The customer's id, if it could be read."""
    retried: Retried | None = None
    listed: tuple[RecordFault, ...] = ()
    """All faults, if more is known than `reason`, `field` and `message`."""
    faults_left_out: int = 0
    """Further faults that are not listed."""

    @property
    def faults(self) -> tuple[RecordFault, ...]:
        """All faults that are known, at most `MOST_FAULTS`; at least one."""
        return self.listed or (RecordFault(self.reason, self.field, self.message),)


class Skipped(Struct, frozen=True, gc=False, kw_only=True):
    """A record that is valid, but not to be migrated."""

    file: str
    line: int
    offset: int
    reason: SkipReason
    items: int
    retried: Retried | None = None
    customer: str | None = None
    """The id of a deleted customer, if it could be read and no earlier record of this customer was good."""


class Blank(Struct, frozen=True, gc=False):
    """A line of white space, which is only counted."""

    line: int


LineResult = Entry | Rejected | Skipped | Blank


def reject_entry(
    entry: Entry,
    reason: Reason,
    message: str,
    *,
    items: tuple[int, ...] | None = None,
    status: int | None = None,
    batch: str | None = None,
) -> Rejected:
    """Return the rejection of an entry; a part names its items unless `items` names fewer."""
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
        skipped_items=entry.skipped_items,
        status=status,
        batch=batch,
        customer=entry.customer,
        retried=entry.retried,
    )
