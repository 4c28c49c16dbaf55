"""Warnings of a fleet on a terminal: one or two lines for a cause, whatever the number of accounts that have it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.redact import printable
from masivo_stream.edges.clock import FakeClock
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.fleet import AccountResult, fail
from masivo_stream.model.notices import BatchSent, BatchWaits, LoopStalled, SecondPassed, Stopping
from masivo_stream.model.summary import Summary
from masivo_stream.observe.fleet_warnings import FleetWarnings

REFUSED = BatchWaits(kind=Kind.EVENTS, batch="1b4f0e9851971998", why="connection refused", seconds=2.0)
ANSWERED = BatchSent(
    kind=Kind.EVENTS, batch="1b4f0e9851971998", outcome="accepted", records=1, items=1, size=9, seconds=0.5
)
STOPPING = Stopping(why="SIGTERM", in_flight=0, drain_time=30.0)
NAMES = ("north", "south", "west", "east", "center")


pytestmark = pytest.mark.usefixtures("central_european_time")


class Terminal:
    """What is written, and a clock."""

    def __init__(self):
        self.lines, self.clock = [], FakeClock()
        self.warnings = FleetWarnings(self.lines.append, self.clock)

    def feed(self, name, notice, after=0.0):
        self.clock.advance(after)
        self.warnings.feed(name, notice)


def test_an_outage_of_all_accounts_is_two_lines():
    """The first account that is answered again has its line at once; the others follow together, once none lasts."""
    told = Terminal()
    for name in NAMES * 3:
        told.feed(name, REFUSED, 1.0)
    assert told.lines == []
    for name in NAMES[:-1]:
        told.feed(name, ANSWERED, 2.0)
    assert told.lines == ["23:13:21 CET north: events: connection refused, 3 times until 23:13:31\n"]
    told.feed(NAMES[-1], ANSWERED, 2.0)
    assert told.lines[1:] == [
        "23:13:22 CET south, west and 2 more: events: connection refused, 3 times until 23:13:35\n"
    ]


def test_what_comes_to_all_accounts_at_once_is_two_lines():
    """A signal, a file that cannot be read: one line at once, the others with what comes next, or at the end."""
    told = Terminal()
    for name in NAMES:
        told.feed(name, STOPPING)
    assert told.lines == ["23:13:20 CET north: stopping cleanly: SIGTERM\n"]
    told.warnings.close()
    assert told.lines[1:] == ["23:13:20 CET south, west and 2 more: stopping cleanly: SIGTERM\n"]
    for name in NAMES[:2]:
        told.feed(name, STOPPING, 5.0)
    told.feed("east", SecondPassed(), 5.0)
    assert len(told.lines) == 4


def test_internals_and_what_is_about_no_account():
    """A stall is shown only with -v; a warning of the fleet itself has no name in front."""
    told = Terminal()
    told.feed("", LoopStalled(seconds=3.0))
    assert told.lines == []
    told.feed("", STOPPING)
    assert told.lines == ["23:13:20 CET stopping cleanly: SIGTERM\n"]


def test_how_an_account_ended_is_a_line_if_a_person_should_know():
    """Not after a signal, which a person has sent; never more than its name and what is in the result."""
    told = Terminal()
    for outcome, code in (("complete", 0), ("interrupted", ExitCode.INTERRUPTED), ("dead_letters", 3)):
        summary = Summary(outcome=outcome, exit_code=code, kinds={}, closes=True)
        told.warnings.ended(AccountResult(name=outcome, exit_code=code, summary=summary))
    told.warnings.ended(fail("north", ConfigurationError("no key \x1b[31m", operation="o", place="p", hint="h")))
    assert [line.partition(" CET ")[2] for line in told.lines] == [
        "dead_letters: complete, but some records are dead letters\n",
        f"north: {printable('no key ' + chr(27) + '[31m')}\n",
    ]
    assert "\x1b" not in "".join(told.lines)


STEPS = st.tuples(
    st.sampled_from(NAMES), st.sampled_from([REFUSED, ANSWERED, STOPPING]), st.sampled_from([0.0, 0.4, 9])
)


@given(st.lists(STEPS, max_size=60))
def test_each_account_with_a_cause_is_in_a_line_about_it(steps):
    """In the end, whatever comes in between; and a line is never empty or about no one."""
    told = Terminal()
    warned = set()
    for name, notice, after in steps:
        told.feed(name, notice, after)
        if isinstance(notice, BatchWaits):
            warned.add(name)
    for name in NAMES:  # ends what lasts
        told.feed(name, ANSWERED)
    told.warnings.close()
    lines = [line for line in told.lines if "connection refused" in line]
    assert bool(lines) == bool(warned)
    if len(warned) <= 3:
        assert {name for name in NAMES if any(name in line for line in lines)} == warned
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in told.lines)
