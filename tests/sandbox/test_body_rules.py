import inspect
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox import made

from masivo_stream.model.contract import Kind
from masivo_stream.sandbox import body_rules
from masivo_stream.sandbox.alter_batch import first_half
from masivo_stream.sandbox.body_rules import VAGUE, validate, validate_transaction
from masivo_stream.sandbox.parsed_batch import Customers, Events, Refusal, Transactions

VALID = {
    Kind.CUSTOMERS: made.customer("c"),
    Kind.EVENTS: made.events("c", "p"),
    Kind.TRANSACTIONS: made.transactions("c", 5),
}


def details(kind: Kind, *entries: object) -> str:
    refusal = validate(kind, made.body(*entries))
    assert isinstance(refusal, Refusal), refusal
    return refusal.details


def without(entry: dict[str, object], field: str) -> dict[str, object]:
    return {name: value for name, value in entry.items() if name != field}


def test_types_are_ready_before_threads_use_them():
    """No type is used for the first time in a thread: msgspec crashes if two threads do that at once."""
    assert "type=_" not in inspect.getsource(body_rules)


def test_valid_bodies_become_batches():
    """An accepted body becomes a batch with the values that the account needs."""
    customers = validate(Kind.CUSTOMERS, made.body(VALID[Kind.CUSTOMERS]))
    assert isinstance(customers, Customers)
    assert (customers.entries[0].id, customers.entries[0].email) == ("c", "c@example.test")
    assert json.loads(customers.entries[0].body) == VALID[Kind.CUSTOMERS]
    events = validate(Kind.EVENTS, made.body(VALID[Kind.EVENTS]))
    assert isinstance(events, Events)
    assert (events.entries[0].events[0].purchase_id, events.entries[0].events[0].spend) == ("p", Decimal("9.5"))
    transactions = validate(Kind.TRANSACTIONS, made.body(VALID[Kind.TRANSACTIONS]))
    assert isinstance(transactions, Transactions)
    assert transactions.entries[0].transactions[0].amount == 5


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"customers":null}',
        b'{"customers":{}}',
        b'{"customers":[]}',
        b'{"customers":[null]}',
        b'{"customers":[[]]}',
        b'{"customers":[{}]} x',
        b"\xff",
        b'{"customers":[{"id":"\xff"}]}',
        b"[" * 100_000,
        b'{"customers":[{"metadata":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
        b'{"customers":' + b'[{"customers":' * 5000,
        b'{"customers":[{"id":' + b"9" * 10_000 + b"}]}",
    ],
)
def test_an_invalid_request_is_refused(kind, body):
    """Broken, foreign or hostile bodies are refused, and raise no error."""
    assert isinstance(validate(kind, body), Refusal)


@given(st.sampled_from(Kind), st.binary())
def test_arbitrary_bytes_are_refused(kind, body):
    """No bytes raise an error."""
    assert isinstance(validate(kind, body), Refusal)


@pytest.mark.parametrize("kind", Kind)
def test_bytes_that_are_not_utf8_are_refused_in_any_field(kind):
    """Also in a field that is not read."""
    body = made.body({**VALID[kind], "unknown": "@"}).replace(b"@", b"\xfe")
    assert validate(kind, body) == Refusal("body: not UTF-8")


@pytest.mark.parametrize("kind", Kind)
def test_a_request_has_at_most_a_thousand_customers(kind):
    """1 to 1000 customers."""
    entries = [{**VALID[kind], "id": f"c{n}", "email": f"{n}"} for n in range(1001)]
    assert not isinstance(validate(kind, made.body(*entries[:1000])), Refusal)
    assert details(kind, *entries) == "customers: expected 1 to 1000 customers, found 1001"


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
def test_a_request_has_at_most_a_thousand_items(kind):
    """At most 1000 events or transactions over all customers."""
    entry = VALID[kind]
    items = entry[kind.value] * 500
    halves = [{"id": "a", kind.value: items}, {"id": "b", kind.value: items}]
    assert not isinstance(validate(kind, made.body(*halves)), Refusal)
    assert details(kind, *halves, {**entry, "id": "c"}) == f"customers: expected at most 1000 {kind} in all, found 1001"


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
def test_a_customer_without_items_is_refused(kind):
    """Each customer needs at least one event or transaction."""
    assert details(kind, VALID[kind], {"id": "d", kind.value: []}).startswith(f"customers[1].{kind}: ")


@pytest.mark.parametrize("field", ["id", "name", "email", "registration_date"])
def test_a_missing_field_is_named(field):
    """Index and field lead to the fault."""
    entry = without(made.customer("d"), field)
    assert details(Kind.CUSTOMERS, made.customer("c"), entry).startswith(f"customers[1].{field}: ")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"email": None}, "email"),
        ({"gender": "OTHER"}, "gender"),
        ({"dob": "1990-01-01"}, "dob"),
        ({"registration_date": "2025-02-30T00:00:00Z"}, "registration_date"),
        ({"registration_date": "2025-05-07 05:31:56Z"}, "registration_date"),
        ({"registration_date": "2025-05-07T05:31:56"}, "registration_date"),
        ({"registration_date": "2025-05-07T05:31:56+0000"}, "registration_date"),
        ({"registration_date": "2025-05-07t05:31:56z"}, "registration_date"),
        ({"balance": [{"amount": 1}]}, "balance[0].reward_id"),
        ({"balance": [{"amount": 1, "reward_id": made.REWARD + "\n"}]}, "balance[0].reward_id"),
        (
            {"balance": [{"amount": 1, "reward_id": made.REWARD, "expiration_date": "2025-05-07 05:31:56Z"}]},
            "balance[0].expiration_date",
        ),
        ({"metadata": []}, "metadata"),
        ({"metrics": {"lifetime": {"from": made.DATE}}}, "metrics.lifetime.to"),
        ({"metrics": {"updated_at": "2025-05-07 05:31:56Z"}}, "metrics.updated_at"),
        ({"devices": [{"device_token": "t", "device_info": {"platform": "amiga"}}]}, "devices[0].device_info.platform"),
    ],
)
def test_a_customer_is_checked_against_the_schema(change, place):
    """Types, enumerations, UUIDs and dates are checked strictly, and the place of the fault is named."""
    assert details(Kind.CUSTOMERS, {**made.customer("c"), **change}).startswith(f"customers[0].{place}: ")


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (made.event("p", issued_at="2025-05-07 05:31:56Z"), "issued_at"),
        (made.event("p", resolved_at="2025-05-07 05:31:56Z"), "resolved_at"),
        (without(made.event("p"), "brand_id"), "brand_id"),
        (made.event("p", fulfilled="yes"), "fulfilled"),
        (made.event("p", changed_order={"products": []}), "order.products"),
        (made.event("p", changed_order={"payment_method": "BARTER"}), "order.payment_method"),
        (made.event("p", changed_order={"value": "10"}), "order.value"),
        (made.event("p", changed_order={"value": float("1e308") * 10}), ""),
    ],
)
def test_an_event_is_checked_against_the_schema(changed, place):
    """The place of the fault is named down to the event's field."""
    entry = {"id": "c", "events": [made.event("o"), changed]}
    said = details(Kind.EVENTS, entry)
    assert said.startswith(f"customers[0].events[1].{place}: " if place else "body: ")


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        (made.transaction(-5, type="ACCUMULATION"), "amount"),
        (made.transaction(5, type="REDEMPTION"), "amount"),
        (made.transaction(0, type="ACCUMULATION"), "amount"),
        (made.transaction(5, type="GIFT"), "type"),
        (without(made.transaction(5), "type"), "type"),
        (without(made.transaction(5), "issued_at"), "issued_at"),
        (made.transaction(5, resolved_at="2025-05-07 05:31:56Z"), "resolved_at"),
        (made.transaction(5, reward_id="r"), "reward_id"),
    ],
)
def test_a_transaction_is_checked_against_the_schema(changed, place):
    """The sign must match the type."""
    entry = {"id": "c", "transactions": [changed]}
    assert details(Kind.TRANSACTIONS, entry).startswith(f"customers[0].transactions[0].{place}: ")


def test_discounted_value_is_required_or_optional():
    """The vendor's pages disagree, so the sandbox supports both."""
    entry = {"id": "c", "events": [made.event("p")]}
    del entry["events"][0]["order"]["discounted_value"]
    assert details(Kind.EVENTS, entry).startswith("customers[0].events[0].order.discounted_value: ")
    batch = validate(Kind.EVENTS, made.body(entry), discounted_value="optional")
    assert isinstance(batch, Events)
    assert batch.entries[0].events[0].spend == 10


@pytest.mark.parametrize("kind", Kind)
def test_nesting_has_a_limit(kind):
    """500 levels are accepted, and can be handled everywhere; more are refused."""

    def nested(levels: int) -> bytes:
        return made.body({**VALID[kind], "metadata": {}}).replace(
            b"{}", b'{"a":' + b"[" * levels + b"]" * levels + b"}"
        )

    assert not isinstance(validate(kind, nested(498)), Refusal)
    for levels in (499, 700, 900, 950, 990, 2000):
        refusal = validate(kind, nested(levels))
        assert isinstance(refusal, Refusal)
        assert refusal.details.endswith("nested too deeply")


def test_unknown_fields_pass():
    """A field that the schema does not name is no fault."""
    assert not isinstance(validate(Kind.CUSTOMERS, made.body(made.customer("c", colour="red"))), Refusal)


@pytest.mark.parametrize("mark", [{"deleted": True}, {"deleted_at": made.DATE}, {"status": "DELETED"}])
def test_deleted_customers_are_refused(mark):
    """The guide forbids migrating them."""
    assert details(Kind.CUSTOMERS, made.customer("c"), made.customer("d", **mark)).startswith("customers[1]: ")


@pytest.mark.parametrize("mark", [{"deleted": False}, {"deleted_at": None}, {"status": "ACTIVE"}])
def test_customers_marked_as_not_deleted_pass(mark):
    """The marks can also mean that a customer is not deleted."""
    assert isinstance(validate(Kind.CUSTOMERS, made.body(made.customer("c", **mark))), Customers)


@pytest.mark.parametrize("mark", [{"reversed_at": made.DATE}, {"status": "REVERSED"}])
def test_reversed_events_are_refused(mark):
    """The guide forbids migrating them."""
    entry = {"id": "c", "events": [made.event("o"), made.event("p", **mark)]}
    assert details(Kind.EVENTS, entry).startswith("customers[0].events[1]: ")


def test_no_customer_is_twice_in_a_request():
    """Customers and transactions: no id twice, no email twice. Events of a customer may come in several parts."""
    twin = made.customer("d", email="c@example.test")
    assert details(Kind.CUSTOMERS, made.customer("c"), made.customer("c", email="x")).startswith("customers[1].id: ")
    assert details(Kind.CUSTOMERS, made.customer("c"), twin).startswith("customers[1].email: ")
    assert details(Kind.TRANSACTIONS, made.transactions("c", 1), made.transactions("c", 2)).startswith(
        "customers[1].id: "
    )
    assert isinstance(validate(Kind.EVENTS, made.body(made.events("c", "p"), made.events("c", "q"))), Events)


@given(st.text(min_size=1))
def test_details_hold_no_value(secret):
    """The text repeats nothing of a record's content, and is short."""
    marked = f"<{secret}>"
    said = details(Kind.CUSTOMERS, made.customer(marked, name=[marked], gender=marked))
    assert marked not in said
    assert len(said.encode()) <= 1024


def test_half_a_batch_is_the_larger_half():
    """Of three entries two, of one entry one."""
    batch = validate(Kind.CUSTOMERS, made.body(*(made.customer(name) for name in "abc")))
    assert isinstance(batch, Customers)
    assert [entry.id for entry in first_half(batch).entries] == ["a", "b"]
    assert first_half(Customers(batch.entries[:1])) == Customers(batch.entries[:1])


def test_a_native_transaction_is_checked_against_the_schema():
    """The native transactions of the sandbox must satisfy the same schema."""
    assert validate_transaction(json.dumps(made.transaction(5)).encode()).amount == 5
    assert isinstance(validate_transaction(json.dumps(made.transaction(0)).encode()), Refusal)
    assert isinstance(validate_transaction(b"["), Refusal)


def test_a_vague_refusal_contains_nothing_else():
    """A vague refusal contains no other text."""
    assert "[" not in VAGUE
