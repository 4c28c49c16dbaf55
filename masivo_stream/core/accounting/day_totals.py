"""Totals by day and reward of the transactions that a run has sent, in flat memory, and how a day is compared.

A day is a number: days since 1970-01-01 in a time zone. Each day has a rank that follows from a seed, so that the days
of the lowest ranks are a sample in which each day is as likely as any other. If there are more totals than fit into
memory, the half of the days with the highest ranks is dropped, and so is every later day of such a rank.

Amounts are read as doubles on both sides, because the server may hold doubles; the sums of these are exact.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from hashlib import blake2b

import msgspec
from msgspec import Struct

from masivo_stream.core.checks.amounts import add, in_units, millionths, plain
from masivo_stream.model.contract import MOST_TRANSACTIONS_LISTED
from masivo_stream.model.day_totals import DayState, DaySums
from masivo_stream.model.moments import DAY, Moment, read_moment

MOST_TOTALS = 50_000
"""Totals that are kept: about 15 MB."""


class DatedTransaction(Struct, gc=False):
    """The fields of a transaction that count."""

    reward_id: str
    amount: float
    issued_at: str
    brand_id: str | None = None

    @property
    def moment(self) -> Moment:
        """When it was issued; digits below a microsecond are cut, as servers do. Rounded, the day might be the next."""
        found = read_moment(self.issued_at)
        if found is None:
            raise ValueError("a valid transaction has a date")
        return found


class _Record(Struct, gc=False):
    transactions: list[DatedTransaction]


decode_transactions: Callable[[bytes], _Record] = msgspec.json.Decoder(_Record).decode
"""Return the dated transactions of a valid record."""


class RunningSums(Struct, gc=False):
    """Count and sums, in millionths if a double determines them."""

    count: int = 0
    earned: int = 0
    spent: int = 0
    odd_earned: Decimal = Decimal(0)
    odd_spent: Decimal = Decimal(0)

    def add(self, amount: float) -> None:
        """Add one transaction."""
        self.count += 1
        number = millionths(amount)
        if number is None:
            odd = Decimal(repr(amount))
            if amount < 0:
                self.odd_spent = add(self.odd_spent, odd)
            else:
                self.odd_earned = add(self.odd_earned, odd)
        elif number < 0:
            self.spent += number
        else:
            self.earned += number

    def sums(self) -> DaySums:
        """Return them as exact decimals."""
        return DaySums(
            count=self.count,
            earned=plain(add(in_units(self.earned), self.odd_earned)),
            spent=plain(add(in_units(self.spent), self.odd_spent)),
        )


class DayFilter(Struct, frozen=True, kw_only=True):
    """Which transactions count."""

    zone: Moment = 0
    """What the days' zone is ahead of UTC, in microseconds."""
    reward: str = ""
    """Only this reward; empty for all."""
    brand: str = ""
    """Only this brand; empty for all."""

    def day_of(self, moment: Moment) -> int:
        """Return the day of a moment."""
        return (moment + self.zone) // DAY

    def begin(self, day: int) -> Moment:
        """Return when a day begins."""
        return day * DAY - self.zone

    def takes(self, reward: str, brand: str | None) -> bool:
        """Return whether a transaction of this reward and brand counts."""
        return (not self.reward or reward.lower() == self.reward.lower()) and (not self.brand or brand == self.brand)


class DayTotals:
    """Feed it with what was accepted and what is in doubt, then choose days."""

    def __init__(self, counted: DayFilter, seed: int, most: int = MOST_TOTALS) -> None:
        """Keep at most about `most` totals; `seed` decides which days are kept and chosen if not all can be."""
        self._filter, self._seed, self._most = counted, seed, most
        self.days: dict[int, int] = {}
        """All days, and how many accepted transactions each has."""
        self._ranks: dict[int, int] = {}
        self._highest: int | None = None
        """Days of this rank or above are not kept."""
        self._sent: dict[int, dict[str, RunningSums]] = {}
        self._in_doubt: dict[int, dict[str, RunningSums]] = {}
        self._kept = 0

    def add(self, transactions: Iterable[DatedTransaction]) -> None:
        """Count transactions that were accepted."""
        for each in transactions:
            if self._filter.takes(each.reward_id, each.brand_id):
                day = self._filter.day_of(each.moment)
                self.days[day] = self.days.get(day, 0) + 1
                self._count(self._sent, day, each)

    def add_in_doubt(self, transactions: Iterable[DatedTransaction]) -> None:
        """Count transactions that may or may not have arrived."""
        for each in transactions:
            if self._filter.takes(each.reward_id, each.brand_id):
                self._count(self._in_doubt, self._filter.day_of(each.moment), each)

    def sent(self, day: int) -> dict[str, DaySums]:
        """Return what was accepted on a day that is kept, by reward."""
        return {reward: each.sums() for reward, each in self._sent.get(day, {}).items()}

    def in_doubt(self, day: int) -> dict[str, DaySums]:
        """Return what may have arrived on a day that is kept, by reward."""
        return {reward: each.sums() for reward, each in self._in_doubt.get(day, {}).items()}

    def choose(self, most_requests: int | None) -> list[int]:
        """Return days, in their order: all that are kept, or those of the lowest ranks that need no more requests."""
        chosen, left = [], most_requests
        for day in sorted(self._sent, key=self._rank):
            needed = requests_of_day(self.days[day])
            if left is None:
                chosen.append(day)
            elif needed <= left:
                chosen.append(day)
                left -= needed
        return sorted(chosen)

    def _count(self, totals: dict[int, dict[str, RunningSums]], day: int, transaction: DatedTransaction) -> None:
        if self._highest is not None and self._rank(day) >= self._highest:
            return
        of_day = totals.setdefault(day, {})
        reward = transaction.reward_id.lower()
        sums = of_day.get(reward)
        if sums is None:
            sums = of_day[reward] = RunningSums()
            self._kept += 1
        sums.add(transaction.amount)
        if self._kept > self._most:
            self._drop()

    def _drop(self) -> None:
        """Keep the half of the days with the lowest ranks."""
        days = sorted({*self._sent, *self._in_doubt}, key=self._rank)
        if len(days) > 1:
            self._highest = self._rank(days[len(days) // 2])
            for day in days[len(days) // 2 :]:
                for totals in (self._sent, self._in_doubt):
                    totals.pop(day, None)
                self._ranks.pop(day, None)
        self._kept = sum(len(each) for totals in (self._sent, self._in_doubt) for each in totals.values())
        if len(days) == 1:  # nothing can be dropped: one day has that many rewards
            self._most = 2 * self._kept

    def _rank(self, day: int) -> int:
        known = self._ranks.get(day)
        if known is None:
            digest = blake2b(f"{self._seed} {day}".encode(), digest_size=8).digest()
            known = int.from_bytes(digest, "big")
            if self._highest is None or known < self._highest:
                self._ranks[day] = known
        return known


def requests_of_day(count: int) -> int:
    """Return how many requests list a day with `count` transactions: a full page may be followed by another one."""
    return count // MOST_TRANSACTIONS_LISTED + 1


class RewardListed(Struct, frozen=True, kw_only=True):
    """What the account lists of a reward on a day."""

    own: DaySums = DaySums()
    """Transactions created in the time in which the run sent its own."""
    others: DaySums = DaySums()
    """Transactions created outside of it."""


def compare_reward(
    sent: DaySums, listed: RewardListed, in_doubt: DaySums, *, settled: bool
) -> tuple[DayState, DaySums, DaySums]:
    """Return what shows of a reward on a day, what of the listed transactions is the run's, and what is not.

    1. If everything that is listed is what was sent, it is equal, whenever it was created.
    2. Otherwise only transactions count that were created while the run sent its own. If there are no such ones, all
       count, because no page says that the API keeps when a transaction was migrated.
    3. A surplus may be what is in doubt. What is less may still come if the queue is not `settled`. If as many are
       there as were sent, no transaction is missing, and no one came twice: then other sums are different. Only while
       the queue is not settled, some that are in doubt may be there instead of some that will come.
    """
    everything = together(listed.own, listed.others)
    if everything == sent:
        return DayState.EQUAL, everything, DaySums()
    own, others = listed.own, listed.others
    if own == sent:
        return DayState.EQUAL, own, others
    if not own.count:
        own, others = everything, DaySums()
    if own.count == sent.count:
        mixed = not settled and bool(in_doubt.count) and _is_within(own, together(sent, in_doubt))
        return DayState.NOT_YET if mixed else DayState.DIFFERENT, own, others
    if in_doubt.count and _is_within(sent, own) and _is_within(_less(own, sent), in_doubt):
        return DayState.IN_DOUBT, own, others
    if not settled and _is_within(own, sent):
        return DayState.NOT_YET, own, others
    return DayState.DIFFERENT, own, others


def compare_day(
    sent: Mapping[str, DaySums],
    listed: Mapping[str, RewardListed],
    in_doubt: Mapping[str, DaySums],
    *,
    settled: bool,
) -> dict[str, tuple[DayState, DaySums, DaySums]]:
    """Compare every reward that was sent or is listed, by id; see `compare_reward`.

    A reward that was not sent, and that only others have created, is not among them.
    """
    found = {}
    for reward in sorted({*sent, *listed}):
        of_account = listed.get(reward, RewardListed())
        doubtful = in_doubt.get(reward, DaySums())
        found[reward] = compare_reward(sent.get(reward, DaySums()), of_account, doubtful, settled=settled)
    return found


def worst(states: Iterable[DayState]) -> DayState:
    """Return what shows of a day with these states."""
    known = set(states)
    order = (DayState.UNREAD, DayState.DIFFERENT, DayState.NOT_YET, DayState.IN_DOUBT)
    return next((state for state in order if state in known), DayState.EQUAL)


def together(one: DaySums, other: DaySums) -> DaySums:
    """Return the sums of both."""
    return DaySums(
        count=one.count + other.count,
        earned=plain(add(one.earned, other.earned)),
        spent=plain(add(one.spent, other.spent)),
    )


def _less(one: DaySums, other: DaySums) -> DaySums:
    return together(one, DaySums(count=-other.count, earned=-other.earned, spent=-other.spent))


def _is_within(part: DaySums, whole: DaySums) -> bool:
    return part.count <= whole.count and part.earned <= whole.earned and part.spent >= whole.spent
