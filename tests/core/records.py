"""Strategies for records, written from the API's documents and not from the schemas they test."""

import copy
from typing import Any

from hypothesis import strategies as st

from masivo_stream.model.contract import Kind

text = st.text(max_size=6)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
uuids = st.uuids().map(str)
dates = st.builds(
    "{}T{}{}{}".format,
    st.dates().map(str),
    st.times().map(lambda time: time.strftime("%H:%M:%S")),
    st.sampled_from(["", ".5", ".123", ".123456", ".123456789"]),
    st.sampled_from(["Z", "+00:00", "-05:00", "+05:30", "-00:00"]),
)
free = st.dictionaries(
    text, st.recursive(st.none() | st.booleans() | numbers | text, st.lists, max_leaves=4), max_size=2
)
nullable_text = st.none() | text
redeem = st.lists(st.fixed_dictionaries({}, optional={"id": uuids, "amount": numbers}), max_size=1)

products = st.fixed_dictionaries(
    {"sku": text, "amount": numbers, "value": numbers},
    optional={"discounted_value": numbers, "redeem": redeem, "tags": free, "metadata": free},
)
shipping = st.fixed_dictionaries(
    {},
    optional={"value": numbers, "discounted_value": numbers, "redeem": redeem, "tags": free, "metadata": free},
)
orders = st.fixed_dictionaries(
    {
        "purchase_id": text,
        "value": numbers,
        "discounted_value": numbers,
        "products": st.lists(products, min_size=1, max_size=2),
        "payment_method": st.sampled_from(["CREDIT", "DEBIT", "CASH", "BANK_TRANSFER", "OTHER"]),
    },
    optional={"channel_id": text, "store_id": text, "shipping": shipping, "redeem": redeem, "metadata": free},
)
events = st.fixed_dictionaries(
    {
        "type": text,
        "order": orders,
        "fulfilled": st.booleans(),
        "issued_at": dates,
        "resolved_at": st.none() | dates,
        "brand_id": nullable_text,
    },
    optional={"channel_id": nullable_text, "store_id": nullable_text, "a field nobody knows": free},
)


def _transactions(kind: str, amounts: st.SearchStrategy[float]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"type": st.just(kind), "reward_id": uuids, "amount": amounts, "issued_at": dates},
        optional={
            "resolved_at": st.none() | dates,
            "details": nullable_text,
            "brand_id": nullable_text,
            "cost": st.none() | numbers,
            "event": st.none() | free,
            "funded_by": nullable_text,
        },
    )


transactions = _transactions("ACCUMULATION", st.integers(1, 10**6)) | _transactions("REDEMPTION", st.floats(-1e9, -0.5))
periods = st.fixed_dictionaries(
    {"from": dates, "to": dates},
    optional={
        "tier_id": st.none() | uuids,
        "last_visit": st.none() | dates,
        "spend_total": st.none() | numbers,
        "number_of_purchases": st.none() | numbers,
    },
)
balance_items = st.fixed_dictionaries(
    {"amount": numbers, "reward_id": uuids},
    optional={"brand_id": nullable_text, "expiration_date": st.none() | dates, "issued_at": dates},
)
devices = st.fixed_dictionaries(
    {
        "device_token": text,
        "device_info": st.fixed_dictionaries(
            {}, optional={"platform": st.sampled_from(["ios", "android", "web"]), "model": text, "osVersion": text}
        ),
    },
    optional={"expires_at": dates, "created_at": dates},
)
ids = st.text(min_size=1, max_size=6)
records: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
    Kind.CUSTOMERS: st.fixed_dictionaries(
        {"id": ids, "name": text, "email": text, "registration_date": dates},
        optional={
            "gender": st.sampled_from(["MALE", "FEMALE"]),
            "dob": dates,
            "country": text,
            "metadata": free,
            "tags": free,
            "metrics": st.fixed_dictionaries(
                {}, optional={"lifetime": periods, "this_year": periods, "updated_at": dates}
            ),
            "balance": st.lists(balance_items, max_size=2),
            "devices": st.lists(devices, max_size=1),
            "deleted": st.just(False),
            "status": st.just("ACTIVE"),
        },
    ),
    Kind.EVENTS: st.fixed_dictionaries({"id": ids, "events": st.lists(events, min_size=1, max_size=3)}),
    Kind.TRANSACTIONS: st.fixed_dictionaries(
        {"id": ids, "transactions": st.lists(transactions, min_size=1, max_size=3)}
    ),
}
kinds_and_records = st.one_of(*(st.tuples(st.just(kind), strategy) for kind, strategy in records.items()))

oddities = st.sampled_from(
    [
        *(None, True, False, 0, -0.0, -1, 1.5, 10**400, -(10**25), "", "x", [], [1], {}, {"a": 1}, [None], [{}], [[]]),
        *("ACCUMULATION", "REDEMPTION", "REVERSED", "DELETED", "CASH", "cash", "MALE", "ios"),
        *("2023-11-07T05:31:56Z", "2023-11-07T05:31:56", "2023-11-07 05:31:56Z", "2023-11-07t05:31:56Z"),
        *("2023-11-07T05:31:56+0000", "2023-02-29T00:00:00Z", "2023-11-07", "2023-11-07T05:31:56Z\n"),
        *("3c90c3cc-0d44-4b50-8888-8dd25736052a", "3C90C3CC-0D44-4B50-8888-8DD25736052A"),
        *("3c90c3cc0d444b5088888dd25736052a", "3c90c3cc-0d44-4b50-8888-8dd25736052a\n"),
    ]
)


def places(value: object) -> list[tuple[Any, Any]]:
    """Return all (container, key) of a JSON value, in document order."""
    found = []
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inside:
        found += [(value, key), *places(member)]
    return found


@st.composite
def nearly_valid(draw: st.DrawFn) -> tuple[Kind, dict[str, Any]]:
    """Draw a valid record of some kind, and change, remove or add something in up to two places."""
    kind, drawn = draw(kinds_and_records)
    record = copy.deepcopy(drawn)
    for _ in range(draw(st.integers(0, 2))):
        container, key = draw(st.sampled_from(places(record) or [(record, "id")]))
        change = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if change == "replace":
            container[key] = copy.deepcopy(draw(oddities))
        elif change == "remove":
            container.pop(key, None) if isinstance(container, dict) else container.pop(key)
        elif isinstance(container, dict):
            container[draw(st.sampled_from(["status", "deleted", "reversed_at", "id", "", "typo"]))] = copy.deepcopy(
                draw(oddities)
            )
        else:
            container.append(copy.deepcopy(draw(oddities)))
    return kind, record
