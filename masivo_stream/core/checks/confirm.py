"""Confirm a suspicion from the lines themselves, so that two things with one hash are never taken for one."""

from collections import Counter
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
        yield ExportFault(suspicion.check, suspicion.place, suspicion.others)


def places_to_read(suspicion: Suspicion) -> tuple[LinePlace, ...]:
    """Return the lines that have to be read again."""
    return () if suspicion.check in NEEDS_NO_READING else (suspicion.place, *suspicion.others)


def confirm(suspicion: Suspicion, lines: Lines) -> Iterator[ExportFault]:
    """Yield what is wrong, now that the lines are known; nothing if the suspicion was not justified."""
    check, place, others = suspicion.check, suspicion.place, suspicion.others
    if check in NEEDS_NO_READING:
        yield ExportFault(check, place, others)
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
        yield ExportFault(check, place, others)


def _is_alike(check: CheckName, record: ExactRecord, other: ExactRecord) -> bool:
    match check:
        case CheckName.DUPLICATE_EMAIL:
            return record.email == other.email and record.id != other.id
        case CheckName.EMAIL_CASE:
            alike = record.email != other.email and record.email.lower() == other.email.lower()
            return alike and record.id != other.id
        case _:
            return record.id == other.id


def _compare_events(suspicion: Suspicion, record: ExactRecord, other: ExactRecord) -> Iterator[ExportFault]:
    """Look for a purchase that both records have, or that one record has twice."""
    own = _by_purchase(record)
    if suspicion.place == suspicion.others[0]:
        several = [contents for contents in own.values() if contents.total() > 1]
        alike, same = bool(several), any(max(contents.values()) > 1 for contents in several)
    elif record.id == other.id:
        theirs = _by_purchase(other)
        shared = own.keys() & theirs.keys()
        alike, same = bool(shared), any(own[purchase].keys() & theirs[purchase].keys() for purchase in shared)
    else:
        return
    if alike:
        event = same and suspicion.check is CheckName.DUPLICATE_EVENT
        check = CheckName.DUPLICATE_EVENT if event else CheckName.DUPLICATE_PURCHASE
        yield ExportFault(check, suspicion.place, suspicion.others)


def _compare_dates(suspicion: Suspicion, record: ExactRecord, customer: ExactRecord) -> Iterator[ExportFault]:
    """Look for an item that was issued before its customer registered."""
    if record.id != customer.id or customer.registration_date is None:
        return
    for field, items in (("events", record.events), ("transactions", record.transactions)):
        for each in items or ():
            if each.issued_at is not None and is_much_before(each.issued_at, customer.registration_date):
                yield ExportFault(suspicion.check, suspicion.place, suspicion.others, field=f"{field}[].issued_at")
                return


def _by_purchase(record: ExactRecord) -> dict[str, Counter[tuple[object, ...]]]:
    found: dict[str, Counter[tuple[object, ...]]] = {}
    for event in record.events or ():
        found.setdefault(event.order.purchase_id, Counter())[event.content] += 1
    return found


def _compare(suspicion: Suspicion, record: ExactRecord, others: list[ExactRecord]) -> Iterator[ExportFault]:
    """Compare balance and transactions by reward: `others` are the customer, if it is not `record`, and more lines."""
    if suspicion.check is CheckName.NO_TRANSACTIONS:
        customer, lines = record, []
    else:
        customer, *more = others
        lines = [record, *more]
    if any(line.id != customer.id for line in lines):
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
