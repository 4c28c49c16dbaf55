import json
from datetime import timedelta
from types import SimpleNamespace

import anyio
import msgspec
import pytest
from fakes import event, transaction

from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.readback.evidence import find_evidence
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.resolution import Verdict
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings


def entry(kind, line, **changes):
    customer = f"c{line}"
    items = [transaction(line)] if kind is Kind.TRANSACTIONS else [event(customer, **changes)]
    body = json.dumps({"id": customer, kind.value: items}).encode()
    where = {"file": "f", "line": line, "offset": line, "length": len(body)}
    return Entry(**where, body=body, customer=customer, items=1, record_items=1)


FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"


class Account:
    """An account to read back: transactions by customer and year, or when metrics were recalculated."""

    def __init__(self, clock, there=None, metrics=None, *, since=0.0, answers=True):
        self.clock, self.there, self.metrics = clock, there or {}, metrics or {}
        self.since, self.answers, self.asked = since, answers, []

    async def read_transactions(self, customer, year):
        found = self.there.get((customer, year), []) if self.clock.now() >= self.since else []
        return self._reply(customer, {"data": found})

    async def read_customer(self, customer):
        return self._reply(customer, {"data": {"customer": {"metrics": {"updated_at": self.metrics.get(customer)}}}})

    def _reply(self, customer, said):
        self.asked.append(customer)
        if not self.answers:
            return SimpleNamespace(attempt=Failure(cause=Cause.TIMEOUT, sent=True), body=b"")
        return SimpleNamespace(attempt=Answer(status=200), body=json.dumps(said).encode())


async def evidence(kind, entries, account, clock, *, ago=3600):
    sent_at = clock.wall() - timedelta(seconds=ago)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        found = await find_evidence(
            kind, entries, sent_at=sent_at, reader=account, clock=clock, settings=VisibleSettings()
        )
        tasks.cancel_scope.cancel()
    return found.verdict, found.looked_at, found.found


def there(*lines, **changes):
    return {(f"c{line}", 2024): [{"id": "t", **transaction(line), **changes}] for line in lines}


@pytest.mark.parametrize(
    ("lines", "expected"), [((1, 2, 3), Verdict.PRESENT), ((2,), Verdict.PARTLY), ((), Verdict.ABSENT)]
)
async def test_transactions_are_their_own_evidence(lines, expected):
    """All of them are there, some, or none."""
    clock = FakeClock()
    entries = [entry(Kind.TRANSACTIONS, line) for line in (1, 2, 3)]
    assert await evidence(Kind.TRANSACTIONS, entries, Account(clock, there(*lines)), clock) == (expected, 3, len(lines))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": 1.0, "issued_at": "2024-01-30T12:50:19-05:00"}, Verdict.PRESENT),  # written in another way
        ({"reward_id": "EC9A5BFB-C2F1-4CF0-B509-247E47B96B65"}, Verdict.PRESENT),
        ({"amount": 2}, Verdict.ABSENT),
        ({"type": "REDEMPTION"}, Verdict.ABSENT),
        ({"issued_at": "2024-01-30T17:50:20Z"}, Verdict.ABSENT),
        ({"reward_id": "00000000-0000-4000-8000-000000000000"}, Verdict.ABSENT),
    ],
)
async def test_other_transactions_are_not_evidence(changes, expected):
    """A customer may have made other transactions since."""
    clock = FakeClock()
    account = Account(clock, there(1, **changes))
    assert (await evidence(Kind.TRANSACTIONS, [entry(Kind.TRANSACTIONS, 1)], account, clock))[0] is expected


async def test_a_recent_batch_is_read_again():
    """A batch sent ten seconds ago gets fifty more; for one sent long ago there is no wait."""
    clock = FakeClock()
    began = clock.now()
    account = Account(clock, there(1), since=began + 30)
    found = await evidence(Kind.TRANSACTIONS, [entry(Kind.TRANSACTIONS, 1)], account, clock, ago=10)
    assert (found[0], clock.now() - began) == (Verdict.PRESENT, pytest.approx(50))
    clock = FakeClock()
    began = clock.now()
    found = await evidence(Kind.TRANSACTIONS, [entry(Kind.TRANSACTIONS, 1)], Account(clock), clock, ago=100)
    assert (found[0], clock.now() - began) == (Verdict.ABSENT, 0)


async def test_recalculated_metrics_make_events_likely():
    """Metrics younger than the batch. Older ones, and events that recalculate nothing, prove nothing."""
    clock = FakeClock()
    entries = [entry(Kind.EVENTS, 1), entry(Kind.EVENTS, 2)]
    young, old = (clock.wall() - timedelta(seconds=ago) for ago in (1800, 7200))
    account = Account(clock, metrics={"c1": young.isoformat(), "c2": old.isoformat()})
    assert await evidence(Kind.EVENTS, entries, account, clock) == (Verdict.LIKELY, 2, 1)
    account = Account(clock, metrics={"c2": old.isoformat()})
    assert await evidence(Kind.EVENTS, entries, account, clock) == (Verdict.ABSENT, 2, 0)
    assert await evidence(Kind.EVENTS, [entry(Kind.EVENTS, 3, type="VISIT")], account, clock) == (
        Verdict.UNKNOWN,
        0,
        0,
    )


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
async def test_a_missing_answer_is_not_evidence(kind):
    """Not even evidence of absence."""
    clock = FakeClock()
    account = Account(clock, answers=False)
    assert (await evidence(kind, [entry(kind, 1)], account, clock, ago=0))[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
async def test_an_illegible_answer_is_not_evidence_of_absence(kind):
    """It is not known what the answer holds."""
    clock = FakeClock()

    class Illegible(Account):
        def _reply(self, customer, said):
            return SimpleNamespace(attempt=Answer(status=200), body=b"{}")

    assert await evidence(kind, [entry(kind, 1)], Illegible(clock), clock) == (Verdict.UNKNOWN, 1, 0)


async def test_an_illegible_transaction_prevents_only_evidence_of_absence():
    """A match proves the batch. Without one, the illegible transaction may be the one that is wanted."""
    clock = FakeClock()
    illegible = {**transaction(1), "issued_at": "last Tuesday"}
    for found, expected in (([illegible, transaction(1)], Verdict.PRESENT), ([illegible], Verdict.UNKNOWN)):
        account = Account(clock, {("c1", 2024): found})
        assert (await evidence(Kind.TRANSACTIONS, [entry(Kind.TRANSACTIONS, 1)], account, clock))[0] is expected


async def test_a_large_batch_is_sampled():
    """The first record, the last one, and some in between."""
    clock = FakeClock()
    account = Account(clock, there(*range(1, 1001)))
    entries = [entry(Kind.TRANSACTIONS, line) for line in range(1, 1001)]
    assert await evidence(Kind.TRANSACTIONS, entries, account, clock) == (Verdict.PRESENT, 10, 10)
    assert (account.asked[0], account.asked[-1], len(set(account.asked))) == ("c1", "c1000", 10)


@pytest.mark.parametrize(
    ("sent", "told", "year"),
    [
        (FIRST, FIRST, 1),
        (FIRST, "0000-12-31T10:00:00Z", 1),
        (LAST, LAST, 9999),
        (LAST, "+010000-01-01T11:59:59.000Z", 9999),
    ],
)
async def test_transactions_of_the_first_and_last_dates_are_evidence(sent, told, year):
    """Only years from 1 to 9999 are asked for."""
    clock = FakeClock()
    body = json.dumps({"id": "c1", "transactions": [{**transaction(1), "issued_at": sent}]}).encode()
    made = msgspec.structs.replace(entry(Kind.TRANSACTIONS, 1), body=body)
    account = Account(clock, {("c1", year): [{**transaction(1), "issued_at": told}]})
    assert await evidence(Kind.TRANSACTIONS, [made], account, clock) == (Verdict.PRESENT, 1, 1)
    assert (await evidence(Kind.TRANSACTIONS, [made], Account(clock), clock))[0] is Verdict.ABSENT


class Gateway(Account):
    """Answers 404 to ids with a slash, without asking the server."""

    def _reply(self, customer, said):
        if "/" in customer:
            return SimpleNamespace(attempt=Answer(status=404), body=b"<html>")
        return super()._reply(customer, said)


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
async def test_an_answer_of_a_gateway_is_not_evidence(kind):
    """Only ids that need no escaping are read back; without such ids, nothing is known."""
    clock = FakeClock()
    young = (clock.wall() - timedelta(seconds=60)).isoformat()
    account = Gateway(clock, there(1), {"c1": young})
    odd = [msgspec.structs.replace(entry(kind, line), customer=f"a/{line}") for line in (2, 3)]
    present = Verdict.LIKELY if kind is Kind.EVENTS else Verdict.PRESENT
    assert await evidence(kind, [odd[0], entry(kind, 1), odd[1]], account, clock) == (present, 1, 1)
    assert await evidence(kind, odd, account, clock) == (Verdict.UNKNOWN, 2, 0)
