"""Customers of unanswered requests that the API then refuses: read back once an attempt, while sending goes on."""

import random
from types import SimpleNamespace

import pytest
from fakes import REFUSED, PipelineUnderTest, one_every, record, write_export

from masivo_stream.flow.pipeline.kind import MOST_READ_BACKS
from masivo_stream.flow.pipeline.refused import CustomerFinder
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import Entries
from masivo_stream.model.errors import ExitCode, Interrupted
from masivo_stream.model.notices import BatchSent, ReadBack, ReadBackAwaited
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings

EXISTS = Answer(status=409, details="exists")
LOST = Failure(cause=Cause.TIMEOUT, sent=True)
SETTLE = 60.0


class Server:
    """Applies what it accepts, which shows after a while. It refuses what it has, and those that are `bad`.

    `lost(number)` returns for the attempt of this number "applied" or "dropped" if it gets no answer, otherwise None.
    """

    def __init__(self, bad=(), lost=lambda _number: None, *, shows_after=5.0):
        self.bad, self.lost, self.shows_after = set(bad), lost, shows_after
        self.clock = None
        self.there = {}
        self.reads = []

    def __call__(self, _kind, entries, _body, number):
        ids = {entry["id"] for entry in entries}
        lost = self.lost(number)
        if lost == "dropped":
            return LOST
        if ids & self.bad:
            return LOST if lost else REFUSED
        if ids & self.there.keys():
            return LOST if lost else EXISTS
        self.there.update(dict.fromkeys(ids, self.clock.now() + self.shows_after))
        return LOST if lost else None

    async def read_customer(self, customer):
        self.reads.append((self.clock.now(), customer))
        await self.clock.sleep(0.02)
        shows = self.there.get(customer, float("inf")) <= self.clock.now()
        return SimpleNamespace(attempt=Answer(status=200 if shows else 404), body=b"{}")


class Reading(PipelineUnderTest):
    """A pipeline whose customers are read back. The export is read in one block, since a thread takes real time."""

    def __init__(self, path, server, **settings):
        super().__init__(Kind.CUSTOMERS, [path], answer=server, block_bytes=1 << 24, **settings)
        server.clock = self.clock
        self.finder = CustomerFinder(server, self.clock, VisibleSettings(events_settle=SETTLE), self.memory)

    async def find(self, entries, *, since):
        return await self.finder.find(entries, since=since)

    def notices_of(self, kind):
        return [notice for notice in self.memory.notices if isinstance(notice, kind)]


def export(tmp_path, count):
    return write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(count)])


def ids(numbers):
    return {f"c{number}" for number in numbers}


@pytest.mark.parametrize(
    ("seconds", "lost", "bad", "used"),
    [
        (5.0, 10, 100, 0.85),  # the vendor's window
        pytest.param(5.0, 3, 100, 0.5, marks=pytest.mark.slow),
        pytest.param(1.0, 10, 100, 0.4, marks=pytest.mark.slow),  # less is left to send than could leave
    ],
)
async def test_ten_thousand_customers_under_faults_use_the_windows(seconds, lost, bad, used, tmp_path):
    """Every tenth or third request goes without an answer, some customers are refused: slots are still used.

    Each customer arrives once or is a dead letter, and reading back costs a few reads per attempt and one per customer.
    """
    enough = 480 if seconds > 1 else 240  # seconds in which there is enough to send
    chance = random.Random(f"{seconds} {lost}")
    culprits = ids(chance.sample(range(10_000), bad))
    outcomes = ["applied", "dropped", *[None] * (2 * lost - 2)]
    server = Server(culprits, lambda _number: chance.choice(outcomes))
    pipeline = Reading(export(tmp_path, 10_000), server, windows=one_every(seconds), isolation_budget=0)
    began = pipeline.clock.now()
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.closes) == (10_000 - bad, bad, True)
    assert {letter.customer for letter in pipeline.memory.letters} == culprits
    assert server.there.keys() == ids(range(10_000)) - culprits
    moments = [moment - began for moment, *_ in pipeline.api.requests]
    assert sum(moment < enough for moment in moments) >= 0.95 * enough / seconds
    assert len(moments) >= used * (pipeline.clock.now() - began) / seconds
    attempts = sum(notice.outcome == "in doubt" for notice in pipeline.notices_of(BatchSent))
    asked = pipeline.notices_of(ReadBackAwaited)
    assert len(asked) <= attempts + sum(notice.found > 0 for notice in pipeline.notices_of(ReadBack))
    assert len(server.reads) <= 20 * len(asked) + sum(notice.records for notice in asked) + bad


async def test_the_settling_time_passes_once_for_all_bad_records(tmp_path):
    """The API refuses ten customers after an attempt without an answer: one wait, counted from that attempt."""
    bad = ids([5, 90, 91, 200, 333, 334, 335, 600, 801, 999])
    server = Server(bad, lambda number: "dropped" if number == 0 else None)
    pipeline = Reading(export(tmp_path, 1000), server)
    began = pipeline.clock.now()
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead) == (990, 10)
    assert len(pipeline.notices_of(ReadBackAwaited)) == 1
    assert SETTLE <= pipeline.clock.now() - began <= SETTLE + 15
    assert len(server.reads) <= 5 + 10 + 10


async def test_other_batches_are_sent_meanwhile(tmp_path):
    """One uploader, and a batch that is read back: all the others arrive before that is over."""
    server = Server(ids([0]), lambda number: "dropped" if number == 0 else None)
    pipeline = Reading(export(tmp_path, 9000), server, uploaders=1)
    began = pipeline.clock.now()
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead) == (8999, 1)
    times = [moment - began for moment, _, entries, _ in pipeline.api.requests if entries[0]["id"] != "c0"]
    assert sum(moment < 10 for moment in times) >= 8
    assert pipeline.notices_of(ReadBackAwaited)[0].seconds <= SETTLE


async def test_a_stop_ends_the_wait_at_once(tmp_path):
    """Records that wait to be read back are pending then. The figures add up at any moment."""
    server = Server(ids([0]), lambda number: "dropped" if number == 0 else None)
    pipeline = Reading(export(tmp_path, 3000), server, drain_time=0.0)  # nothing is in flight then
    seen = []

    async def stop():
        while pipeline.recorder.figures().accepted < 2000 or not pipeline.notices_of(ReadBackAwaited):
            await pipeline.clock.sleep(0.1)
            seen.append(pipeline.recorder.figures())
        await pipeline.clock.sleep(3)
        pipeline.stopped_at = pipeline.clock.now()
        pipeline.stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))

    figures = await pipeline.run(stop)
    assert pipeline.clock.now() == pytest.approx(pipeline.stopped_at)
    assert all(each.closes for each in seen)
    assert (figures.accepted, figures.pending, figures.dead, figures.closes) == (2000, 1000, 0, True)


async def test_the_number_of_waiting_batches_is_bounded(tmp_path):
    """At that number no further batch is handed off: reading stops until one of them is read back."""
    count = 3 * MOST_READ_BACKS
    server = Server(ids(range(0, count * 100, 100)), lambda number: "dropped" if number % 2 == 0 else None)
    pipeline = Reading(export(tmp_path, count * 100), server, uploaders=1, max_body_bytes=12_000, isolation_budget=0)
    most = 0

    async def watch():
        nonlocal most
        while True:
            most = max(most, pipeline.kind_pipeline._read_backs)
            await pipeline.clock.sleep(0.5)

    figures = await pipeline.run(watch)
    assert (figures.dead, figures.closes) == (count, True)
    assert MOST_READ_BACKS - 2 <= most <= MOST_READ_BACKS + 2 + 2


async def test_customers_who_arrived_are_found_before_the_settling_time_ends(tmp_path):
    """Everything that was applied shows after five seconds, so the wait ends."""
    server = Server((), lambda number: "applied" if number == 0 else None)
    pipeline = Reading(export(tmp_path, 50), server)
    began = pipeline.clock.now()
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.requests) == (50, 0, 2)
    assert pipeline.clock.now() - began < 15
    assert [(notice.records, notice.found) for notice in pipeline.notices_of(ReadBack)] == [(50, 50)]


async def test_a_record_that_is_too_large_is_read_back_first(tmp_path):
    """An earlier attempt had no answer, before the server called the record too large: it may be there."""
    large = Answer(status=413)

    class Small(Server):
        def __call__(self, kind, entries, body, number):
            return super().__call__(kind, entries, body, number) if number == 0 else large

    for lost, outcome in (("applied", (1, 0)), ("dropped", (0, 1))):
        pipeline = Reading(export(tmp_path, 1), Small((), lambda _number, lost=lost: lost))
        figures = await pipeline.run()
        assert (figures.accepted, figures.dead, figures.closes) == (*outcome, True)
    assert [letter.reason for letter in pipeline.memory.letters] == [Reason.TOO_LARGE]


@pytest.mark.parametrize(
    ("batches", "last", "unsure"),
    [
        ([["p1"], ["p2"], ["p3", "p4"]], ["p2", "p3", "p4"], []),
        ([["p1"], ["a/1", "a/2"], ["a/3", "a/4", "a/5", "a/6"]], ["p1"], ["a/4", "a/5", "a/6"]),
        ([["a/1"], ["p1", "a/2", "a/3"]], ["p1"], []),
        ([["p1", "a/1"], ["a/2"], ["p2", "a/3"]], ["p1", "p2"], []),
        ([["a/1"], ["a/2"]], ["a/2"], []),
        ([], [], []),
    ],
)
async def test_customers_who_can_be_read_back_are_remembered(batches, last, unsure, tmp_path):
    """Of each batch the customers whose ids need no escaping. If a batch has none, its others are kept apart."""
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [export(tmp_path, 0)])
    for names in batches:
        where = {"file": "f", "offset": 0, "length": 2, "items": 1, "record_items": 1}
        entries = [Entry(line=line, body=b"{}", customer=name, **where) for line, name in enumerate(names, 1)]
        pipeline.ledger.candidates.accept(Entries(entries))
    assert [entry.customer for entry in pipeline.ledger.candidates.last] == last
    assert [entry.customer for entry in pipeline.ledger.candidates.unsure] == unsure
