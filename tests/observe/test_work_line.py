"""The line of a command that sends nothing: after two seconds, with share, rate and the time that is left."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.notices import MinutePassed, TotalsProgressed, WorkProgressed
from masivo_stream.observe.step_pace import StepPace
from masivo_stream.observe.work_line import WorkLine

MB = 1_000_000


def work(done, of=1000 * MB, step="validating", unit="bytes", hindered=""):
    return WorkProgressed(step=step, done=done, of=of, unit=unit, hindered=hindered)


def drawn(line, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(line.draw())
    return console.file.getvalue().strip("\n")


def shown_after(*steps, width=80):
    """Return what is shown after notices, each some seconds after the one before."""
    clock = FakeClock()
    line = WorkLine(Console(file=io.StringIO(), force_terminal=True, width=width), clock)
    for seconds, notice in steps:
        clock.advance(seconds)
        line.notify(notice)
    return drawn(line, width)


def test_a_quick_command_shows_nothing():
    """Neither before two seconds have passed, nor without a notice."""
    assert shown_after((0, work(0)), (1.9, work(400 * MB))) == ""
    assert shown_after((60, MinutePassed())) == ""


BACK = {"of": 400, "step": "reading customers back", "unit": "records"}
TOGETHER = {"of": 64, "step": "checking all files together", "unit": "parts"}
HOSTILE = "reading \x1b[2J\u202ea"


@pytest.mark.parametrize(
    ("steps", "line"),
    [
        ([(0, work(0)), (4, work(400 * MB))], "validating  40 %  100 MB/s  about 6 s left"),
        ([(0, work(0, of=0)), (4, work(400_000, of=0))], "validating  100 kB/s"),
        ([(0, work(0)), (4, work(5 * MB))], "validating   0 %  1 MB/s"),
        ([(0, work(0)), (4, work(1000 * MB))], "validating  99 %  250 MB/s  about 0 s left"),
        ([(3, work(0))], "validating   0 %"),
        ([(0, work(500 * MB)), (4, work(600 * MB))], "validating  60 %  25 MB/s  about 16 s left"),
        (
            [(0, work(1, **BACK)), (60, work(101, **BACK))],
            "reading customers back  25 %  100 records a minute  about 2 min 59 s left",
        ),
        (
            [(0, work(900 * MB)), (3, work(0, **TOGETHER)), (3, work(32, **TOGETHER))],
            "checking all files together  50 %  about 3 s left",
        ),
        (
            [(0, work(1, **BACK)), (60, work(101, **BACK)), (5, work(101, hindered="no answer", **BACK))],
            "reading customers back  25 %  no answer",
        ),
        ([(0, work(0, step="load a")), (3, work(500 * MB, step="load b"))], "load b  50 %  167 MB/s  about 3 s left"),
        ([(0, work(0, step=HOSTILE)), (3, work(0, step=HOSTILE))], "reading \\u001b[2J\\u202ea   0 %"),
    ],
)
def test_the_line_says_how_far_and_how_long(steps, line):
    """A step that begins again has a pace of its own; a time is said when there is something to estimate it from."""
    assert shown_after(*steps) == line


def test_days_that_are_compared_are_work():
    """By the requests that they take, which may be more than were counted."""
    days = {"days": 1, "of": 9, "all_days": 99, "requests_needed": 40}
    steps = [(0, TotalsProgressed(requests=0, **days)), (60, TotalsProgressed(requests=10, **days))]
    assert shown_after(*steps) == "comparing totals by day  25 %  10 requests a minute  about 3 min 0 s left"
    assert "99 %" in shown_after((3, TotalsProgressed(requests=50, **days)))


def test_the_line_fits_the_terminal():
    """It is one line however long a name is."""
    line = shown_after((0, work(0)), (3, work(1, step="reading " + "x" * 200)), width=40)
    assert len(line) == 40
    assert line.endswith("\u2026")


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.integers(0, 10**13), st.sampled_from([0, 1, 10**12])), min_size=1, max_size=8
    )
)
def test_any_work_has_a_line(steps):
    """Whatever is done, in whatever time: never 100 %, and never a negative time."""
    now, pace = 0.0, None
    for seconds, done, of in steps:
        now += seconds
        notice = work(done, of)
        pace = pace.go_on(notice) if pace is not None and pace.is_of(notice) else StepPace(notice, now)
        line = pace.describe(now)
        assert "100 %" not in line
        assert "-" not in line


def test_the_line_is_removed():
    """When the work is done, nothing of it stays."""
    told = Console(file=io.StringIO(), force_terminal=True, width=40)
    with WorkLine(told, FakeClock()) as line:
        line.notify(work(1))
    assert "validating" not in told.file.getvalue()
