from datetime import timedelta
from types import SimpleNamespace

import anyio
import pytest
from fakes import Remembering, record

from masivo_stream.core.accounting.unanswered import Unanswered
from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.pipeline.assemble import last_attempts
from masivo_stream.flow.pipeline.refused import CustomerFinder
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.batch import make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Resume
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings


def entry(line, customer=None):
    customer = customer or record(Kind.CUSTOMERS, line)["id"]
    where = {"file": "f", "line": line, "offset": line, "length": 1}
    return Entry(**where, body=b"{}", customer=customer, items=1, record_items=1)


class Account:
    """Knows some customers, from a moment on."""

    def __init__(self, clock, there, since=0.0):
        self.clock, self.there, self.since = clock, set(there), since
        self.asked = []

    async def read_customer(self, customer):
        self.asked.append(customer)
        if customer == "lost":
            return SimpleNamespace(attempt=Failure(cause=Cause.TIMEOUT, sent=True), body=b"")
        found = customer in self.there and self.clock.now() >= self.since
        return SimpleNamespace(attempt=Answer(status=200 if found else 404), body=b"{}")


async def find(entries, account, clock, *, ago=0.0, patient=True, memory=None, **settings):
    """Find customers of an attempt that ended `ago` seconds ago."""
    finder = CustomerFinder(account, clock, VisibleSettings(**settings), memory)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        found = await finder.find(entries, since=clock.now() - ago if patient else None)
        tasks.cancel_scope.cancel()
    return [one.customer for one in found]


async def test_each_customer_is_evidence_only_for_itself():
    """Some customers of a batch may exist because of another request: only these are found."""
    clock = FakeClock()
    account = Account(clock, {"c2", "c5"})
    assert await find([entry(line) for line in range(1, 7)], account, clock) == ["c2", "c5"]


async def test_customers_that_show_late_are_waited_for():
    """The API answers "enqueued", and that takes a while. When all of them show, the wait ends."""
    clock = FakeClock()
    began = clock.now()
    account = Account(clock, {f"c{line}" for line in range(1, 101)}, since=began + 20)
    assert len(await find([entry(line) for line in range(1, 101)], account, clock)) == 100
    assert 20 <= clock.now() - began < 40
    assert len(account.asked) <= 5 + 10 + 100


async def test_the_wait_ends_for_customers_that_never_show():
    """It ends after the settling time. Then not every customer is read."""
    clock = FakeClock()
    began = clock.now()
    account = Account(clock, set())
    assert await find([entry(line) for line in range(1, 1001)], account, clock, events_settle=30) == []
    assert clock.now() - began == pytest.approx(30)
    assert len(account.asked) <= 5 + 10


async def test_the_time_counts_from_the_attempt():
    """Forty seconds after it, twenty are left. An hour after it, there is one read."""
    clock, memory = FakeClock(), Remembering()
    began = clock.now()
    assert await find([entry(1)], Account(clock, set()), clock, ago=40, memory=memory) == []
    assert clock.now() - began == pytest.approx(20)
    told = [(type(notice).__name__, notice.records, round(notice.seconds)) for notice in memory.notices]
    assert told == [("ReadBackAwaited", 1, 20), ("ReadBack", 1, 20)]
    began, account = clock.now(), Account(clock, {"c1"})
    assert await find([entry(1), entry(2)], account, clock, ago=3600) == ["c1"]
    assert (clock.now(), account.asked) == (began, ["c2", "c1", "c1", "c2"])


async def test_customers_with_plain_ids_are_read_first():
    """An answer about the others may come from a gateway."""
    clock = FakeClock()
    account = Account(clock, {"c1"})
    entries = [entry(1), *(entry(line, f"a/{line}") for line in range(2, 60))]
    began = clock.now()
    assert await find(entries, account, clock) == ["c1"]
    assert clock.now() == began


async def test_one_read_is_enough_without_a_settling_time():
    """A missing answer counts as no."""
    clock = FakeClock()
    began = clock.now()
    account = Account(clock, {"c1"})
    assert await find([entry(1), entry(2), entry(3, "lost"), entry(4, "..")], account, clock, patient=False) == ["c1"]
    assert (clock.now(), account.asked) == (began, ["c1", "c2", "lost"])


def test_an_unanswered_record_is_known_by_its_position():
    """Whatever batch it is sent in next. There is one wait for it, and another only after a further doubt."""
    clock = FakeClock()
    batch = make_batch(Kind.CUSTOMERS, [entry(1), entry(2)])
    unanswered = Unanswered()
    minute_ago = (clock.wall() - timedelta(minutes=1)).isoformat()
    resume = Resume(unanswered={"b0": {(0, 7)}}, unanswered_at={"b0": minute_ago})
    unanswered.resume(resume, last_attempts(resume, clock))
    assert batch.id not in unanswered
    unanswered.add(batch, clock.now())
    assert batch.id in unanswered
    assert "b0" in unanswered
    lines = [entry(line) for line in (2, 3, 7)]
    assert [one.line for one in unanswered.among(lines)] == [2, 7]
    assert [one.line for one in unanswered.fresh(lines)] == [2, 7]
    assert unanswered.since(lines) == clock.now()
    assert unanswered.since(lines[1:]) == pytest.approx(clock.now() - 60)
    unanswered.had_time(lines)
    assert unanswered.fresh(lines) == []
    unanswered.add(batch, clock.now() + 5)
    assert [one.line for one in unanswered.fresh(lines)] == [2]
    unanswered.settle(batch.entries, batch.id)
    assert batch.id not in unanswered
    assert [one.line for one in unanswered.among(lines)] == [7]


def test_an_attempt_is_never_in_the_future_although_the_clock_was_set_back():
    """The attempt is taken to have just been made."""
    clock, unanswered = FakeClock(), Unanswered()
    ahead = (clock.wall() + timedelta(days=9)).isoformat()
    resume = Resume(unanswered={"b0": {(0, 1)}}, unanswered_at={"b0": ahead})
    unanswered.resume(resume, last_attempts(resume, clock))
    assert unanswered.since([entry(1)]) == clock.now()
