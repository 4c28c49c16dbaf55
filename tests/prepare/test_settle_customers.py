"""Customers: which row counts, who keeps an email, and what is written if something is missing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.schemas import CustomerRecord, EventsRecord, make_reader
from masivo_stream.prepare.mapping.frame import CustomersMapping, EventsMapping, Policies
from masivo_stream.prepare.settling.closing import TableFigures, close
from masivo_stream.prepare.settling.customers import is_email, lose_email
from masivo_stream.prepare.settling.points import PointsMapping, RewardIds
from masivo_stream.prepare.settling.remarks import MEANINGS, Action, RemarkTally, Why
from masivo_stream.prepare.settling.rows import BalanceRow, CustomerRow, CustomerRows, LedgerRow, LineItemRow
from masivo_stream.prepare.settling.settle import SettlingRules, settle
from masivo_stream.prepare.settling.written_records import encode

DATE = "2020-01-01T00:00:00Z"
POINTS = "5f0c2d1e-8a43-4b6f-9d27-0a1b3c5d7e90"
MILLION = 1_000_000


def rules(policies=None, statuses=None, order_statuses=None):
    """Return the rules of a mapping with these policies and words."""
    policies = policies or Policies()
    return SettlingRules(
        CustomersMapping(select="", statuses=statuses or {}),
        EventsMapping(select="", statuses=order_statuses or {}, payments={"card": "CREDIT"}),
        PointsMapping(RewardIds({"points": POINTS}), {}, policies),
        policies,
    )


def customer(place=1, **fields):
    return CustomerRow(
        **{"id": "c", "place": place, "name": "Ana", "email": "a@b.co", "registration_date": DATE, **fields}
    )


def item(place=10, line_place=20, **fields):
    """Return a row of an order with one line item."""
    known = {"purchase_id": "p", "issued_at": DATE, "value": 5 * MILLION, "discounted_value": 4 * MILLION}
    line = {"payment_method": "card", "sku": "s", "quantity": MILLION, "line_value": 5 * MILLION}
    return LineItemRow(**{"customer_id": "c", "place": place, "line_place": line_place, **known, **line, **fields})


def settle_rows(customers, line_items=(), ledger=(), balances=(), chosen=None, *, email_lost=False):
    rows = CustomerRows("c", list(customers), list(balances), list(line_items), list(ledger), email_lost=email_lost)
    return settle(rows, chosen or rules())


def reasons(settled):
    return [(each.table.value, each.action.value, each.why.value, each.place) for each in settled.remarks]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": None}, Why.MISSING_NAME),
        ({"email": None}, Why.MISSING_EMAIL),
        ({"email": "no mail"}, Why.NOT_AN_EMAIL),
        ({"registration_date": None}, Why.MISSING_DATE),
        ({"fault": "bad_date"}, Why.BAD_DATE),
        ({"status": "off"}, Why.CUSTOMER_DELETED),
        ({"status": "test"}, Why.STATUS_LEFT_OUT),
        ({"status": "?"}, Why.UNMAPPED_STATUS),
        ({"status": None}, Why.UNMAPPED_STATUS),
    ],
)
def test_a_customer_who_is_left_out_takes_all_along(fields, why):
    """Each row of what belongs to the customer has a remark of its own."""
    words = {"on": "active", "off": "deleted", "test": "left_out"}
    settled = settle_rows(
        [customer(**{"status": "on", **fields})], [item()], [LedgerRow("c", 30, "points", 7, DATE)],
        [BalanceRow("c", 1, "points", 7)], rules(statuses=words),
    )  # fmt: skip
    assert (settled.customer, settled.events, settled.transactions) == (None, None, None)
    whole = "customer_deleted" if why is Why.CUSTOMER_DELETED else "customer_left_out"
    assert reasons(settled) == [
        ("customers", "left_out", why, 1),
        ("balances", "left_out", whole, 1),
        ("transactions", "left_out", whole, 30),
        ("events", "left_out", whole, 10),
    ]


def test_what_is_missing_can_be_filled_in():
    """A name, a date, the date of the first activity: each is a remark."""
    nameless = customer(name=None, registration_date=None)
    chosen = rules(Policies(missing_name="?", missing_date="first_activity"))
    settled = settle_rows([nameless], [item(issued_at="2019-05-05T00:00:00Z")], chosen=chosen)
    assert (settled.customer.name, settled.customer.registration_date) == ("?", "2019-05-05T00:00:00Z")
    assert reasons(settled) == [
        ("customers", "guessed", "missing_date", 1),
        ("customers", "guessed", "missing_name", 1),
    ]
    settled = settle_rows([nameless], chosen=chosen)
    assert reasons(settled) == [("customers", "left_out", "missing_date", 1)]
    settled = settle_rows([nameless], chosen=rules(Policies(missing_name="?", missing_date="2018-01-01")))
    assert settled.customer.registration_date == "2018-01-01T00:00:00Z"


@pytest.mark.parametrize(("policy", "name"), [("first", "Ana"), ("last", "Bea"), ("leave_out", None)])
def test_one_id_several_times(policy, name):
    """Equal rows count once, also as balances; of different ones the policy chooses."""
    rows = [customer(1), customer(2), customer(3, name="Bea")]
    balances = [BalanceRow("c", place, "points", points * MILLION) for place, points in ((1, 5), (2, 5), (3, 7))]
    settled = settle_rows(rows, balances=balances, chosen=rules(Policies(id_twice=policy)))
    assert (settled.customer and settled.customer.name) == name
    if name is not None:
        assert [each.amount for each in settled.customer.balance] == [7 if name == "Bea" else 5]
    assert ("customers", "left_out", "same_row_twice", 2) in reasons(settled)
    assert len([each for each in settled.remarks if each.table == "customers"]) == (2 if name else 3)


def test_fields_that_do_not_fit_are_not_written():
    """A gender that the API does not know, tags that are no object; those that fit are written as they are."""
    metadata = '{"a": 1.10,\n"b": 12345678901234567890.12}'
    settled = settle_rows([customer(gender="x", tags="[1]", metadata=metadata, dob=DATE, country="CO")])
    assert encode(settled.customer) == (
        b'{"id":"c","name":"Ana","email":"a@b.co","registration_date":"2020-01-01T00:00:00Z","dob":"2020-01-01T00:00:00Z",'
        b'"country":"CO","metadata":{"a":1.10,"b":12345678901234567890.12}}'
    )
    assert [each.why for each in settled.remarks] == [Why.NOT_A_GENDER, Why.NOT_AN_OBJECT]
    assert settle_rows([customer(gender="female")]).customer.gender == "FEMALE"


def test_one_email_several_times():
    """The oldest or the newest keeps it; a customer without a date does not; or none keeps it."""
    rows = [
        customer(id="b", registration_date=None),
        customer(id="n"),
        customer(id="o", registration_date="2019-01-01T00:00:00Z"),
    ]
    assert lose_email(rows, Policies()) == ["n", "b"]
    assert lose_email(rows, Policies(email_twice="newest")) == ["o", "b"]
    assert lose_email(rows, Policies(email_twice="leave_out")) == ["o", "n", "b"]
    assert lose_email(rows[:1], Policies(email_twice="leave_out")) == []
    assert reasons(settle_rows([customer()], email_lost=True)) == [("customers", "left_out", "email_twice", 1)]


@pytest.mark.parametrize("written", ["a@b.co", "ñ.x+1@b.c.co"])
def test_emails(written):
    """One @, a domain with a dot, no white space."""
    assert is_email(written)
    for change in (("@", ""), ("@", "@@"), (".", ""), ("b", " ")):
        assert not is_email(written.replace(*change)), change


# Purchases.

POLICIES = Policies(missing_sku="unknown", orders_without_lines="one_line")


@pytest.mark.parametrize(
    ("rows", "policies", "expected"),
    [
        ([item()], Policies(), None),
        ([item(fault="bad_number")], Policies(), Why.BAD_NUMBER),
        ([item(purchase_id=None)], Policies(), Why.MISSING_PURCHASE_ID),
        ([item(issued_at=None)], Policies(), Why.MISSING_DATE),
        ([item(value=None)], Policies(), Why.MISSING_VALUE),
        ([item(discounted_value=None)], Policies(), Why.MISSING_VALUE),
        ([item(payment_method="barter")], Policies(), Why.UNMAPPED_PAYMENT),
        ([item(payment_method="CASH")], Policies(), None),
        ([item(sku=None)], Policies(), Why.MISSING_SKU),
        ([item(sku=None)], POLICIES, None),
        ([item(quantity=None)], Policies(), Why.INCOMPLETE_LINE),
        ([item(line_place=None, sku=None, quantity=None, line_value=None)], Policies(), Why.NO_LINES),
        ([item(line_place=None, sku=None, quantity=None, line_value=None)], POLICIES, None),
        ([item(), item(11, 21, value=6 * MILLION)], Policies(), Why.ORDER_FIELDS_DIFFER),
        ([item(), item(11, 21, value=None, issued_at=None, payment_method=None)], Policies(), None),
    ],
)
def test_an_order_is_written_or_left_out_with_a_reason(rows, policies, expected):
    """Its value is in the remark of its first row, and what is written is valid."""
    settled = settle_rows([customer()], rows, chosen=rules(policies))
    left_out = [each for each in settled.remarks if each.action is Action.LEFT_OUT]
    if expected is None:
        assert left_out == []
        record = make_reader(EventsRecord)(encode(settled.events))
        assert len(record.events[0].order.products) == len(rows)
    else:
        assert settled.events is None
        assert [each.why for each in left_out] == [expected] * len(rows)
        assert sum(each.money for each in left_out) == next((row.value for row in rows if row.value is not None), 0)
    make_reader(CustomerRecord)(encode(settled.customer))


def test_statuses_of_orders():
    """Active, reversed, unfulfilled, left out, and one that the mapping does not have."""
    words = {"ok": "active", "back": "reversed", "open": "unfulfilled", "test": "left_out"}
    rows = [item(10 + at, 30 + at, purchase_id=word, status=word) for at, word in enumerate([*words, "?"])]
    rows.sort(key=lambda row: row.purchase_id)
    settled = settle_rows([customer()], rows, chosen=rules(order_statuses=words))
    found = {each.order.purchase_id: (each.fulfilled, each.status) for each in settled.events.events}
    assert found == {"ok": (True, msgspec.UNSET), "back": (True, "REVERSED"), "open": (False, msgspec.UNSET)}
    assert [each.why for each in settled.remarks] == [Why.UNMAPPED_STATUS, Why.STATUS_LEFT_OUT]


def test_events_are_in_the_order_of_their_dates():
    """Line items in the order of their numbers, if they have any."""
    rows = [
        item(10, 20, purchase_id="a", issued_at="2021-01-01T00:00:00.5Z"),
        item(11, 21, purchase_id="b", issued_at="2021-01-01T00:00:00Z", sku="second", line_no=2 * MILLION),
        item(12, 22, purchase_id="b", issued_at="2021-01-01T00:00:00Z", sku="first", line_no=MILLION),
    ]
    events = settle_rows([customer()], rows).events.events
    assert [each.order.purchase_id for each in events] == ["b", "a"]
    assert [each.sku for each in events[0].order.products] == ["first", "second"]


line_items = st.builds(
    item, st.integers(10, 19), st.sampled_from([None, 20, 21]), purchase_id=st.sampled_from([None, "p", "q"]),
    value=st.sampled_from([None, 5 * MILLION, 6 * MILLION]), sku=st.sampled_from([None, "s"]),
    quantity=st.sampled_from([None, MILLION]), line_value=st.sampled_from([None, MILLION]),
    issued_at=st.sampled_from([None, DATE]), fault=st.sampled_from([None, None, "bad_date"]),
)  # fmt: skip
customers = st.builds(
    customer, st.integers(1, 5), name=st.sampled_from([None, "Ana", "Bea"]), email=st.sampled_from([None, "a@b.co"])
)


@given(
    st.lists(customers, min_size=1, max_size=4),
    st.lists(line_items, max_size=8),
    st.sampled_from(
        [Policies(), POLICIES, Policies(id_twice="leave_out"), Policies(id_twice="last", missing_name="?")]
    ),
)
def test_figures_close(rows, items, policies):
    """Whatever is wrong with a customer and the orders: every row and every order's value is accounted for."""
    items.sort(key=lambda row: (row.purchase_id is not None, row.purchase_id or "", row.place, row.line_place or 0))
    settled = settle_rows(rows, items, chosen=rules(policies))
    values = {}
    for row in items:
        if row.value is not None:
            values.setdefault(row.purchase_id, row.value)
    tally = RemarkTally()
    for remark in settled.remarks:
        tally.add(remark)
    events = settled.events.events if settled.events is not None else []
    came = {"customers": TableFigures(len(rows)), "events": TableFigures(len(items), sum(values.values()))}
    went = {
        "customers": TableFigures(settled.customer is not None),
        "events": TableFigures(
            sum(len(each.order.products) for each in events), sum(each.order.value for each in events) * MILLION
        ),
    }
    assert [each for each in close(came, went, tally) if not each.closes] == []


def test_every_reason_has_a_meaning():
    """What is listed can be explained."""
    assert set(MEANINGS) == set(Why)
