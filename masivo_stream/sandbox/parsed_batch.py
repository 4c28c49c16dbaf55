"""The batch of a request after its body is parsed: values that the rules pass to the store."""

from decimal import Decimal

from msgspec import Struct


class Customer(Struct, frozen=True, kw_only=True):
    """One customer to migrate; `body` is the record as received."""

    id: str
    email: str
    body: bytes


class EventEntry(Struct, frozen=True, kw_only=True):
    """What the account keeps of one event. `issued` is the date as received, `issued_at` the same in seconds."""

    type: str
    purchase_id: str
    spend: Decimal
    """What the order cost: `discounted_value`, or `value` if that is absent."""
    issued: str
    issued_at: float


class CustomerEvents(Struct, frozen=True, kw_only=True):
    """One customer's events."""

    id: str
    events: tuple[EventEntry, ...]


class Transaction(Struct, frozen=True, kw_only=True):
    """What the account keeps of one transaction; `body` is the transaction as received."""

    reward_id: str
    brand_id: str | None
    type: str
    amount: Decimal
    issued_at: float
    body: bytes


class CustomerTransactions(Struct, frozen=True, kw_only=True):
    """One customer's transactions."""

    id: str
    transactions: tuple[Transaction, ...]


class Customers(Struct, frozen=True):
    """The body of a customers request."""

    entries: tuple[Customer, ...]


class Events(Struct, frozen=True):
    """The body of an events request."""

    entries: tuple[CustomerEvents, ...]


class Transactions(Struct, frozen=True):
    """The body of a transactions request."""

    entries: tuple[CustomerTransactions, ...]


Batch = Customers | Events | Transactions


class Refusal(Struct, frozen=True):
    """Why a request is answered 422. `details` names index and field, never a value of the record."""

    details: str
