import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from fakes import event, transaction
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.flow.readback.account_data import (
    read_customer_answer,
    read_exported_transactions,
    read_transactions_answer,
)
from masivo_stream.flow.readback.compare import compare_customer, compare_events, compare_transactions, gained_since
from masivo_stream.model.verification import Seen

NOW = datetime(2026, 6, 1, tzinfo=UTC)
POINTS, CASH = "ec9a5bfb-c2f1-4cf0-b509-247e47b96b65", "c7d94a36-1be5-4f08-a2c9-7e6f5d4c3b21"
AMOUNTS = st.decimals("-1e6", "1e6", places=2)


def customer(**fields):
    about = {"email": "ana@example.com", "registration_date": "2020-01-01T00:00:00Z"}
    return json.dumps({"id": "c", **about, **fields}, default=float).encode()


def held(totals=(), **fields):
    about = {"email": "ana@example.com", "registration_date": "2020-01-01T00:00:00.000Z"}
    wallet = {"totals": [{"total": total, "reward_id": reward} for reward, total in totals]}
    return read_customer_answer(
        json.dumps({"data": {"customer": {**about, **fields}, "wallet": wallet}}, default=float).encode()
    )


def what_differs(body, read, gained=None):
    return compare_customer(body, read, now=NOW, gained=gained or {}).what


def line(amount, reward=POINTS, **fields):
    return {"amount": amount, "reward_id": reward, **fields}


@given(amounts=st.lists(AMOUNTS, max_size=6), off=AMOUNTS)
def test_a_wallet_is_the_sum_of_the_balance(amounts, off):
    """However it is split into lines; a difference of more than a millionth counts."""
    body, total = customer(balance=[line(amount) for amount in amounts]), float(sum(amounts))
    assert what_differs(body, held([(POINTS.upper(), total)])) == ()
    if amounts and abs(off) * 2 > max(1, abs(sum(amounts))) * 2 / 1_000_000:
        assert what_differs(body, held([(POINTS, total + float(off) * 2)])) == ("wallet",)


def test_only_rewards_of_the_export_are_compared():
    """Other rewards do not count. A reward in the export that the answer does not hold has a total of 0."""
    assert what_differs(customer(balance=[line(3)]), held([(POINTS, 3), (CASH, 9)])) == ()
    assert what_differs(customer(balance=[line(3)]), held([(CASH, 9)])) == ("wallet",)
    assert what_differs(customer(balance=[line(0)]), held()) == ()
    assert what_differs(customer(), held([(CASH, 9)])) == ()


def test_a_reward_in_two_spellings_is_one():
    """An id means the same in upper case, in the export as in the answer."""
    body = customer(balance=[line(3), line(4, POINTS.upper())])
    assert what_differs(body, held([(POINTS, 3), (POINTS.upper(), 4)])) == ()
    assert what_differs(body, held([(POINTS.upper(), 4), (POINTS, 3)])) == ()
    assert what_differs(body, held([(POINTS, 4), (POINTS.upper(), 4)])) == ("wallet",)


def test_expired_amounts_may_count_in_a_wallet_or_not():
    """No page says when the account takes expired amounts away."""
    body = customer(balance=[line(3), line(4, expiration_date="2026-05-01T00:00:00Z")])
    assert [what_differs(body, held([(POINTS, total)])) for total in (7, 3, 4)] == [(), (), ("wallet",)]


def test_later_transactions_are_not_a_difference():
    """Transactions since the migration began are added; earlier ones are in the balance."""
    booked = read_transactions_answer(
        json.dumps(
            {"data": [{**transaction(5), "issued_at": "2026-05-31T00:00:00Z"}, {**transaction(7), "type": "OTHER"}]}
        ).encode()
    )
    gained = gained_since(booked, NOW - timedelta(days=7))
    assert gained == {POINTS: Decimal(5)}
    assert what_differs(customer(balance=[line(3)]), held([(POINTS, 8)]), gained) == ()
    assert what_differs(customer(balance=[line(3)]), held([(POINTS, 3)]), gained) == ("wallet",)


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"email": " ANA@Example.com"}, ()),
        ({"email": "bea@example.com"}, ("email",)),
        ({"registration_date": "2019-12-31T19:00:00-05:00"}, ()),
        ({"registration_date": "2020-01-02T00:00:00Z"}, ("registration_date",)),
        ({"email": None, "registration_date": None}, ()),
    ],
)
def test_profile_values_are_compared_by_meaning(told, what):
    """The same value written in another way is the same; a missing one is not compared."""
    assert what_differs(customer(), held(**told)) == what


def test_metrics_are_compared_while_they_are_the_exported_ones():
    """And so is a tier in them. Recalculated ones follow the account's own rules."""
    own = {
        "lifetime": {"tier_id": POINTS, "spend_total": 5.5, "number_of_purchases": 2},
        "updated_at": "2026-01-01T00:00:00Z",
    }
    body = customer(metrics=own)
    lifetime, later = own["lifetime"], {"updated_at": "2026-02-01T00:00:00Z"}
    assert what_differs(body, held(metrics=own)) == ()
    assert what_differs(body, held(metrics={**own, "lifetime": {**lifetime, "tier_id": CASH}})) == ("metrics",)
    assert what_differs(body, held(metrics={**own, "lifetime": {**lifetime, "spend_total": 5}})) == ("metrics",)
    assert what_differs(body, held(metrics={**own, "lifetime": None})) == ("metrics",)
    assert what_differs(body, held(metrics={**own, "lifetime": None, **later})) == ()
    assert what_differs(body, held(metrics=None)) == ("metrics",)


@pytest.mark.parametrize(
    ("metrics", "seen", "less"),
    [
        ({"updated_at": "2026-06-01T00:00:01Z", "lifetime": {"number_of_purchases": 2}}, Seen.CONFIRMED, False),
        ({"updated_at": "2026-06-01T00:00:01Z"}, Seen.CONFIRMED, False),
        ({"updated_at": "2026-06-01T00:00:01Z", "lifetime": {"number_of_purchases": 1}}, Seen.DIFFERENT, True),
        ({"updated_at": "2026-05-01T00:00:00Z", "lifetime": {"number_of_purchases": 9}}, Seen.MISSING, True),
        ({}, Seen.MISSING, True),
        (None, Seen.MISSING, True),
    ],
)
def test_recalculated_metrics_show_purchases(metrics, seen, less):
    """Recalculated since they were sent, over at least as many purchases."""
    body = json.dumps({"id": "c", "events": [event("a"), event("b"), event("d", type="VISIT")]}).encode()
    found = compare_events(body, held(metrics=metrics), since=NOW)
    assert (found.seen, found.less) == (seen, less)


def booked(amounts):
    return read_exported_transactions(
        json.dumps({"transactions": [transaction(amount) for amount in amounts]}).encode()
    )


@given(sent=st.lists(st.integers(1, 4), min_size=1), foreign=st.lists(st.integers(5, 9)), data=st.data())
def test_each_transaction_is_found_once_in_any_order(sent, foreign, data):
    """In any order, among others: all, some or no transactions are there, or one of them twice."""
    there = data.draw(st.permutations([*sent, *foreign]))
    assert compare_transactions(booked(sent), booked(there)).seen is Seen.CONFIRMED
    twice = compare_transactions(booked(sent), booked([*there, data.draw(st.sampled_from(sent))]))
    assert (twice.seen, twice.what, twice.less) == (Seen.DIFFERENT, ("transactions twice",), False)
    there.remove(data.draw(st.sampled_from(sent)))
    found = compare_transactions(booked(sent), booked(there))
    assert (found.seen, found.less) == (Seen.DIFFERENT if len(sent) > 1 else Seen.MISSING, True)


@given(
    st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9).map(json.dumps))
)
def test_any_answer_is_read_or_not(body):
    """No answer makes the reading fail."""
    read_customer_answer(body)
    read_transactions_answer(body)


@pytest.mark.parametrize(
    ("moment", "years"),
    [
        ("2024-06-01", {2024}),
        ("2024-01-01", {2023, 2024}),
        ("2024-12-31", {2024, 2025}),
        ("0001-06-01", {1}),
        ("0001-01-01", {1}),
        ("9999-12-31", {9999}),
    ],
)
def test_two_years_are_asked_for_around_the_turn_of_a_year(moment, years):
    """Around the turn of a year there are two."""
    one = {**transaction(), "issued_at": f"{moment}T12:00:00+14:00"}
    (found,) = read_exported_transactions(json.dumps({"transactions": [one]}).encode())
    assert found.years == years


@pytest.mark.parametrize(
    ("sent", "told", "what"),
    [
        ("0001-01-01T00:00:00+14:00", "0000-12-31T10:00:00.000Z", ()),
        ("9999-12-31T23:59:59-12:00", "+010000-01-01T11:59:59.000Z", ()),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z", ()),
        ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", ("registration_date",)),
        ("0001-01-01T00:00:00Z", "0001-01-01 00:00:00", ()),  # without a zone, so the moment is not known
        ("0001-01-01T00:00:00Z", "-62135596800000", ()),  # no date at all
    ],
)
def test_registrations_at_the_ends_of_the_calendar_are_compared(sent, told, what):
    """A server may write it in UTC, where its zone puts it outside of the calendar."""
    assert what_differs(customer(registration_date=sent), held(registration_date=told)) == what


def test_a_balance_that_expires_with_the_calendar_is_valid():
    """And one that expired when the calendar began is not."""
    body = customer(
        balance=[
            line(3, expiration_date="9999-12-31T23:59:59.999-12:00"),
            line(4, expiration_date="0001-01-01T00:00:00+14:00"),
        ]
    )
    assert [what_differs(body, held([(POINTS, total)])) for total in (7, 3, 4)] == [(), (), ("wallet",)]


@pytest.mark.parametrize(
    "updated", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "+010000-01-01T00:00:00Z"]
)
def test_metrics_updated_at_the_ends_of_the_calendar_are_compared(updated):
    """They are the exported ones, and prove no purchase."""
    own = {"lifetime": {"spend_total": 5.5}, "updated_at": updated}
    if updated[0] != "+":
        assert what_differs(customer(metrics=own), held(metrics=own)) == ()
        assert what_differs(customer(metrics=own), held(metrics={**own, "lifetime": {"spend_total": 5}})) == (
            "metrics",
        )
    body = json.dumps({"id": "c", "events": [event("a")]}).encode()
    assert compare_events(body, held(metrics=own), since=NOW - timedelta(days=1), now=NOW).seen is Seen.MISSING
