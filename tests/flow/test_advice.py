"""Advice: each warning when it is due, with its number and remedy, and a healthy plan without any."""

import pytest
from fakes import record, write_export

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.contract import Kind


@pytest.fixture
def warnings(tmp_path):
    """Return a function that plans records by kind, and returns the warnings. Balances match the transactions."""

    async def warnings(flags=None, **kinds):
        booked = {each.get("id"): each["transactions"] for each in kinds.get("transactions", ())}
        for each in kinds.get("customers", ()):
            amounts = [
                {"reward_id": one["reward_id"], "amount": one["amount"]} for one in booked.get(each.get("id"), ())
            ]
            each.setdefault("balance", amounts)
        exports = {kind: [write_export(tmp_path / kind, records)] for kind, records in kinds.items()}
        settings = load_settings(flags={"shared_dir": str(tmp_path / "shared"), **(flags or {})})
        return (await plan(settings, Exports(**exports), runtime=Runtime(clock=FakeClock()))).warnings

    return warnings


def many(kind, count, items=1):
    return [record(kind, number, items=items) for number in range(count)]


async def test_a_healthy_plan_has_no_warning(warnings):
    """A plan of any size that a development account can take."""
    kinds = {kind.value: many(kind, 600, items=2) for kind in Kind}
    assert await warnings(**kinds) == []


async def test_a_large_plan_needs_a_production_account(warnings):
    """The warning says how long a development account takes, if that is longer."""
    (warning,) = await warnings(customers=many(Kind.CUSTOMERS, 5001))
    assert warning.startswith("5,001 records need a Production account")
    assert "instead of" not in warning


async def test_a_missing_limit_gives_a_warning(warnings):
    """A run without a limit is for servers that have none."""
    flags = {"limit": "none", "base_url": "http://localhost:1"}
    (warning,) = await warnings(flags, customers=many(Kind.CUSTOMERS, 1))
    assert "no limit is configured" in warning
    assert "--limit 1/5s" in warning


async def test_a_general_limit_that_decides_gives_a_warning(warnings):
    """With both times. A limit that does not decide gives no warning."""
    customers = many(Kind.CUSTOMERS, 2001)
    (warning,) = await warnings({"general_limit": "2/d"}, customers=customers)
    assert warning.startswith(
        "the limit of 2/d over all calls is the bottleneck: 3 requests take 1 day 0 h instead of 10.00 s"
    )
    assert await warnings({"general_limit": "1000/d"}, customers=customers) == []


async def test_a_customer_with_too_many_transactions_gives_a_warning(warnings):
    """With their number and the first position."""
    records = [*many(Kind.TRANSACTIONS, 5), record(Kind.TRANSACTIONS, 7, items=1001)]
    found = await warnings(transactions=records, customers=many(Kind.CUSTOMERS, 8))
    (warning,) = found
    assert warning.startswith("1 customer with more than 1000 transactions")
    assert "transactions:6" in warning


async def test_records_too_large_for_any_request_give_a_warning(warnings):
    """With their number and the first position."""
    records = [*many(Kind.CUSTOMERS, 5), record(Kind.CUSTOMERS, 8, note="x" * 3000)]
    (warning,) = await warnings({"max_body_bytes": 2000}, customers=records)
    assert warning.startswith("1 record of customers too large for any request")


@pytest.mark.parametrize("kind", Kind)
async def test_requests_limited_by_bytes_give_a_warning(kind, warnings):
    """With a size that would fill them. A plan with that size gives no warning."""
    kinds = {"customers": many(Kind.CUSTOMERS, 1000), kind.value: many(kind, 1000)}
    told = f"requests of {kind} would be limited by bytes"
    (warning,) = [warning for warning in await warnings({"max_body_bytes": 60_000}, **kinds) if told in warning]
    proposed = int(warning.split("--max-body-bytes ")[1].split()[0])
    assert not [warning for warning in await warnings({"max_body_bytes": proposed}, **kinds) if told in warning]


async def test_customers_that_do_not_fit_together_give_a_warning(warnings):
    """600 and 600 are two requests, whatever the lower bound is."""
    records = many(Kind.TRANSACTIONS, 20, items=600)
    (warning,) = await warnings(transactions=records, customers=many(Kind.CUSTOMERS, 20))
    assert warning.startswith("20 requests of transactions, but the fewest possible are 12")


async def test_records_without_a_customers_export_give_a_warning(warnings):
    """Their customers must be there already."""
    (warning,) = await warnings(events=many(Kind.EVENTS, 2), transactions=many(Kind.TRANSACTIONS, 3))
    assert warning.startswith("events and transactions without a customers export: all 3 customers must be")
    (warning,) = await warnings(events=[record(Kind.EVENTS, 1), record(Kind.EVENTS, 1, note="more")])
    assert "the one customer must be" in warning
    (warning,) = await warnings({"skip_checks": "all"}, events=many(Kind.EVENTS, 2))
    assert "every customer must be" in warning


async def test_unlisted_customers_give_a_warning(warnings):
    """Without checks, a customer in no line of the customers export. One that is deleted is skipped, and no warning."""
    customers = [record(Kind.CUSTOMERS, 0), record(Kind.CUSTOMERS, 1, deleted=True)]
    told = await warnings({"skip_checks": "all"}, customers=customers, events=many(Kind.EVENTS, 3))
    (warning,) = [each for each in told if "skipped" not in each]
    assert warning.startswith("1 record of events for customers that are not in the customers export,")
    assert "events:3" in warning


async def test_an_export_that_is_wrong_as_a_whole_gives_a_warning(warnings):
    """If more than half of it are dead letters, with the first position."""
    records = [{"name": "x"}] * 3 + many(Kind.CUSTOMERS, 2)
    (warning,) = await warnings(customers=records)
    assert warning.startswith(
        "3 of 5 records of customers would be dead letters, most of them because of missing_field"
    )


@pytest.mark.parametrize(
    ("customers", "words"),
    [
        ([], "because no customer in "),
        ([record(Kind.CUSTOMERS, 7), record(Kind.CUSTOMERS, 8)], " lacks their customers: "),
        ([{"id": record(Kind.CUSTOMERS, number)["id"]} for number in range(3)], "because their customers are dead"),
    ],
)
async def test_the_export_at_fault_is_named(customers, words, warnings):
    """Not the events, which are right, if their customers are not there."""
    told = await warnings(customers=customers, events=many(Kind.EVENTS, 3))
    (warning,) = [each for each in told if "records of events would be dead letters" in each]
    assert words in warning
    assert "customers" in warning.partition(words)[2] or "customers" in warning.partition(words)[0]
    assert not [each for each in told if "export as a whole" in each and "of events" in each]


async def test_more_customers_than_are_remembered_give_a_warning(warnings):
    """Without checks, duplicates may go unnoticed."""
    few = {"remember_ids": 5}
    (warning,) = await warnings({**few, "skip_checks": "all"}, customers=many(Kind.CUSTOMERS, 6))
    assert warning.startswith("more than 5 customers")
    assert await warnings(few, customers=many(Kind.CUSTOMERS, 6)) == []


async def test_a_plan_without_records_gives_a_warning(warnings):
    """Such as an empty export."""
    assert [warning[:7] for warning in await warnings(customers=[])] == ["nothing"]


@pytest.mark.parametrize(("skipped", "warned"), [(1, False), (2, True)])
async def test_many_skipped_records_give_a_warning(tmp_path, skipped, warned):
    """More than a tenth of a kind: the fields that mark deleted records are probably misread."""
    marks = [{"deleted_at": "2024-01-01"}] * skipped + [{}] * (12 - skipped)
    records = [record(Kind.CUSTOMERS, number, **mark) for number, mark in enumerate(marks)]
    planned = await plan(load_settings(), Exports(customers=[write_export(tmp_path / "customers.ndjson", records)]))
    found = [warning for warning in planned.warnings if "would be skipped" in warning]
    assert bool(found) == warned
    assert all("customers.ndjson:1:" in warning for warning in found)
