"""Confirm a suspicion from the lines themselves, so that two things with one hash are never taken for one."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from msgspec import UNSET

from masivo_stream.core.checks.amounts import EXACT, add, plain
from masivo_stream.core.checks.find import Suspicion
from masivo_stream.core.checks.lean_records import ExactRecord, sum_by_reward
from masivo_stream.core.checks.plausible import is_much_before
from masivo_stream.model.findings import CheckName, ExportFault, LinePlace, RewardSums

NEEDS_NO_READING = frozenset({CheckName.UNKNOWN_CUSTOMER, CheckName.CUSTOMER_DELETED, CheckName.CUSTOMER_NOT_MIGRATED})
"""A customer whose hash is in no note is in no line: nothing has to be read again to be sure."""

_OF_BALANCES = frozenset({CheckName.BALANCE_MISMATCH, CheckName.NO_BALANCE, CheckName.NO_TRANSACTIONS})

_OF_EVENTS = frozenset({CheckName.DUPLICATE_EVENT, CheckName.DUPLICATE_PURCHASE})

Lines = Mapping[LinePlace, ExactRecord | None]
"""Lines that were read again; None for one that cannot be read."""


def take_unread(suspicion: Suspicion) -> Iterator[ExportFault]:
    """Yield what is wrong if a line came from a pipe and cannot be read again: only what the notes alone show."""
    if suspicion.sure:
        item = None if suspicion.items is None else suspicion.items[0]
        yield ExportFault(suspicion.check, suspicion.place, suspicion.others, item=item)


def places_to_read(suspicion: Suspicion) -> tuple[LinePlace, ...]:
    """Return the lines that have to be read again."""
    if suspicion.check in NEEDS_NO_READING:
        return ()
    customer = () if suspicion.customer is None else (suspicion.customer,)
    return suspicion.place, *suspicion.others, *customer


def confirm(suspicion: Suspicion, lines: Lines) -> Iterator[ExportFault]:
    """Yield what is wrong, now that the lines are known; nothing if the suspicion was not justified."""
    check, place, others = suspicion.check, suspicion.place, suspicion.others
    if check in NEEDS_NO_READING:
        yield ExportFault(check, place, others)
        return
    if suspicion.broken is not None:
        yield from _look_beside_broken(suspicion, lines)
        return
    record = lines[place]
    known = [found for other in others if (found := lines[other]) is not None]
    if record is None or len(known) < len(others):
        return
    if check is CheckName.BEFORE_REGISTRATION:
        yield from _compare_dates(suspicion, record, known[0])
    elif check in _OF_BALANCES:
        yield from _compare(suspicion, record, known)
    elif check in _OF_EVENTS:
        yield from _compare_events(suspicion, record, known[0])
    elif _is_alike(check, record, known[0]):
        customer = None if suspicion.customer is None else lines[suspicion.customer]
        holds_first = check is CheckName.SPLIT_TRANSACTIONS and not _is_whole(known[0], record, customer)
        yield ExportFault(check, place, others, holds_first=holds_first)


def _is_alike(check: CheckName, record: ExactRecord, other: ExactRecord) -> bool:
    match check:
        case CheckName.DUPLICATE_EMAIL:
            return record.email == other.email and record.id != other.id
        case CheckName.EMAIL_CASE:
            alike = record.email != other.email and record.email.lower() == other.email.lower()
            return alike and record.id != other.id
        case _:
            return record.id == other.id


def _look_beside_broken(suspicion: Suspicion, lines: Lines) -> Iterator[ExportFault]:
    """Hold a good line of transactions back if another line of the customer is a dead letter.

    Unless the good one adds up to the balance alone. Of the other one, only its ids are compared, if it can be read.
    """
    place, (other,) = suspicion.place, suspicion.others
    good, broken = lines[other if suspicion.broken == place else place], lines[suspicion.broken or place]
    customer = None if suspicion.customer is None else lines[suspicion.customer]
    if good is None or (broken is not None and good.id not in broken.ids):
        return
    if customer is None or customer.id != good.id or not _adds_up(good, customer):
        yield ExportFault(suspicion.check, place, suspicion.others, holds_first=True)


def _is_whole(first: ExactRecord, later: ExactRecord, customer: ExactRecord | None) -> bool:
    """Return whether the first one of two lines of transactions can be sent without the other.

    It can if the lines are equal, or if it adds up to the balance alone.
    """
    if first.digest == later.digest:
        return True
    return customer is not None and customer.id == first.id and _adds_up(first, customer)


def _adds_up(line: ExactRecord, customer: ExactRecord) -> bool:
    """Return whether the transactions of a line alone are the customer's balance, which must be there."""
    balance, moved = sum_by_reward(customer.balance), sum_by_reward(line.transactions)
    same = all(balance.get(reward, 0) == moved.get(reward, 0) for reward in {*balance, *moved})
    return same and customer.balance is not UNSET


def _compare_events(suspicion: Suspicion, record: ExactRecord, other: ExactRecord) -> Iterator[ExportFault]:
    """Compare the two events that may be one purchase."""
    own, their = suspicion.items or (0, 0)
    if record.id != other.id or own >= len(record.events or ()) or their >= len(other.events or ()):
        return
    one, two = (record.events or [])[own], (other.events or [])[their]
    if one.order.purchase_id == two.order.purchase_id:
        same = suspicion.check is CheckName.DUPLICATE_EVENT and one.content == two.content
        check = CheckName.DUPLICATE_EVENT if same else CheckName.DUPLICATE_PURCHASE
        yield ExportFault(check, suspicion.place, suspicion.others, item=own)


def _compare_dates(suspicion: Suspicion, record: ExactRecord, customer: ExactRecord) -> Iterator[ExportFault]:
    """Look for an item that was issued before its customer registered."""
    if record.id != customer.id or customer.registration_date is None:
        return
    for field, items in (("events", record.events), ("transactions", record.transactions)):
        for each in items or ():
            if each.issued_at is not None and is_much_before(each.issued_at, customer.registration_date):
                yield ExportFault(suspicion.check, suspicion.place, suspicion.others, field=f"{field}[].issued_at")
                return


def _compare(suspicion: Suspicion, record: ExactRecord, others: list[ExactRecord]) -> Iterator[ExportFault]:
    """Compare balance and transactions by reward: `others` are the customer, if it is not `record`, and more lines."""
    if suspicion.check is CheckName.NO_TRANSACTIONS:
        customer, lines = record, []
    else:
        customer, *more = others
        lines = list({line.digest: line for line in (record, *more)}.values())  # a line that is there twice counts once
    if any(line.id != customer.id for line in lines) or (len(lines) > 1 and _adds_up(lines[0], customer)):
        return
    balance, moved = sum_by_reward(customer.balance), dict[str, Decimal]()
    for line in lines:
        for reward, amount in sum_by_reward(line.transactions).items():
            moved[reward] = add(moved.get(reward, Decimal(0)), amount)
    check = suspicion.check
    if lines:
        check = CheckName.NO_BALANCE if customer.balance is UNSET else CheckName.BALANCE_MISMATCH
    for reward in sorted({*balance, *moved}):
        here, there = balance.get(reward, Decimal(0)), moved.get(reward, Decimal(0))
        difference = EXACT.subtract(there, here)
        if difference:
            sums = RewardSums(
                reward=reward, balance=plain(here), transactions=plain(there), difference=plain(difference)
            )
            yield ExportFault(check, suspicion.place, suspicion.others, sums)
