"""Fill one batch after the other, for kinds whose records hold one item or may be split.

Every batch but the last is exactly full, in items, records or bytes: an entry that does not fit is split and continues
in the next batch.

Entries of one customer that meet in a batch of events share one place in its body (`model.batch.body_groups`) and cost
only the bytes of their items. If the other fields of the two records differ, the API could not know which ones count,
so the later entry is held back for the next batch. At most `look_ahead` batches' worth is held back; beyond that the
open batch leaves before it is full. So only records that differ on every line of a customer cost additional requests.
"""

from bisect import bisect_left
from collections.abc import Iterator

from masivo_stream.core.packing.bin_packing import MOST_BODIES
from masivo_stream.core.packing.prefix_sums import Sums
from masivo_stream.model.batch import ENVELOPE_BYTES, Batch, make_batch
from masivo_stream.model.contract import Contract
from masivo_stream.model.entries import EntryRun, Packable
from masivo_stream.model.results import Entry, Position
from masivo_stream.model.slicing import Sliced, part_of, slice_record

_First = Entry | tuple[EntryRun, int]
"""An entry; or a run, and the index from which on the customer's first line is to be looked for."""


class _Open:
    """The batch that is being filled."""

    __slots__ = ("heads", "items", "joining", "low", "parts", "records", "size", "standing")

    def __init__(self, *, joining: bool) -> None:
        self.joining = joining
        """Whether entries of one customer share one place in the body."""
        self.parts: list[Packable] = []
        self.standing: dict[str, _First] = {}
        """By customer, the first entry; empty if entries do not join."""
        self.heads: dict[str, bytes] = {}
        """By customer, the other fields of the record, for customers who came again."""
        self.low: Position | None = None
        self.items = 0
        self.records = 0
        """Places in the body."""
        self.size = ENVELOPE_BYTES

    def add(self, entry: Entry, size: int) -> None:
        """Add an entry that makes the body `size` bytes longer."""
        self.size += size
        self.items += entry.items
        self.parts.append(entry)
        if entry.customer not in self.standing:
            self.records += 1
            if self.joining:
                self.standing[entry.customer] = entry
        if self.low is None or entry.line < self.low.line or entry.source < self.low.source:
            self.low = min(self.low or entry.place, entry.place)

    def add_lines(self, sums: Sums, start: int, end: int) -> None:
        """Add the lines of a run from index `start` up to `end`; no entry in the batch comes after them."""
        self.size += sums.bytes_between(start, end)
        self.items += sums.items[end] - sums.items[start]
        self.records += end - start
        self.parts.append(sums.run.part(start, end))

    def head(self, customer: str, item_field: str) -> bytes:
        """Return the other fields of the record of a customer who is in the batch."""
        head = self.heads.get(customer)
        if head is None:
            head = self.heads[customer] = slice_record(self._first_body(customer), item_field).head
        return head

    def _first_body(self, customer: str) -> bytes:
        first = self.standing[customer]
        if isinstance(first, Entry):
            return first.body
        run, start = first
        return run.bodies[run.customers.index(customer, start)]


class _Held:
    """Entries that are held back because their customer is in the open batch with other fields."""

    __slots__ = ("items", "size", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[str, list[tuple[bytes, Entry]]] = {}
        """By customer, each entry with the other fields of its record."""
        self.items = self.size = 0

    def add(self, entry: Entry, head: bytes) -> None:
        self.waiting.setdefault(entry.customer, []).append((head, entry))
        self.items += entry.items
        self.size += len(entry.body)

    def take(self, customer: str) -> list[Entry]:
        """Take out a customer's first entry and those that may share its place."""
        first, _ = self.waiting[customer][0]
        taken = [entry for head, entry in self.waiting[customer] if head == first]
        left = [each for each in self.waiting[customer] if each[0] != first]
        if left:
            self.waiting[customer] = left
        else:
            del self.waiting[customer]
        self.items -= sum(entry.items for entry in taken)
        self.size -= sum(len(entry.body) for entry in taken)
        return taken

    def entries(self) -> Iterator[Entry]:
        return (entry for waiting in self.waiting.values() for _, entry in waiting)


class Filler:
    """Feed entries that fit a batch, whole or in parts; get the batches that are full. `flush` returns the rest."""

    def __init__(self, contract: Contract, *, target_bytes: int, look_ahead: int) -> None:
        """Fill batches for `contract`; at most `look_ahead` batches' worth of entries is held back."""
        self._contract, self._target_bytes = contract, target_bytes
        self._most_held_items = look_ahead * contract.max_items
        self._most_held_bodies = min(look_ahead, MOST_BODIES)
        self._field = contract.item_field if contract.splittable else None
        self._open = _Open(joining=self._field is not None)
        self._held = _Held()

    def feed(self, entry: Entry, batches: list[Batch]) -> None:
        """Take an entry; append the batches it completes."""
        seen = len(batches)
        self._place(entry, batches)
        if self._held.items:
            self._place_held(batches, seen)

    def take(self, sums: Sums, start: int) -> int:
        """Add lines from index `start` on as long as nothing is to be decided: each fits whole and leaves room.

        The result is the same as if `feed` got them one by one, and almost all lines come this way.

        Returns:
            The index of the first line that was not added. If that is `start`, `feed` it.
        """
        batch, run = self._open, sums.run
        if batch.low is None or self._held.items or (run.source, run.line + start) < (batch.low.source, batch.low.line):
            return start
        if run.customers[start] in batch.standing:
            return start
        fewer_items = self._contract.max_items - batch.items + sums.items[start]
        most = min(
            bisect_left(sums.items, fewer_items, start) - 1,
            sums.bytes_reach(start, self._target_bytes - batch.size),
            start + self._contract.max_records - batch.records - 1,
        )
        end = self._admit(run, start, most) if batch.joining else most
        if end <= start:
            return start
        batch.add_lines(sums, start, end)
        return end

    def _admit(self, run: EntryRun, start: int, most: int) -> int:
        """Note the customers of lines up to index `most`, or up to the first who is in the batch; return that index."""
        standing, customers, first = self._open.standing, run.customers, (run, start)
        for index in range(start, most):
            if customers[index] in standing:
                return index
            standing[customers[index]] = first
        return most

    def flush(self) -> list[Batch]:
        """Close the open batch, and fill further ones with what is held back."""
        batches: list[Batch] = []
        while self._open.parts or self._held.items:
            self._close(batches)
            self._place_again(batches)
        return batches

    def shrink(self, target_bytes: int) -> list[Packable]:
        """Make smaller bodies from now on; return the entries that no longer fit."""
        self._target_bytes = target_bytes
        if self._open.size <= target_bytes:
            return []
        back = self.pending()
        self._open, self._held = _Open(joining=self._field is not None), _Held()
        return back

    def pending(self) -> list[Packable]:
        """Return the entries that are in no batch yet."""
        return [*self._open.parts, *self._held.entries()]

    def low(self) -> Position | None:
        """Return the lowest position of an entry that is in no batch yet."""
        lows = [entry.place for entry in self._held.entries()]
        return min(lows, default=None) if self._open.low is None else min([self._open.low, *lows])

    # Entries that are held back.

    def _place_held(self, batches: list[Batch], seen: int) -> None:
        """Place what is held back if a batch was closed since `seen` were; close one if too much is held back."""
        while self._held.items:
            if len(batches) == seen:
                if not self._holds_too_much():
                    return
                self._close(batches)
            seen = len(batches)
            self._place_again(batches)

    def _place_again(self, batches: list[Batch]) -> None:
        for customer in list(self._held.waiting):
            for entry in self._held.take(customer):
                self._place(entry, batches)

    def _holds_too_much(self) -> bool:
        return self._held.items > self._most_held_items or self._held.size > self._most_held_bodies * self._target_bytes

    # The open batch.

    def _place(self, entry: Entry, batches: list[Batch]) -> None:
        # 1. It fits whole. 2. It may not be split: the next batch. 3. It is split, or joins its customer's place.
        # 4. It may not join, as its other fields differ: it is held back.
        joins = entry.customer in self._open.standing
        if not joins and self._fits(entry):
            self._add(entry, len(entry.body) + bool(self._open.parts), batches)
        elif self._field is None:
            self._close(batches)
            self._add(entry, len(entry.body), batches)
        else:
            sliced = slice_record(entry.body, self._field)
            if not joins or self._open.head(entry.customer, self._field) == sliced.head:
                self._spread(entry, sliced, batches, joins=joins)
            else:
                self._held.add(entry, sliced.head)

    def _spread(self, entry: Entry, sliced: Sliced, batches: list[Batch], *, joins: bool) -> None:
        """Spread an entry over the open batch and as many further batches as it takes, filling each.

        `joins`: its customer is in the open batch, so there the entry costs no frame.
        """
        start = 0
        while start < entry.items:
            if start == 0 and not joins and self._fits(entry):  # not to be split any more: its own bytes
                self._add(entry, len(entry.body) + bool(self._open.parts), batches)
                return
            frame = 0 if joins else sliced.frame_bytes - 1 + bool(self._open.parts)
            end, size = self._reach(sliced, start, self._target_bytes - self._open.size - frame)
            if start == 0 and end == entry.items and not joins and self._open.parts:
                end = 0  # it fits only without its white space: better whole in the next batch
            if end > start:
                whole = end - start == entry.items
                part = entry if whole and joins else part_of(entry, sliced, range(start, end))
                self._add(part, frame + size, batches)
            if end < entry.items and self._open.parts:
                self._close(batches)  # full in bytes: not even one more item fits
            start, joins = end, False

    def _reach(self, sliced: Sliced, start: int, space: int) -> tuple[int, int]:
        """Return the index up to which the items from `start` fit, and their bytes, each with a comma."""
        most = min(len(sliced.items), start + self._contract.max_items - self._open.items)
        end, size = start, 0
        while end < most and size + len(sliced.items[end]) + 1 <= space:
            size += len(sliced.items[end]) + 1
            end += 1
        if end == start and not self._open.parts:  # one item that is larger than the target travels alone
            return start + 1, len(sliced.items[start]) + 1
        return end, size

    def _fits(self, entry: Entry) -> bool:
        batch = self._open
        return (
            batch.items + entry.items <= self._contract.max_items
            and batch.size + len(entry.body) + bool(batch.parts) <= self._target_bytes
        )

    def _add(self, entry: Entry, size: int, batches: list[Batch]) -> None:
        batch = self._open
        batch.add(entry, size)
        if batch.items >= self._contract.max_items or batch.records >= self._contract.max_records:
            self._close(batches)

    def _close(self, batches: list[Batch]) -> None:
        if self._open.parts:
            batches.append(make_batch(self._contract.kind, self._open.parts))
            self._open = _Open(joining=self._field is not None)
