"""Hold a record against what is read back of it. Pure: bytes in, values out.

Compared is what the vendor's pages let one expect to come back as it was sent (customers/[id]/get,
customers/[id]/transactions/get, guides/migrate-customers):

* A customer: email, date of registration, the wallet's total of each reward in the exported balance. Amounts that have
  expired by now may count or not. Metrics, and the tier in them, only while they are the exported ones, by their
  `updated_at`: purchases make the system recalculate both, by rules of the account's own. Rewards that the export does
  not name are the account's business.
* Events: no page tells how to read them back. Metrics that were recalculated since, over as many purchases as were
  sent at least, are what there is. Events without a purchase leave no trace.
* Transactions: each of them, and none of them twice.

The server may hold amounts as doubles: they are equal within a millionth.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from masivo_stream.core.sending.path_ids import UNREADABLE_IDS
from masivo_stream.flow.readback.account_data import (
    Amount,
    Booked,
    CustomerHoldings,
    ReadMetrics,
    ReadPeriod,
    ReadWallet,
    Told,
    exported_in,
    purchases_in,
    recalculated,
)
from masivo_stream.model.contract import Kind
from masivo_stream.model.moments import MILLISECOND, Moment, moment_of, read_moment
from masivo_stream.model.results import Entry
from masivo_stream.model.verification import Seen

_SAME_MOMENT = MILLISECOND
_SAME_AMOUNT = Decimal("1e-6")


class Comparison(Struct, frozen=True, kw_only=True):
    """What is seen of one record, and what differs; `less`: not all of it shows, more may be on its way."""

    seen: Seen
    what: tuple[str, ...] = ()
    less: bool = False
    unless: frozenset[str] = frozenset()
    """Oddities of the customer's id that may be why: it counts only if ids with these can be read back here."""


CONFIRMED = Comparison(seen=Seen.CONFIRMED)
UNREAD = Comparison(seen=Seen.UNREAD)
MISSING = Comparison(seen=Seen.MISSING, less=True)


def can_be_told(kind: Kind, entry: Entry) -> bool:
    """Tell whether reading back can say anything about an entry."""
    if entry.customer in UNREADABLE_IDS:
        return False
    return kind is not Kind.EVENTS or purchases_in(entry.body) > 0


def compare_customer(
    body: bytes, held: CustomerHoldings, *, now: datetime, gained: Mapping[str, Decimal]
) -> Comparison:
    """Hold a customer's record against what is read back; `gained` by reward since it was sent."""
    sent = exported_in(body)
    there = held.customer
    differs = {
        "email": there.email is not None and _plain(there.email) != _plain(sent.email or ""),
        "registration_date": _other_moment(sent.registration_date, there.registration_date),
        "metrics": _metrics_differ(sent.metrics, there.metrics),
        "wallet": _wallet_differs(sent.balance, held.wallet, moment_of(now), gained),
    }
    what = tuple(name for name, is_so in differs.items() if is_so)
    return Comparison(seen=Seen.DIFFERENT, what=what) if what else CONFIRMED


def compare_events(body: bytes, held: CustomerHoldings, *, since: datetime, now: datetime | None = None) -> Comparison:
    """Hold a record's purchases against a customer's metrics; the first of its kind was sent at `since`."""
    metrics = held.customer.metrics or ReadMetrics()
    if not recalculated(metrics.updated_at, since=since, now=now):
        return MISSING
    counted = metrics.lifetime.number_of_purchases if metrics.lifetime else None
    if counted is not None and counted < purchases_in(body):
        return Comparison(seen=Seen.DIFFERENT, what=("metrics",), less=True)
    return CONFIRMED


def compare_transactions(wanted: Iterable[Booked], found: Iterable[Booked]) -> Comparison:
    """Hold transactions against those that are read back: all of them are to be there, none of them twice."""
    there: defaultdict[tuple[str, str, float], list[Moment | None]] = defaultdict(list)
    for booked in found:
        there[booked.key].append(booked.moment)
    sent = list(wanted)
    matched = sum(_take_one(there[booked.key], booked.moment) for booked in sent)
    if not matched:
        return MISSING
    if matched < len(sent):
        return Comparison(seen=Seen.DIFFERENT, what=("transactions",), less=True)
    if any(_take_one(there[booked.key], booked.moment) for booked in sent):
        return Comparison(seen=Seen.DIFFERENT, what=("transactions twice",))
    return CONFIRMED


def gained_since(booked: Iterable[Booked], since: datetime) -> dict[str, Decimal]:
    """Add up by reward what was booked since."""
    gained: dict[str, Decimal] = {}
    first = moment_of(since)
    for one in booked:
        if one.moment is not None and one.moment >= first:
            gained[one.reward_id.lower()] = gained.get(one.reward_id.lower(), Decimal()) + one.amount
    return gained


def _take_one(moments: list[Moment | None], wanted: Moment | None) -> bool:
    for moment in moments:
        if moment is not None and wanted is not None and abs(moment - wanted) < _SAME_MOMENT:
            moments.remove(moment)
            return True
    return False


def _plain(email: str) -> str:
    return email.strip().casefold()


def _other_moment(sent: Told, there: Told) -> bool:
    one, other = read_moment(sent), read_moment(there)
    return one is not None and other is not None and abs(one - other) >= _SAME_MOMENT


def _metrics_differ(sent: ReadMetrics | None, there: ReadMetrics | None) -> bool:
    if sent is None:
        return False
    if there is None:
        return True
    if read_moment(sent.updated_at) != read_moment(there.updated_at):  # recalculated since: by the account's own rules
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
        one is not None and (other is None or not _same_amount(one, other))
        for one, other in (
            (sent.spend_total, there.spend_total),
            (sent.number_of_purchases, there.number_of_purchases),
        )
    )


def _wallet_differs(
    balance: Iterable[Amount], wallet: ReadWallet | None, now: Moment, gained: Mapping[str, Decimal]
) -> bool:
    if wallet is None or wallet.totals is None:
        return False
    totals = {total.reward_id.lower(): total.total for total in wallet.totals}
    everything: dict[str, Decimal] = {}
    unexpired: dict[str, Decimal] = {}
    for line in balance:
        reward = line.reward_id.lower()
        expires = read_moment(line.expiration_date)
        lives = expires is None or expires > now
        everything[reward] = everything.get(reward, Decimal()) + line.amount
        unexpired[reward] = unexpired.get(reward, Decimal()) + (line.amount if lives else 0)
    return not all(
        any(
            _same_amount(expected + gained.get(reward, Decimal()), totals.get(reward, Decimal()))
            for expected in (everything[reward], unexpired[reward])
        )
        for reward in everything
    )


def _same_amount(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _SAME_AMOUNT * max(Decimal(1), abs(one))
