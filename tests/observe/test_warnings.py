"""Warnings as sentences: one per cause, counted while they repeat, in local time; without ids of batches."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import (
    AccountShared,
    BatchSent,
    BatchWaits,
    CanaryEnded,
    ChecksEnded,
    LoopStalled,
    MonitorFailed,
    Notice,
    ObjectAwaited,
    QuotaCorrected,
    RecordIsolated,
    RunEnded,
    Stopping,
)
from masivo_stream.model.summary import Summary
from masivo_stream.observe.terminal_warnings import TerminalWarnings
from masivo_stream.observe.warning_counts import QUIET, WarningCounts, closing_line, ordinal, warning_line
from masivo_stream.observe.warning_sentences import warning_of

C, E = Kind.CUSTOMERS, Kind.EVENTS
HASH = "1b4f0e9851971998e732078544c96b36"
NOW = 1_700_000_000.0
REFUSED = BatchWaits(kind=E, batch=HASH, why="connection refused", seconds=9.0)


def sent(outcome, **fields):
    about = {"kind": E, "batch": HASH, "records": 1000, "items": 1000, "size": 90, "seconds": 0.5}
    return BatchSent(outcome=outcome, **(about | fields))


pytestmark = pytest.mark.usefixtures("central_european_time")


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (sent("accepted"), None),
        (sent("unreachable", remark="connection refused"), None),
        (sent("throttled"), None),
        (LoopStalled(seconds=3.0), None),
        (ChecksEnded(findings={}, errors=0, seconds=1.0, known=False), None),
        (CanaryEnded(passed=True, learnt=()), None),
        (REFUSED, "events: connection refused"),
        (
            sent("in doubt", kind=C, remark="connection lost"),
            "customers: 1,000 records may have arrived, and are sent again: connection lost",
        ),
        (sent("in doubt", remark="no answer in time"), "events: 1,000 records are in doubt: no answer in time"),
        (sent("in doubt", remark="no answer in time", records=1), "events: 1 record is in doubt: no answer in time"),
        (sent("refused (422)"), "events: the API refuses a request (422)"),
        (
            sent("accepted", remark="status 200"),
            "events: accepted by an answer that is not the documented one (status 200)",
        ),
        (sent("token not taken"), "events: the API does not take the token; a fresh one is fetched"),
        (
            RecordIsolated(kind=C, batch=HASH, file="a.ndjson", line=88120, status=422),
            "customers: the API refuses a record (422), a dead letter now: a.ndjson, line 88,120",
        ),
        (
            QuotaCorrected(seconds=90.0, foreign=3),
            "the API accepts no request for 1 min 30 s, and counts 3 requests that this machine did not send",
        ),
        (ObjectAwaited(url="s3://x", why="503 SlowDown", seconds=1.0), "object storage: 503 SlowDown"),
        (
            ChecksEnded(findings={"x": 2}, errors=2, seconds=1.0, known=False),
            "the checks over all files found 2 errors: masivo-stream status lists them",
        ),
        (
            ChecksEnded(
                findings={"unknown_customer": 14_053, "email_case": 9, "duplicate_id": 53},
                errors=14_106,
                seconds=1.0,
                known=False,
                wrong={"duplicate_id": 53, "unknown_customer": 14_053},
                held={"customers": 53, "events": 14_053},
            ),
            (
                "the checks over all files found 14,106 errors (14,053 unknown customer, 53 duplicate id): records are"
                " held back, and will be dead letters: 53 of customers and 14,053 of events; masivo-stream status"
                " lists them"
            ),
        ),
        (CanaryEnded(passed=False, learnt=()), "the canary does not show as it was sent: the run stops"),
        (MonitorFailed(path="/metrics", error="KeyError"), "the monitor cannot answer /metrics; the run goes on"),
        (AccountShared(), "another run on this machine shares the account's quota"),
        (Stopping(why="SIGINT", in_flight=1), "stopping cleanly: SIGINT"),
    ],
)
def test_a_notice_is_a_sentence_or_nothing(notice, text):
    """No id of a batch, nothing of a stall, nothing that another notice says better."""
    found = warning_of(notice)
    assert (found and found.text) == text
    assert typing.get_args(Notice)


def fed(*notices):
    """Return counts that were fed notices, each with its moment."""
    counts = WarningCounts()
    for at, notice in notices:
        counts.feed(notice, at)
    return counts


def test_a_cause_that_repeats_is_one_line_with_a_number():
    """The one of the issue: when it came last, when it is tried again, how often it came."""
    counts = fed((NOW, REFUSED), (NOW + 10, REFUSED))
    (warning,) = counts.lasting
    assert warning_line(warning, NOW + 10) == "23:13:30 CET events: connection refused, again in 9.0 s, 2nd time"
    assert counts.take() == []
    counts.feed(sent("accepted"), NOW + 20)
    (over,) = counts.take()
    assert closing_line(over) == "23:13:20 CET events: connection refused, 2 times until 23:13:30"
    assert counts.lasting == ()


def test_uploaders_that_meet_the_same_at_once_meet_it_one_time():
    """The first of them tries again first."""
    sooner = BatchWaits(kind=E, batch="other", why="connection refused", seconds=3.0)
    (warning,) = fed((NOW, REFUSED), (NOW + 0.1, sooner)).lasting
    assert (warning.times, warning.again_at) == (1, NOW + 3.1)


@pytest.mark.parametrize(
    ("notice", "over"),
    [
        (sent("accepted"), True),
        (sent("refused (422)"), True),
        (sent("accepted", kind=C), False),
        (sent("in doubt"), False),
        (Stopping(why="SIGINT", in_flight=0), True),
        (RunEnded(summary=Summary(outcome="complete", exit_code=0, kinds={}, closes=True)), True),
        (LoopStalled(seconds=1.0), False),
    ],
)
def test_an_outage_is_over_when_the_api_answers(notice, over):
    """An answer to the same kind, or the end of the run."""
    counts = fed((NOW, REFUSED), (NOW + 5, notice))
    assert (REFUSED.why in " ".join(warning.text for warning in counts.take())) is over


def test_what_does_not_repeat_any_more_is_over_after_a_while():
    """Nothing else shows the end of refusals."""
    counts = fed((NOW, sent("refused (422)")), (NOW + 5, sent("refused (422)")), (NOW + 5 + QUIET, AccountShared()))
    assert [warning.times for warning in counts.lasting] == [2]
    counts.feed(LoopStalled(seconds=1.0), NOW + 5.1 + QUIET)
    assert counts.lasting == ()
    assert [warning.times for warning in counts.take()] == [1, 2]


@given(st.lists(st.tuples(st.sampled_from([REFUSED, sent("accepted"), sent("refused (422)"), AccountShared()]))))
def test_nothing_is_lost_or_said_twice(steps):
    """Each warning is counted once: in what lasts, or in what is over."""
    counts, over, at = WarningCounts(), [], NOW
    for (notice,) in steps:
        at += 10.0
        counts.feed(notice, at)
        over += counts.take()
    warned = sum(warning_of(notice) is not None for (notice,) in steps)
    assert sum(warning.times for warning in (*over, *counts.lasting)) == warned


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (113, "113th")],
)
def test_numbers_have_their_endings(number, text):
    """As people write them."""
    assert ordinal(number) == text


class At:
    """A wall clock."""

    def __init__(self):
        self.at = NOW

    def wall(self):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.at, UTC)


def test_a_terminal_gets_a_line_for_each_cause():
    """At once if it cannot last, else when it is over; text from outside stays on its line."""
    clock, lines = At(), []
    warnings = TerminalWarnings(lines.append, clock)
    for notice in (AccountShared(), REFUSED, RecordIsolated(kind=C, batch="b", file="a\n\x1b", line=1, status=422)):
        warnings.notify(notice)
    assert lines == ["23:13:20 CET another run on this machine shares the account's quota\n"]
    clock.at += 10
    warnings.notify(Stopping(why="SIGINT", in_flight=0))
    assert len(lines) == 4
    assert all(line.endswith("\n") and line[:-1].isprintable() for line in lines)
