"""Look at most lines without decoding them: the extension in C of `core.reading.prover` calls them *unremarkable*.

Law: in a line that it calls unremarkable, `Plausibility` and `UnknownFields` find nothing, and `NoteTaker` takes of it
the notes, and adds to the totals, what is in the columns here. A line that it doubts is looked at in Python, so what is
found is the same with the extension and without.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from masivo_stream.core.checks.known_fields import SCHEMAS
from masivo_stream.core.checks.plausible import EARLIEST, FIRST_BIRTH_YEAR, NOTHING, PURCHASE, latest_allowed
from masivo_stream.core.reading import prover
from masivo_stream.core.reading.prover import (
    ROLES,
    SIGNING,
    LookedFor,
    Node,
    Role,
    Roles,
    is_built,
    make_tree,
    stretches,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import Moment, moment_of, read_moment
from masivo_stream.model.schemas import Timestamp

_LOOKED_AT: dict[Kind, Roles] = {
    Kind.CUSTOMERS: {
        "name": Role.NAME,
        "registration_date": Role.REGISTERED,
        "dob": Role.BIRTH,
        "balance": Role.BALANCES,
        "balance[]": Role.BALANCE,
        "balance[].reward_id": Role.REWARD,
        "balance[].amount": Role.AMOUNT,
        "balance[].issued_at": Role.BALANCE_ISSUED,
        "balance[].expiration_date": Role.EXPIRES,
    },
    Kind.EVENTS: {
        **SIGNING,
        "events[].resolved_at": Role.RESOLVED,
        "events[].order.products[]": Role.PRODUCT,
        "events[].order.products[].amount": Role.UNITS,
        "events[].order.products[].value": Role.UNIT_VALUE,
        "events[].order.products[].discounted_value": Role.UNIT_PAID,
        "events[].order.shipping": Role.SHIPPING,
        "events[].order.shipping.value": Role.SHIPPING_VALUE,
        "events[].order.shipping.discounted_value": Role.SHIPPING_PAID,
    },
    Kind.TRANSACTIONS: {
        "transactions[]": Role.TRANSACTION,
        "transactions[].reward_id": Role.REWARD,
        "transactions[].amount": Role.AMOUNT,
        "transactions[].issued_at": Role.ISSUED,
        "transactions[].resolved_at": Role.RESOLVED,
    },
}

_NEVER: Moment = (1 << 63) - 1
_FIRST_BIRTH = read_moment(f"{FIRST_BIRTH_YEAR}-01-02T00:00:00Z") or 0
"""From this moment on, the year is late enough in every time zone."""


class Looked(NamedTuple):
    """What was noted of lines. Of the columns by line, those that are doubted have no part."""

    doubted: list[int]
    """The indexes of lines that are doubted."""
    hours: list[int]
    """The hour of the earliest date on each line (`note_format.hour_number`)."""
    firsts: list[int]
    lasts: list[int]
    """The moments of the earliest and of the latest date of each line's items, or of its registration."""
    latest: list[int]
    """The moment of the latest date of each line that may be in the future."""
    emails: list[str]
    """Of customers."""
    purchases: list[str]
    contents: list[int]
    """The signs of all events (`core.reading.purchases`)."""
    sum_counts: list[int]
    """The number of rewards on each line, in the order in which they come; -1 if a customer has no balance."""
    sum_rewards: list[int]
    sums: list[int]
    """Of each reward on each line: its index in `rewards`, and the sum of its amounts in millionths."""
    rewards: list[tuple[str, int, int, int]]
    """Id, whether a line has it that is not doubted, and what is earned and spent of it in all, in millionths."""
    orders: list[int]
    """The sum of the values of all orders, and that of their discounted values, in millionths."""

    def parts(self, items: Sequence[int]) -> "Iterator[tuple[range, LookedPart, range]]":
        """Yield lines that are not doubted, what was noted of them, and the doubted ones behind them, in turns.

        `items` is the number of items of each line. The ranges are of indexes of lines; either may be empty.
        """
        record = event = reward = 0
        for plain, doubted in stretches(self.doubted, len(items)):
            records = slice(record, record + len(plain))
            counts = self.sum_counts[records]
            events = slice(event, event + sum(items[plain.start : plain.stop]) if self.purchases else 0)
            sums = slice(reward, reward + sum(count for count in counts if count > 0))
            yield (
                plain,
                LookedPart(
                    self.hours[records],
                    self.firsts[records],
                    self.lasts[records],
                    self.emails[records],
                    self.purchases[events],
                    self.contents[events],
                    counts,
                    self.sum_rewards[sums],
                    self.sums[sums],
                ),
                doubted,
            )
            record, event, reward = records.stop, events.stop, sums.stop


class LookedPart(NamedTuple):
    """What was noted of lines that follow one another and are not doubted: columns as in `Looked`."""

    hours: list[int]
    firsts: list[int]
    lasts: list[int]
    emails: list[str]
    purchases: list[str]
    contents: list[int]
    sum_counts: list[int]
    sum_rewards: list[int]
    sums: list[int]


class QuickLook:
    """Looks at lines."""

    def __init__(self, now: Timestamp | None, *, watch: bool) -> None:
        """Doubt dates more than a day after `now`, and unknown fields if `watch`. `now` is None if no date is late."""
        latest = _NEVER if now is None else moment_of(latest_allowed(now))
        self._watch, self._looked_for = watch, _look_for(latest)
        self._provers: dict[Kind, prover.Prover] = {}

    def look(self, kind: Kind, bodies: Sequence[bytes]) -> Looked:
        """Look at valid lines of a kind."""
        found = self._provers.get(kind)
        if found is None:
            found = self._provers[kind] = self.make(kind)
        return Looked(*found.look(bodies))

    def make(self, kind: Kind, *, plain: bool = False) -> "prover.Prover":
        """Make a prover that looks at lines of a kind; `plain` as in `core.reading.prover.make_prover`."""
        return prover.Prover(describe_look(kind), reject_unknown=self._watch, look=self._looked_for, plain=plain)


def make_quick_look(now: Timestamp | None, *, watch: bool, pure_python: bool) -> QuickLook | None:
    """Return what looks at lines; None if there is no extension, or `pure_python` does without."""
    return QuickLook(now, watch=watch) if is_built() and not pure_python else None


@cache
def describe_look(kind: Kind) -> Node:
    """Describe to the extension what to look at on lines of a kind."""
    return make_tree(SCHEMAS[kind], ROLES[kind] | _LOOKED_AT[kind])


def _look_for(latest: int) -> LookedFor:
    nothing = tuple(sorted(word.encode() for word in NOTHING if word))
    return moment_of(EARLIEST), latest, _FIRST_BIRTH, PURCHASE.encode(), nothing
