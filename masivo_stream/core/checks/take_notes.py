"""Take notes of valid records, divided by hash into parts that fit into memory one at a time.

Each record is read once more: by the extension that looks at lines (`quick_look`) and takes their notes, or with a lean
schema if there is no extension, or if it doubts the line. That is cheaper than carrying what is needed through the
validation, which other processes may share, and it is the same whoever validated the line.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, groupby, repeat
from operator import attrgetter

from msgspec import UNSET

from masivo_stream.core.checks.amounts import all_millionths
from masivo_stream.core.checks.lean_records import (
    LeanBalance,
    LeanCustomer,
    LeanEvents,
    LeanTransaction,
    LeanTransactions,
    read_exactly,
    read_id,
)
from masivo_stream.core.checks.look_at_lines import Dated, LineChecks
from masivo_stream.core.checks.note_format import (
    NEVER,
    READ_AGAIN,
    REWARD_SHIFT,
    WORDS,
    Hashed,
    SharedHash,
    Tag,
    event_value,
    hour_number,
    pack_note,
    place_of,
    where,
    with_hour,
)
from masivo_stream.core.checks.quick_look import Looked
from masivo_stream.core.checks.totals import PackedTotals, TotalsOfFile
from masivo_stream.core.reading.marks import possible_ids
from masivo_stream.core.reading.purchases import Signer
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import EntryRun, LineResults
from masivo_stream.model.findings import FileTotals
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Blank, Entry, Rejected, Skipped
from masivo_stream.model.schemas import Timestamp

_OF_BALANCE = Tag.CUSTOMER.value, Tag.MORE_BALANCE.value
_OF_TRANSACTIONS = Tag.TRANSACTIONS.value, Tag.MORE_TRANSACTIONS.value
_BARE, _EMAIL, _EVENTS, _PURCHASE = Tag.CUSTOMER_BARE.value, Tag.EMAIL.value, Tag.EVENTS.value, Tag.PURCHASE.value
"""The tags of most notes, as numbers: Python 3.11 looks members of an enumeration up slowly."""

_MOST = 1 << 62
"""Values beyond this do not fit a note, and the line is read again."""

DUPLICATES = frozenset({Reason.DUPLICATE_ID, Reason.DUPLICATE_EMAIL})
"""Reasons of dead letters that are right by themselves."""

_BUFFERED_NOTES = 80_000
"""Notes that wait in memory, over all parts: about 4 MB."""

Sink = Callable[[int, "array[int]"], None]
"""Takes the notes of a part; it does not keep the array."""


_Counted = Entry | EntryRun | Rejected | Skipped
"""Results of lines that are not blank."""


class NoteTaker:
    """Feed it the results of all lines of all exports, kind by kind in their order, then flush it.

    Notes of one part come to the sink in reading order.
    """

    def __init__(
        self,
        parts: int,
        sink: Sink,
        files: Mapping[tuple[Kind, str], int],
        lines: LineChecks,
        hashed: Hashed | None = None,
    ) -> None:
        """Divide the notes into `parts`. `files` numbers the inputs in reading order, by kind and name.

        `lines` decodes each line, and looks at it by itself. `hashed` is a `SharedHash` if other machines take notes of
        the same exports: the hashes of one process mean nothing to another one. The extension knows no further ones.
        """
        self._parts, self._sink, self._files, self._lines = parts, sink, files, lines
        self._hash = lines.salted_hash if hashed is None else hashed
        self._shared = hashed if isinstance(hashed, SharedHash) else None
        self._looks = hashed is None or self._shared is not None
        self._buffers: list[array[int]] = [array("q") for _ in range(parts)]
        self._between: array[int] | None = None
        """The notes taken in Python, in reading order, while those of other lines wait."""
        self._room = max(64, _BUFFERED_NOTES // parts) * WORDS
        self._rewards: dict[str, int] = {}
        self._by_spelling: dict[str, tuple[str, int]] = {}
        self._signer = Signer()
        self._totals = {key: TotalsOfFile(*key) for key in files}

    def take(self, kind: Kind, found: Iterable[LineResults]) -> None:
        """Take notes of lines of a kind."""
        not_blank = (each for each in found if not isinstance(each, Blank))
        for file, of_file in groupby(not_blank, attrgetter("file")):
            results: list[_Counted] = list(of_file)
            runs = [each for each in results if isinstance(each, EntryRun)]
            looked = self._look(kind, file, runs) if runs and self._looks else None
            if looked is None:
                for each in results:
                    self._take_one(kind, each)
                for part, notes in enumerate(self._buffers):
                    self._give(part, notes)
            else:
                self._take_looked(kind, results, looked)

    def flush(self) -> None:
        """Give the rest of the notes to the sink."""
        for part, notes in enumerate(self._buffers):
            if notes:
                self._sink(part, notes)
                del notes[:]

    def add_totals(self, file: tuple[Kind, str], packed: PackedTotals, dates: Sequence[Timestamp]) -> None:
        """Add the totals of a part of a file, of which another machine has taken the notes, in reading order."""
        self._totals[file].add(packed, dates)

    def packed_totals(self) -> list[PackedTotals]:
        """Return the totals of each file, for another machine to add."""
        return [each.pack() for each in self._totals.values()]

    def totals(self) -> tuple[FileTotals, ...]:
        """Return the control totals of each file, in reading order."""
        return tuple(each.totals() for each in self._totals.values())

    def _take_one(self, kind: Kind, found: _Counted) -> None:
        """Take notes of lines in Python."""
        match found:
            case EntryRun():
                self._of_lines(kind, found, range(len(found)))
            case Entry():
                totals = self._totals[kind, found.file]
                totals.records += 1
                totals.items += found.items
                place = where(self._files[kind, found.file], found.line), found.offset, found.length
                self._of_line(kind, found.body, found.customer, place, totals, found.indexes)
            case Rejected():
                self._of_rejected(kind, found)
            case Skipped() if kind is Kind.CUSTOMERS and found.customer is not None:
                place = where(self._files[kind, found.file], found.line), found.offset, 0
                self._note(self._hash(found.customer), Tag.DELETED, 0, place)

    def _look(self, kind: Kind, file: str, runs: Sequence[EntryRun]) -> Looked | None:
        """Let the extension look at runs of lines of a file; None without it."""
        source = self._files[kind, file]
        return self._lines.look(kind, runs, [where(source, run.line) for run in runs], self._shared)

    def _take_looked(self, kind: Kind, results: Sequence[_Counted], looked: Looked) -> None:
        """Take notes of all lines: the extension has those of most of them."""
        file = results[0].file
        totals = self._totals[kind, file]
        totals.records += looked.records
        totals.items += looked.items
        totals.value += looked.value
        totals.discounted += looked.discounted
        if kind is Kind.EVENTS:
            totals.orders += looked.items
        for spelling, _, earned, spent in looked.rewards:
            totals.amount(spelling.lower(), earned)
            totals.amount(spelling.lower(), spent)
        between = self._between = array("q")
        numbers = self._take_doubted(kind, results, looked)
        self._between = None
        for part, notes in enumerate(looked.divide(between, numbers, self._parts)):
            if notes:
                buffer = self._buffers[part]
                buffer.frombytes(notes)
                self._give(part, buffer)

    def _take_doubted(self, kind: Kind, results: Sequence[_Counted], looked: Looked) -> list[int]:
        """Take notes in Python where the extension takes none; return the numbers of its rewards.

        Rewards are numbered, and dates seen, in reading order: of two equal dates in different zones the first counts.
        """
        rewards, numbers = looked.rewards, list[int]()
        totals = self._totals[kind, results[0].file]
        (first, first_line), (last, last_line) = looked.first, looked.last
        dated = {first_line, last_line} if looked.records and not totals.spans(first, last) else set[int]()
        unknown = self._lines.count_learnt(kind, looked)
        known = sorted(dated.union(looked.doubted, unknown))
        begin = 0
        for found in results:
            if not isinstance(found, EntryRun):
                self._number_until(begin, rewards, numbers)
                self._take_one(kind, found)
                continue
            end = begin + len(found)
            for index in known[bisect_left(known, begin) : bisect_left(known, end)]:
                self._number_until(index, rewards, numbers)
                at = index - begin
                if index in unknown:
                    place = where(self._files[kind, found.file], found.line + at), found.offsets[at]
                    self._lines.unknown.add(kind, unknown[index], place_of(*place, len(found.bodies[at])))
                if index in dated:
                    totals.span(*self._lines.dates(kind, found.bodies[at]))
                elif index not in unknown:
                    self._of_lines(kind, found, range(at, at + 1))
            begin = end
        self._number_until(begin, rewards, numbers)
        return numbers

    def _number_until(self, line: int, rewards: Sequence[tuple[str, int, int, int]], numbers: list[int]) -> None:
        """Number the rewards that come before a line, by its index, and have no number yet."""
        while len(numbers) < len(rewards) and rewards[len(numbers)][1] < line:
            numbers.append(self._number(rewards[len(numbers)][0])[1])

    def _of_lines(self, kind: Kind, run: EntryRun, lines: range) -> None:
        """Take notes of some lines of a run, one by one."""
        totals = self._totals[kind, run.file]
        totals.records += len(lines)
        totals.items += sum(run.items[lines.start : lines.stop])
        first = where(self._files[kind, run.file], run.line)
        for index in lines:
            body = run.bodies[index]
            self._of_line(kind, body, run.customers[index], (first + index, run.offsets[index], len(body)), totals)

    def _of_line(
        self,
        kind: Kind,
        body: bytes,
        customer: str,
        place: tuple[int, int, int],
        totals: TotalsOfFile,
        indexes: tuple[int, ...] | None = None,
    ) -> None:
        """Take notes of a valid record, and add it to the totals of its file."""
        read = self._lines.read(kind, body, place)
        if read is None:
            tags = {Kind.CUSTOMERS: Tag.CUSTOMER, Kind.EVENTS: Tag.EVENTS, Kind.TRANSACTIONS: Tag.TRANSACTIONS}
            hour = -NEVER if kind is Kind.CUSTOMERS else NEVER
            self._note(self._hash(customer), tags[kind] | READ_AGAIN, 0, with_hour(place, hour))
        else:
            self._of_valid(read, body, place, totals, indexes)

    def _of_valid(
        self,
        read: Dated,
        body: bytes,
        place: tuple[int, int, int],
        totals: TotalsOfFile,
        indexes: tuple[int, ...] | None = None,
    ) -> None:
        """Note what a record says."""
        record, first, last = read
        key, place = self._hash(record.id), with_hour(place, hour_number(first))
        totals.span(first, last)
        if isinstance(record, LeanTransactions):
            self._of_amounts(key, _OF_TRANSACTIONS, record.transactions, place, totals, body)
        elif isinstance(record, LeanCustomer):
            if record.balance is UNSET:
                self._note(key, _BARE, 0, place)
            else:
                self._of_amounts(key, _OF_BALANCE, record.balance, place, totals, body)
            self._of_email(record.email, place)
        else:
            self._of_events(key, record, place, indexes)
            self._add_orders(record, body, totals)

    def _of_amounts(
        self,
        key: int,
        tags: tuple[int, int],
        amounts: Sequence[LeanBalance | LeanTransaction],
        place: tuple[int, int, int],
        totals: TotalsOfFile,
        body: bytes,
    ) -> None:
        """Note the sum of each reward: the first with the tag of the line, further ones with another tag."""
        numbers = all_millionths([each.amount for each in amounts], body)
        if numbers is None:
            if (exactly := read_exactly(body)) is not None:
                totals.read_again(exactly)
            self._note(key, tags[0] | READ_AGAIN, 0, place)
            return
        known, add_to_totals = self._by_spelling.get, totals.amount
        sums: dict[int, int] = {}
        for each, number in zip(amounts, numbers, strict=True):
            reward, place_of_reward = known(each.reward_id) or self._number(each.reward_id)
            sums[place_of_reward] = sums.get(place_of_reward, 0) + number
            add_to_totals(reward, number)
        if max(map(abs, sums.values()), default=0) >= _MOST:
            self._note(key, tags[0] | READ_AGAIN, 0, place)
            return
        tag = tags[0]
        for reward_number, value in sums.items() or ((0, 0),):
            self._note(key, tag | reward_number << REWARD_SHIFT, value, place)
            tag = tags[1]

    def _of_email(self, email: str, place: tuple[int, int, int]) -> None:
        self._note(self._hash(email.lower()), _EMAIL, self._hash(email), place)

    def _of_events(
        self, key: int, record: LeanEvents, place: tuple[int, int, int], indexes: tuple[int, ...] | None
    ) -> None:
        self._note(key, _EVENTS, 0, place)
        self._signer.sign(record.events)  # type: ignore[arg-type]  # a lean event has the fields that it looks at
        signs = self._signer.take()
        keys = map(self._hash, zip(repeat(record.id), signs.purchases, strict=False))
        buffers, parts, between = self._buffers, self._parts, self._between
        for index, event, content in zip(indexes or count(), keys, signs.contents, strict=False):  # most of all notes
            notes = buffers[event % parts] if between is None else between
            notes.frombytes(pack_note(event, _PURCHASE, event_value(index, content), *place))

    def _add_orders(self, record: LeanEvents, body: bytes, totals: TotalsOfFile) -> None:
        totals.orders += len(record.events)
        values = [event.order.value for event in record.events]
        reduced = [event.order.discounted_value for event in record.events]
        # Values are compared with nothing, so the digits that a double does not hold are not worth a look at all lines.
        numbers = all_millionths([*values, *(0.0 if each is UNSET else each for each in reduced)], b"")
        if numbers is not None:
            totals.value += sum(numbers[: len(values)])
            totals.discounted += sum(numbers[len(values) :])
        elif (exactly := read_exactly(body)) is not None:
            totals.read_again(exactly)

    def _of_rejected(self, kind: Kind, rejected: Rejected) -> None:
        """Note a dead letter. A duplicate is noted as the valid record that it is: the decoder remembers some only."""
        place = where(self._files[kind, rejected.file], rejected.line), rejected.offset, rejected.length
        if rejected.reason in DUPLICATES:
            totals = self._count(kind, rejected)
            self._of_line(kind, rejected.raw, rejected.customer or read_id(rejected.raw), place, totals)
            return
        if rejected.reason is Reason.REFUSED and all(fault.reason in DUPLICATES for fault in rejected.listed):
            self._add_refused(kind, rejected, place)
        if kind is Kind.EVENTS:
            return
        if kind is Kind.TRANSACTIONS:
            in_run = rejected.reason is Reason.REFUSED  # by the API, or here: its record can come once more
            for customer in (rejected.customer,) if rejected.customer else possible_ids(rejected.raw):
                self._note(self._hash(customer), Tag.TRANSACTIONS_DEAD, int(in_run), place)
        elif rejected.customer:  # what belongs to a customer whose id is not certain is of an unknown customer
            self._note(self._hash(rejected.customer), Tag.DEAD, 0, place)

    def _count(self, kind: Kind, rejected: Rejected) -> TotalsOfFile:
        """Count a dead letter that is right by itself; return the totals of its file."""
        totals = self._totals[kind, rejected.file]
        totals.records += 1
        totals.items += rejected.item_count
        return totals

    def _add_refused(self, kind: Kind, rejected: Rejected, place: tuple[int, int, int]) -> None:
        """Add what a dead letter of the run brings to the totals: the API refused it, or it was held back."""
        totals = self._count(kind, rejected)
        read = self._lines.read(kind, rejected.raw, place)
        if read is None:
            return
        record, first, last = read
        totals.span(first, last)
        if isinstance(record, LeanEvents):
            self._add_orders(record, rejected.raw, totals)
        elif isinstance(record, LeanTransactions):
            self._add_amounts(record.transactions, rejected.raw, totals)
        elif record.balance is not UNSET:
            self._add_amounts(record.balance, rejected.raw, totals)

    def _add_amounts(self, amounts: Sequence[LeanBalance | LeanTransaction], body: bytes, totals: TotalsOfFile) -> None:
        numbers = all_millionths([each.amount for each in amounts], body)
        if numbers is not None:
            for each, number in zip(amounts, numbers, strict=True):
                totals.amount(each.reward_id.lower(), number)
        elif (exactly := read_exactly(body)) is not None:
            totals.read_again(exactly)

    def _note(self, key: int, tag: int, value: int, place: tuple[int, int, int]) -> None:
        notes = self._buffers[key % self._parts] if self._between is None else self._between
        notes.frombytes(pack_note(key, tag, value, *place))

    def _give(self, part: int, notes: "array[int]") -> None:
        """Give the notes of a part to the sink, if they are many."""
        if len(notes) >= self._room:
            self._sink(part, notes)
            del notes[:]

    def _number(self, spelling: str) -> tuple[str, int]:
        """Return a reward's id in lower case and its number: a hash of it if other machines take notes, too."""
        if known := self._by_spelling.get(spelling):
            return known
        reward = spelling.lower()
        number = len(self._rewards) + 1 if self._shared is None else self._shared.number(reward)
        found = reward, self._rewards.setdefault(reward, number)
        self._by_spelling[spelling] = found
        return found
