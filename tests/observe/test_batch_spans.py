"""Spans of requests: numbers instead of ids, and an end that does not wait long."""

import time

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import BatchSent, RunStarted, TracingFailed
from masivo_stream.observe.batch_spans import MOST_KNOWN, BatchSpans, tracing


class Export:
    """Keeps spans."""

    lost = 0

    def __init__(self, *, hangs=False):
        self.spans, self.hangs = [], hangs

    def add(self, span):
        self.spans.append(span)

    def begin_close(self, closed):
        if not self.hangs:
            closed()


def sent(batch, outcome="accepted", **more):
    return BatchSent(kind=Kind.EVENTS, batch=batch, records=3, items=4, size=500, outcome=outcome, seconds=0.25, **more)


def test_a_batch_keeps_its_number_over_its_attempts():
    """Which of them failed is an error of its span."""
    export = Export()
    spans = BatchSpans(export, FakeClock())
    spans.notify(RunStarted(kinds=(), target="https://api.example", account="4f2a"))
    for notice in (
        sent("aaa", "unreachable", attempt=1),
        sent("bbb", "throttled", attempt=1, status=429),
        sent("aaa", attempt=2, status=201, waited=4.75),
        sent("bbb", "refused (422)", attempt=2, status=422),
        sent("ccc", status=201),
    ):
        spans.notify(notice)
    found = [
        (each.attributes["masivo.batch.number"], each.attributes["masivo.batch.attempt"], each.error)
        for each in export.spans
    ]
    assert found == [(1, 1, "unreachable"), (2, 1, "throttled"), (1, 2, ""), (2, 2, "refused (422)"), (3, 1, "")]
    assert "http.response.status_code" not in export.spans[0].attributes
    third = export.spans[2]
    assert (third.ended - third.began, third.events["limit awaited"]) == (0.25, {"masivo.limit.seconds": 4.75})
    assert not any("aaa" in str(each) for each in export.spans)


def test_what_is_remembered_is_bounded():
    """Batches in doubt are never sent again by this process."""
    spans = BatchSpans(Export(), FakeClock())
    for number in range(3 * MOST_KNOWN):
        spans.notify(sent(str(number), "in doubt"))
    assert len(spans._numbers) == MOST_KNOWN


async def test_a_collector_that_hangs_delays_the_end_by_its_limit_alone():
    """What it has not taken is reported once."""
    export, notices, began = Export(hangs=True), [], time.monotonic()
    async with tracing(lambda: export, notices.append, patience=0.1) as made:
        BatchSpans(made).notify(sent("a"))
        export.lost = 1
    assert time.monotonic() - began < 2
    assert [(type(notice), notice.spans) for notice in notices] == [(TracingFailed, 1)]


async def test_a_run_goes_on_without_it():
    """It is not installed, or it does not take its variables."""
    for error in (ImportError("opentelemetry"), ValueError("x")):

        def make(error=error):
            raise error

        notices = []
        async with tracing(make, notices.append) as spans:
            assert spans is None
        assert len(notices) == 1
