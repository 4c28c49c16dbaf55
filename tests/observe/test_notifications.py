"""Notifications: when, what is in them, and that receivers can neither stop nor delay a run."""

import asyncio
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.notify import NotTaken
from masivo_stream.flow.observer import Observers
from masivo_stream.model.canary import CanaryResult
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.max_dead import OverBudget
from masivo_stream.model.notices import (
    AccountKnown,
    Ahead,
    BatchSent,
    BatchWaits,
    MinutePassed,
    NotifyFailed,
    Paused,
    Progressed,
    Resumed,
    RunEnded,
    RunStarted,
)
from masivo_stream.model.settings import NotifySettings
from masivo_stream.model.summary import KindSummary, NextStep, Summary
from masivo_stream.observe.attention import AttentionWatch, Occasion, SharedOccasions, end_of
from masivo_stream.observe.notifications import MOST_WAITING, TRIES, Notifications, receivers_of
from masivo_stream.observe.snapshot_builder import SnapshotBuilder


def sent(outcome, kind=Kind.EVENTS):
    return BatchSent(kind=kind, batch="b", records=1, items=1, size=9, outcome=outcome, seconds=0.1)


def summary_of(outcome="complete", code=0, **more):
    return Summary(outcome=outcome, exit_code=code, kinds={}, closes=True, **more)


PAUSED = Paused(since=0.0, by="ana@shop", command="masivo-stream resume s")
OUTAGE = ["attention outage", "cleared outage"]
WAITS = BatchWaits(kind=Kind.EVENTS, batch="b", why="connection refused", seconds=9)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(0, sent("in doubt")), (9, sent("in doubt"))], ["attention in_doubt"]),
        ([(0, sent("in doubt", Kind.CUSTOMERS))], []),  # sent again, and harmless
        ([(0, sent("unreachable")), (500, sent("unreachable"))], []),
        ([(0, sent("unreachable")), (600, WAITS), (60, WAITS)], ["attention outage"]),
        ([(0, WAITS), (601, MinutePassed())], ["attention outage"]),
        ([(0, WAITS), (700, WAITS), (1, sent("accepted"))], OUTAGE),
        ([(0, WAITS), (300, sent("throttled")), (400, WAITS)], []),
        ([(0, WAITS), (700, WAITS), (1, sent("accepted")), (1, WAITS), (700, WAITS)], [*OUTAGE, OUTAGE[0]]),
        ([(0, PAUSED), (9, PAUSED), (9, Resumed(seconds=18))], ["attention paused", "cleared paused"]),
        ([(0, Resumed(seconds=1))], []),
        ([(0, WAITS), (9, PAUSED), (9000, MinutePassed())], ["attention paused"]),
        ([(0, RunEnded(summary=summary_of()))], ["ended complete"]),
    ],
)  # fmt: skip
def test_a_person_hears_once_of_each_cause(steps, expected):
    """While it lasts; and when it is over."""
    watch, now, found = AttentionWatch(notify_after=600), 0.0, []
    for after, notice in steps:
        now += after
        found += [" ".join(each) for each in watch.feed(notice, now)]
    assert found == expected


NOTICES = [sent("accepted"), sent("unreachable"), WAITS, PAUSED, Resumed(seconds=1), MinutePassed()]


@given(st.lists(st.tuples(st.floats(0, 400), st.sampled_from(NOTICES)), max_size=60))
def test_what_is_reported_is_over_before_it_is_reported_again(steps):
    """Causes begin and end in turn, whatever happens."""
    watch, now, lasting = AttentionWatch(notify_after=600), 0.0, set()
    for after, notice in steps:
        now += after
        for event, reason in watch.feed(notice, now):
            assert (reason in lasting) is (event == "cleared")
            lasting ^= {reason}


OVER = OverBudget(allowed="2", dead=3, read=9)


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        (summary_of(), "ended complete"),
        (summary_of("dead_letters", 3), "ended dead_letters"),
        (summary_of("in_doubt", 4), "ended in_doubt"),
        (summary_of("interrupted", 143), "stopped interrupted"),
        (summary_of("interrupted", 130), "stopped interrupted"),
        (summary_of("stopped", 6), "stopped outage"),
        (summary_of("stopped", 7), "stopped denied"),
        (summary_of("stopped", 5), "stopped input"),
        (summary_of("stopped", 1), "stopped bug"),
    ],
)
def test_an_end_has_its_reason(summary, expected):
    """The outcome if it went through, else why it stopped."""
    assert " ".join(end_of(summary)) == expected


class Receiver:
    """Takes documents as a test wants it."""

    name = "https://hooks.example"

    def __init__(self, *answers, hangs=False):
        self.answers, self.hangs, self.taken = list(answers), hangs, []

    async def take(self, body):
        if self.hangs:
            await asyncio.sleep(60)
        self.taken.append(json.loads(body))
        return self.answers.pop(0) if self.answers else None


def notifications(receiver, clock=None, patience=10.0):
    snapshot = SnapshotBuilder(clock or FakeClock()).snapshot
    return Notifications(NotifySettings(), "state", snapshot, receivers=[receiver], clock=clock, patience=patience)


async def end(receiver, *notices, clock=None, patience=10.0):
    """Send notices, and return what failed."""
    failed = []
    made = notifications(receiver, clock, patience)
    async with made.sending(failed.append):
        for notice in notices:
            made.notify(notice)
    return failed


SUMMARY = summary_of(
    "stopped",
    6,
    message="no answer for 3600 s",
    hint="start again",
    target="https://api.example",
    account="4f2a",
    next_steps=(NextStep(text="look"), NextStep(text="again", command="masivo-stream migrate")),
)


async def test_the_document_is_as_documented():
    """Its fields, and nothing else."""
    receiver = Receiver()
    kinds = {"events": KindSummary(read=5, accepted=3, pending=2, requests=1)}
    summary = Summary(**{name: getattr(SUMMARY, name) for name in Summary.__struct_fields__} | {"kinds": kinds})
    assert await end(receiver, RunStarted(kinds=(), target="t", account="a"), PAUSED, RunEnded(summary=summary)) == []
    first, last = receiver.taken
    assert (first["event"], first["reason"], first["target"]) == ("attention", "paused", "t")
    assert "exit_code" not in first
    assert "ana" not in json.dumps(first)
    assert last.pop("at").endswith("Z")
    assert last.pop("host")
    assert last.pop("version")
    assert last == {
        "schema": 1,
        "event": "stopped",
        "reason": "outage",
        "state_dir": "state",
        "target": "https://api.example",
        "account": "4f2a",
        "exit_code": 6,
        "message": "no answer for 3600 s",
        "hint": "start again",
        "command": "masivo-stream migrate",
        "kinds": {
            "events": {
                "read": 5, "accepted": 3, "dead": 0, "skipped": 0, "in_doubt": 0, "pending": 2, "requests": 1,
            }
        },
    }  # fmt: skip


RUN = RunStarted(
    kinds=(Ahead(kind=Kind.EVENTS, files=1, size=9),),
    target="t",
    options=("--state-dir", "state"),
    state_dir="state",
    outage_limit=3600,
)


async def hear(*steps):
    """Return the documents that a receiver gets of notices, each after some seconds, as a run passes them on."""
    clock, receiver = FakeClock(), Receiver()
    builder = SnapshotBuilder(clock)
    made = Notifications(NotifySettings(), "state", builder.snapshot, receivers=[receiver], clock=clock)
    observers = Observers([builder, made])
    async with made.sending(print):
        for after, notice in [(0, RUN), (0, AccountKnown(account="4f2a")), *steps]:
            clock.advance(after)
            observers.notify(notice)
    assert {document["account"] for document in receiver.taken} == {"4f2a"}
    return receiver.taken


async def test_records_in_doubt_are_sent_with_what_is_known_of_them():
    """Only when the figures show them: the answer comes before them. Then the end has its own document."""
    doubtful = Progressed(kind=Kind.EVENTS, figures=KindSummary(read=256, in_doubt=256), bytes_read=9)
    for last, others in ((doubtful, 0), (RunEnded(summary=SUMMARY), 1)):
        document, *more = await hear((1, sent("in doubt")), (1, doubtful), (1, last))
        assert (document["event"], document["reason"], len(more)) == ("attention", "in_doubt", others)
        assert document["kinds"]["events"]["in_doubt"] == 256
        assert document["message"] == "256 records are in doubt (256 of events): they may or may not have been applied"
        assert document["command"] == "masivo-stream resolve --state-dir state"
    (document,) = await hear((1, sent("in doubt")))  # the process ends before
    assert document["reason"] == "in_doubt"


async def test_a_pause_says_how_it_ends():
    """The name of the person is not sent."""
    paused, resumed = await hear((1, PAUSED), (90, Resumed(seconds=90)))
    assert paused["message"].endswith(": nothing is sent until the run is resumed")
    assert (paused["command"], resumed["command"]) == ("masivo-stream resume s", "")
    assert resumed["message"] == "resumed after 1 min 30 s: the run goes on"


async def test_an_outage_says_since_when_and_until_when():
    """And that nothing is to do."""
    attention, cleared = await hear((1, WAITS), (700, WAITS), (60, sent("accepted")))
    assert re.fullmatch(
        r"there has been no answer since 22:13:21 \S+: events: connection refused", attention["message"]
    ), attention
    assert re.match(r"the run tries again by itself until 23:13:21 \S+: nothing is to do", attention["hint"])
    assert cleared["message"] == "there are answers again: the run goes on"


async def test_a_command_that_cannot_begin_is_reported():
    """There is no summary then."""
    receiver = Receiver()
    made = notifications(receiver)
    with pytest.raises(ConfigurationError):
        async with made.sending(print):
            raise ConfigurationError("is in use by process 7", operation="open", hint="wait")
    (document,) = receiver.taken
    assert (document["event"], document["reason"], document["exit_code"]) == ("stopped", "configuration", 2)
    assert (document["message"], document["hint"]) == ("is in use by process 7", "wait")


async def test_a_name_that_is_not_utf8_hides_no_error():
    """Its bytes are escaped, as everywhere."""
    receiver = Receiver()
    made = Notifications(NotifySettings(), "state-\udcff", SnapshotBuilder(FakeClock()).snapshot, receivers=[receiver])
    with pytest.raises(ConfigurationError):
        async with made.sending(print):
            raise ConfigurationError("is in use \udcfe", operation="open", hint="wait")
    (document,) = receiver.taken
    assert (document["state_dir"], document["message"]) == ("state-\\udcff", "is in use \\udcfe")


class QuickClock(FakeClock):
    """Sleeps in no time."""

    def __init__(self):
        super().__init__()
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(0)


LATER, NEVER = NotTaken("it answers 500", again=True), NotTaken("it answers 404", again=False)


@pytest.mark.parametrize(
    ("answers", "tries", "failed"),
    [
        ([LATER, LATER], 3, []),
        ([LATER] * 9, TRIES, ["it answers 500"]),
        ([NEVER], 1, ["it answers 404"]),
        ([LATER, NEVER], 2, ["it answers 404"]),
    ],
)
async def test_a_few_tries_and_one_warning(answers, tries, failed):
    """With a pause that doubles."""
    receiver, clock = Receiver(*answers), QuickClock()
    found = await end(receiver, RunEnded(summary=SUMMARY), clock=clock)
    assert found == [NotifyFailed(to="https://hooks.example", why=why) for why in failed]
    assert (len(receiver.taken), clock.slept) == (tries, [1.0, 2.0][: tries - 1])


async def test_a_receiver_that_hangs_delays_the_end_by_its_limit_alone():
    """Notices cost nothing meanwhile; of too many, the latest are kept; the warning says what happened."""
    receiver, began = Receiver(hangs=True), time.monotonic()
    pauses = [PAUSED, Resumed(seconds=1)] * MOST_WAITING
    failed = await end(receiver, *pauses, RunEnded(summary=SUMMARY), patience=0.2)
    assert time.monotonic() - began < 2
    assert {notice.why for notice in failed} == {
        "it takes too long, and more waits for it than is kept",
        "it had not taken it when the process ended",
    }


async def test_a_receiver_with_a_bug_ends_nothing():
    """Whatever it raises."""

    class Broken(Receiver):
        async def take(self, body):
            raise ZeroDivisionError

    failed = await end(Broken(), PAUSED, RunEnded(summary=SUMMARY))
    assert {notice.why for notice in failed} == {"a bug: ZeroDivisionError"}


def test_settings_name_the_receivers():
    """None, one or both."""
    assert receivers_of(NotifySettings()) == []
    both = NotifySettings(notify="https://hooks.example/secret", notify_command="/bin/cat -u")
    assert [each.name for each in receivers_of(both)] == ["https://hooks.example", "cat"]


def test_a_canary_and_a_budget_are_reasons_of_their_own():
    """A person does something else about them."""
    canary = CanaryResult(passed=False)
    assert end_of(summary_of("stopped", 6, canary=canary)).reason == "canary"
    assert end_of(summary_of("stopped", 6, over_budget=OVER)).reason == "max_dead"
    assert end_of(summary_of("stopped", int(ExitCode.OUTAGE), canary=UNSET)).reason == "outage"


OCCASIONS = st.sampled_from([
    Occasion("attention", "outage"), Occasion("cleared", "outage"), Occasion("attention", "paused"),
    Occasion("cleared", "paused"), Occasion("attention", "in_doubt"), Occasion("stopped", "outage"),
])  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), OCCASIONS), max_size=30))
def test_what_several_accounts_have_is_reported_once_in_a_fleet(steps):
    """At most one outage and one pause are open for the person at any time; ends and doubt always pass."""
    shared, has = SharedOccasions(), {"outage": set(), "paused": set()}
    for name, occasion in steps:
        before = {reason: set(names) for reason, names in has.items()}
        if occasion.event == "stopped":
            for names in has.values():
                names.discard(name)
        elif occasion.reason in has:
            (has[occasion.reason].add if occasion.event == "attention" else has[occasion.reason].discard)(name)
        expected = True
        if occasion.event == "attention" and occasion.reason in has:
            expected = has[occasion.reason] == {name}
        elif occasion.event == "cleared":
            expected = before[occasion.reason] == {name}
        assert shared.passes(name, occasion) == expected
