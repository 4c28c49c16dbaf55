"""Change a batch between its 201 and its effect: a part of it is lost, or is applied with other amounts.

No page of the vendor says that this happens. Reading back exists to find it if it does.
"""

from decimal import Decimal

import msgspec
from msgspec import Struct

from masivo_stream.sandbox.parsed_batch import (
    Batch,
    Customer,
    CustomerEvents,
    Customers,
    CustomerTransactions,
    Events,
    Transaction,
    Transactions,
)


class _AmountLine(Struct):
    amount: Decimal


class _BalanceBody(Struct):
    balance: list[_AmountLine] = []


def first_half(batch: Batch) -> Batch:
    """Return the first half of the batch's entries, rounded up."""
    return _cut(batch, slice(-(-len(batch.entries) // 2)))


def without_first(batch: Batch, count: int) -> Batch:
    """Return the batch without its first `count` entries."""
    return _cut(batch, slice(count, None))


def one_by_one(batch: Batch) -> list[Batch]:
    """Return a batch for each entry."""
    return [_cut(batch, slice(index, index + 1)) for index in range(len(batch.entries))]


def _cut(batch: Batch, part: slice) -> Batch:
    match batch:
        case Customers(entries):
            return Customers(entries[part])
        case Events(grouped):
            return Events(grouped[part])
        case Transactions(booked):
            return Transactions(booked[part])


def spoil_first(batch: Batch, count: int) -> Batch:
    """Return the batch with the amounts of its first `count` entries off by one: balance, spend, or booking."""
    match batch:
        case Customers(entries):
            return Customers((*map(_spoil_customer, entries[:count]), *entries[count:]))
        case Events(grouped):
            return Events((*map(_spoil_events, grouped[:count]), *grouped[count:]))
        case Transactions(booked):
            return Transactions((*map(_spoil_transactions, booked[:count]), *booked[count:]))


def _spoil_customer(entry: Customer) -> Customer:
    record = msgspec.json.decode(entry.body, type=dict[str, msgspec.Raw])
    lines = msgspec.json.decode(entry.body, type=_BalanceBody).balance
    if lines:
        whole = msgspec.json.decode(record["balance"], type=list[dict[str, msgspec.Raw]])
        whole[0]["amount"] = _number(lines[0].amount + 1)
        record["balance"] = msgspec.Raw(msgspec.json.encode(whole))
    return msgspec.structs.replace(entry, body=msgspec.json.encode(record))


def _spoil_events(entry: CustomerEvents) -> CustomerEvents:
    events = tuple(msgspec.structs.replace(event, spend=event.spend + 1) for event in entry.events)
    return msgspec.structs.replace(entry, events=events)


def _spoil_transactions(entry: CustomerTransactions) -> CustomerTransactions:
    return msgspec.structs.replace(entry, transactions=tuple(map(_spoil_transaction, entry.transactions)))


def _spoil_transaction(transaction: Transaction) -> Transaction:
    amount = transaction.amount + 1
    body = msgspec.json.decode(transaction.body, type=dict[str, msgspec.Raw]) | {"amount": _number(amount)}
    return msgspec.structs.replace(transaction, amount=amount, body=msgspec.json.encode(body))


def _number(amount: Decimal) -> msgspec.Raw:
    return msgspec.Raw(format(amount, "f").encode())
