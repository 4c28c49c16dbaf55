"""The good records: the same for the same seed, valid, and consistent over the kinds."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.generate.customer_history import MOST_VISITS
from masivo_stream.generate.export_dates import REFERENCE, START
from masivo_stream.generate.good_records import deleted_customer, record, records
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, TransactionsRecord, make_reader

SCHEMAS = {
    Kind.CUSTOMERS: CustomerRecord,
    Kind.EVENTS: EventsRecord[Order],
    Kind.TRANSACTIONS: TransactionsRecord,
}
MANY = 1500

seeds = st.integers(min_value=-(2**70), max_value=2**70)
numbers = st.integers(min_value=0, max_value=10**9)


def exact(body):
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


def totals(lines):
    sums = defaultdict(Decimal)
    for line in lines:
        sums[line["reward_id"]] += line["amount"]
    return dict(sums)


def moment(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("kind", Kind)
def test_the_same_seed_gives_the_same_bytes(kind):
    """Two runs with one seed are equal, runs with two seeds differ."""
    first = list(records(kind, count=200, seed=7))

    assert first == list(records(kind, count=200, seed=7))
    assert first != list(records(kind, count=200, seed=8))


@pytest.mark.parametrize("kind", Kind)
def test_a_shorter_export_is_the_beginning_of_a_longer_one(kind):
    """The content of a record does not depend on the number of records."""
    assert list(records(kind, count=20, seed=7)) == list(records(kind, count=50, seed=7))[:20]


def test_the_bytes_of_a_seed_never_change():
    """The same seed gives the same export on other versions of Python, and on other days."""
    assert (
        b'{"id":"C00000000","transactions":[{"reward_id":"5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90",'
        b'"type":"ACCUMULATION","amount":80,"issued_at":"2023-12-29T09:25:47Z"'
    ) in next(records(Kind.TRANSACTIONS, count=1, seed=3))


@pytest.mark.parametrize("kind", Kind)
def test_records_are_valid_and_on_one_line(kind):
    """The typed decoder of the schemas accepts each record."""
    read = make_reader(SCHEMAS[kind])

    for body in records(kind, count=MANY, seed=1):
        read(body)
        assert b"\n" not in body


@given(seed=seeds, number=numbers)
def test_balances_are_the_sums_of_the_transactions(seed, number):
    """For any customer of any seed, per reward and exactly."""
    customer = exact(record(Kind.CUSTOMERS, seed=seed, number=number).body)
    transactions = exact(record(Kind.TRANSACTIONS, seed=seed, number=number).body)

    assert totals(transactions["transactions"]) == totals(customer["balance"])


@given(seed=seeds, number=numbers)
def test_no_wallet_is_ever_below_zero(seed, number):
    """In order of time, a redemption takes no more than the balance."""
    record_ = exact(record(Kind.TRANSACTIONS, seed=seed, number=number).body)
    held = defaultdict(Decimal)

    for transaction in sorted(record_["transactions"], key=lambda one: moment(one["issued_at"])):
        held[transaction["reward_id"]] += transaction["amount"]
        assert held[transaction["reward_id"]] >= 0


@given(seed=seeds, number=numbers)
def test_accumulations_belong_to_purchases(seed, number):
    """Each purchase earned something at its own time, and nothing was earned at another time."""
    events = exact(record(Kind.EVENTS, seed=seed, number=number).body)["events"]
    transactions = exact(record(Kind.TRANSACTIONS, seed=seed, number=number).body)["transactions"]

    bought = {event["issued_at"] for event in events if event["type"] == "PURCHASE"}

    assert bought == {one["issued_at"] for one in transactions if one["type"] == "ACCUMULATION"}


@given(seed=seeds, number=numbers)
def test_orders_name_what_was_redeemed(seed, number):
    """The redemptions in the orders are those in the transactions."""
    events = exact(record(Kind.EVENTS, seed=seed, number=number).body)["events"]
    transactions = exact(record(Kind.TRANSACTIONS, seed=seed, number=number).body)["transactions"]

    orders = [
        {"reward_id": one["id"], "amount": -one["amount"]} for e in events for one in e["order"].get("redeem", [])
    ]

    assert totals(orders) == totals([one for one in transactions if one["type"] == "REDEMPTION"])


@given(seed=seeds, number=numbers)
def test_metrics_agree_with_the_events(seed, number):
    """A customer's lifetime metrics are the number and the sum of the purchases."""
    customer = exact(record(Kind.CUSTOMERS, seed=seed, number=number).body)
    events = exact(record(Kind.EVENTS, seed=seed, number=number).body)["events"]
    lifetime = customer.get("metrics", {}).get("lifetime")
    paid = [event["order"]["discounted_value"] for event in events if event["type"] == "PURCHASE"]

    assert lifetime is None or lifetime["spend_total"] == sum(paid)
    assert lifetime is None or lifetime["number_of_purchases"] == len(paid)


@given(seed=seeds, number=numbers)
def test_everything_happens_in_the_two_years_after_joining(seed, number):
    """Registration comes first, then the events in order, then the day of the export."""
    customer = exact(record(Kind.CUSTOMERS, seed=seed, number=number).body)
    events = exact(record(Kind.EVENTS, seed=seed, number=number).body)["events"]

    issued = [moment(event["issued_at"]) for event in events]

    assert datetime.fromtimestamp(START, UTC) <= moment(customer["registration_date"]) <= issued[0]
    assert issued == sorted(issued)
    assert issued[-1] < datetime.fromtimestamp(REFERENCE, UTC)


def test_the_kinds_name_the_same_customers_each_once():
    """Ids agree line by line; ids and emails are unique."""
    by_kind = [[exact(body)["id"] for body in records(kind, count=MANY, seed=2)] for kind in Kind]
    emails = [exact(body)["email"] for body in records(Kind.CUSTOMERS, count=MANY, seed=2)]

    assert by_kind[0] == by_kind[1] == by_kind[2]
    assert len(set(by_kind[0])) == len(set(emails)) == MANY


def test_emails_reach_no_person():
    """Every address has a domain that is reserved for examples."""
    domains = {exact(body)["email"].partition("@")[2] for body in records(Kind.CUSTOMERS, count=MANY, seed=2)}

    assert domains == {"example.com", "example.org", "example.net"}


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
def test_sizes_are_skewed_and_fit_a_request(kind):
    """Most records are small, a few are long, and none holds more than one request may have."""
    sizes = [record(kind, seed=4, number=number) for number in range(MANY)]
    counts = sorted(one.items for one in sizes)

    assert counts[0] >= 1
    assert 2.5 < sum(counts) / MANY < 5
    assert counts[MANY // 2] <= 4
    assert counts[-1] > 40
    assert counts[-1] <= 3 * MOST_VISITS <= CONTRACTS[kind].max_items
    assert all(one.items == len(exact(one.body)[CONTRACTS[kind].item_field]) for one in sizes)


def test_optional_fields_are_present_null_or_absent():
    """An export is as irregular as real ones: optional fields are sometimes absent or null."""
    customers = [exact(body) for body in records(Kind.CUSTOMERS, count=MANY, seed=5)]
    transactions = [
        one for body in records(Kind.TRANSACTIONS, count=MANY, seed=5) for one in exact(body)["transactions"]
    ]

    for field in ("gender", "document_type", "metadata", "tags", "metrics", "devices"):
        assert 0 < sum(field in one for one in customers) < MANY
    for field in ("resolved_at", "details", "cost", "event", "brand_id"):
        assert {field in one for one in transactions} == {True, False}
        assert any(field in one and one[field] is None for one in transactions)
    assert any(not one["name"].isascii() for one in customers)
    assert any(not one["id"].isalnum() for one in customers)


@given(seed=seeds, number=numbers)
def test_reversed_events_are_additional(seed, number):
    """Without its reversed events, a record is the same as without the option."""
    mixed = record(Kind.EVENTS, seed=seed, number=number, reversed_share=0.3)
    plain = record(Kind.EVENTS, seed=seed, number=number)
    events = exact(mixed.body)["events"]

    kept = [one for one in events if "reversed_at" not in one and one.get("status") != "REVERSED"]

    assert exact(plain.body)["events"] == kept
    assert (mixed.items, mixed.skipped) == (plain.items, len(events) - len(kept))


@given(seed=seeds, number=numbers)
def test_deleted_customers_are_valid_and_distinct(seed, number):
    """A deleted customer has an id of its own, and one of the marks."""
    body = deleted_customer(seed=seed, number=number).body
    customer = exact(body)

    make_reader(CustomerRecord)(body)
    assert exact(record(Kind.CUSTOMERS, seed=seed, number=number).body)["id"] != customer["id"]
    assert customer.get("deleted") is True or customer.get("status") == "DELETED" or customer["deleted_at"]
