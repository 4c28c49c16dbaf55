"""Flat rows as they are read back from a partition. Amounts are millionths; dates are RFC 3339 text in UTC.

The fields are the columns of `mapping.flat_columns` in their order, and last `fault`: why a row cannot be used, found
when its values were cast.
"""

from msgspec import Struct

from masivo_stream.prepare.mapping.flat_columns import FlatTable

Millionths = int


def moment_key(written: str) -> str:
    """Return what orders moments in UTC as text: one with a fraction comes after the same one without."""
    return written.removesuffix("Z")


FIRST_FIELDS = 2
"""Of each row: the customer's id and the place."""


class CustomerRow(Struct, frozen=True, gc=False):
    """A row per customer."""

    id: str | None
    place: int
    name: str | None
    email: str | None
    registration_date: str | None
    status: str | None = None
    gender: str | None = None
    dob: str | None = None
    document_type: str | None = None
    document_number: str | None = None
    country: str | None = None
    tags: str | None = None
    metadata: str | None = None
    fault: str | None = None


class BalanceRow(Struct, frozen=True, gc=False):
    """A row per customer and reward."""

    customer_id: str | None
    place: int
    reward: str | None
    amount: Millionths | None
    expiration_date: str | None = None
    issued_at: str | None = None
    brand_id: str | None = None
    fault: str | None = None


class LineItemRow(Struct, frozen=True, gc=False):
    """A row per line item of an order; the fields of the order are the same in all of them, or missing in some."""

    customer_id: str | None
    place: int
    purchase_id: str | None
    line_place: int | None
    issued_at: str | None
    value: Millionths | None
    discounted_value: Millionths | None
    payment_method: str | None
    sku: str | None
    quantity: Millionths | None
    line_value: Millionths | None
    line_discounted_value: Millionths | None = None
    line_no: Millionths | None = None
    status: str | None = None
    resolved_at: str | None = None
    brand_id: str | None = None
    channel_id: str | None = None
    store_id: str | None = None
    shipping_value: Millionths | None = None
    shipping_discounted_value: Millionths | None = None
    fault: str | None = None


class LedgerRow(Struct, frozen=True, gc=False):
    """A row per entry of a points ledger."""

    customer_id: str | None
    place: int
    reward: str | None
    amount: Millionths | None
    issued_at: str | None
    type: str | None = None
    details: str | None = None
    brand_id: str | None = None
    channel_id: str | None = None
    store_id: str | None = None
    fault: str | None = None


FlatRow = CustomerRow | BalanceRow | LineItemRow | LedgerRow

ROW_TYPES: dict[FlatTable, type[FlatRow]] = {
    FlatTable.CUSTOMERS: CustomerRow,
    FlatTable.BALANCES: BalanceRow,
    FlatTable.EVENTS: LineItemRow,
    FlatTable.TRANSACTIONS: LedgerRow,
}


class CustomerRows(Struct, gc=False):
    """All flat rows of one customer, each list in the order of its sort keys."""

    id: str
    customers: list[CustomerRow]
    balances: list[BalanceRow]
    line_items: list[LineItemRow]
    ledger: list[LedgerRow]
    email_lost: bool = False
    """Whether another customer keeps this customer's email."""
