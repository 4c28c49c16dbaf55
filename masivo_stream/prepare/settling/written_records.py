"""The records that are written: msgspec turns them into JSON, so no database's JSON rules apply.

They have the fields of `model.schemas`, with amounts and dates as they are written. A field that is UNSET is absent.
"""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.core.checks.amounts import MILLION, in_units, millionths

Number = int | float | Raw
Text = str | UnsetType


def number(amount: int) -> Number:
    """Return millionths as a JSON number that is exactly this amount."""
    if amount % MILLION == 0:
        return amount // MILLION
    double = amount / MILLION
    return double if millionths(double) == amount else Raw(f"{in_units(amount):f}".encode())


class WrittenBalance(Struct, gc=False, omit_defaults=True):
    """A balance of a customer."""

    reward_id: str
    amount: Number
    expiration_date: Text = UNSET
    issued_at: Text = UNSET
    brand_id: Text = UNSET


class WrittenCustomer(Struct, gc=False, omit_defaults=True):
    """A line of the customers export."""

    id: str
    name: str
    email: str
    registration_date: str
    gender: Text = UNSET
    dob: Text = UNSET
    document_type: Text = UNSET
    document_number: Text = UNSET
    country: Text = UNSET
    tags: Raw | UnsetType = UNSET
    metadata: Raw | UnsetType = UNSET
    balance: list[WrittenBalance] | UnsetType = UNSET


class WrittenProduct(Struct, gc=False, omit_defaults=True):
    """A line item."""

    sku: str
    amount: Number
    value: Number
    discounted_value: Number | UnsetType = UNSET


class WrittenShipping(Struct, gc=False, omit_defaults=True):
    """What shipping cost."""

    value: Number | UnsetType = UNSET
    discounted_value: Number | UnsetType = UNSET


class WrittenOrder(Struct, gc=False, omit_defaults=True):
    """An order."""

    purchase_id: str
    value: Number
    discounted_value: Number
    products: list[WrittenProduct]
    payment_method: str
    channel_id: Text = UNSET
    store_id: Text = UNSET
    shipping: WrittenShipping | UnsetType = UNSET


class WrittenEvent(Struct, gc=False, omit_defaults=True):
    """A purchase."""

    type: str
    order: WrittenOrder
    fulfilled: bool
    issued_at: str
    resolved_at: str | None
    brand_id: str | None
    status: Text = UNSET


class WrittenEvents(Struct, gc=False):
    """A line of the events export."""

    id: str
    events: list[WrittenEvent]


class WrittenTransaction(Struct, gc=False, omit_defaults=True):
    """An entry of a points ledger."""

    reward_id: str
    type: str
    amount: Number
    issued_at: str
    details: Text = UNSET
    brand_id: Text = UNSET
    channel_id: Text = UNSET
    store_id: Text = UNSET


class WrittenTransactions(Struct, gc=False):
    """A line of the transactions export."""

    id: str
    transactions: list[WrittenTransaction]


encode = msgspec.json.Encoder().encode


def text(value: str | None) -> Text:
    """Return a text, or that its field is absent."""
    return UNSET if value is None else value
