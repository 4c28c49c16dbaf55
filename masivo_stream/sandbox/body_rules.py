"""Validate the body of a migration request by itself: shape, limits, schema, records that must not be migrated.

Pure: bytes in, a batch or a refusal out. Rules that depend on the account are in `account_rules`.

Sources: the schemas of `model.schemas`, the limits of `model.contract`, and guides/migrate-customers for deleted
customers and reversed events. Decisions: a body that is not JSON is refused with 422 like any other bad body. Only the
first fault is named. Within one request no customer and no email may come twice, except for events, which the guide
allows in several parts.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Raw, Struct

from masivo_stream.core.reading.marks import read_mark
from masivo_stream.core.reading.schema_faults import Path, cut_last_moment, problems, spell
from masivo_stream.model.contract import CONTRACTS, Contract, Kind
from masivo_stream.model.moments import SECOND, read_moment
from masivo_stream.model.schemas import (
    CustomerRecord,
    EventsRecord,
    LooseOrder,
    Order,
    TransactionsRecord,
    make_reader,
)
from masivo_stream.model.schemas import Transaction as AnyTransaction
from masivo_stream.sandbox.date_check import date_check
from masivo_stream.sandbox.parsed_batch import (
    Batch,
    Customer,
    CustomerEvents,
    Customers,
    CustomerTransactions,
    EventEntry,
    Events,
    Refusal,
    Transaction,
    Transactions,
)

Discount = Literal["required", "optional"]
"""Whether an order must have a `discounted_value`: the vendor's pages disagree."""

VAGUE = "Invalid customer entry"
"""The text of a refusal if the vendor's page promises no more."""

_LONGEST_DETAILS = 1024
_TOO_DEEP = "nested too deeply"
_DEEPEST = 500
"""Half of what the decoder accepts, so that an accepted record can be decoded anywhere in the program."""


class _Envelope(Struct):
    customers: list[Raw]


class _CustomerPart(Struct):
    """The members of a customer that the account's rules read. The record is validated before."""

    id: str
    email: str
    deleted: object = None
    deleted_at: object = None
    status: object = None


class _OrderPart(Struct):
    purchase_id: str
    value: Decimal
    discounted_value: Decimal | None = None


class _EventPart(Struct):
    type: str
    order: _OrderPart
    issued_at: str
    reversed_at: object = None
    status: object = None


class _EventsPart(Struct):
    id: str
    events: list[_EventPart]


class _TransactionPart(Struct):
    reward_id: str
    type: str
    amount: Decimal
    issued_at: str
    brand_id: str | None = None


class _TransactionsPart(Struct):
    id: str
    transactions: list[Raw]


# Made here and not at their first use: bodies are validated in threads. If two threads use a type for the first time at
# the same moment, msgspec crashes (seen with 0.22).
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_CUSTOMER = msgspec.json.Decoder(_CustomerPart)
_EVENTS = msgspec.json.Decoder(_EventsPart)
_TRANSACTION = msgspec.json.Decoder(_TransactionPart)
_TRANSACTIONS = msgspec.json.Decoder(_TransactionsPart)


class _RecordCheck:
    """One schema, and a quick check of a record against it."""

    def __init__(self, schema: type) -> None:
        self.schema = schema
        self._read: Callable[[bytes], object] = make_reader(schema)
        self._dates = date_check(schema)

    def accepts(self, raw: Raw) -> bool:
        try:
            self._read(cut_last_moment(bytes(raw)))
            value = msgspec.json.decode(raw)
            return self._dates(value) and not _too_deep(raw, value)
        except (ValueError, RecursionError):
            return False


_STRICT = {
    Kind.CUSTOMERS: _RecordCheck(CustomerRecord),
    Kind.EVENTS: _RecordCheck(EventsRecord[Order]),
    Kind.TRANSACTIONS: _RecordCheck(TransactionsRecord),
}
_LOOSE = _STRICT | {Kind.EVENTS: _RecordCheck(EventsRecord[LooseOrder])}


def validate(kind: Kind, body: bytes, *, discounted_value: Discount = "required") -> Batch | Refusal:
    """Validate the body of one request of `kind`, except for the rules about the account."""
    raws = _entries(CONTRACTS[kind], body)
    if isinstance(raws, Refusal):
        return raws
    check = (_STRICT if discounted_value == "required" else _LOOSE)[kind]
    for index, raw in enumerate(raws):
        if not check.accepts(raw):
            return _explain(check.schema, index, raw)
    match kind:
        case Kind.CUSTOMERS:
            return _customers(raws)
        case Kind.EVENTS:
            return _events(raws)
        case Kind.TRANSACTIONS:
            return _transactions(raws)


def validate_transaction(body: bytes) -> Transaction | Refusal:
    """Validate one transaction that a customer makes after the migration."""
    try:
        found = problems(AnyTransaction, msgspec.json.decode(body))
    except (ValueError, RecursionError):
        return Refusal("body: not valid JSON")
    return refuse(found[0].path or ("body",), found[0].message) if found else _transaction(Raw(body))


def refuse(path: Path, message: str) -> Refusal:
    """Return a refusal that names a place, such as `customers[3].email`."""
    return Refusal(f"{spell(path)}: {message}"[:_LONGEST_DETAILS])


def _entries(contract: Contract, body: bytes) -> list[Raw] | Refusal:
    """Open the envelope and count: too many entries are refused before they are validated."""
    try:
        body.decode()  # the typed decoder does not look at the bytes it skips
        raws = _ENVELOPE.decode(body).customers
    except RecursionError:
        return Refusal("body: nested too deeply")
    except UnicodeDecodeError:
        return Refusal("body: not UTF-8")
    except msgspec.ValidationError:
        return Refusal("body: expected an object with a list of customers")
    except ValueError:
        return Refusal("body: not valid JSON")
    if not 1 <= len(raws) <= contract.max_records:
        return refuse(("customers",), f"expected 1 to {contract.max_records} customers, found {len(raws)}")
    return raws


def _too_deep(raw: Raw, value: object) -> bool:
    text = bytes(raw)
    if text.count(b"{") + text.count(b"[") <= _DEEPEST:
        return False  # too few brackets to be deep
    level, depth = [value], 0
    while level and depth < _DEEPEST:
        level = [child for parent in level for child in _children(parent) if isinstance(child, dict | list)]
        depth += 1
    return bool(level)


def _children(parent: object) -> Iterable[object]:
    match parent:
        case dict():
            return parent.values()
        case list():
            return parent
        case _:
            return ()


def _explain(schema: object, index: int, raw: Raw) -> Refusal:
    here: Path = ("customers", index)
    try:
        value = msgspec.json.decode(raw)
        found = problems(schema, value)
    except RecursionError:
        return refuse(here, _TOO_DEEP)
    except ValueError:
        return refuse(here, "not valid JSON")
    if not found and _too_deep(raw, value):
        return refuse(here, _TOO_DEEP)
    if not found:  # the quick check refused what the exact one accepts: refuse without a reason
        return Refusal(VAGUE)
    return refuse((*here, *found[0].path), found[0].message)


def _customers(raws: list[Raw]) -> Batch | Refusal:
    parts = [_CUSTOMER.decode(raw) for raw in raws]
    for index, part in enumerate(parts):
        if any(map(read_mark, (part.deleted, part.deleted_at, part.status))):
            return refuse(("customers", index), "a deleted customer is not to be migrated")
    refusal = _refuse_twice("id", (part.id for part in parts)) or _refuse_twice("email", (part.email for part in parts))
    if refusal is not None:
        return refusal
    return Customers(
        tuple(Customer(id=part.id, email=part.email, body=bytes(raw)) for part, raw in zip(parts, raws, strict=True))
    )


def _events(raws: list[Raw]) -> Batch | Refusal:
    parts = [_EVENTS.decode(raw) for raw in raws]
    refusal = _refuse_items(Kind.EVENTS, sum(len(part.events) for part in parts))
    if refusal is not None:
        return refusal
    for index, part in enumerate(parts):
        for place, event in enumerate(part.events):
            if event.reversed_at is not None or event.status == "REVERSED":
                return refuse(("customers", index, "events", place), "a reversed event is not to be migrated")
    return Events(tuple(CustomerEvents(id=part.id, events=tuple(map(_event, part.events))) for part in parts))


def _event(part: _EventPart) -> EventEntry:
    order = part.order
    return EventEntry(
        type=part.type,
        purchase_id=order.purchase_id,
        spend=order.value if order.discounted_value is None else order.discounted_value,
        issued=part.issued_at,
        issued_at=date_seconds(part.issued_at),
    )


def _transactions(raws: list[Raw]) -> Batch | Refusal:
    parts = [_TRANSACTIONS.decode(raw) for raw in raws]
    refusal = _refuse_items(Kind.TRANSACTIONS, sum(len(part.transactions) for part in parts))
    refusal = refusal or _refuse_twice("id", (part.id for part in parts))
    if refusal is not None:
        return refusal
    return Transactions(
        tuple(
            CustomerTransactions(id=part.id, transactions=tuple(map(_transaction, part.transactions))) for part in parts
        )
    )


def _transaction(raw: Raw) -> Transaction:
    part = _TRANSACTION.decode(raw)
    return Transaction(
        reward_id=part.reward_id,
        brand_id=part.brand_id,
        type=part.type,
        amount=part.amount,
        issued_at=date_seconds(part.issued_at),
        body=bytes(raw),
    )


def _refuse_items(kind: Kind, found: int) -> Refusal | None:
    most = CONTRACTS[kind].max_items
    if found <= most:
        return None
    return refuse(("customers",), f"expected at most {most} {kind} in all, found {found}")


def _refuse_twice(field: str, values: Iterable[str]) -> Refusal | None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            return refuse(("customers", index, field), "the second of its kind in this request")
        seen.add(value)
    return None


def date_seconds(text: str) -> float:
    """Return the wall seconds of a date-time of any year that is already validated."""
    moment = read_moment(text)
    if moment is None:
        raise ValueError("the date-time was not validated")
    return moment / SECOND
