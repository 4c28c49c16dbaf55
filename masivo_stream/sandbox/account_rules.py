"""Check a batch against what the account holds: the rules that a request cannot break by itself.

These functions are pure; they see the account through `AccountView`. Source: guides/migrate-customers. Decisions for
what it does not say:

* A customer of the account, applied or still queued, may come again with the same content, which changes only the
  ledger. The same id with other content, or the same email with another id, is refused.
* Emails are compared exactly, character by character; with the option, without regard to upper and lower case, in the
  account and within a request.
* Events and transactions need a customer who is *visible*; a customer in the queue is not known yet.
* A customer without a balance has zero of every reward.
* A customer's transactions are refused if earlier ones exist, applied or queued.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from masivo_stream.sandbox.body_rules import refuse
from masivo_stream.sandbox.parsed_batch import (
    Batch,
    Customer,
    CustomerEvents,
    Customers,
    CustomerTransactions,
    Events,
    Refusal,
    Transactions,
)

_EXACT = Context(prec=800)
"""Enough digits to add the largest and the smallest double (1e308, 5e-324) without rounding."""


class AccountView(Protocol):
    """What the rules read of an account, at one moment."""

    def body_of(self, customer: str) -> bytes | None:
        """Return the record of a customer who is applied or queued."""
        ...

    def owner_of(self, email: str) -> str | None:
        """Return the id of the customer, applied or queued, who has this email."""
        ...

    def mailbox_of(self, email: str) -> str:
        """Return what is equal for emails that the account takes for one."""
        ...

    def visible_body_of(self, customer: str) -> bytes | None:
        """Return the record of a customer who is applied."""
        ...

    def has_transactions(self, customer: str, *, queued: bool) -> bool:
        """Return whether this customer has migrated transactions; `queued` includes those in the queue."""
        ...


class _BalanceAmount(Struct):
    reward_id: str
    amount: Decimal


class _WalletBalance(Struct):
    balance: list[_BalanceAmount] = []


def check_against_account(batch: Batch, account: AccountView, *, look_into_queue: bool = True) -> Refusal | None:
    """Return why the account refuses `batch`, or None if it accepts it.

    `look_into_queue=False` ignores a customer's transactions that are accepted but not applied yet.
    """
    match batch:
        case Customers(customers):
            refusals = _refuse_customers(customers, account)
        case Events(grouped):
            refusals = (_refuse_events(index, entry, account) for index, entry in enumerate(grouped))
        case Transactions(booked):
            refusals = (
                _refuse_transactions(index, entry, account, look_into_queue=look_into_queue)
                for index, entry in enumerate(booked)
            )
    return next((refusal for refusal in refusals if refusal is not None), None)


def _refuse_customers(entries: Iterable[Customer], account: AccountView) -> Iterator[Refusal | None]:
    """Yield what is wrong with each customer, also beside the other ones of the request."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        mailbox = account.mailbox_of(entry.email)
        if mailbox in seen:
            yield refuse(("customers", index, "email"), "the second of its kind in this request")
        seen.add(mailbox)
        yield _refuse_customer(index, entry, account)


def _refuse_customer(index: int, entry: Customer, account: AccountView) -> Refusal | None:
    there = account.body_of(entry.id)
    if there is not None and not _same(there, entry.body):
        return refuse(("customers", index, "id"), "already in this account, with other content")
    if account.owner_of(entry.email) not in (None, entry.id):
        return refuse(("customers", index, "email"), "already in this account, with another id")
    return None


def _refuse_events(index: int, entry: CustomerEvents, account: AccountView) -> Refusal | None:
    if account.visible_body_of(entry.id) is None:
        return _unknown(index)
    return None


def _refuse_transactions(
    index: int, entry: CustomerTransactions, account: AccountView, *, look_into_queue: bool
) -> Refusal | None:
    body = account.visible_body_of(entry.id)
    if body is None:
        return _unknown(index)
    here = ("customers", index, "transactions")
    if account.has_transactions(entry.id, queued=look_into_queue):
        return refuse(here, "this customer's transactions were migrated before")
    balance = _totals((line.reward_id, line.amount) for line in msgspec.json.decode(body, type=_WalletBalance).balance)
    booked = _totals((line.reward_id, line.amount) for line in entry.transactions)
    if any(balance.get(reward, 0) != booked.get(reward, 0) for reward in balance.keys() | booked.keys()):
        return refuse(here, "the sum per reward differs from the balance the customer was migrated with")
    return None


def _unknown(index: int) -> Refusal:
    return refuse(("customers", index, "id"), "no such customer in this account")


def _same(one: bytes, other: bytes) -> bool:
    return one == other or msgspec.json.decode(one) == msgspec.json.decode(other)


def _totals(amounts: Iterable[tuple[str, Decimal]]) -> Mapping[str, Decimal]:
    totals: dict[str, Decimal] = {}
    for reward, amount in amounts:
        key = reward.lower()  # a UUID is the same in either case (RFC 9562)
        totals[key] = _EXACT.add(totals.get(key, Decimal()), amount)
    return totals
