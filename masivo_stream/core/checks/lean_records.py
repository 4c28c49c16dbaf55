"""Lean schemas: the few fields of a valid record that the checks look at. The decoder skips everything else quickly.

`known_fields` adds all other fields that the API knows, so that a field that it does not know is noticed.
"""

from decimal import Decimal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from masivo_stream.core.checks.amounts import add
from masivo_stream.core.reading.marks import possible_ids
from masivo_stream.core.reading.schema_faults import cut_last_moment
from masivo_stream.model.contract import Kind
from masivo_stream.model.schemas import Timestamp

_ABSENT = Raw(b"null")
"""Stands for a field that is absent, which means the same as null."""


class LeanBalance(Struct, gc=False):
    """One balance of a customer."""

    reward_id: str
    amount: float
    brand_id: Raw = _ABSENT
    channel_id: Raw = _ABSENT
    store_id: Raw = _ABSENT
    funded_by: Raw = _ABSENT
    expiration_date: Timestamp | None = None
    issued_at: Timestamp | None = None


class LeanCustomer(Struct, gc=False):
    """A customer."""

    id: str
    name: str
    email: str
    registration_date: Timestamp
    dob: Timestamp | None = None
    balance: list[LeanBalance] | UnsetType = UNSET


class LeanTransaction(Struct, gc=False):
    """One transaction."""

    reward_id: str
    amount: float
    issued_at: Timestamp
    resolved_at: Timestamp | None = None


class LeanTransactions(Struct, gc=False):
    """A customer's transactions."""

    id: str
    transactions: list[LeanTransaction]


_NONE = float("-inf")
"""Stands for a discounted value that is absent, which is above no other value."""


class LeanProduct(Struct, gc=False):
    """A line of an order."""

    amount: float
    value: float
    discounted_value: float = _NONE


class LeanShipping(Struct, gc=False):
    """The shipping of an order."""

    value: float | UnsetType = UNSET
    discounted_value: float = _NONE


class LeanOrder(Struct, gc=False):
    """An order."""

    purchase_id: str
    value: float
    products: list[LeanProduct]
    discounted_value: float | UnsetType = UNSET
    shipping: LeanShipping | None = None


class LeanEvent(Struct, gc=False):
    """One event."""

    type: str
    order: LeanOrder
    issued_at: Timestamp
    resolved_at: Timestamp | None = None


class LeanEvents(Struct, gc=False):
    """A customer's events."""

    id: str
    events: list[LeanEvent]


class OnlyId(Struct, gc=False):
    """A record of any kind that is not valid, but has an id."""

    id: str


# The same, with amounts by their digits: for lines that are read again.


class Nothing(Struct, gc=False):
    """An object of which nothing is kept."""


class ExactAmount(Struct, gc=False):
    """A balance or a transaction."""

    reward_id: str
    amount: Decimal
    issued_at: Timestamp | None = None


class ExactOrder(Struct, gc=False):
    """An order."""

    purchase_id: str
    value: Decimal
    products: list[Nothing]
    discounted_value: Decimal | UnsetType = UNSET


class ExactEvent(Struct, gc=False):
    """One event."""

    type: str
    order: ExactOrder
    issued_at: Timestamp

    @property
    def content(self) -> tuple[object, ...]:
        """What makes two events of one purchase the same event, as in `core.reading.purchases`."""
        order = self.order
        paid = Decimal(0) if order.discounted_value is UNSET else order.discounted_value
        second = self.issued_at.replace(microsecond=0)
        return self.type, float(order.value), float(paid), len(order.products), second


class ExactRecord(Struct, gc=False):
    """A record of any kind."""

    id: str
    email: str = ""
    registration_date: Timestamp | None = None
    balance: list[ExactAmount] | UnsetType = UNSET
    transactions: list[ExactAmount] | UnsetType = UNSET
    events: list[ExactEvent] | UnsetType = UNSET
    digest: int = msgspec.field(name="(digest of the line)", default=0)
    """A hash of the line; no field of an export has this name."""
    ids: tuple[str, ...] = msgspec.field(name="(ids of the line)", default=())
    """All ids of the line, likewise: `id` may occur twice on one that is not valid."""


LeanRecord = LeanCustomer | LeanEvents | LeanTransactions

LEAN: dict[Kind, type[LeanRecord]] = {
    Kind.CUSTOMERS: LeanCustomer,
    Kind.EVENTS: LeanEvents,
    Kind.TRANSACTIONS: LeanTransactions,
}

_decode_id = msgspec.json.Decoder(OnlyId).decode
_decode_exactly = msgspec.json.Decoder(ExactRecord).decode


def read_exactly(body: bytes) -> ExactRecord | None:
    """Return what the checks look at, with exact amounts; None if the line cannot be read that way."""
    for text in (body, cut_last_moment(body)):
        try:
            found = _decode_exactly(text)
        except (ValueError, RecursionError):
            continue
        found.digest, found.ids = hash(body), (found.id,)
        if body.count(b'"id"') != 1 or b"\\u" in body:
            found.ids = possible_ids(body) or found.ids
        return found
    return None


def read_id(body: bytes) -> str:
    """Return the customer's id on a line, valid or not; empty if it cannot be read."""
    try:
        return _decode_id(body).id
    except (ValueError, RecursionError):
        return ""


def sum_by_reward(amounts: list[ExactAmount] | UnsetType) -> dict[str, Decimal]:
    """Return the exact sum of each reward, by its id in lower case."""
    sums: dict[str, Decimal] = {}
    for each in amounts or ():
        reward = each.reward_id.lower()
        sums[reward] = add(sums.get(reward, Decimal(0)), each.amount)
    return sums
