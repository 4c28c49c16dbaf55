"""Find what may be wrong in the notes of one part. What is found is a suspicion: `confirm` reads the lines again."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count

from msgspec import Struct

from masivo_stream.core.checks.choose_notes import ALL_NOTES, NoteChooser
from masivo_stream.core.checks.note_format import (
    HOURS_OFF,
    READ_AGAIN,
    REWARD_SHIFT,
    TAG_MASK,
    WORDS,
    Lines,
    Tag,
    event_of,
    hour_of,
    place_of,
)
from masivo_stream.model.findings import CheckName, LinePlace

_BARE, _EMAIL, _PURCHASE = Tag.CUSTOMER_BARE.value, Tag.EMAIL.value, Tag.PURCHASE.value
_HOURS_BEFORE, _SURE_HOURS = 24 - 2 * HOURS_OFF, 24 + 2 * HOURS_OFF
"""Two dates that are more than a day apart may, and these must, have numbers of hours that are more than this apart."""


class Suspicion(Struct, frozen=True, gc=False):
    """What may be wrong, and the lines to read again; `place` is the line concerned."""

    check: CheckName
    place: LinePlace
    others: tuple[LinePlace, ...] = ()
    sure: bool = True
    """Whether it is certain, except for equal hashes; not if an amount is not known exactly."""
    items: tuple[int, int] | None = None
    """Of two events, the index of each in its record: on the line concerned, then on the other one."""
    customer: LinePlace | None = None
    """Of two lines of transactions, the line of their customer, if there is one."""
    broken: LinePlace | None = None
    """Of two lines of transactions, the one that is a dead letter by itself, if one is."""


class Scope(Struct, frozen=True):
    """Which kinds the run reads: without customers no customer is unknown, without transactions no sum is missing."""

    customers: bool
    transactions: bool


class Notes:
    """The notes of one part, in columns."""

    def __init__(self, words: "array[int]") -> None:
        """Take the notes as they were written."""
        self.keys, self.tags, self.values, self.wheres, self._offsets, self._lengths = (
            words[column::WORDS] for column in range(WORDS)
        )

    def rows(self, chosen: Sequence[int] | None) -> Iterable[tuple[int, int, int, int]]:
        """Return index, hash, tag, and value of the chosen notes; None: of all notes."""
        columns = self.keys, self.tags, self.values
        if chosen is None:
            return zip(count(), *columns, strict=False)
        return zip(chosen, *([column[index] for index in chosen] for column in columns), strict=True)

    def repeated(self, tag: Tag) -> set[int]:
        """Return the hashes that more than one note of this tag has; the tag is not one with a reward."""
        keys = list(compress(self.keys, map(tag.value.__eq__, self.tags)))
        if len(set(keys)) == len(keys):
            return set()
        return {key for key, times in Counter(keys).items() if times > 1}

    def place(self, index: int) -> LinePlace:
        """Return the place of a note's line."""
        return place_of(self.wheres[index], self._offsets[index], self._lengths[index])

    def hour(self, index: int) -> int:
        """Return the hour of the earliest date on a note's line."""
        return hour_of(self._lengths[index])

    def same_line(self, one: int, other: int) -> bool:
        """Return whether two notes are of one line."""
        return self.wheres[one] == self.wheres[other]


class FirstOfEach:
    """Things seen before: by key, and by value among those of one key."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._first: dict[int, tuple[int, int]] = {}
        self._more: dict[int, dict[int, int]] = {}

    def note(self, key: int, value: int, index: int) -> tuple[int, bool] | None:
        """Note a thing; return the earlier one, equal if there is one, and whether it is equal."""
        first = self._first.setdefault(key, (value, index))
        if first[1] == index:
            return None
        more = self._more.setdefault(key, {first[0]: first[1]})
        equal = more.setdefault(value, index)
        return (first[1], False) if equal == index else (equal, True)


NO_LINES = Lines()


class _Part:
    """Looks at the notes of one part, in reading order: at the `chosen` ones, or at all of them."""

    def __init__(self, notes: Notes, scope: Scope, dead: Lines, chosen: Sequence[int] | None) -> None:
        self._notes, self._scope, self._email_dead, self._chosen = notes, scope, dead, chosen
        self._compares = scope.customers and scope.transactions
        self._ids: dict[int, int] = {}
        """The first valid record of each customer."""
        self._customers: dict[int, int] = {}
        """The same, of those who would be sent."""
        self._bare: set[int] = set()
        self._deleted: set[int] = set()
        self._dead: set[int] = set()
        self._lines: dict[int, int] = {}
        """The first line of transactions of each customer."""
        self._sums: dict[tuple[int, int], int] = {}
        """Balance minus transactions by customer and reward, if it is not 0."""
        self._unsure: set[int] = set()
        """Customers whose sums are not known exactly."""
        self._split: set[int] = set()
        """Customers with several lines of transactions. A line that is there twice counts once, which only shows when
        the lines are read again."""
        self._broken: dict[int, int] = {}
        """The first line of transactions that is a dead letter, of each customer with one."""
        self._dead_in_run: set[int] = set()
        """Customers with a line of transactions that a run has made a dead letter of."""
        self._purchases = FirstOfEach()
        self._found: list[Suspicion] = []

    def look(self) -> list[Suspicion]:
        """Return what may be wrong."""
        notes = self._notes
        # Not kept in this object: it would hold itself, and memory would wait for the garbage collector.
        handlers: dict[int, Callable[[int, int, int, int], None]] = {
            Tag.CUSTOMER: self._customer,
            Tag.CUSTOMER_BARE: self._customer,
            Tag.DELETED: self._note_deleted,
            Tag.DEAD: self._note_dead,
            Tag.MORE_BALANCE: self._more_balance,
            Tag.EVENTS: self._absent,
            Tag.TRANSACTIONS: self._transactions,
            Tag.MORE_TRANSACTIONS: self._more_transactions,
            Tag.TRANSACTIONS_DEAD: self._note_broken,
            Tag.PURCHASE: self._purchase,
        }
        # Most notes are of emails, which others look at (`find_repeated`), and of purchases that come once.
        again = notes.repeated(Tag.PURCHASE) if self._chosen is None else None  # those that are chosen come again
        for index, key, tag, value in notes.rows(self._chosen):
            if tag != _EMAIL and (again is None or tag != _PURCHASE or key in again):
                handlers[tag & TAG_MASK](key, tag, value, index)
        if self._scope.transactions:
            self._compare_sums()
            self._look_beside_broken()
        return self._found

    # Each tag has a function that takes a note: its hash, its tag, its value, and its index.

    def _customer(self, key: int, tag: int, value: int, index: int) -> None:
        first = self._ids.setdefault(key, index)
        if first != index:
            self._suspect(CheckName.DUPLICATE_ID, index, first)
            return
        if self._email_dead and self._notes.wheres[index] in self._email_dead:
            self._dead.add(key)
            return
        self._customers[key] = index
        if tag & TAG_MASK == _BARE:
            self._bare.add(key)
        self._add(key, tag, value)

    def _note_deleted(self, key: int, _tag: int, _value: int, _index: int) -> None:
        self._deleted.add(key)

    def _note_dead(self, key: int, _tag: int, _value: int, _index: int) -> None:
        self._dead.add(key)

    def _more_balance(self, key: int, tag: int, value: int, index: int) -> None:
        first = self._customers.get(key)
        if first is not None and self._notes.same_line(first, index):  # else it is of a duplicate
            self._add(key, tag, value)

    def _absent(self, key: int, _tag: int, _value: int, index: int) -> None:
        """Look for the customer of a line, and at what happened before the customer registered.

        Only a missing customer can be the reason for a missing hash.
        """
        if not self._scope.customers:
            return
        if (customer := self._customers.get(key)) is not None:
            hours = self._notes.hour(customer) - self._notes.hour(index)
            if hours > _HOURS_BEFORE:
                self._suspect(CheckName.BEFORE_REGISTRATION, index, customer, sure=hours > _SURE_HOURS)
        elif key in self._dead:
            self._suspect(CheckName.CUSTOMER_NOT_MIGRATED, index)
        else:
            self._suspect(CheckName.CUSTOMER_DELETED if key in self._deleted else CheckName.UNKNOWN_CUSTOMER, index)

    def _transactions(self, key: int, tag: int, value: int, index: int) -> None:
        first = self._lines.setdefault(key, index)
        if first != index:
            self._suspect(CheckName.SPLIT_TRANSACTIONS, index, first, customer=self._customers.get(key))
            self._split.add(key)
        self._absent(key, tag, value, index)
        self._add(key, tag, -value)

    def _more_transactions(self, key: int, tag: int, value: int, _index: int) -> None:
        self._add(key, tag, -value)

    def _note_broken(self, key: int, _tag: int, in_run: int, index: int) -> None:
        if in_run:
            self._dead_in_run.add(key)
        else:
            self._broken.setdefault(key, index)

    def _purchase(self, key: int, _tag: int, value: int, index: int) -> None:
        item, content = event_of(value)
        seen = self._purchases.note(key, content, index)
        if seen is not None:
            check = CheckName.DUPLICATE_EVENT if seen[1] else CheckName.DUPLICATE_PURCHASE
            self._suspect(check, index, seen[0], items=(item, event_of(self._notes.values[seen[0]])[0]))

    def _add(self, key: int, tag: int, value: int) -> None:
        """Add to balance minus transactions of a customer and a reward, if the run reads both."""
        if not self._compares:
            return
        if tag & READ_AGAIN:
            self._unsure.add(key)
        elif value:
            of_reward = key, tag >> REWARD_SHIFT
            total = self._sums.get(of_reward, 0) + value
            if total:
                self._sums[of_reward] = total
            else:
                self._sums.pop(of_reward, None)

    def _compare_sums(self) -> None:
        """Suspect the customers whose sums may not agree, with all their lines."""
        differ = {key for key, _ in self._sums}
        keys = {key for key in differ | self._unsure | self._split if key in self._customers}
        keys -= self._broken.keys()
        lines: dict[int, list[int]] = {key: [] for key in keys if key in self._lines}
        for index, key, tag, _ in self._notes.rows(self._chosen):
            if key in lines and tag & TAG_MASK == Tag.TRANSACTIONS:
                lines[key].append(index)
        for key in keys:
            customer, of_customer = self._customers[key], lines.get(key)
            if of_customer is None and key in self._dead_in_run:
                continue
            if of_customer is None:
                self._suspect(CheckName.NO_TRANSACTIONS, customer, sure=key not in self._unsure)
            else:
                check = CheckName.NO_BALANCE if key in self._bare else CheckName.BALANCE_MISMATCH
                first, *more = of_customer
                self._suspect(check, first, customer, *more, sure=key in differ and key not in self._unsure)

    def _look_beside_broken(self) -> None:
        """Suspect the first good line of each customer whose other line is a dead letter.

        If it is sent, the other one can never follow, and what it lacks makes the API refuse it.
        """
        differ = {key for key, _ in self._sums}
        place = self._notes.place
        for key, broken in self._broken.items():
            if (good := self._lines.get(key)) is not None:
                customer = self._customers.get(key)
                lines = sorted((place(good), place(broken)))
                self._found.append(
                    Suspicion(
                        CheckName.SPLIT_TRANSACTIONS,
                        lines[1],
                        (lines[0],),
                        sure=key in differ or customer is None,
                        customer=None if customer is None else place(customer),
                        broken=place(broken),
                    )
                )

    def _suspect(
        self,
        check: CheckName,
        index: int,
        *others: int,
        sure: bool = True,
        items: tuple[int, int] | None = None,
        customer: int | None = None,
    ) -> None:
        place = self._notes.place
        of_customer = None if customer is None else place(customer)
        self._found.append(Suspicion(check, place(index), tuple(map(place, others)), sure, items, of_customer))


def find(
    words: "array[int]",
    scope: Scope,
    skipped: Iterable[CheckName] = (),
    dead: Lines = NO_LINES,
    chooser: NoteChooser = ALL_NOTES,
) -> list[Suspicion]:
    """Return what may be wrong in the notes of one part, except what is `skipped`, and what is wrong with emails.

    `dead` are records of customers whose email came before: source and line of each in one number (`find_repeated`).
    """
    left_out, chosen = frozenset(skipped), None
    if chooser.chooses:
        chosen = chooser.remarkable(words, dead, customers=scope.customers, transactions=scope.transactions)
        if not chosen:
            return []
    return [found for found in _Part(Notes(words), scope, dead, chosen).look() if found.check not in left_out]
