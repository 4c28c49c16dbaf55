"""When a run ends: what comes before the first request, between two kinds, and after the last one counts, too."""

import pytest

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.contract import Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.notices import (
    Ahead,
    BatchSent,
    ChecksEnded,
    ChecksStarted,
    ExportsMeasured,
    KindEnded,
    KindStarted,
    QuotaUsed,
    RunStarted,
    ScopeUse,
    Visible,
    WorkProgressed,
)
from masivo_stream.model.summary import KindSummary
from masivo_stream.model.window import Window
from masivo_stream.observe.snapshot_builder import SnapshotBuilder

C, E, T = Kind
EVERY_MINUTE = QuotaUsed(scopes=(ScopeUse(scope="migration", windows=(Window(1, 60.0),), ages=(), foreign=(0,)),))
SENDING = 29 * 60.0
"""Seconds from the first of 30 requests to the last one."""


class Run:
    """Ten full requests of each kind, one a minute."""

    def __init__(self, *, reads_back=False):
        self.clock = FakeClock()
        self.builder = SnapshotBuilder(self.clock, resident=lambda: 1)
        counted = Expected(basis="plan", records=10_000, sendable=10_000, items=10_000, requests=10, size=100)
        ahead = tuple(Ahead(kind=kind, files=1, size=100) for kind in Kind)
        self.notify(RunStarted(kinds=ahead, reads_back=reads_back), EVERY_MINUTE)
        self.notify(ExportsMeasured(kinds=dict.fromkeys(Kind, counted)))

    def notify(self, *notices):
        for notice in notices:
            self.builder.notify(notice)

    @property
    def left(self):
        """Return the seconds from now to the end."""
        return self.builder.snapshot().ends_at - self.clock.wall().timestamp()


def test_the_waits_between_the_kinds_and_at_the_end_count():
    """Before one was seen, each takes ten seconds; a sample that is read back is one."""
    assert Run().left == pytest.approx(SENDING + 20)
    assert Run(reads_back=True).left == pytest.approx(SENDING + 30)


@pytest.mark.parametrize(("confirmed", "each"), [(True, 3.0), (False, 10.0)])
def test_the_next_wait_is_like_the_last_one(confirmed, each):
    """If effects were seen; a settling time says nothing about the next kind."""
    run = Run(reads_back=True)
    sent = KindSummary(read=10_000, accepted=10_000, items_accepted=10_000, requests=10)
    run.notify(KindStarted(kind=C, files=1, size=100), KindEnded(kind=C, figures=sent, bytes_read=100))
    run.notify(Visible(kind=C, seconds=3.0, confirmed=confirmed))
    assert run.left == pytest.approx(19 * 60 + 2 * each)


def checking(run, seconds, done, *, step="reading"):
    run.clock.advance(seconds)
    run.notify(WorkProgressed(step=step, done=done, of=1000, unit="bytes"))


def test_the_checks_come_before_the_first_request():
    """By how far they are; a step that has just begun says nothing, and time goes on between two notices."""
    run = Run()
    alone = run.left
    run.notify(ChecksStarted(files=3, size=300))
    checking(run, 0.0, 0)
    checking(run, 0.1, 5)
    assert run.left == pytest.approx(alone, abs=0.2)
    checking(run, 99.9, 100)
    assert run.left == pytest.approx(alone + 900)
    run.clock.advance(100.0)
    assert run.left == pytest.approx(alone + 800)
    moved = run.builder.snapshot().moved
    assert moved.why == "the exports are checked as a whole, before anything is sent"
    checking(run, 0.0, 1000)
    checking(run, 0.0, 0, step="comparing")
    assert run.left == pytest.approx(alone)
    checking(run, 10.0, 500, step="comparing")
    assert run.left == pytest.approx(alone + 10)
    run.notify(ChecksEnded(findings={}, errors=0, seconds=300.0, known=False))
    assert run.left == pytest.approx(alone)


def test_a_step_of_which_nothing_is_known_delays_nothing():
    """Its length is not known, or it is not one of the checks: a compressed export is read again up to a place."""
    run = Run()
    alone = run.left
    for done in (0, 500):
        checking(run, 10.0, done)
    assert run.left == pytest.approx(alone)
    run.notify(ChecksStarted(files=3, size=0), WorkProgressed(step="x", done=0, of=0, unit="bytes"))
    run.clock.advance(10.0)
    run.notify(WorkProgressed(step="x", done=77, of=0, unit="bytes"))
    assert run.left == pytest.approx(alone)


def sent(outcome):
    return BatchSent(kind=C, batch="b", records=1, items=1, size=1, outcome=outcome, seconds=0.1, status=403)


def test_no_end_is_promised_while_every_request_is_refused():
    """A firewall may refuse all of them. A batch with a bad record is refused a few times, and goes on."""
    run = Run()
    run.notify(*[sent("refused")] * 10)
    assert run.left > 0
    run.notify(sent("refused"))
    shown = run.builder.snapshot()
    assert (shown.ends_at, shown.no_end) == (None, "no finishing time while the API refuses every request")
    run.notify(sent("accepted"))
    assert run.left > 0
    assert run.builder.snapshot().no_end == ""
