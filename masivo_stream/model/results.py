"""What becomes of one line: an entry to send, a rejection, a record to skip, or nothing (blank).

A bad record is a value here, never an exception.
"""

from collections.abc import Iterator

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


class LineRun(Struct, frozen=True, gc=False):
    """Lines that follow one another in a source, none beyond the cap: many at the price of one.

    `text` is the bytes they were cut from; there may be more in it, before and behind them.
    """

    number: int
    """The number of the first one."""
    bodies: list[bytes]
    offsets: list[int]
    """Where each begins; made up where one process judges for another that knows them."""
    text: bytes

    @property
    def offset(self) -> int:
        """Where the first one begins."""
        return self.offsets[0]

    def line(self, index: int) -> Line:
        """Return the line of this index."""
        body = self.bodies[index]
        return Line(self.number + index, self.offsets[index], body, len(body))

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines one by one."""
        return map(self.line, range(len(self.bodies)))


def run_of(line: Line) -> LineRun:
    """Return a line within the cap as a run."""
    return LineRun(line.number, [line.body], [line.offset], line.body)


class Position(Struct, frozen=True, order=True):
    """A place in a kind's inputs, in reading order: before line `line` of the input numbered `source` (from 0)."""

    source: int
    line: int
    offset: int


class Death(Struct, frozen=True, kw_only=True):
    """Why and when a record became a dead letter before."""

    at: str
    reason: str
    field: str
    message: str
    status: int | None
    batch: str | None


class Retried(Struct, frozen=True, kw_only=True):
    """A dead letter that is tried again: where its record stands in the export, and how it was counted.

    What is read then is a line of our own (`core.dead_letters`), so `file` and `line` of its entry are that line's;
    people are told these.
    """

    row: int
    """The dead letter's row in the journal."""
    source: int
    file: str
    line: int
    offset: int
    length: int
    items: tuple[int, ...] | None
    """The record's items that the letter holds, None for all of them."""
    count: int
    """How many items were counted dead."""
    whole: bool
    """The whole record is tried again, not a part of it."""
    validated: bool
    """It was dead before it was ever packed: rejected here, not by the API."""
    customer: int | None
    """Salted hash of the customer's id, where it was known."""
    earlier: tuple[Death, ...]
    """Oldest first; the last one is the letter's own."""

    def name_items(self, indexes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Turn indexes of items in the letter into indexes in the export's record."""
        own = self.items
        if own is None or indexes is None:
            return indexes or own
        return tuple(own[index] for index in indexes if index < len(own)) or own


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
    retried: Retried | None = None
    """Set for a dead letter that is tried again."""
    same: tuple[int, ...] = ()
    """The record's items that an earlier record of the customer has, too."""
    alike: tuple[int, ...] = ()
    """Those whose purchase an earlier item of the customer has, which is another one."""

    @property
    def place(self) -> Position:
        """Where the record begins."""
        return Position(self.source, self.line, self.offset)

    @property
    def record(self) -> tuple[str, int]:
        """File and line of its record in the export."""
        return (self.file, self.line) if self.retried is None else (self.retried.file, self.retried.line)

    @property
    def whole(self) -> bool:
        """Whether this is all of its record that is to travel, not a part."""
        return self.items == self.record_items and (self.retried is None or self.retried.whole)


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
    skipped_items: int = 0
    """Items beside them that are not to be migrated (reversed events), where the record was valid."""
    status: int | None = None
    batch: str | None = None
    customer: str | None = None
    """The customer's id, where it could be read."""
    retried: Retried | None = None


class Skipped(Struct, frozen=True, gc=False, kw_only=True):
    """A record that is valid, but not to be migrated."""

    file: str
    line: int
    offset: int
    reason: SkipReason
    items: int
    retried: Retried | None = None
    customer: str | None = None
    """Of a deleted customer the id, where it could be read and no earlier record of theirs was good."""


class Blank(Struct, frozen=True, gc=False):
    """A line of white space: counted, nothing else."""

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
        skipped_items=entry.skipped_items,
        status=status,
        batch=batch,
        customer=entry.customer,
        retried=entry.retried,
    )
