"""The schemas against tables written from the API's documents: what is required, null or absent."""

import copy
from typing import Any

import msgspec
import pytest

from masivo_stream.model.schemas import CustomerRecord, EventsRecord, LooseOrder, Order, TransactionsRecord, make_reader

DATE = "2023-11-07T05:31:56Z"
REWARD = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
REDEEM = [{"id": REWARD, "amount": 1}]
PERIOD = {
    "from": DATE,
    "to": DATE,
    "tier_id": REWARD,
    "last_visit": DATE,
    "spend_total": 1,
    "number_of_purchases": 2,
    "last_session": DATE,
}
SPANS = [
    "last_year",
    "this_year",
    "last_month",
    "this_month",
    "last_quarter",
    "this_quarter",
    "last_semester",
    "this_semester",
]

# Records with every field there is.
CUSTOMER = {
    "id": "c",
    "name": "n",
    "email": "e",
    "registration_date": DATE,
    "gender": "FEMALE",
    "dob": DATE,
    "document_type": "CC",
    "document_number": "1",
    "country": "CO",
    "metadata": {"any": [1, None]},
    "tags": {"any": "thing"},
    "metrics": {"lifetime": PERIOD, "updated_at": DATE} | dict.fromkeys(SPANS, PERIOD),
    "balance": [
        {
            "amount": -1.5,
            "reward_id": REWARD,
            "brand_id": "b",
            "expiration_date": DATE,
            "channel_id": "c",
            "store_id": "s",
            "funded_by": "f",
            "issued_at": DATE,
        }
    ],
    "devices": [
        {
            "device_token": "t",
            "device_info": {"platform": "ios", "model": "m", "osVersion": "17"},
            "expires_at": DATE,
            "created_at": DATE,
        }
    ],
}
EVENTS = {
    "id": "c",
    "events": [
        {
            "type": "PURCHASE",
            "order": {
                "purchase_id": "p",
                "value": 10,
                "discounted_value": 9.5,
                "products": [
                    {
                        "sku": "s",
                        "amount": 1,
                        "value": 2,
                        "discounted_value": 1,
                        "redeem": REDEEM,
                        "tags": {},
                        "metadata": {"a": 1},
                    }
                ],
                "payment_method": "BANK_TRANSFER",
                "channel_id": "c",
                "store_id": "s",
                "shipping": {"value": 1, "discounted_value": 1, "redeem": REDEEM, "tags": {}, "metadata": {}},
                "redeem": REDEEM,
                "metadata": {},
            },
            "fulfilled": False,
            "issued_at": DATE,
            "resolved_at": DATE,
            "brand_id": "b",
            "channel_id": "c",
            "store_id": "s",
        }
    ],
}
TRANSACTIONS = {
    "id": "c",
    "transactions": [
        {
            "reward_id": REWARD,
            "type": kind,
            "amount": amount,
            "issued_at": DATE,
            "resolved_at": DATE,
            "details": "d",
            "brand_id": "b",
            "channel_id": "c",
            "store_id": "s",
            "cost": 1.5,
            "event": {"type": "PURCHASE", "order": {}},
            "funded_by": "f",
        }
        for kind, amount in (("ACCUMULATION", 5), ("REDEMPTION", -5))
    ],
}
RECORDS = {
    "customer": (CUSTOMER, CustomerRecord),
    "events": (EVENTS, EventsRecord[Order]),
    "loose events": (EVENTS, EventsRecord[LooseOrder]),
    "transactions": (TRANSACTIONS, TransactionsRecord),
}

# Fields by the object that holds them. What is in neither set is optional and never null.
REQUIRED = {
    "customer": {"id", "name", "email", "registration_date"},
    "metrics.": {"from", "to"},
    "balance[]": {"amount", "reward_id"},
    "devices[]": {"device_token", "device_info"},
    "events": {"id", "events"},
    "events[]": {"type", "order", "fulfilled", "issued_at", "resolved_at", "brand_id"},
    "order": {"purchase_id", "value", "discounted_value", "products", "payment_method"},
    "products[]": {"sku", "amount", "value"},
    "transactions": {"id", "transactions"},
    "transactions[]": {"reward_id", "type", "amount", "issued_at"},
}
NULLABLE = {
    "metrics.": {"tier_id", "last_visit", "spend_total", "number_of_purchases", "last_session"},
    "balance[]": {"brand_id", "expiration_date", "channel_id", "store_id", "funded_by"},
    "events[]": {"resolved_at", "brand_id", "channel_id", "store_id"},
    "transactions[]": {
        *("resolved_at", "details", "brand_id", "channel_id", "store_id", "cost", "event", "funded_by"),
    },
}
FREE_FORM = {"metadata", "tags", "event"}

Place = tuple[tuple[str | int, ...], str, str]


def places(value: Any, holder: str, path: tuple[str | int, ...] = ()) -> list[Place]:
    """Return (path, name of the object that holds it, field) for every field of a record."""
    found: list[Place] = []
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, f"{holder}[]", (*path, index))
    elif isinstance(value, dict):
        for name, member in value.items():
            found.append(((*path, name), holder, name))
            if name not in FREE_FORM:
                found += places(member, "metrics." if holder == "metrics" else name, (*path, name))
    return found


PLACES = [
    pytest.param(kind, *place, id=f"{kind}-{'.'.join(map(str, place[0]))}")
    for kind, (record, _) in RECORDS.items()
    for place in places(record, kind.removeprefix("loose "))
]


def changed(record: dict[str, Any], path: tuple[str | int, ...], change: Any) -> dict[str, Any]:
    """Return a copy of the record with the field at `path` set, or removed where the change is `...`."""
    made = copy.deepcopy(record)
    holder: Any = made
    for step in path[:-1]:
        holder = holder[step]
    if change is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = change
    return made


def taken(kind: str, record: dict[str, Any]) -> bool:
    try:
        make_reader(RECORDS[kind][1])(msgspec.json.encode(record))
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_with_every_field_is_accepted(kind):
    """The schemas have all fields of the documents, with the documents' types."""
    assert taken(kind, RECORDS[kind][0])


@pytest.mark.parametrize(("kind", "path", "holder", "field"), PLACES)
def test_a_field_may_be_absent_unless_it_is_required(kind, path, holder, field):
    """The required fields are those of the documents; for `discounted_value` of an order a setting decides."""
    required = field in REQUIRED.get(holder, set()) and (kind, holder, field) != (
        "loose events",
        "order",
        "discounted_value",
    )
    assert taken(kind, changed(RECORDS[kind][0], path, ...)) != required


@pytest.mark.parametrize(("kind", "path", "holder", "field"), PLACES)
def test_a_field_may_be_null_if_the_documents_say_so(kind, path, holder, field):
    """Absent and null are different."""
    assert taken(kind, changed(RECORDS[kind][0], path, None)) == (field in NULLABLE.get(holder, set()))


@pytest.mark.parametrize(("kind", "path", "holder", "field"), PLACES)
def test_a_field_has_one_json_type(kind, path, holder, field):
    """No string for a number, no number for a string, no truth value for either; nothing is converted."""
    value: Any = RECORDS[kind][0]
    for step in path:
        value = value[step]
    for other in ("x", 7, True, [], {}):
        numbers = {type(value), type(other)} <= {int, float}
        if type(other) is not type(value) and not numbers:
            assert not taken(kind, changed(RECORDS[kind][0], path, other))


@pytest.mark.parametrize(
    ("kind", "path"),
    [("events", ("events",)), ("events", ("events", 0, "order", "products")), ("transactions", ("transactions",))],
)
def test_lists_of_items_are_not_empty(kind, path):
    """At least one event, one product, one transaction."""
    assert not taken(kind, changed(RECORDS[kind][0], path, []))
