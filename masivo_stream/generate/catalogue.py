"""The catalogue of faults: typical errors of real exports, and small ones that a lenient validator accepts."""

from msgspec import Raw

from masivo_stream.generate.planted_faults import Borrow, Duplicate, Put, Recipe, Remove, Repeat, Rewrite
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.reason import Reason

_NOT_UTF8 = Raw(b'"caf\xe9"')
_HUGE = Raw(b"1e999")
_NAN = Raw(b"NaN")

_ITEM = {kind: f"{contract.item_field}[]." if contract.item_field else "" for kind, contract in CONTRACTS.items()}
_MOMENT = {Kind.CUSTOMERS: "registration_date", Kind.EVENTS: "issued_at", Kind.TRANSACTIONS: "issued_at"}
_AMOUNT = {Kind.CUSTOMERS: "balance[].amount", Kind.EVENTS: "order.value", Kind.TRANSACTIONS: "amount"}

_DATES = (
    ("2024-05-06T07:08:09", "a date without zone"),
    ("2024-05-06T07:08:09+0000", "a zone without colon"),
    ("2024-05-06 07:08:09Z", "a space between date and time"),
    ("2024-02-30T07:08:09Z", "a day the calendar does not have"),
    ("06/05/2024", "a date as people write it"),
)
_NUMBERS = (
    (Reason.WRONG_TYPE, "12.50", "a number written as a string"),
    (Reason.WRONG_TYPE, True, "true for a number"),
    (Reason.WRONG_TYPE, None, "null for a number"),
    (Reason.INVALID_VALUE, _HUGE, "a number too large for a double"),
)
_NO_UUIDS = (
    ("5f0c2d1e8a434b6f9d270a1b3c5d7e90", "a UUID without hyphens"),
    ("POINTS", "a name for a UUID"),
)


def _cut(line: bytes) -> bytes:
    """Cut a line in the middle, but not inside a character, which would be another fault."""
    return line[: len(line) // 2].decode(errors="ignore").encode()


def _of_line(kind: Kind) -> tuple[Recipe, ...]:
    """Return the faults of a line that do not depend on its content."""

    def rewrite(change: Rewrite, what: Reason, description: str) -> Recipe:
        return Recipe(kind=kind, what=what, path="", change=change, description=description)

    return (
        rewrite(Rewrite(_cut), Reason.INVALID_JSON, "a line cut in the middle"),
        rewrite(Rewrite(lambda line: line + b"}"), Reason.INVALID_JSON, "text after the object"),
        rewrite(Rewrite(lambda line: line + b"," + line), Reason.INVALID_JSON, "two records on one line"),
        rewrite(Rewrite(lambda line: b"'" + line[1:]), Reason.INVALID_JSON, "not JSON from the first byte on"),
        rewrite(Rewrite(lambda line: b"[" + line + b"]"), Reason.WRONG_TYPE, "a list for an object"),
        rewrite(Rewrite(lambda _: b"null"), Reason.WRONG_TYPE, "null for an object"),
        _put(kind, "x_legacy_note", _NOT_UTF8, Reason.INVALID_UTF8, "Latin-1 in a field that is not read", field=""),
        _put(
            kind,
            _ITEM[kind] + _AMOUNT[kind],
            _NAN,
            Reason.INVALID_JSON,
            "NaN, which JSON does not have",
            field="",
        ),
        _put(kind, "id", 150342, Reason.WRONG_TYPE, "a number for an id"),
        _put(kind, "id", "", Reason.INVALID_VALUE, "an empty id"),
        _put(kind, "id", None, Reason.WRONG_TYPE, "null for an id"),
    )


def _put(kind: Kind, path: str, value: object, what: Reason, description: str, *, field: str | None = None) -> Recipe:
    return Recipe(kind=kind, what=what, path=path, change=Put(value), description=description, field=field)


def _common(kind: Kind, required: tuple[str, ...]) -> tuple[Recipe, ...]:
    """Return the faults that every kind has: of the line, of dates, of numbers, and missing required fields."""
    item = _ITEM[kind]
    return (
        *_of_line(kind),
        *(_put(kind, item + _MOMENT[kind], date, Reason.INVALID_VALUE, text) for date, text in _DATES),
        _put(kind, item + _MOMENT[kind], 1_717_000_000, Reason.WRONG_TYPE, "seconds since 1970 for a date"),
        *(_put(kind, item + _AMOUNT[kind], value, what, text) for what, value, text in _NUMBERS),
        *(
            Recipe(
                kind=kind,
                what=Reason.MISSING_FIELD,
                path=path,
                change=Remove(),
                description=f"{path} left out",
            )
            for path in required
        ),
    )


_CUSTOMERS = (
    *_common(
        Kind.CUSTOMERS,
        ("id", "name", "email", "registration_date", "balance[].amount", "balance[].reward_id"),
    ),
    Recipe(
        kind=Kind.CUSTOMERS,
        what=Reason.DUPLICATE_ID,
        path="name",
        change=Duplicate("Doble Doblado"),
        description="an earlier customer again, with another name",
        field="id",
    ),
    Recipe(
        kind=Kind.CUSTOMERS,
        what=Reason.DUPLICATE_EMAIL,
        path="email",
        change=Borrow(),
        description="the email of an earlier customer",
    ),
    _put(Kind.CUSTOMERS, "name", None, Reason.WRONG_TYPE, "null for a name"),
    _put(Kind.CUSTOMERS, "email", ["a@example.com"], Reason.WRONG_TYPE, "a list for an email"),
    _put(Kind.CUSTOMERS, "gender", "F", Reason.INVALID_VALUE, "a gender that is not in the list"),
    _put(Kind.CUSTOMERS, "gender", None, Reason.WRONG_TYPE, "null for a gender, which may only be absent"),
    _put(Kind.CUSTOMERS, "dob", "1990-05-06", Reason.INVALID_VALUE, "a day of birth without time"),
    _put(Kind.CUSTOMERS, "document_number", 79_123_456, Reason.WRONG_TYPE, "a number for a document number"),
    _put(Kind.CUSTOMERS, "metadata", "{}", Reason.WRONG_TYPE, "an object written as a string"),
    _put(Kind.CUSTOMERS, "tags", ["vip"], Reason.WRONG_TYPE, "a list for tags"),
    _put(Kind.CUSTOMERS, "balance", {}, Reason.WRONG_TYPE, "an object for a list"),
    *(_put(Kind.CUSTOMERS, "balance[].reward_id", value, Reason.INVALID_VALUE, text) for value, text in _NO_UUIDS),
    _put(
        Kind.CUSTOMERS,
        "metrics",
        {"lifetime": {"to": "2025-01-01T00:00:00Z"}},
        Reason.MISSING_FIELD,
        "a period without beginning",
        field=".lifetime.from",
    ),
    _put(
        Kind.CUSTOMERS,
        "devices",
        [{"device_token": "t-1", "device_info": {"platform": "symbian"}}],
        Reason.INVALID_VALUE,
        "a platform that is not in the list",
        field="[0].device_info.platform",
    ),
    _put(
        Kind.CUSTOMERS,
        "devices",
        [{"device_info": {"platform": "ios"}}],
        Reason.MISSING_FIELD,
        "a device without token",
        field="[0].device_token",
    ),
)

_EVENTS = (
    *_common(
        Kind.EVENTS,
        (
            *("id", "events", "events[].type", "events[].order", "events[].fulfilled", "events[].issued_at"),
            *(
                "events[].resolved_at",
                "events[].brand_id",
                "events[].order.purchase_id",
                "events[].order.value",
            ),
            *("events[].order.discounted_value", "events[].order.products", "events[].order.payment_method"),
            *(f"events[].order.products[].{name}" for name in ("sku", "amount", "value")),
        ),
    ),
    _put(Kind.EVENTS, "events", [], Reason.NO_ITEMS, "a customer without events"),
    _put(Kind.EVENTS, "events", {}, Reason.WRONG_TYPE, "an object for the list of events"),
    _put(Kind.EVENTS, "events[].type", 1, Reason.WRONG_TYPE, "a number for a type"),
    _put(Kind.EVENTS, "events[].order", None, Reason.WRONG_TYPE, "null for an order"),
    _put(Kind.EVENTS, "events[].fulfilled", "true", Reason.WRONG_TYPE, "true written as a string"),
    _put(Kind.EVENTS, "events[].fulfilled", 1, Reason.WRONG_TYPE, "1 for true"),
    _put(Kind.EVENTS, "events[].resolved_at", "", Reason.INVALID_VALUE, "an empty string for null"),
    _put(Kind.EVENTS, "events[].order.purchase_id", 42, Reason.WRONG_TYPE, "a number for a purchase id"),
    _put(Kind.EVENTS, "events[].order.products", [], Reason.INVALID_VALUE, "an order without products"),
    _put(Kind.EVENTS, "events[].order.products[].sku", None, Reason.WRONG_TYPE, "null for a product's code"),
    _put(
        Kind.EVENTS,
        "events[].order.products[].amount",
        "1",
        Reason.WRONG_TYPE,
        "a product's number as a string",
    ),
    _put(Kind.EVENTS, "events[].order.products[].tags", None, Reason.WRONG_TYPE, "null for tags"),
    _put(
        Kind.EVENTS,
        "events[].order.metadata",
        {"note": _NOT_UTF8},
        Reason.INVALID_UTF8,
        "Latin-1 deep in a free-form object",
        field="",
    ),
    _put(
        Kind.EVENTS,
        "events[].order.payment_method",
        "VISA",
        Reason.INVALID_VALUE,
        "an unknown payment method",
    ),
    _put(
        Kind.EVENTS,
        "events[].order.payment_method",
        "cash",
        Reason.INVALID_VALUE,
        "a payment method in lower case",
    ),
    *(
        _put(Kind.EVENTS, "events[].order.redeem", [{"id": value}], Reason.INVALID_VALUE, text, field="[0].id")
        for value, text in _NO_UUIDS
    ),
    _put(
        Kind.EVENTS,
        "events[].order.shipping",
        {"value": "4.99"},
        Reason.WRONG_TYPE,
        "the price of shipping as a string",
        field=".value",
    ),
)

_TRANSACTIONS = (
    *_common(
        Kind.TRANSACTIONS,
        (
            "id",
            "transactions",
            *(f"transactions[].{name}" for name in ("reward_id", "type", "amount", "issued_at")),
        ),
    ),
    Recipe(
        kind=Kind.TRANSACTIONS,
        what=Reason.DUPLICATE_ID,
        path="x_page",
        change=Duplicate(2),
        description="a second record of a customer, whose transactions cannot be migrated twice",
        field="id",
    ),
    _put(Kind.TRANSACTIONS, "transactions", [], Reason.NO_ITEMS, "a customer without transactions"),
    _put(Kind.TRANSACTIONS, "transactions", None, Reason.WRONG_TYPE, "null for the list of transactions"),
    Recipe(
        kind=Kind.TRANSACTIONS,
        what=Reason.TOO_MANY_ITEMS,
        path="transactions",
        change=Repeat(CONTRACTS[Kind.TRANSACTIONS].max_items + 1),
        description="one transaction more than a request may have",
    ),
    _put(Kind.TRANSACTIONS, "transactions[].type", "BONUS", Reason.INVALID_VALUE, "an unknown type"),
    _put(Kind.TRANSACTIONS, "transactions[].type", "accumulation", Reason.INVALID_VALUE, "a type in lower case"),
    _put(Kind.TRANSACTIONS, "transactions[].type", 1, Reason.WRONG_TYPE, "a number for a type"),
    _put(Kind.TRANSACTIONS, "transactions[].amount", 0, Reason.INVALID_VALUE, "an amount of zero"),
    # A history begins with a purchase that earns points, so the first transaction is an accumulation.
    _put(Kind.TRANSACTIONS, "transactions[0].amount", -5, Reason.INVALID_VALUE, "a negative accumulation"),
    _put(
        Kind.TRANSACTIONS,
        "transactions[0].type",
        "REDEMPTION",
        Reason.INVALID_VALUE,
        "a positive redemption",
        field="transactions[0].amount",
    ),
    *(
        _put(Kind.TRANSACTIONS, "transactions[].reward_id", value, Reason.INVALID_VALUE, text)
        for value, text in _NO_UUIDS
    ),
    _put(Kind.TRANSACTIONS, "transactions[].event", [], Reason.WRONG_TYPE, "a list for an event"),
    _put(Kind.TRANSACTIONS, "transactions[].details", 7, Reason.WRONG_TYPE, "a number for details"),
    _put(Kind.TRANSACTIONS, "transactions[].resolved_at", "ayer", Reason.INVALID_VALUE, "a word for a date"),
)

CATALOGUE: dict[Kind, tuple[Recipe, ...]] = {
    Kind.CUSTOMERS: _CUSTOMERS,
    Kind.EVENTS: _EVENTS,
    Kind.TRANSACTIONS: _TRANSACTIONS,
}
"""Every fault, by kind."""
