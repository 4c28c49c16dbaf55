"""The progress display: the important figures at 80 columns, more at 120, and what a second Ctrl-C does."""

import io

import pytest
from rich.console import Console

from masivo_stream.model.contract import Kind
from masivo_stream.model.snapshot import KindSnapshot, Point, RunSnapshot, RunWarning, Wait
from masivo_stream.model.summary import KindSummary, NextStep
from masivo_stream.observe.end_lines import ending_lines, waiting_line
from masivo_stream.observe.terminal_progress import draw, rate_line

NOW = 1_700_000_000.0
LARGE = KindSummary(requests=12_345, accepted=10_000_000, items_accepted=98_000_000, dead=12_345, in_doubt=10_000)
PHASES = (
    KindSnapshot(kind=Kind.CUSTOMERS, state="done", figures=LARGE, requests_needed=12_345),
    KindSnapshot(kind=Kind.EVENTS, state="working", figures=LARGE, requests_needed=98_765),
    KindSnapshot(kind=Kind.TRANSACTIONS),
)


def snapshot(**fields):
    return RunSnapshot(**({"version": "1", "began": NOW - 600, "now": NOW, "phases": PHASES} | fields))


def drawn(shown, width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(draw(shown, width=width))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_each_kind_has_a_line_with_all_its_figures(width):
    """Also the largest figures: nothing is cut, and no line is longer than the terminal."""
    _, to_do, head, customers, events, transactions = drawn(snapshot(), width)[:6]
    assert to_do == "to do when the run has ended: 20,000 in doubt, 24,690 dead letters"
    assert head.split()[0] == "kind"
    assert ("items" in head) == (width >= 100)
    assert [line.split()[0] for line in (customers, events, transactions)] == list(Kind)
    for figure in ("12 %", "12,345 of 98,765", "10,000,000", "12,345", "10,000"):
        assert figure in events
    assert ("98,000,000" in events) == (width >= 100)
    assert max(map(len, drawn(snapshot(), width))) <= width


def test_a_run_without_figures_is_shown_as_starting():
    """There is no empty table."""
    assert drawn(snapshot(phases=()), 80) == ["starting"]


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (Wait(what="slot", until=NOW + 3.24, text="next slot"), "next slot in 3.2 s"),
        (Wait(what="slot", until=NOW + 3600, text="next slot"), "next slot in 1 h 0 min"),
        (Wait(what="slot", until=NOW - 1, text="next slot"), "next slot in 0.0 s"),
        (Wait(what="drain", until=NOW + 30, text="stopping: at most"), "stopping: at most 30.0 s"),
        (Wait(), "2 requests in flight"),
    ],
)
def test_the_current_wait_is_shown(wait, text):
    """With the time that this takes at most."""
    assert waiting_line(snapshot(wait=wait, in_flight=2)) == text


def test_the_predicted_end_is_shown():
    """The end of the run if it is known, otherwise that of the kind at work."""
    (line,) = ending_lines(snapshot(ends_at=NOW + 200))
    assert line.startswith("3 min 20 s left, until ")
    own = KindSnapshot(kind=Kind.EVENTS, state="working", ends_at=NOW + 200)
    (line,) = ending_lines(snapshot(phases=(own,)))
    assert line.startswith("events: 3 min 20 s left, until ")
    assert ending_lines(snapshot()) == ()


def test_a_stopping_run_explains_a_second_signal():
    """And that the same command continues; it fits the smallest terminal."""
    stopping = snapshot(wait=Wait(what="drain", until=NOW + 30, text="x"), ends_at=NOW + 200)
    told = " ".join(ending_lines(stopping))
    assert "again ends at once" in told
    assert "same command" in told
    assert not any("…" in line for line in drawn(stopping, 80))


def test_the_rate_is_that_of_the_last_minute():
    """Older requests do not count."""
    line = (
        Point(at=NOW - 600, seconds=60, requests=600, items=600_000),
        Point(at=NOW - 60, seconds=60, requests=12, items=12_000),
    )
    assert rate_line(snapshot(time_line=line)) == "12.0 requests and 12,000 items per minute"


def test_what_a_person_must_do_comes_before_the_figures():
    """With its commands, once there is something; in doubt first."""
    resolve, retry = "masivo-stream resolve --state-dir s", "masivo-stream retry --state-dir s"
    steps = tuple(NextStep(text="x", command=command) for command in (resolve, retry))
    lines = drawn(snapshot(to_do=steps), 80)
    assert lines[2:4] == [f"  {resolve}", f"  {retry}"]
    clean = (KindSnapshot(kind=Kind.CUSTOMERS, state="working"),)
    assert not any("to do" in line for line in drawn(snapshot(phases=clean), 80))


def test_what_lasts_is_shown_below_the_figures():
    """It says when it is tried again, so the line about the wait does not say it, too."""
    refused = RunWarning(first_at=NOW, at=NOW, text="events: connection refused", times=2, again_at=NOW + 9)
    wait = Wait(what="retry", until=NOW + 9, text="events: connection refused, next try")
    lines = drawn(snapshot(warnings=(refused,), wait=wait), 80)
    assert [line for line in lines if "refused" in line] == [
        line for line in lines if line.endswith(" events: connection refused, again in 9.0 s, 2nd time")
    ]
    many = tuple(RunWarning(first_at=NOW, at=NOW, text=f"cause {number}") for number in range(9))
    shown = [line for line in drawn(snapshot(warnings=many), 80) if "cause" in line]
    assert [line.rpartition(" ")[2] for line in shown] == ["5", "6", "7", "8"]
