"""What is implausible is found in any record, and only that."""

import json

import pytest
from core.doubtful import NOW, look
from hypothesis import given
from hypothesis import strategies as st
from naive_doubts import doubts

from masivo_stream.generate.good_records import records
from masivo_stream.model.contract import Kind
from masivo_stream.model.findings import CheckName

REWARD = "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65"
NAMES = (
    *("Ana", "", " ", "null", "NULL null", "None", "Nulla", "n/a", "?", "SofÃ\xada", "NÃºÃ±ez", "SÃO", "Ã", "SÂ¿a"),
    *("Sof?a", "Ana?", "Jos\ufffd", "Łukasz", "N\u00c3\u2030lie", "Anaïs", "- -", "Ana -"),
)
EMAILS = (
    *("a@x.co", "a@localhost", "", "a", "@", "a@", "@x.co", "a@@x.co", "a@b@x.co"),
    *("a b@x.co", "a@x.co ", "a\t@x.co", "a\u00a0@x.co", "ñ@ñ.co"),
)

dates = st.sampled_from(
    [
        "2024-01-30T17:50:19Z",
        "2024-01-31T17:50:19Z",
        "2024-01-31T17:50:19.000001Z",
        "2024-01-31T19:20:18.5+01:30",
        "1970-01-01T23:59:59.999999Z",
        "1970-01-02T00:00:00Z",
        "1970-01-02T05:00:00+05:30",
        "1969-12-31T19:00:00-05:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1900-01-01T00:00:00Z",
        "1900-12-31T00:00:00Z",
        "1901-01-01T00:00:00Z",
        "2025-07-02T12:00:00Z",
        "2025-07-02T12:00:00.000001Z",
        "2025-07-02T07:30:00-04:30",
        "2025-07-03T02:00:00+14:00",
        "2025-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-12:00",
    ]
)
amounts = st.sampled_from([0, 1, 10, 10.1, 10.11, 99.5, 100, 1000, -1, -10, 0.01, 1e300, -1e300])
ids = st.sampled_from(["c1", " c1", "c1\t", "c 1", "\u00a0c1"])


def optional(**fields):
    return st.fixed_dictionaries({}, optional=fields)


def objects(required, **extra):
    return st.builds(lambda one, other: {**one, **other}, st.fixed_dictionaries(required), optional(**extra))


ids_of_places = st.sampled_from([None, "a", "b"])
balances = st.lists(
    objects(
        {
            "reward_id": st.sampled_from(
                ["ec9a5bfb-c2f1-4cf0-b509-247e47b96b65", "EC9A5BFB-C2F1-4CF0-B509-247E47B96B65"]
            ),
            "amount": amounts,
        },
        brand_id=ids_of_places,
        funded_by=ids_of_places,
        issued_at=dates,
        expiration_date=dates | st.none(),
    ),
    max_size=3,
)
customers = objects(
    {
        "id": ids,
        "name": st.sampled_from(NAMES),
        "email": st.sampled_from(EMAILS),
        "registration_date": dates,
    },
    dob=dates,
    balance=balances,
)
transactions = st.fixed_dictionaries(
    {
        "id": ids,
        "transactions": st.lists(
            objects(
                {
                    "reward_id": st.just(REWARD),
                    "type": st.just("TRANSFER"),
                    "amount": st.just(1),
                    "issued_at": dates,
                },
                resolved_at=dates | st.none(),
            ),
            min_size=1,
            max_size=3,
        ),
    }
)
orders = objects(
    {
        "purchase_id": st.just("p"),
        "value": amounts,
        "discounted_value": amounts,
        "products": st.lists(
            objects({"sku": st.just("a"), "amount": amounts, "value": amounts}, discounted_value=amounts),
            min_size=1,
            max_size=3,
        ),
        "payment_method": st.just("CASH"),
    },
    shipping=optional(value=amounts, discounted_value=amounts),
)
events = st.fixed_dictionaries(
    {
        "id": ids,
        "events": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from(
                        ["PURCHASE", "Purchase", "PURCHASES", "PURCHACE ", "REPURCHASE", "PURCHASE_REFUND", "REVIEW"]
                    ),
                    "order": orders,
                    "fulfilled": st.just(True),
                    "issued_at": dates,
                    "resolved_at": dates | st.none(),
                    "brand_id": st.none(),
                }
            ),
            min_size=1,
            max_size=2,
        ),
    }
)
records_of = {Kind.CUSTOMERS: customers, Kind.EVENTS: events, Kind.TRANSACTIONS: transactions}
lines = st.sampled_from(list(Kind)).flatmap(lambda kind: st.tuples(st.just(kind), records_of[kind]))


@given(lines)
def test_all_that_is_implausible_is_found_and_nothing_else(line):
    """A record is looked at as a person does: each thing once for each field."""
    kind, record = line
    assert look(kind, [json.dumps(record).encode()]) == dict.fromkeys(doubts(kind.value, record, NOW), 1)


@given(lines)
def test_a_check_that_is_left_out_is_silent(line):
    """All others are not."""
    kind, record = line
    left_out = {CheckName.FUTURE_DATE, CheckName.EMAIL_FORM, CheckName.ORDER_SUM}
    found = look(kind, [json.dumps(record).encode()], left_out)
    assert found.keys() == {each for each in doubts(kind.value, record, NOW) if each[0] not in left_out}


@pytest.mark.parametrize("kind", Kind)
def test_good_records_are_plausible(kind):
    """Those that `generate` writes."""
    assert look(kind, records(kind, count=2000, seed=3)) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expiration_date", "2026-01-01T00:00:00Z"),
        ("issued_at", "2024-06-01T00:00:00Z"),
        *((name, "x") for name in ("brand_id", "channel_id", "store_id", "funded_by")),
    ],
)
def test_lines_of_a_balance_that_differ_are_no_repetition(name, value):
    """In a date, a place, or who pays. Null is the same as nothing, and the time zone of a date does not matter."""
    line = {"reward_id": REWARD, "amount": 1, "issued_at": "2024-01-01T00:00:00Z"}
    other = {**line, "reward_id": REWARD.upper(), "issued_at": "2024-01-01T01:00:00+01:00", "brand_id": None}
    customer = {"id": "c", "name": "Ana", "email": "a@x.co", "registration_date": "2024-01-01T00:00:00Z"}

    def found(*balance):
        return look(Kind.CUSTOMERS, [json.dumps({**customer, "balance": balance}).encode()])

    assert found(line, {**line, name: value}) == found(line) == {}
    assert found({**line, name: value}, {**other, "amount": 3, name: value}) == {
        ("repeated_reward", "balance[].reward_id"): 1
    }


@pytest.mark.parametrize(
    ("value", "products", "shipping", "right"),
    [
        (10, [(2, 5)], None, True),
        (10, [(2, 10)], None, True),
        (10, [(1, 1)], None, False),
        (10, [(3, 3.33)], None, True),
        (9.89, [(1, 10)], None, False),
        (15, [(2, 5)], 5, True),
        (1000, [(2, 5)], None, False),
        (0, [(1, 0)], None, True),
        (0, [(1, 0.02)], None, False),
        (-10, [(1, -10)], None, True),
        (10, [(1, 1e308), (9, 1e308)], None, False),
    ],
)
def test_what_an_order_may_add_up_to(value, products, shipping, right):
    """To values or to amounts times values, with or without shipping, roughly."""
    order = {
        "purchase_id": "p",
        "value": value,
        "discounted_value": 0,
        "products": [{"sku": "a", "amount": amount, "value": price} for amount, price in products],
        "payment_method": "CASH",
        **({} if shipping is None else {"shipping": {"value": shipping}}),
    }
    event = {"type": "PURCHASE", "order": order, "fulfilled": True, "issued_at": "2024-01-01T00:00:00Z"}
    event |= {"resolved_at": None, "brand_id": None}
    found = look(Kind.EVENTS, [json.dumps({"id": "c", "events": [event]}).encode()])
    assert (("order_sum", "events[].order.value") not in found) == right
