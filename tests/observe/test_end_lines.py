"""Answers first: how far a run is, when it is done, and what is left of it."""

import msgspec
import pytest

from masivo_stream.model.contract import Kind
from masivo_stream.model.snapshot import KindSnapshot, MovedEnd, OutageShown, RunSnapshot, Wait
from masivo_stream.model.summary import KindSummary
from masivo_stream.observe.end_lines import clock_time, ending_lines, share_of, unread_line

NOW = 1_700_000_000.0
FIGURES = KindSummary(read=380, accepted=380)
RUN = RunSnapshot(
    version="1",
    began=NOW - 60,
    now=NOW,
    phases=(
        KindSnapshot(kind=Kind.CUSTOMERS, state="working", figures=FIGURES, unread=120, exact=True),
        KindSnapshot(kind=Kind.EVENTS, unread=500),
    ),
    unread=620,
    share=0.38,
    about=True,
    ends_at=NOW + 7080,
)


def changed(**fields):
    return msgspec.structs.replace(RUN, **fields)


@pytest.fixture(autouse=True)
def _in_lima(monkeypatch):
    """Local time has a zone, and no summer."""
    import time

    monkeypatch.setenv("TZ", "<-05>5")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_end_is_said_in_local_time_with_its_zone():
    """How far, how long, until when."""
    assert ending_lines(RUN) == ("38 % done, about 1 h 58 min left, until 19:11:20 -05",)
    assert ending_lines(changed(about=False, ends_at=NOW + 90_000)) == (
        "38 % done, 1 day 1 h left, until Wed 15 Nov 18:13 -05",
    )
    assert clock_time(RUN, NOW) == "17:13:20 -05"


def test_no_end_is_promised_during_an_outage():
    """But how far the run is."""
    away = changed(ends_at=None, no_end="no finishing time while the API does not answer")
    assert ending_lines(away) == ("38 % done; no finishing time while the API does not answer",)
    since = OutageShown(since=NOW - 60)
    assert ending_lines(msgspec.structs.replace(away, outage=since))[1:] == (
        "no answer since 17:12:20 -05; it tries again by itself",
    )
    until = OutageShown(since=NOW - 60, until=NOW + 3540)
    assert ending_lines(msgspec.structs.replace(away, outage=until))[1:] == (
        "no answer since 17:12:20 -05; it tries again by itself until 18:12:20 -05",
    )
    assert ending_lines(msgspec.structs.replace(away, share=None)) == (
        "no finishing time while the API does not answer",
    )
    assert ending_lines(changed(ends_at=None)) == ("38 % done",)
    assert ending_lines(changed(ends_at=None, share=None)) == ()


def test_an_end_that_moved_says_why_for_a_while():
    """Later it is no news."""
    moved = MovedEnd(at=NOW - 60, was=NOW + 3600, now=NOW + 7080, why="there was no answer for a while")
    lines = ending_lines(changed(moved=moved))
    assert lines[1:] == ("the end has moved from 18:13:20 -05 to 19:11:20 -05: there was no answer for a while",)
    assert len(ending_lines(changed(moved=moved, now=NOW + 3600))) == 1


def test_a_run_that_stops_says_what_a_second_signal_does():
    """That is more urgent than an end."""
    assert "again ends at once" in ending_lines(changed(wait=Wait(what="drain", until=NOW, text="x")))[0]


def test_what_was_not_read_is_a_line_of_its_own():
    """Estimated, unless all of it is counted; nothing if nothing is left."""
    assert unread_line(RUN) == "not read yet  about 620 records, 62 %"
    counted = tuple(msgspec.structs.replace(phase, exact=True) for phase in RUN.phases)
    assert unread_line(changed(phases=counted)) == "not read yet  620 records, 62 %"
    assert unread_line(changed(unread=0)) == unread_line(changed(unread=None)) == ""


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0 %"), (1, 1000, "less than 1 %"), (1, 100, "1 %"), (999, 1000, "99 %"), (9, 9, "100 %"), (0, 0, "0 %")],
)
def test_a_share_is_neither_nothing_nor_all_unless_it_is(part, whole, text):
    """Rounded down, except for what would become nothing."""
    assert share_of(part, whole) == text


@pytest.mark.parametrize(
    ("others", "line"),
    [
        (1, "another run uses this account: what it has left to send is counted"),
        (3, "3 other runs use this account: what they have left to send is counted"),
    ],
)
def test_that_the_account_is_shared_is_said_with_the_end(others, line):
    """It is a part of the answer: without them, the end is earlier."""
    assert ending_lines(changed(other_runs=others))[1] == line
    assert line not in ending_lines(changed(other_runs=others, ends_at=None))
