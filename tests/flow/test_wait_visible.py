"""The wait between two kinds, in virtual time."""

import json
from datetime import UTC, datetime

import anyio
import msgspec
import pytest
from fakes import Remembering, record

from masivo_stream.core.sending.path_ids import is_plain
from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.flow.pipeline.wait_visible import AcceptedLast, wait_until_visible
from masivo_stream.model.attempt import Answer, Cause, Failure
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import OutageError
from masivo_stream.model.notices import IdsUnreadable, Visible, WaitingVisible
from masivo_stream.model.results import Entry
from masivo_stream.model.settings import VisibleSettings as Settings

ACCEPTED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(kind, number, **fields):
    body = json.dumps(record(kind, number, **fields)).encode()
    where = {"file": "f", "line": number, "offset": 0, "length": len(body)}
    return Entry(**where, body=body, customer=f"c{number}", items=1, record_items=1)


class Reads:
    """Customers that show from a moment of the clock on; `body` is then the answer's body."""

    def __init__(self, clock, shows_at, body=b"{}"):
        self.clock, self.shows_at, self.body, self.asked = clock, shows_at, body, []

    async def read_customer(self, customer):
        self.asked.append((self.clock.now(), customer))
        if self.clock.now() < self.shows_at:
            return Reply(Answer(status=404))
        return Reply(Answer(status=200), self.body)


def metrics(updated_at):
    return json.dumps({"data": {"customer": {"id": "c", "metrics": {"updated_at": updated_at}}, "wallet": {}}}).encode()


async def wait(kind, entries, reads, clock, *, unsure=(), **settings):
    memory = Remembering()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.run)
        try:
            await wait_until_visible(
                kind,
                AcceptedLast(entries=entries, at=ACCEPTED_AT, unsure=unsure),
                reader=reads,
                clock=clock,
                settings=Settings(**settings),
                observer=memory,
            )
        finally:
            tasks.cancel_scope.cancel()
    return memory.notices


async def test_customers_are_awaited_with_few_reads():
    """The wait ends when the customers accepted last can be read back; pauses between reads grow."""
    clock = FakeClock()
    reads = Reads(clock, shows_at=1100)
    notices = await wait(Kind.CUSTOMERS, [entry(Kind.CUSTOMERS, n) for n in range(10)], reads, clock)
    assert {customer for _, customer in reads.asked} == {"c9", "c8", "c7"}
    assert len(reads.asked) <= 8 + 2
    assert isinstance(notices[-1], Visible)
    assert (notices[-1].confirmed, notices[-1].seconds) == (True, clock.now() - 1000)
    assert {(notice.seen, notice.probes) for notice in notices if isinstance(notice, WaitingVisible)} == {(0, 3)}


async def test_customers_that_never_show_stop_the_run():
    """Customers that do not show within the limit are reported as an outage."""
    clock = FakeClock()
    with pytest.raises(ExceptionGroup) as caught:
        await wait(Kind.CUSTOMERS, [entry(Kind.CUSTOMERS, 1)], Reads(clock, 1e9), clock, visible_timeout=60)
    assert caught.group_contains(OutageError)
    assert clock.now() == pytest.approx(1060)


async def test_a_failed_read_proves_nothing():
    """An error while reading back is evidence neither for nor against."""
    clock = FakeClock()

    class Broken(Reads):
        async def read_customer(self, customer):
            reply = await super().read_customer(customer)
            return reply if self.clock.now() > 1020 else Reply(Failure(cause=Cause.RESET, sent=True))

    notices = await wait(Kind.CUSTOMERS, [entry(Kind.CUSTOMERS, 1)], Broken(clock, 0), clock)
    assert notices[-1].confirmed
    assert clock.now() > 1020


async def test_recalculated_metrics_show_events():
    """Metrics recalculated after the acceptance are evidence that events were applied."""
    clock = FakeClock()
    reads = Reads(clock, 1010, metrics("2026-01-01T12:00:00.500Z"))
    notices = await wait(Kind.EVENTS, [entry(Kind.EVENTS, 1)], reads, clock)
    assert notices[-1].confirmed
    assert clock.now() < 1020


@pytest.mark.parametrize("body", [metrics("2025-12-31T00:00:00Z"), metrics(None), b"{}", b"rubbish", b"[" * 100_000])
async def test_older_metrics_are_not_evidence(body):
    """If metrics prove nothing, the settling time passes, and the notice is not `confirmed`."""
    clock = FakeClock()
    notices = await wait(Kind.EVENTS, [entry(Kind.EVENTS, 1)], Reads(clock, 0, body), clock, events_settle=30)
    assert not notices[-1].confirmed
    assert clock.now() == pytest.approx(1030)


async def test_events_without_purchases_settle():
    """Events that recalculate nothing get the settling time, without a read."""
    clock = FakeClock()
    other = entry(Kind.EVENTS, 1)
    other = Entry(
        **{name: getattr(other, name) for name in other.__struct_fields__ if name != "body"},
        body=other.body.replace(b"PURCHASE", b"VISIT"),
    )
    reads = Reads(clock, 0)
    notices = await wait(Kind.EVENTS, [other], reads, clock, events_settle=45)
    assert (reads.asked, notices[-1].confirmed, clock.now()) == ([], False, 1045)


async def test_ids_that_are_not_a_path_segment_are_not_probed():
    """`.` and `..` mean something else in a path, so other customers are read back."""
    clock = FakeClock()
    odd = [
        entry(Kind.CUSTOMERS, 1),
        *(
            Entry(file="f", line=n, offset=0, length=0, body=b"", customer=c, items=1, record_items=1)
            for n, c in ((2, "."), (3, ".."))
        ),
    ]
    reads = Reads(clock, 0)
    await wait(Kind.CUSTOMERS, odd, reads, clock)
    assert [customer for _, customer in reads.asked] == ["c1"]


def odd(*customers):
    """Entries of customers with these ids, accepted in this order."""
    made = (record(Kind.CUSTOMERS, 1) | {"id": customer} for customer in customers)
    return [
        Entry(
            file="f",
            line=line,
            offset=0,
            length=0,
            body=json.dumps(body).encode(),
            customer=body["id"],
            items=1,
            record_items=1,
        )
        for line, body in enumerate(made, 1)
    ]


class Gateway(Reads):
    """Answers `status` to ids that need escaping, without asking the server."""

    def __init__(self, clock, shows_at=0, body=b"{}", *, status=404):
        super().__init__(clock, shows_at, body)
        self.status = status

    async def read_customer(self, customer):
        reply = await super().read_customer(customer)
        return reply if is_plain(customer) else Reply(Answer(status=self.status))


ODD = [
    "a/b",
    "a b",
    "a%2Fb",
    "ñandú",
    "c:1",
    "a+b",
    "{}",
    "a\\b",
    "?",
    "#",
    ";x=1",
    "migrate",
    "x" * 5000,
    "a\nb",
    "日本",
]


@pytest.mark.parametrize("customer", ODD)
async def test_one_plain_id_that_shows_is_enough(customer):
    """A gateway's answer to ids that need escaping delays nothing, in whatever order they were accepted."""
    for entries in (odd(customer, "c1", customer), odd("c1", customer), odd(customer, "c1")):
        clock = FakeClock()
        reads = Gateway(clock)
        notices = await wait(Kind.CUSTOMERS, entries, reads, clock)
        assert [asked for _, asked in reads.asked] == ["c1"]
        assert notices == [Visible(kind=Kind.CUSTOMERS, seconds=0.0, confirmed=True)]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500])
async def test_a_run_with_only_odd_ids_continues(status):
    """After the settling time, with a notice: it is not known whether the customers are there."""
    clock = FakeClock()
    notices = await wait(Kind.CUSTOMERS, odd(*ODD, ".."), Gateway(clock, status=status), clock)
    assert clock.now() == 1060
    assert notices[-2] == IdsUnreadable(kind=Kind.CUSTOMERS, ids=4, seconds=60.0)
    assert notices[-1] == Visible(kind=Kind.CUSTOMERS, seconds=60.0, confirmed=False)


async def test_odd_ids_that_show_are_evidence():
    """Without a gateway they are read back like any others."""
    clock = FakeClock()
    notices = await wait(Kind.CUSTOMERS, odd("a/b", "a b"), Reads(clock, 1005), clock)
    assert notices[-1].confirmed
    assert clock.now() < 1010


@pytest.mark.parametrize("customers", [["."], ["..", "."], [""]])
async def test_ids_that_cannot_be_read_back_get_the_settling_time(customers):
    """No request, and a wait that ends."""
    clock = FakeClock()
    reads = Reads(clock, 0)
    notices = await wait(Kind.CUSTOMERS, odd(*customers), reads, clock, events_settle=20)
    assert (reads.asked, clock.now()) == ([], 1020)
    assert [type(notice) for notice in notices[-2:]] == [IdsUnreadable, Visible]


async def test_customers_that_do_not_show_stop_the_run_beside_odd_ones():
    """A plain id that never shows is the server's own answer."""
    clock = FakeClock()
    with pytest.raises(ExceptionGroup) as caught:
        await wait(Kind.CUSTOMERS, odd("a/b", "c1"), Gateway(clock, 1e9), clock, visible_timeout=60)
    assert caught.group_contains(OutageError)


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.EVENTS])
async def test_there_is_no_wait_without_probes(kind):
    """And no read."""
    clock = FakeClock()
    reads = Reads(clock, 1e9)
    notices = await wait(kind, [entry(kind, 1)], reads, clock, visible_probes=0)
    assert (reads.asked, clock.now(), notices) == ([], 1000, [Visible(kind=kind, seconds=0.0, confirmed=False)])


async def test_odd_ids_accepted_after_the_last_plain_one_get_the_settling_time():
    """The plain one may show long before they do."""
    clock = FakeClock()
    reads = Gateway(clock)
    notices = await wait(Kind.CUSTOMERS, odd("c1"), reads, clock, unsure=odd("a/b"), visible_timeout=900)
    assert clock.now() == 1060
    assert [type(notice) for notice in notices[-2:]] == [IdsUnreadable, Visible]
    assert reads.asked[0] == (1000, "c1")


async def test_a_customer_with_a_plain_id_is_read_back_for_events():
    """Instead of customers accepted later whose ids need escaping."""
    clock = FakeClock()
    reads = Gateway(clock, 0, metrics(ACCEPTED_AT.isoformat()))
    made = [entry(Kind.EVENTS, 1), msgspec.structs.replace(entry(Kind.EVENTS, 2), customer="a/b")]
    notices = await wait(Kind.EVENTS, made, reads, clock)
    assert (notices[-1].confirmed, [asked for _, asked in reads.asked]) == (True, ["c1"])


@pytest.mark.parametrize(
    "updated", ["9999-12-31T23:59:59-12:00", "+010000-01-01T11:59:59.000Z", "9999-12-31T00:00:00Z"]
)
async def test_exported_metrics_of_the_last_year_are_not_a_recalculation(updated):
    """Exported dates come back as they were sent."""
    clock = FakeClock()
    notices = await wait(Kind.EVENTS, [entry(Kind.EVENTS, 1)], Reads(clock, 0, metrics(updated)), clock)
    assert not notices[-1].confirmed
