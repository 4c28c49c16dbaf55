"""Control totals of one file: what a person compares with the system that exported it.

They are of every record that is right by itself, whatever findings say about it: which of them can be sent is known
only when all files have been read, and no memory holds what each of them brings.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import UNSET, Struct

from masivo_stream.core.checks.amounts import add, in_units, plain
from masivo_stream.core.checks.lean_records import ExactRecord
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import FileTotals, RewardTotals
from masivo_stream.model.moments import Moment, moment_of
from masivo_stream.model.schemas import Timestamp

EARNED, SPENT = 0, 1


class PackedTotals(Struct, frozen=True, array_like=True):
    """The totals of a part of a file, as another process can add them to those of other parts.

    Integers are written as text: they may have more than 64 bits. Dates are in the form of RFC 3339, with their zone.
    """

    records: int
    items: int
    orders: int
    value: str
    discounted: str
    rewards: dict[str, tuple[str, str]]
    first: str
    last: str
    odd: dict[str, tuple[Decimal, Decimal]]
    odd_value: Decimal
    odd_discounted: Decimal


_ZONES = 2
"""Days that the dates of one moment in two time zones may be apart, at most."""


class TotalsOfFile:
    """Add what records bring, then take the totals. Amounts are millionths, or decimals if a line is read again."""

    def __init__(self, kind: Kind, file: str) -> None:
        """Start at nothing."""
        self.kind, self.file = kind, file
        self.records = self.items = self.orders = 0
        self.value = self.discounted = 0
        self.rewards: dict[str, list[int]] = {}
        """Earned and spent in millionths, by reward."""
        self._first: Timestamp | None = None
        self._last: Timestamp | None = None
        self._first_day = self._last_day = 0
        """The days of these two, each in its own time zone."""
        self._moments: tuple[Moment, Moment] | None = None
        """The moments of these two."""
        self._odd: dict[str, list[Decimal]] = {}
        """The same for lines that were read again."""
        self._odd_value = self._odd_discounted = Decimal(0)

    def span(self, first: Timestamp, last: Timestamp) -> None:
        """Take the earliest and the latest date of a record."""
        # Days are compared faster than moments in different time zones.
        if self._first is None or (first.toordinal() <= self._first_day + _ZONES and first < self._first):
            self._first, self._first_day, self._moments = first, first.toordinal(), None
        if self._last is None or (last.toordinal() >= self._last_day - _ZONES and last > self._last):
            self._last, self._last_day, self._moments = last, last.toordinal(), None

    def spans(self, first: Moment, last: Moment) -> bool:
        """Return whether dates from `first` to `last` make no difference."""
        if self._moments is None:
            if self._first is None or self._last is None:
                return False
            self._moments = moment_of(self._first), moment_of(self._last)
        return self._moments[0] <= first and last <= self._moments[1]

    def amount(self, reward: str, number: int) -> None:
        """Take an amount in millionths."""
        sums = self.rewards.get(reward)
        if sums is None:
            sums = self.rewards[reward] = [0, 0]
        sums[number < 0] += number

    def read_again(self, record: ExactRecord) -> None:
        """Take all amounts of a record of which at least one is not known in millionths."""
        amounts = (*(record.balance or ()), *(record.transactions or ()))
        for each in amounts:
            sums = self._odd.setdefault(each.reward_id.lower(), [Decimal(0), Decimal(0)])
            amount = each.amount
            side = amount < 0
            sums[side] = add(sums[side], amount)
        for event in record.events or ():
            self._odd_value = add(self._odd_value, event.order.value)
            if event.order.discounted_value is not UNSET:
                self._odd_discounted = add(self._odd_discounted, event.order.discounted_value)

    def pack(self) -> PackedTotals:
        """Return all that `add` needs in another process."""
        return PackedTotals(
            self.records,
            self.items,
            self.orders,
            str(self.value),
            str(self.discounted),
            {reward: (str(earned), str(spent)) for reward, (earned, spent) in sorted(self.rewards.items())},
            "" if self._first is None else self._first.isoformat(),
            "" if self._last is None else self._last.isoformat(),
            {reward: (earned, spent) for reward, (earned, spent) in sorted(self._odd.items())},
            self._odd_value,
            self._odd_discounted,
        )

    def add(self, packed: PackedTotals, dates: Sequence[Timestamp]) -> None:
        """Add the totals of the part of the file that follows; `dates` are its first and last date, if it has any."""
        self.records += packed.records
        self.items += packed.items
        self.orders += packed.orders
        self.value += int(packed.value)
        self.discounted += int(packed.discounted)
        for reward, amounts in packed.rewards.items():
            sums = self.rewards.setdefault(reward, [0, 0])
            for side in (EARNED, SPENT):
                sums[side] += int(amounts[side])
        if dates:
            self.span(*dates)
        for reward, exact in packed.odd.items():
            odd = self._odd.setdefault(reward, [Decimal(0), Decimal(0)])
            for side in (EARNED, SPENT):
                odd[side] = add(odd[side], exact[side])
        self._odd_value = add(self._odd_value, packed.odd_value)
        self._odd_discounted = add(self._odd_discounted, packed.odd_discounted)

    def totals(self) -> FileTotals:
        """Return the totals."""
        return FileTotals(
            kind=self.kind.value,
            file=self.file,
            records=self.records,
            items=self.items,
            orders=self.orders,
            value=_sum(self.value, self._odd_value),
            discounted_value=_sum(self.discounted, self._odd_discounted),
            rewards=tuple(self._of_reward(reward) for reward in sorted({*self.rewards, *self._odd})),
            first=self._first,
            last=self._last,
        )

    def _of_reward(self, reward: str) -> RewardTotals:
        numbers = self.rewards.get(reward, [0, 0])
        odd = self._odd.get(reward, [Decimal(0), Decimal(0)])
        earned, spent = (_sum(numbers[side], odd[side]) for side in (EARNED, SPENT))
        left = plain(add(earned, spent))
        if self.kind is Kind.CUSTOMERS:
            return RewardTotals(reward=reward, left=left)
        return RewardTotals(reward=reward, earned=earned, spent=spent, left=left)


def _sum(number: int, odd: Decimal) -> Decimal:
    return plain(add(in_units(number), odd))
