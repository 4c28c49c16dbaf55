"""The answers to reads: the shapes of `customers/[id]/get` and `customers/[id]/transactions/get`.

Pure: stored records in, values out. Profile fields are returned as they were sent. Metrics and tier are the migrated
ones until PURCHASE events recalculate them. The wallet is the migrated balance plus later transactions.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.sandbox.customer_metrics import AppliedMetrics, Purchase, date_text, json_number, recalculate
from masivo_stream.sandbox.store import StoredTransaction

RECENT_MONTHS = 3
"""Without a year, transactions of the last three months are listed (customers/[id]/transactions/get)."""

_TRANSACTION_IDS = uuid.UUID("71e40000-0000-4000-8000-000000000000").int
_SEQUENCE_BITS = 48


class ProfileView(Struct, kw_only=True):
    """The fields of a customer that are returned as they were sent."""

    id: str
    name: str
    email: str
    registration_date: str
    gender: str | UnsetType = UNSET
    dob: str | UnsetType = UNSET
    document_type: str | UnsetType = UNSET
    document_number: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    tags: Raw | UnsetType = UNSET


class CustomerView(ProfileView, kw_only=True):
    """A customer as read back."""

    status: str = "ACTIVE"
    tier_id: str | None
    metrics: AppliedMetrics


class WalletLine(Struct, kw_only=True):
    """One amount in the wallet."""

    amount: float
    reward_id: str
    issued_at: str
    brand_id: str | None = None
    expiration_date: str | None = None


class WalletTotal(Struct, kw_only=True):
    """All amounts of one reward."""

    total: float
    reward_id: str


class WalletView(Struct, kw_only=True):
    """What a customer holds."""

    lines: list[WalletLine]
    totals: list[WalletTotal]


class CustomerData(Struct, kw_only=True):
    """A customer and the wallet."""

    customer: CustomerView
    wallet: WalletView


class CustomerAnswer(Struct):
    """The body of `customers/[id]/get`."""

    data: CustomerData


class TransactionView(Struct, kw_only=True):
    """A transaction as read back."""

    id: str
    reward_id: str
    brand_id: str | None
    amount: float
    type: str
    details: str | None
    issued_at: str
    created_at: str
    resolved_at: str | UnsetType | None = UNSET
    channel_id: str | UnsetType | None = UNSET
    store_id: str | UnsetType | None = UNSET
    cost: float | UnsetType | None = UNSET
    funded_by: str | UnsetType | None = UNSET


class TransactionsAnswer(Struct):
    """The body of `customers/[id]/transactions/get`."""

    data: list[TransactionView]


class _BalanceLine(Struct, kw_only=True):
    amount: Decimal
    reward_id: str
    issued_at: str | None = None
    brand_id: str | None = None
    expiration_date: str | None = None


class _MigratedCustomer(ProfileView, kw_only=True):
    metrics: AppliedMetrics = AppliedMetrics()
    balance: list[_BalanceLine] = []


class _MigratedTransaction(Struct, kw_only=True):
    reward_id: str
    issued_at: str
    brand_id: str | None = None
    amount: float
    type: str
    details: str | None = None
    resolved_at: str | UnsetType | None = UNSET
    channel_id: str | UnsetType | None = UNSET
    store_id: str | UnsetType | None = UNSET
    cost: float | UnsetType | None = UNSET
    funded_by: str | UnsetType | None = UNSET


def make_customer_answer(
    body: bytes,
    applied_at: float,
    purchases: Iterable[Purchase],
    native: Iterable[StoredTransaction],
    now: float,
) -> CustomerAnswer:
    """Return a customer as migrated in `body`, changed by `purchases` and `native` transactions."""
    stored = msgspec.json.decode(body, type=_MigratedCustomer)
    metrics = recalculate(purchases, registered=stored.registration_date, now=now) or stored.metrics
    tier = None
    if metrics.lifetime is not UNSET and metrics.lifetime.tier_id is not UNSET:
        tier = metrics.lifetime.tier_id
    profile = {name: getattr(stored, name) for name in ProfileView.__struct_fields__}
    lines = [*stored.balance, *(msgspec.json.decode(entry.body, type=_BalanceLine) for entry in native)]
    return CustomerAnswer(
        CustomerData(
            customer=CustomerView(**profile, tier_id=tier, metrics=metrics),
            wallet=_wallet(lines, date_text(applied_at)),
        )
    )


def _wallet(lines: list[_BalanceLine], issued: str) -> WalletView:
    totals: dict[str, Decimal] = {}
    for line in lines:
        totals[line.reward_id] = totals.get(line.reward_id, Decimal()) + line.amount
    return WalletView(
        lines=[
            WalletLine(
                amount=json_number(line.amount),
                reward_id=line.reward_id,
                issued_at=line.issued_at or issued,
                brand_id=line.brand_id,
                expiration_date=line.expiration_date,
            )
            for line in lines
        ],
        totals=[WalletTotal(total=json_number(total), reward_id=reward_id) for reward_id, total in totals.items()],
    )


def make_transactions_answer(entries: Iterable[StoredTransaction]) -> TransactionsAnswer:
    """Return transactions in the order given."""
    return TransactionsAnswer([make_transaction_view(entry) for entry in entries])


def sequence_of(transaction_id: uuid.UUID) -> int:
    """Return the number of the transaction that has this id.

    Raises:
        ValueError: no transaction can have it.
    """
    if transaction_id.int >> _SEQUENCE_BITS != _TRANSACTION_IDS >> _SEQUENCE_BITS:
        raise ValueError("not the id of a transaction")
    return transaction_id.int - _TRANSACTION_IDS


def make_transaction_view(entry: StoredTransaction) -> TransactionView:
    """Return one transaction as it is read back. Its id holds its number in the store."""
    migrated = msgspec.json.decode(entry.body, type=_MigratedTransaction)
    return TransactionView(
        id=str(uuid.UUID(int=_TRANSACTION_IDS | entry.seq)),
        created_at=date_text(entry.applied_at),
        **msgspec.structs.asdict(migrated),
    )


def recent_span(now: float) -> tuple[float, float]:
    """Return the span from three calendar months before `now` (UTC, wall seconds), without an end."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    months = moment.year * 12 + moment.month - 1 - RECENT_MONTHS
    first = moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    # If the earlier month has no such day, the span begins on its last day.
    last = (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(day=min(moment.day, last.day)).timestamp(), float("inf")
