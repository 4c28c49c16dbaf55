"""Compare a sent record with what is read back of it. Pure: bytes in, values out.

Compared are the fields that should come back as they were sent, by the vendor's pages (customers/[id]/get,
customers/[id]/transactions/get, guides/migrate-customers):

* Customers: email, date of registration, and the wallet's total of each reward in the exported balance. Expired amounts
  may count or not. Metrics, and the tier in them, are compared only while they are the exported ones, by their
  `updated_at`: purchases make the system recalculate both, by the account's own rules. Rewards that the export does not
  name are not compared.
* Events: no page documents a way to read them back. The only trace is in the metrics: recalculated since, over at least
  as many purchases as were sent. Events without a purchase leave no trace.
* Transactions: each of them is there, and none of them twice.

The server may hold amounts as doubles, so amounts are equal within a millionth.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from masivo_stream.core.sending.path_ids import UNREADABLE_IDS
from masivo_stream.flow.readback.account_data import (
    BookedTransaction,
    CustomerHoldings,
    ExportedAmount,
    ReadMetrics,
    ReadPeriod,
    ReadWallet,
    WrittenDate,
    count_purchases,
    is_recalculated,
    is_same_moment,
    read_exported_customer,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import Moment, moment_of, read_moment
from masivo_stream.model.results import Entry
from masivo_stream.model.verification import Seen

_SAME_AMOUNT = Decimal("1e-6")


class Comparison(Struct, frozen=True, kw_only=True):
    """What reading back shows of one record, and which fields differ."""

    seen: Seen
    what: tuple[str, ...] = ()
    less: bool = False
    """Whether less shows than was sent, so that the rest may still be on its way."""
    unless: frozenset[str] = frozenset()
    """Oddities of the customer's id that may be the cause. The comparison counts only if ids with these oddities can be
    read back here."""


CONFIRMED = Comparison(seen=Seen.CONFIRMED)
UNREAD = Comparison(seen=Seen.UNREAD)
MISSING = Comparison(seen=Seen.MISSING, less=True)


def is_comparable(kind: Kind, entry: Entry) -> bool:
    """Return whether reading back can prove anything about an entry."""
    if entry.customer in UNREADABLE_IDS:
        return False
    return kind is not Kind.EVENTS or count_purchases(entry.body) > 0


def compare_customer(
    body: bytes, held: CustomerHoldings, *, now: datetime, gained: Mapping[str, Decimal]
) -> Comparison:
    """Compare a customer's record with the customer read back; `gained` since it was sent, by reward in lower case."""
    sent = read_exported_customer(body)
    there = held.customer
    differences = {
        "email": there.email is not None and _normalize(there.email) != _normalize(sent.email or ""),
        "registration_date": _moments_differ(sent.registration_date, there.registration_date),
        "metrics": _metrics_differ(sent.metrics, there.metrics),
        "wallet": _wallet_differs(sent.balance, held.wallet, moment_of(now), gained),
    }
    what = tuple(field for field, differs in differences.items() if differs)
    return Comparison(seen=Seen.DIFFERENT, what=what) if what else CONFIRMED


def compare_events(body: bytes, held: CustomerHoldings, *, since: datetime, now: datetime | None = None) -> Comparison:
    """Compare a record's purchases with its customer's metrics; the first batch of events was sent at `since`."""
    if not is_recalculated(held.updated_at, since=since, now=now):
        return MISSING
    metrics = held.customer.metrics or ReadMetrics()
    counted = metrics.lifetime.number_of_purchases if metrics.lifetime else None
    if counted is not None and counted < count_purchases(body):
        return Comparison(seen=Seen.DIFFERENT, what=("metrics",), less=True)
    return CONFIRMED


def compare_transactions(sent: Sequence[BookedTransaction], found: Iterable[BookedTransaction]) -> Comparison:
    """Compare transactions with those read back: all of them must be there, and none of them twice."""
    there: defaultdict[tuple[str, str, float], list[Moment | None]] = defaultdict(list)
    for booked in found:
        there[booked.key].append(booked.moment)
    matched = sum(_take_same(there[booked.key], booked.moment) for booked in sent)
    if not matched:
        return MISSING
    if matched < len(sent):
        return Comparison(seen=Seen.DIFFERENT, what=("transactions",), less=True)
    if any(_take_same(there[booked.key], booked.moment) for booked in sent):
        return Comparison(seen=Seen.DIFFERENT, what=("transactions twice",))
    return CONFIRMED


def gained_since(booked: Iterable[BookedTransaction], since: datetime) -> dict[str, Decimal]:
    """Return the sum of the amounts booked since a moment, by reward in lower case."""
    gained: dict[str, Decimal] = {}
    first = moment_of(since)
    for one in booked:
        if one.moment is not None and one.moment >= first:
            gained[one.reward_id.lower()] = gained.get(one.reward_id.lower(), Decimal()) + one.amount
    return gained


def _take_same(moments: list[Moment | None], wanted: Moment | None) -> bool:
    """Remove the first moment that is the wanted one; return whether there was one."""
    for moment in moments:
        if is_same_moment(moment, wanted):
            moments.remove(moment)
            return True
    return False


def _normalize(email: str) -> str:
    return email.strip().casefold()


def _moments_differ(sent: WrittenDate, there: WrittenDate) -> bool:
    one, other = read_moment(sent), read_moment(there)
    return one is not None and other is not None and not is_same_moment(one, other)


def _metrics_differ(sent: ReadMetrics | None, there: ReadMetrics | None) -> bool:
    if sent is None:
        return False
    if there is None:
        return True
    if read_moment(sent.updated_at) != read_moment(there.updated_at):  # recalculated since, by the account's own rules
        return False
    names = [name for name in ReadMetrics.__struct_fields__ if name != "updated_at"]
    return any(_period_differs(getattr(sent, name), getattr(there, name)) for name in names)


def _period_differs(sent: ReadPeriod | None, there: ReadPeriod | None) -> bool:
    if sent is None:
        return False
    if there is None:
        return True
    tiers = (sent.tier_id or "").lower() != (there.tier_id or "").lower() and sent.tier_id is not None
    return tiers or any(
        one is not None and (other is None or not _is_same_amount(one, other))
        for one, other in (
            (sent.spend_total, there.spend_total),
            (sent.number_of_purchases, there.number_of_purchases),
        )
    )


def _wallet_differs(
    balance: Iterable[ExportedAmount], wallet: ReadWallet | None, now: Moment, gained: Mapping[str, Decimal]
) -> bool:
    if wallet is None or wallet.totals is None:
        return False
    totals: dict[str, Decimal] = {}
    for total in wallet.totals:  # an account may show a reward in each spelling that it was given
        totals[total.reward_id.lower()] = totals.get(total.reward_id.lower(), Decimal()) + total.total
    everything: dict[str, Decimal] = {}
    unexpired: dict[str, Decimal] = {}
    for line in balance:
        reward = line.reward_id.lower()
        expires = read_moment(line.expiration_date)
        is_valid = expires is None or expires > now
        everything[reward] = everything.get(reward, Decimal()) + line.amount
        unexpired[reward] = unexpired.get(reward, Decimal()) + (line.amount if is_valid else 0)
    return not all(
        any(
            _is_same_amount(expected + gained.get(reward, Decimal()), totals.get(reward, Decimal()))
            for expected in (everything[reward], unexpired[reward])
        )
        for reward in everything
    )


def _is_same_amount(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _SAME_AMOUNT * max(Decimal(1), abs(one))
