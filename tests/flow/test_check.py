import json
from datetime import timedelta
from types import SimpleNamespace

import anyio
import msgspec
import pytest
from fakes import transaction

from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.readback.check import ReadBackCheck, Span
from masivo_stream.flow.readback.findings import Findings
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings
from masivo_stream.model.verification import Seen

NEVER = float("inf")


class Account:
    """Shows a customer and a transaction from a moment on; the first `illegible` answers are failures."""

    def __init__(self, clock, *, since=0.0, illegible=0, status=200):
        self.clock, self.since, self.illegible, self.status = clock, clock.now() + since, illegible, status
        self.asked = []

    async def read_customer(self, customer):
        self.asked.append((customer, None))
        if self.clock.now() < self.since:
            return self._reply({}, 404)
        return self._reply({"data": {"customer": {"email": "a@example.com"}}}, self.status)

    async def read_transactions(self, customer, year):
        self.asked.append((customer, year))
        shown = self.clock.now() >= self.since and year == 2024
        return self._reply({"data": [transaction(1)] if shown else []}, self.status)

    def _reply(self, said, status):
        if len(self.asked) <= self.illegible:
            return SimpleNamespace(attempt=Failure(cause=Cause.TIMEOUT, sent=True), body=b"")
        return SimpleNamespace(attempt=Answer(status=status), body=json.dumps(said).encode())


def entry(kind, *more, customer="c"):
    record = {"id": customer, "email": "a@example.com", "transactions": [transaction(1), *more]}
    body = json.dumps(record).encode()
    where = {"file": "f", "line": 1, "offset": 0, "length": len(body)}
    return Entry(**where, body=body, customer=customer, items=1, record_items=1)


async def check_one(kind, account, clock, *, ago=0.0, shown=False, thorough=True, more=()):
    """Return what is seen, after how many seconds, and how many requests were made."""
    began, wall = clock.now(), clock.wall()
    until = wall - timedelta(seconds=ago)
    span = Span(since=until - timedelta(hours=1), until=until, shown=shown)
    check = ReadBackCheck(kind, span, reader=account, clock=clock, settings=VisibleSettings(), thorough=thorough)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        found = await check.check(entry(kind, *more))
        tasks.cancel_scope.cancel()
    assert check.requests == len(account.asked)
    return found.seen, round(clock.now() - began), len(account.asked)


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
async def test_a_visible_record_is_confirmed_at_once(kind):
    """One request."""
    clock = FakeClock()
    assert await check_one(kind, Account(clock), clock) == (Seen.CONFIRMED, 0, 1)


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
async def test_a_queued_record_is_waited_for(kind):
    """With growing pauses, until it shows."""
    clock = FakeClock()
    seen, seconds, asked = await check_one(kind, Account(clock, since=25), clock)
    assert (seen, seconds, asked) == (Seen.CONFIRMED, 30, 5)  # after 2, 6, 14 and 30 seconds


@pytest.mark.parametrize(
    ("ago", "seen", "seconds"),
    [(0, Seen.NOT_YET, 60), (50, Seen.NOT_YET, 10), (899, Seen.NOT_YET, 0), (900, Seen.MISSING, 0)],
)
async def test_a_record_that_may_still_arrive_is_not_called_missing(ago, seen, seconds):
    """The wait ends a minute after the acceptance; a record is missing only after a quarter of an hour."""
    clock = FakeClock()
    assert (await check_one(Kind.TRANSACTIONS, Account(clock, since=NEVER), clock, ago=ago))[:2] == (seen, seconds)


async def test_customers_are_missing_at_once_if_later_ones_are_visible():
    """The next kind waited for the customers accepted last, and queues work in order."""
    clock = FakeClock()
    assert await check_one(Kind.CUSTOMERS, Account(clock, since=NEVER), clock, shown=True) == (Seen.MISSING, 0, 1)


async def test_an_unreadable_answer_is_read_again():
    """Three times in all; then it is unread."""
    clock = FakeClock()
    assert await check_one(Kind.CUSTOMERS, Account(clock, illegible=2), clock) == (Seen.CONFIRMED, 6, 3)
    assert (await check_one(Kind.TRANSACTIONS, Account(clock, status=500), clock))[0] is Seen.UNREAD
    assert (await check_one(Kind.CUSTOMERS, Account(clock, illegible=99), clock))[::2] == (Seen.UNREAD, 3)


async def test_every_year_or_only_the_last_is_asked_for():
    """A sample costs one request per customer."""
    clock, older = FakeClock(), {**transaction(1), "issued_at": "2022-06-01T00:00:00Z"}
    assert await check_one(Kind.TRANSACTIONS, Account(clock), clock, thorough=False, more=[older]) == (
        Seen.CONFIRMED,
        0,
        1,
    )
    assert await check_one(Kind.TRANSACTIONS, Account(clock), clock, ago=900, more=[older]) == (Seen.DIFFERENT, 0, 2)


FIRST, LAST = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999-12:00"


@pytest.mark.parametrize(
    ("sent", "told", "year"),
    [
        (FIRST, FIRST, 1),
        (FIRST, "0000-12-31T10:00:00.000Z", 1),
        (LAST, LAST, 9999),
        (LAST, "+010000-01-01T11:59:59.999Z", 9999),
        ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z", 9999),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00", 1),
    ],
)
async def test_transactions_of_the_first_and_last_dates_are_found(sent, told, year):
    """Only years from 1 to 9999 are asked for. The server may write a moment in UTC, beyond the dates of Python."""

    class Ends(Account):
        async def read_transactions(self, customer, asked):
            self.asked.append((customer, asked))
            assert 1 <= asked <= 9999
            return self._reply({"data": [{**transaction(1), "issued_at": told}] if asked == year else []}, 200)

    for thorough in (True, False):
        clock = FakeClock()
        check = ReadBackCheck(
            Kind.TRANSACTIONS,
            Span(since=clock.wall(), until=clock.wall()),
            reader=Ends(clock),
            clock=clock,
            settings=VisibleSettings(),
            thorough=thorough,
        )
        body = json.dumps({"id": "c", "transactions": [{**transaction(1), "issued_at": sent}]}).encode()
        found = await check.check(msgspec.structs.replace(entry(Kind.TRANSACTIONS), body=body))
        assert (found.seen, check.requests) == (Seen.CONFIRMED, 1)


class Gateway(Account):
    """Answers `refusal` to ids with a slash, without asking the server."""

    def __init__(self, clock, refusal, *, never=()):
        super().__init__(clock)
        self.refusal, self.never = refusal, never

    async def read_customer(self, customer):
        if "/" in customer or customer in self.never:
            self.asked.append(customer)
            return self._reply({}, self.refusal if "/" in customer else 404)
        return await super().read_customer(customer)

    async def read_transactions(self, customer, year):
        return await super().read_transactions(customer, year) if "/" not in customer else self._reply({}, self.refusal)


async def verified(kind, customers, account, clock):
    """Return the counts of these customers, and the verification."""
    hour_ago = clock.wall() - timedelta(hours=1)
    span = Span(since=hour_ago, until=hour_ago)
    check = ReadBackCheck(kind, span, reader=account, clock=clock, settings=VisibleSettings())
    findings = Findings()
    findings.begin(check)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        for customer in customers:
            made = entry(kind, customer=customer)
            findings.note(check, made, await check.check(made))
        tasks.cancel_scope.cancel()
    return findings.kinds[kind.value], findings.to_verification(None)


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
@pytest.mark.parametrize("refusal", [301, 400, 403, 404, 405, 414])
async def test_an_id_that_a_gateway_refuses_is_not_missing(kind, refusal):
    """Nothing is known about ids with a slash. The others are confirmed, also those that need other escapes."""
    clock = FakeClock()
    counted, found = await verified(kind, ["c1", "a/b", "a b", "x/y z"], Gateway(clock, refusal), clock)
    assert (counted.looked_at, counted.confirmed, counted.untold, counted.missing) == (2, 2, 2, 0)
    assert (found.exit_code, [(place.seen, place.what) for place in found.findings]) == (
        0,
        [(Seen.UNTOLD, ("id needs escaping",))] * 2,
    )
    assert "need escaping" in found.hint


async def test_a_web_page_is_an_answer_of_a_gateway():
    """The reader calls it foreign, whatever its status: nothing is known about the id."""

    class Paged(Gateway):
        def _reply(self, said, status):
            if status == self.refusal:
                return SimpleNamespace(attempt=Failure(cause=Cause.FOREIGN, sent=True), body=b"")
            return super()._reply(said, status)

    clock = FakeClock()
    counted, found = await verified(Kind.CUSTOMERS, ["c1", "a/b"], Paged(clock, 404), clock)
    assert (counted.confirmed, counted.untold, counted.unread, found.exit_code) == (1, 1, 0, 0)


async def test_an_odd_id_is_missing_if_similar_ones_can_be_read_back():
    """Whichever of them was read first."""
    clock = FakeClock()
    for order in (["a b", "d e"], ["d e", "a b"]):
        counted, found = await verified(Kind.CUSTOMERS, order, Gateway(clock, 404, never=("d e",)), clock)
        assert (counted.confirmed, counted.missing, counted.untold, found.exit_code) == (1, 1, 0, 3)


async def test_a_server_that_does_not_answer_is_not_a_gateway():
    """An odd id that could not be read counts as unread, like any other."""
    clock = FakeClock()
    counted, found = await verified(Kind.CUSTOMERS, ["a/b"], Gateway(clock, 503), clock)
    assert (counted.unread, found.exit_code) == (1, 6)
