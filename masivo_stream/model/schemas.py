"""The records' schemas: what one NDJSON line of each kind must look like.

Sources: `customers/migrate/events/post` (OpenAPI) for events, `customers/migrate/post`,
`customers/migrate/transactions/post` and `guides/migrate-customers` for the others.

How a rule is written here:

* required and never null: a plain type; may be null: `| None`; may be absent: `| UnsetType = UNSET`;
* free-form object: `Anything`, a struct without fields: the decoder checks that it is an object, and keeps nothing;
* fields not named here pass through untouched (the target ignores or keeps them);
* rule 6 of the guide (the sign of an amount depends on the type) is a tagged union, checked by the decoder itself.

These types alone let two faults through, because msgspec is lenient there: bytes that are not UTF-8 in skipped fields,
and dates in similar formats (`+0000`, a space for the `T`, lower case). `core.reading.decode` checks both.

`gc=False`: the structs hold no cycles and live for one call (msgspec docs, "Disabling Garbage Collection").
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

ValueT = TypeVar("ValueT")

Timestamp = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 date-time with a zone."""

UUID_PATTERN = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
"""The whole text has to match."""

_is_uuid = re.compile(UUID_PATTERN).fullmatch


class Uuid(str):
    """RFC 9562 text form, checked by `read_uuid`."""

    __slots__ = ()


@lru_cache(maxsize=1024)
def read_uuid(_kind: type, value: object) -> Uuid:
    """Return a value as a `Uuid`: the hook of every decoder of these types.

    The ids of rewards and tiers are the same few on all lines of an export. So it is faster to remember those that were
    read than to search each for a pattern, as msgspec would: half of the time of decoding transactions.

    Raises:
        ValueError: the value is no UUID; TypeError if it is a list or an object. msgspec makes both its own error.
    """
    if isinstance(value, str) and _is_uuid(value):
        return Uuid(value)
    raise ValueError("not a UUID")


def make_reader(schema: type[ValueT]) -> Callable[[bytes | str], ValueT]:
    """Return what decodes JSON as one of these types.

    It raises `ValueError` if it is not of the type, and `RecursionError` if it is nested too deeply.
    """
    return msgspec.json.Decoder(schema, dec_hook=read_uuid).decode


CustomerId = Annotated[str, Meta(min_length=1)]
"""*Decision:* an empty id cannot be read back, so it is rejected."""


class Anything(Struct, gc=False):
    """A free-form object: any members, none of them kept."""


class Redemption(Struct, gc=False, kw_only=True):
    """`RedemptionReward`: a reward redeemed in an order, a product or a shipping."""

    id: Uuid | UnsetType = UNSET
    amount: float | UnsetType = UNSET


class Product(Struct, gc=False, kw_only=True):
    """`OrderProduct`."""

    sku: str
    amount: float
    value: float
    discounted_value: float | UnsetType = UNSET
    redeem: list[Redemption] | UnsetType = UNSET
    tags: Anything | UnsetType = UNSET
    metadata: Anything | UnsetType = UNSET


class Shipping(Struct, gc=False, kw_only=True):
    """How an order was shipped, and what that cost."""

    value: float | UnsetType = UNSET
    discounted_value: float | UnsetType = UNSET
    redeem: list[Redemption] | UnsetType = UNSET
    tags: Anything | UnsetType = UNSET
    metadata: Anything | UnsetType = UNSET


class OrderFields(Struct, gc=False, kw_only=True):
    """The fields that both forms of an order have."""

    purchase_id: str
    value: float
    products: Annotated[list[Product], Meta(min_length=1)]
    payment_method: Literal["CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"]
    channel_id: str | UnsetType = UNSET
    store_id: str | UnsetType = UNSET
    shipping: Shipping | UnsetType = UNSET
    redeem: list[Redemption] | UnsetType = UNSET
    metadata: Anything | UnsetType = UNSET


class Order(OrderFields, gc=False, kw_only=True):
    """An order as the OpenAPI document has it."""

    discounted_value: float


class LooseOrder(OrderFields, gc=False, kw_only=True):
    """An order as the guide's own example has it, without `discounted_value` (`validation.discounted_value`)."""

    discounted_value: float | UnsetType = UNSET


OrderT = TypeVar("OrderT", bound=OrderFields)


class Event(Struct, Generic[OrderT], gc=False, kw_only=True):
    """`MigratedEvent`. The last two fields are marks of the export: a reversed event is not migrated."""

    type: str
    order: OrderT
    fulfilled: bool
    issued_at: Timestamp
    resolved_at: Timestamp | None
    brand_id: str | None
    channel_id: str | None | UnsetType = UNSET
    store_id: str | None | UnsetType = UNSET
    reversed_at: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET


class EventsRecord(Struct, Generic[OrderT], gc=False, kw_only=True):
    """One line of an events export: a customer and that customer's events."""

    id: CustomerId
    events: Annotated[list[Event[OrderT]], Meta(min_length=1)]


NonZero = Annotated[float, Meta(extra={"nonzero": True})]
"""A number that is not 0. `core.reading.schema_faults` reads the mark; msgspec leaves it to the class that has it."""


class TransactionFields(Struct, gc=False, kw_only=True):
    """The fields that all types of transactions have."""

    reward_id: Uuid
    issued_at: Timestamp
    resolved_at: Timestamp | None | UnsetType = UNSET
    details: str | None | UnsetType = UNSET
    brand_id: str | None | UnsetType = UNSET
    channel_id: str | None | UnsetType = UNSET
    store_id: str | None | UnsetType = UNSET
    cost: float | None | UnsetType = UNSET
    event: Anything | None | UnsetType = UNSET
    funded_by: str | None | UnsetType = UNSET


class Accumulation(TransactionFields, tag_field="type", tag="ACCUMULATION", gc=False, kw_only=True):
    """A transaction that adds to the wallet: its amount is positive."""

    amount: Annotated[float, Meta(gt=0)]


class Redeemed(TransactionFields, tag_field="type", tag="REDEMPTION", gc=False, kw_only=True):
    """A transaction that takes from the wallet: its amount is negative."""

    amount: Annotated[float, Meta(lt=0)]


class Expired(TransactionFields, tag_field="type", tag="EXPIRATION", gc=False, kw_only=True):
    """Points that ran out: their amount is negative."""

    amount: Annotated[float, Meta(lt=0)]


class EitherSign(TransactionFields, gc=False, kw_only=True):
    """A transaction that adds or takes, by the sign of its amount, which is not 0."""

    amount: NonZero

    def __post_init__(self) -> None:
        """Refuse 0, which a bound of msgspec cannot express. The decoder turns this error into its own."""
        if self.amount == 0:
            raise ValueError("an amount is not 0")


class Migrated(EitherSign, tag_field="type", tag="MIGRATION", gc=False, kw_only=True):
    """An amount that an earlier migration brought."""


class Transferred(EitherSign, tag_field="type", tag="TRANSFER", gc=False, kw_only=True):
    """An amount that one customer gave another."""


class Reversed(EitherSign, tag_field="type", tag="REVERSAL", gc=False, kw_only=True):
    """An amount that takes an earlier transaction back."""


GuideTransaction = Accumulation | Redeemed
"""The two types that guides/migrate-customers shows (`validation.transaction_types = "guide"`)."""

Transaction = Accumulation | Redeemed | Expired | Migrated | Transferred | Reversed
"""The six types of customers/migrate/transactions/post. All real histories have expirations."""


class TransactionsRecord(Struct, gc=False, kw_only=True):
    """One line of a transactions export: a customer and all of that customer's transactions."""

    id: CustomerId
    transactions: Annotated[list[Transaction], Meta(min_length=1)]


class GuideTransactionsRecord(Struct, gc=False, kw_only=True):
    """The same, with only the two types of the guide."""

    id: CustomerId
    transactions: Annotated[list[GuideTransaction], Meta(min_length=1)]


class MetricsPeriod(Struct, gc=False, kw_only=True, rename={"from_": "from"}):
    """Metrics of one period. *Decision:* only its two ends are required, everything else may be null."""

    from_: Timestamp
    to: Timestamp
    tier_id: Uuid | None | UnsetType = UNSET
    last_visit: Timestamp | None | UnsetType = UNSET
    spend_total: float | None | UnsetType = UNSET
    number_of_purchases: float | None | UnsetType = UNSET
    last_session: Timestamp | None | UnsetType = UNSET


class CustomerMetrics(Struct, gc=False, kw_only=True):
    """A customer's metrics: any of nine periods, and when they were last calculated."""

    lifetime: MetricsPeriod | UnsetType = UNSET
    last_year: MetricsPeriod | UnsetType = UNSET
    this_year: MetricsPeriod | UnsetType = UNSET
    last_month: MetricsPeriod | UnsetType = UNSET
    this_month: MetricsPeriod | UnsetType = UNSET
    last_quarter: MetricsPeriod | UnsetType = UNSET
    this_quarter: MetricsPeriod | UnsetType = UNSET
    last_semester: MetricsPeriod | UnsetType = UNSET
    this_semester: MetricsPeriod | UnsetType = UNSET
    updated_at: Timestamp | UnsetType = UNSET


class BalanceItem(Struct, gc=False, kw_only=True):
    """One balance in a customer's wallet."""

    amount: float
    reward_id: Uuid
    brand_id: str | None | UnsetType = UNSET
    expiration_date: Timestamp | None | UnsetType = UNSET
    channel_id: str | None | UnsetType = UNSET
    store_id: str | None | UnsetType = UNSET
    funded_by: str | None | UnsetType = UNSET
    issued_at: Timestamp | UnsetType = UNSET


class DeviceInfo(Struct, gc=False, kw_only=True):
    """What kind of device a push token belongs to."""

    platform: Literal["ios", "android", "web", "windows", "macos"] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    osVersion: str | UnsetType = UNSET  # noqa: N815 - the API's own spelling


class Device(Struct, gc=False, kw_only=True):
    """A device that takes push messages."""

    device_token: str
    device_info: DeviceInfo
    expires_at: Timestamp | UnsetType = UNSET
    created_at: Timestamp | UnsetType = UNSET


class CustomerRecord(Struct, gc=False, kw_only=True):
    """One line of a customers export. The last three fields are marks of the export: a deleted customer is skipped."""

    id: CustomerId
    name: str
    email: str
    registration_date: Timestamp
    gender: Literal["MALE", "FEMALE"] | UnsetType = UNSET
    dob: Timestamp | UnsetType = UNSET
    document_type: str | UnsetType = UNSET
    document_number: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    metadata: Anything | UnsetType = UNSET
    tags: Anything | UnsetType = UNSET
    metrics: CustomerMetrics | UnsetType = UNSET
    balance: list[BalanceItem] | UnsetType = UNSET
    devices: list[Device] | UnsetType = UNSET
    deleted: Raw | UnsetType = UNSET
    deleted_at: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
