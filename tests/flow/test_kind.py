"""One kind's journey, over an API in memory and in virtual time."""

import json
from functools import cache
from itertools import pairwise

import pytest
from fakes import ACCEPTED, LOST, NO_CONNECTION, REFUSED, PipelineUnderTest, event, one_every, record, write_export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from masivo_stream.core.sending.backoff import MOST_DOUBTS
from masivo_stream.core.sending.refusal_limits import SYSTEMATIC
from masivo_stream.model.attempt import Answer, Body
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import DeniedError, ExitCode, Interrupted, OutageError, StorageError
from masivo_stream.model.notices import BatchDeparted, LimitLearned, Progressed, RecordIsolated
from masivo_stream.model.reason import Reason
from masivo_stream.model.window import Window

KINDS = list(Kind)


def refusing(*customers):
    """Return an answer that refuses every request with one of these customers."""

    def answer(_kind, entries, _body, _number):
        return REFUSED if {entry["id"] for entry in entries} & set(customers) else None

    return answer


@pytest.mark.parametrize("kind", KINDS)
async def test_everything_arrives_once(kind, tmp_path):
    """Every item of a clean export is applied exactly once, in as few requests as the limit allows."""
    records = [record(kind, number, items=1 + number % 3) for number in range(2500)]
    pipeline = PipelineUnderTest(kind, [write_export(tmp_path / "in", records)])
    figures = await pipeline.run()
    assert (figures.read, figures.accepted, figures.closes) == (2500, 2500, True)
    assert set(pipeline.api.applied.values()) == {1}
    assert len(pipeline.api.applied) == figures.items_accepted == figures.items_read
    assert figures.requests == figures.requests_lower_bound == len(pipeline.api.requests)


async def test_what_limits_pace_is_shown_at_once(tmp_path):
    """Four requests leave together, then none for an hour: until then the figures are those of all four."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(5000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], windows=[Window(4, 3600.0)], uploaders=4)
    await pipeline.run()
    figures = [each.figures.accepted for each in pipeline.memory.notices if isinstance(each, Progressed)]
    assert [*dict.fromkeys(figures)] == [0, 1000, 2000, 3000, 4000, 5000]


@pytest.mark.parametrize("kind", KINDS)
async def test_records_are_sent_byte_for_byte(kind, tmp_path):
    """A record's bytes on the wire are the export's, including odd spacing, escapes and numbers."""
    odd = json.dumps(record(kind, 1, metadata_unknown={"n": "\u00e9"}), indent=None, separators=(" ,", "  : "))
    odd = odd.replace("  : 10", "  : 1e1").replace("  : 1 ", "  : 1.000 ")
    path = tmp_path / "in"
    path.write_bytes(odd.encode() + b"\r\n")
    pipeline = PipelineUnderTest(kind, [str(path)])
    await pipeline.run()
    assert [body for what, body in pipeline.api.log if what == "wire"] == [b'{"customers":[' + odd.encode() + b"]}"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_journal_knows_an_attempt_before_its_first_byte(kind, tmp_path):
    """For each batch the journal notes the attempt before the first byte, and the outcome after it."""
    pipeline = PipelineUnderTest(kind, [write_export(tmp_path / "in", [record(kind, n) for n in range(3200)])])
    await pipeline.run()
    bodies = {body for _, body in pipeline.api.log}
    assert len(bodies) == 4
    for wanted in bodies:
        assert [what for what, body in pipeline.api.log if body == wanted] == ["send", "wire", "accepted"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(culprits=st.sets(st.integers(0, 59), max_size=8), kind=st.sampled_from(KINDS))
async def test_exactly_the_bad_records_are_found(culprits, kind, tmp_path):
    """Whatever records the server refuses, only these become dead letters; the rest arrives once."""
    path = write_export(tmp_path / "in", [record(kind, number, items=2) for number in range(60)])
    pipeline = PipelineUnderTest(kind, [path], answer=refusing(*(f"c{number}" for number in culprits)))
    figures = await pipeline.run()
    assert {letter.line - 1 for letter in pipeline.memory.letters} == culprits
    assert all(letter.reason is Reason.REFUSED and letter.status == 422 for letter in pipeline.memory.letters)
    assert pipeline.api.applied_customers == {f"c{number}" for number in range(60)} - {f"c{n}" for n in culprits}
    assert set(pipeline.api.applied.values()) <= {1}
    assert figures.closes
    assert figures.dead == len(culprits)
    assert len(pipeline.memory.letters) == sum(isinstance(n, RecordIsolated) for n in pipeline.memory.notices)


async def test_isolation_of_a_bad_record_takes_few_requests(tmp_path):
    """One bad record in a thousand costs at most eleven requests in addition to the refused one."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(1000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=refusing("c617"))
    figures = await pipeline.run()
    assert figures.accepted == 999
    assert figures.requests <= 1 + 11


async def test_a_split_record_is_accepted_when_all_parts_are(tmp_path):
    """A record with more events than a request may hold is sent in parts, and counts once."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1, items=2500), record(Kind.EVENTS, 2, items=3)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path])
    figures = await pipeline.run()
    assert (figures.accepted, figures.items_accepted, figures.requests) == (2, 2503, 3)
    assert set(pipeline.api.applied.values()) == {1}
    sizes = [sum(len(c["events"]) for c in customers) for _, _, customers, _ in pipeline.api.requests]
    assert sorted(sizes) == [503, 1000, 1000]


async def test_a_refused_part_names_its_items(tmp_path):
    """A dead letter about a part names its items. The record counts as dead, its other items as accepted."""

    def answer(_kind, entries, _body, _number):
        return REFUSED if any(e["order"]["purchase_id"] == "c1-1700" for c in entries for e in c["events"]) else None

    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1, items=2500)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=answer)
    figures = await pipeline.run()
    assert [letter.items for letter in pipeline.memory.letters] == [tuple(range(1000, 2000))]
    assert (figures.dead, figures.accepted, figures.items_dead, figures.items_accepted) == (1, 0, 1000, 1500)
    assert figures.closes


async def test_reversed_events_are_left_out(tmp_path):
    """A reversed event is not sent; the others of its record are."""
    mixed = record(Kind.EVENTS, 1, items=3)
    mixed["events"][1]["reversed_at"] = "2024-02-01T00:00:00Z"
    gone = record(Kind.EVENTS, 2, items=1)
    gone["events"][0]["status"] = "REVERSED"
    pipeline = PipelineUnderTest(Kind.EVENTS, [write_export(tmp_path / "in", [mixed, gone])])
    figures = await pipeline.run()
    sent = [
        e["order"]["purchase_id"] for _, _, entries, _ in pipeline.api.requests for c in entries for e in c["events"]
    ]
    assert sent == ["c1-0", "c1-2"]
    assert (figures.accepted, figures.skipped, figures.items_skipped, figures.closes) == (1, 1, 2, True)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_limit_is_learned_from_a_body_that_is_too_large(kind, tmp_path):
    """Bodies that the server calls too large are made smaller. Everything that can arrive arrives, once."""
    most = 20_000

    def answer(_kind, _entries, body, _number):
        return Answer(status=413) if len(body) > most else None

    big = {"name": "x" * (most + 10)} if kind is Kind.CUSTOMERS else {"comment": "x" * (most + 10)}
    records = [record(kind, number) for number in range(900)]
    records[450] |= big
    pipeline = PipelineUnderTest(kind, [write_export(tmp_path / "in", records)], answer=answer)
    figures = await pipeline.run()
    assert [(letter.line, letter.reason) for letter in pipeline.memory.letters] == [(451, Reason.TOO_LARGE)]
    assert (figures.accepted, figures.dead, figures.closes) == (899, 1, True)
    assert set(pipeline.api.applied.values()) == {1}
    assert any(isinstance(notice, LimitLearned) for notice in pipeline.memory.notices)


@pytest.mark.parametrize("kind", [Kind.EVENTS, Kind.TRANSACTIONS])
async def test_a_lost_answer_leaves_events_and_transactions_in_doubt(kind, tmp_path):
    """A batch of unknown outcome is never sent again if it could count twice."""
    path = write_export(tmp_path / "in", [record(kind, number) for number in range(2100)])
    pipeline = PipelineUnderTest(kind, [path], answer=lambda _k, _c, _b, number: LOST if number == 1 else None)
    figures = await pipeline.run()
    assert (figures.in_doubt, figures.accepted, figures.requests, figures.closes) == (1000, 1100, 3, True)
    assert set(pipeline.api.applied.values()) == {1}
    assert len({batch for batch, _ in pipeline.memory.doubts}) == 1
    assert len(pipeline.memory.doubts) == 1000


async def test_customers_are_sent_again_after_a_lost_answer(tmp_path):
    """Customers of unknown outcome are sent again, byte for byte."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(10)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=lambda _k, _c, _b, number: LOST if number < 2 else None)
    figures = await pipeline.run()
    assert (figures.accepted, figures.in_doubt, figures.requests) == (10, 0, 3)
    assert len({body for what, body in pipeline.api.log if what == "wire"}) == 1


async def test_a_failed_connection_is_tried_again(tmp_path):
    """What certainly did not leave is sent again, after longer and longer pauses."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1)])
    pipeline = PipelineUnderTest(
        Kind.EVENTS, [path], answer=lambda _k, _c, _b, n: NO_CONNECTION if n < 4 else None, latency=0
    )
    figures = await pipeline.run()
    times = [round(moment) for moment, *_ in pipeline.api.requests]
    assert (figures.accepted, figures.requests) == (1, 5)
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 2, 4, 8]


async def test_an_outage_stops_the_run(tmp_path):
    """If the API cannot be reached for the outage limit, the run stops. Everything stays pending."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(5000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=lambda *_: NO_CONNECTION, outage_limit=100)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, OutageError)
    assert figures.accepted == 0
    assert figures.pending == figures.read > 0
    assert figures.closes


async def test_a_throttled_run_waits_as_long_as_the_server_asks(tmp_path):
    """After a 429 no request leaves before the time that the server asked for."""

    def answer(_kind, _entries, _body, number):
        return Answer(status=429, retry_after="30") if number == 1 else None

    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(5000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=answer, windows=one_every(1.0), latency=0.01)
    figures = await pipeline.run()
    moments = [moment for moment, *_ in pipeline.api.requests]
    assert (figures.accepted, figures.throttled, figures.requests) == (5000, 1, 6)
    assert min(moment for moment in moments if moment > moments[1]) >= moments[1] + 30
    assert set(pipeline.api.applied.values()) == {1}


async def test_an_expired_token_is_renewed_once(tmp_path):
    """A 401 leads to one fresh token and the same batch again."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1)])
    pipeline = PipelineUnderTest(
        Kind.EVENTS, [path], answer=lambda _k, _c, _b, n: Answer(status=401) if n == 0 else None
    )
    figures = await pipeline.run()
    assert (figures.accepted, pipeline.api.renewed, figures.requests) == (1, 1, 2)


@pytest.mark.parametrize("renewable", [True, False])
async def test_a_token_that_is_never_accepted_stops_the_run(tmp_path, renewable):
    """A second 401 in a row stops the run. So does a ready token that is not accepted."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=lambda *_: Answer(status=401))
    pipeline.api.renewable = renewable
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert (figures.pending, figures.requests, figures.closes) == (1, 2 if renewable else 1, True)


@pytest.mark.parametrize("status", [301, 303, 307, 403, 404, 405])
async def test_a_wrong_address_stops_the_run(status, tmp_path):
    """Redirects, 403, 404 and 405 stop at once. Only what may have been applied is in doubt."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(3000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=lambda *_: Answer(status=status), uploaders=1)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert pipeline.stop.cause.hint
    assert figures.requests == 1
    assert figures.in_doubt == (1000 if status == 303 else 0)
    assert figures.closes


async def test_a_portal_stops_the_run(tmp_path):
    """Web pages instead of answers stop the run at the third. They never count as delivered."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(5000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=lambda *_: Answer(status=200, body=Body.PAGE), uploaders=1)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert (figures.accepted, figures.requests, figures.in_doubt) == (0, 3, 3000)


@pytest.mark.parametrize("uploaders", [1, 2, 4])
async def test_no_request_leaves_after_an_answer_that_stops_the_run(uploaders, tmp_path):
    """While the last outcome is noted, others wait for its slot: they are not put in doubt."""
    export = write_export(tmp_path / "a.ndjson", [record(Kind.EVENTS, n, items=500) for n in range(40)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [export], answer=lambda *_: LOST, uploaders=uploaders, noting=uploaders)
    await pipeline.run()
    doubts = {batch for batch, _ in pipeline.memory.doubts}
    assert MOST_DOUBTS <= len(doubts) <= MOST_DOUBTS + uploaders - 1  # what was in flight with the last one
    assert isinstance(pipeline.stop.cause, OutageError)
    assert pipeline.stop.cause.place.split()[1] in doubts  # and not one that was never sent


async def test_no_more_batches_are_in_flight_than_allowed(tmp_path):
    export = write_export(tmp_path / "a.ndjson", [record(Kind.EVENTS, n, items=500) for n in range(20)])
    whole = 1 << 24  # one read: while a thread reads, virtual time passes, and what is in flight arrives
    pipeline = PipelineUnderTest(Kind.EVENTS, [export], uploaders=3, noting=3, block_bytes=whole)
    await pipeline.run()
    assert max(notice.in_flight for notice in pipeline.memory.notices if isinstance(notice, BatchDeparted)) == 3


async def test_reading_stops_when_sending_stalls(tmp_path):
    """While the server does not answer, no more is read than the hand-off and the uploaders hold."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(60_000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], latency=10_000, uploaders=2, hand_off=2, block_bytes=65536)
    read = []

    async def look():
        await pipeline.clock.sleep(5000)
        read.append(pipeline.recorder.figures().read)
        pipeline.stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))

    await pipeline.run(look)
    assert read[0] <= (2 + 2 + 1 + 1) * 1000 + 1000


@pytest.fixture(scope="module")
def large_export(tmp_path_factory):
    """Return a function: the path of a kind's export that many tests read, 7000 records and a faulty line."""
    folder = tmp_path_factory.mktemp("large")

    @cache
    def export(kind):
        records = [record(kind, number) for number in range(7000)] + [{"id": 5}]
        return write_export(folder / kind, records)

    return export


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("requests", [0, 1, 2, 4, 9])
@pytest.mark.parametrize("moment", [0, 0.01, 0.04, 0.06, 0.9])
async def test_the_figures_add_up_after_a_stop_at_any_moment(kind, requests, moment, large_export):
    """Stopped at any moment, no request leaves afterwards, what was in flight arrives, and the figures add up."""
    pipeline = PipelineUnderTest(kind, [large_export(kind)], windows=one_every(1.0), answer=refusing("c1500"))

    async def stop():
        while len(pipeline.api.arrivals) < requests:
            await pipeline.clock.sleep(0.01)
        await pipeline.clock.sleep(moment)
        pipeline.stopped_at = pipeline.clock.now()
        pipeline.stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))

    figures = await pipeline.run(stop)
    assert figures.closes, figures
    assert figures.in_doubt == 0
    assert all(when <= pipeline.stopped_at for when, *_ in pipeline.api.requests)
    assert set(pipeline.api.applied.values()) <= {1}
    assert figures.items_accepted == len(pipeline.api.applied)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_may_outlast_the_drain_time(kind, tmp_path):
    """What is still in flight after the drain time is in doubt, or pending if it may be sent again."""
    path = write_export(tmp_path / "in", [record(kind, number) for number in range(3000)])
    pipeline = PipelineUnderTest(kind, [path], latency=100, drain_time=5, uploaders=1)

    async def stop():
        while not pipeline.api.arrivals:
            await pipeline.clock.sleep(0.01)
        await pipeline.clock.sleep(1)
        pipeline.stopped_at = pipeline.clock.now()
        pipeline.stop.begin(Interrupted("SIGTERM", ExitCode.TERMINATED))

    figures = await pipeline.run(stop)
    doubtful = 0 if kind is Kind.CUSTOMERS else 1000
    assert (figures.in_doubt, figures.requests, figures.closes) == (doubtful, 1, True)
    assert pipeline.clock.now() - pipeline.stopped_at == pytest.approx(5)


async def test_a_truncated_export_gives_its_complete_lines(tmp_path):
    """A compressed export that is cut off is delivered up to there. Its incomplete line is held back."""
    import gzip

    whole = gzip.compress(b"".join(json.dumps(record(Kind.EVENTS, n)).encode() + b"\n" for n in range(3000)))
    path = tmp_path / "in.gz"
    path.write_bytes(whole[: len(whole) // 2])
    pipeline = PipelineUnderTest(Kind.EVENTS, [str(path)])
    figures = await pipeline.run()
    assert pipeline.kind_pipeline.input_error is not None
    assert figures.accepted == figures.read > 1000
    assert pipeline.memory.letters == []
    assert figures.closes


class Full:
    """Dead letters on a disk without space."""

    length = crc = 0

    def sync(self):
        pass

    def append(self, _letters):
        raise StorageError("no space", operation="write dead letters")


async def test_a_full_disk_stops_the_run(tmp_path):
    """Dead letters that cannot be written stop the run: nothing may be lost silently."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, 1), {"id": 5}])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path])
    pipeline.recorder._dead_letters = Full()
    await pipeline.run()
    assert isinstance(pipeline.stop.cause, StorageError)


async def test_a_dead_letter_that_cannot_be_written_is_not_counted(tmp_path):
    """Then a refused record is pending, not dead."""
    pipeline = PipelineUnderTest(
        Kind.EVENTS, [write_export(tmp_path / "in", [record(Kind.EVENTS, 1)])], answer=lambda *_: REFUSED
    )
    pipeline.recorder._dead_letters = Full()
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, StorageError)
    assert (figures.dead, figures.pending, figures.closes) == (0, 1, True)


async def test_two_records_of_one_customer_may_share_a_batch(tmp_path):
    """Two events records of one customer both arrive, in one batch or in two."""
    records = [record(Kind.EVENTS, 1), {"id": "c1", "events": [event("other")]}]
    pipeline = PipelineUnderTest(Kind.EVENTS, [write_export(tmp_path / "in", records)])
    figures = await pipeline.run()
    assert (figures.accepted, len(pipeline.api.applied)) == (2, 2)
    assert pipeline.api.requests[0][3] == ACCEPTED.status


async def test_the_run_stops_if_everything_is_refused(tmp_path):
    """An unknown rule of the account is not about records: it must not cost a request for each, nor make all dead."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(3000)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=lambda *_: REFUSED)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, DeniedError)
    assert figures.requests <= 2 * SYSTEMATIC + 1
    assert REFUSED.error in str(pipeline.stop.cause)
    assert figures.dead < 10
    assert figures.closes


async def test_ten_bad_records_alone_are_ten_dead_letters(tmp_path):
    """A small export without one good record is validated to its end."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(10)])
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=lambda *_: REFUSED)
    figures = await pipeline.run()
    assert (figures.dead, figures.closes, pipeline.stop.cause) == (10, True, None)


async def test_a_refusal_after_a_lost_answer_is_read_back(tmp_path):
    """Customers that are refused as existing, after an answer was lost, were accepted the first time."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(40)])
    exists = Answer(status=409, details="exists")
    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=lambda _k, _c, _b, number: exists if number else LOST)
    figures = await pipeline.run()
    assert (figures.accepted, figures.dead, figures.requests, figures.closes) == (40, 0, 2, True)
    assert [what for what, _ in pipeline.api.log if what != "wire"] == [
        "send",
        "unanswered",
        "send",
        "unanswered",
        "found",
    ]


async def test_a_refusal_after_a_lost_request_is_isolated(tmp_path):
    """If nothing of the batch can be read back, the refusal is about a record."""
    path = write_export(tmp_path / "in", [record(Kind.CUSTOMERS, number) for number in range(8)])

    def answer(_kind, entries, _body, number):
        return Answer(status=500) if number == 0 else REFUSED if "c3" in {entry["id"] for entry in entries} else None

    pipeline = PipelineUnderTest(Kind.CUSTOMERS, [path], answer=answer)
    figures = await pipeline.run()
    assert (figures.accepted, [letter.line for letter in pipeline.memory.letters]) == (7, [4])


async def test_an_outage_does_not_put_the_export_in_doubt(tmp_path):
    """After gateway errors in a row come longer and longer pauses, then a stop. All the rest is pending."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(9000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path], answer=lambda *_: Answer(status=503), uploaders=1, latency=0)
    figures = await pipeline.run()
    assert isinstance(pipeline.stop.cause, OutageError)
    assert (figures.in_doubt, figures.requests, figures.closes) == (MOST_DOUBTS * 1000, MOST_DOUBTS, True)
    times = [round(moment) for moment, *_ in pipeline.api.requests]
    assert [later - earlier for earlier, later in pairwise(times)] == [1, 2, 4, 8]


async def test_an_export_that_is_cut_while_it_is_read_is_reported(tmp_path):
    """Its complete lines are delivered. That it ended too early is an error of the run, and not silent."""
    path = write_export(tmp_path / "in", [record(Kind.EVENTS, number) for number in range(3000)])
    pipeline = PipelineUnderTest(Kind.EVENTS, [path])
    with open(path, "r+b") as export:  # noqa: ASYNC230, PTH123 - a moment, in a test
        export.truncate(300_000)
    figures = await pipeline.run()
    assert pipeline.kind_pipeline.input_error is not None
    assert "at the start" in str(pipeline.kind_pipeline.input_error)
    assert figures.accepted == figures.read - figures.dead > 500
    assert figures.closes
