"""What a person changes about a run at work: limits and uploaders by SIGHUP, and whether it sends."""

import os
import signal
from contextlib import closing
from functools import partial
from itertools import pairwise

import anyio
import pytest
from fakes import Remembering
from flow.migration import Migration
from flow.test_rate_limit import depart_many
from flow.windows_server import Silent, numbered
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.sending.backoff import AttemptHistory, Halt, Retry, RetryPolicy
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.files.pause_file import PAUSE, read_pause, remove_pause, write_pause
from masivo_stream.edges.files.progress_file import write_progress
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.pause import pause, resume
from masivo_stream.flow.commands.status import status
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.pipeline.deliver import Backoff, Delivery, WireSlots
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.sending_switch import SendingSwitch, WorkingClock
from masivo_stream.flow.stop import StopControl
from masivo_stream.model.attempt import Unreachable
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.notices import (
    BatchDeparted,
    KindEnded,
    Paused,
    Resumed,
    RunEnded,
    SettingsReread,
    SettingsUnread,
)
from masivo_stream.observe.snapshot_builder import SnapshotBuilder
from masivo_stream.sandbox import SandboxOptions, parse_faults, parse_limits, running

# Limits, in virtual time.


def limits(text, general="none"):
    return load_settings(flags={"limit": text, "general_limit": general, "time_zone": "UTC"}).limits


async def test_a_new_limit_counts_at_once_for_a_request_that_waits():
    """A wait of a day ends when the limit does."""
    clock = FakeClock()
    limiters = make_limiters(load_settings(flags={"limit": "1/d"}), clock)
    limiter = limiters.kinds[Kind.EVENTS]
    await depart_many(clock, limiter, 1)
    left = []

    async def wait():
        async with limiter.departure():
            left.append(clock.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        clock.advance(100)
        await anyio.wait_all_tasks_blocked()
        assert left == []
        limiters.change(limits("1/5s"), clock)
        await anyio.wait_all_tasks_blocked()
    assert left == [pytest.approx(1100, abs=0.1)]


@pytest.mark.parametrize("others", [False, True])
async def test_what_has_left_counts_in_new_windows(tmp_path, others):
    """Of this process and of another one, also what the old windows did not remember."""
    clock = FakeClock()
    with (
        closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota,
        closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as other,
    ):
        limiters = make_limiters(load_settings(flags={"limit": "1/5s"}), clock, quota)
        limiter = limiters.kinds[Kind.EVENTS]
        moments = await depart_many(clock, limiter, 10)
        if others:
            theirs = make_limiters(load_settings(flags={"limit": "1/5s"}), clock, other)
            moments += await depart_many(clock, theirs.kinds[Kind.EVENTS], 5)
        limiters.change(limits("1/5s,20/h"), clock)
        moments += await depart_many(clock, limiter, 25)
    assert all(later - earlier >= 3600 for earlier, later in zip(moments, moments[20:], strict=False))
    assert moments[20] - moments[0] == pytest.approx(3600, abs=10)
    limiters.change(limits("1/5s"), clock)
    more = await depart_many(clock, limiter, 3)
    assert all(5 <= later - earlier < 6 for earlier, later in pairwise(more))


async def test_a_limit_may_come_and_go():
    """From no limit to one and back; a limit over all calls, too; with hours."""
    clock = FakeClock()
    limiters = make_limiters(load_settings(flags={"limit": "none", "base_url": "http://localhost"}), clock)
    limiter = limiters.kinds[Kind.EVENTS]
    assert len(set(await depart_many(clock, limiter, 5))) == 1
    limiters.change(limits("1/5s", general="1/10s"), clock)
    assert all(later - earlier >= 10 for earlier, later in pairwise(await depart_many(clock, limiter, 3)))
    limiters.change(limits("1/5s", general="00:00-23:59 1/60s"), clock)  # at 22:13
    assert all(later - earlier >= 60 for earlier, later in pairwise(await depart_many(clock, limiter, 3)))
    limiters.change(load_settings(flags={"limit": "none", "base_url": "http://localhost"}).limits, clock)
    assert len(set(await depart_many(clock, limiter, 5))) == 1


# The switch, in virtual time.


async def test_nothing_leaves_while_the_switch_is_off():
    """Hours later it goes on at once, at the pace of the windows."""
    clock = FakeClock()
    limiters = make_limiters(load_settings(flags={"limit": "1/5s,1000/h"}), clock)
    limiter = limiters.kinds[Kind.EVENTS]
    limiters.switch.turn_off()
    limiters.switch.turn_off()

    async def turn_on():
        await clock.sleep(5 * 3600)
        limiters.switch.turn_on()
        limiters.switch.turn_on()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turn_on)
        moments = await depart_many(clock, limiter, 4)
    assert moments[0] == 1000 + 5 * 3600
    assert all(5 <= later - earlier < 6 for earlier, later in pairwise(moments))
    assert limiters.switch.off_seconds == 5 * 3600


async def test_a_pause_during_a_wait_holds_the_request_that_waits():
    """It was about to leave."""
    clock = FakeClock()
    limiters = make_limiters(load_settings(flags={"limit": "1/100s"}), clock)
    limiter = limiters.kinds[Kind.EVENTS]
    await depart_many(clock, limiter, 1)

    async def hold():
        await clock.sleep(50)
        limiters.switch.turn_off()
        await clock.sleep(1000)
        limiters.switch.turn_on()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        (moment,) = await depart_many(clock, limiter, 1)
    assert moment == pytest.approx(2050, abs=0.1)


async def test_a_pause_is_no_outage():
    """An hour without an answer stops a run; five hours of pause in the middle of ten minutes do not."""
    clock = FakeClock()
    limiters = make_limiters(load_settings(flags={"limit": "1/5s"}), clock)
    policy = RetryPolicy(first_delay=1, longest_delay=60, outage_limit=3600, longest_hold=3660)
    delivery = Delivery(
        None,
        limiters.kinds[Kind.EVENTS],
        Silent(),
        backoff=Backoff(policy, lambda: 0.5),
        stop=StopControl(clock, drain_time=0),
        observer=Silent(),
        in_flight=1,
    )
    history, batch = AttemptHistory(), numbered(1)
    refused = Unreachable("connection refused")
    assert isinstance(delivery._decide(batch, refused, history), Retry)
    clock.advance(300)
    limiters.switch.turn_off()
    clock.advance(5 * 3600)
    assert isinstance(delivery._decide(batch, refused, history), Retry)  # of a request that was in flight
    limiters.switch.turn_on()
    clock.advance(300)
    assert isinstance(delivery._decide(batch, refused, history), Retry)
    clock.advance(3000)
    assert isinstance(delivery._decide(batch, refused, history), Halt)


def test_a_working_clock_stops_while_the_switch_is_off():
    """Its date goes on."""
    clock = FakeClock()
    switch = SendingSwitch(clock)
    working = WorkingClock(clock, switch)
    clock.advance(10)
    switch.turn_off()
    clock.advance(100)
    assert (working.now(), working.wall()) == (1010, clock.wall())
    switch.turn_on()
    clock.advance(5)
    assert working.now() == 1015


# Uploaders.


@settings(deadline=None, max_examples=60)
@given(
    first=st.integers(1, 5),
    changes=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), max_size=6),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=30),
)
def test_never_more_batches_are_on_the_wire_than_allowed_and_all_get_there(first, changes, lengths):
    """Whenever the number changes; batches that are there when it falls end as usual."""

    async def run():
        clock, slots, busy, done = FakeClock(0), WireSlots(first), set(), []
        allowed = [first]

        async def send(number, length):
            async with slots:
                busy.add(number)
                assert len(busy) <= allowed[-1]
                await clock.sleep(length)
                busy.discard(number)
                done.append(number)

        async def change():
            for after, most in changes:
                await clock.sleep(after)
                allowed.append(most)
                slots.change(most)

        async with anyio.create_task_group() as outer:
            outer.start_soon(clock.run)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(change)
                for number, length in enumerate(lengths):
                    tasks.start_soon(send, number, length)
            outer.cancel_scope.cancel()
        assert sorted(done) == list(range(len(lengths)))
        for _ in range(allowed[-1]):
            with anyio.fail_after(1):
                await slots.__aenter__()
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.001):
                await slots.__aenter__()

    anyio.run(run)


# Pauses in a state directory.


def test_a_pause_is_durable_and_keeps_its_time_and_person(tmp_path):
    """Repeated, nothing changes; removed twice, nothing fails."""
    clock = FakeClock()
    first = write_pause(tmp_path, clock.wall())
    clock.advance(60)
    assert write_pause(tmp_path, clock.wall()) == first == read_pause(tmp_path)
    assert first.by
    assert (tmp_path / PAUSE).stat().st_mode & 0o777 == 0o600
    assert (remove_pause(tmp_path), remove_pause(tmp_path), read_pause(tmp_path)) == (True, False, None)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"since": "soon", "by": 3}'])
def test_a_file_that_cannot_be_read_is_a_pause(tmp_path, content):
    """A person has made it: better nothing is sent."""
    (tmp_path / PAUSE).write_bytes(content)
    assert read_pause(tmp_path).by == ""
    assert remove_pause(tmp_path)


@pytest.mark.parametrize("command", [pause, resume])
def test_only_a_run_is_paused(tmp_path, command):
    """A name that was misspelt must not seem to be paused."""
    with pytest.raises(ConfigurationError, match="no run"):
        command(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


# A run, against the sandbox.


class Watching(Remembering):
    """Calls a function at notices of a sort, once."""

    def __init__(self):
        super().__init__()
        self.calls = {}

    def once(self, sort, function):
        self.calls[sort] = function

    def notify(self, notice):
        super().notify(notice)
        if (function := self.calls.pop(type(notice), None)) is not None:
            function()

    def all(self, sort):
        return [notice for notice in self.notices if isinstance(notice, sort)]


@pytest.fixture
async def run(tmp_path):
    """Six requests of customers, at five a second."""
    async with running(SandboxOptions(limits=parse_limits("none"), visible_after=0.0)) as sandbox:
        made = Migration(tmp_path, sandbox)
        made.generate(6000, kinds=(Kind.CUSTOMERS,))
        yield made


async def go(run, observer, file, **flags):
    """Migrate with a settings file, which is read again on SIGHUP."""
    read = partial(
        load_settings, str(file), flags={"base_url": run.sandbox.url, "sample": 0, "visible_probes": 0} | flags
    )
    exports = Exports(customers=[str(run.path(Kind.CUSTOMERS))])
    runtime = Runtime(reread=read)
    return await migrate(read(), run.credentials, exports, observer=observer, handle_signals=True, runtime=runtime)


def settings_file(tmp_path, limit="5/s", uploaders=1, more=""):
    file = tmp_path / "c.toml"
    file.write_text(
        f'[limits]\nlimit = ["{limit}"]\n[upload]\nuploaders = {uploaders}\nhand_off = 1\n'
        f'[state]\nstate_dir = "{tmp_path / "state"}"\nshared_dir = "{tmp_path / "shared"}"\n{more}'
    )
    return file


async def test_settings_are_read_again_at_work(run, tmp_path):
    """First a broken file, which changes nothing; then another limit and more uploaders; the rest counts later."""
    file, observer = settings_file(tmp_path, limit="1/1000s"), Watching()

    def break_it():
        file.write_text("[limits\n")
        os.kill(os.getpid(), signal.SIGHUP)

    def change_it():
        settings_file(tmp_path, limit="none", uploaders=3, more="[retry]\nfirst_delay = 2.0\n")
        os.kill(os.getpid(), signal.SIGHUP)

    def touch_it():
        os.kill(os.getpid(), signal.SIGHUP)

    observer.once(BatchDeparted, break_it)
    observer.once(SettingsUnread, change_it)
    observer.once(SettingsReread, touch_it)
    summary = await go(run, observer, file)
    (unread,) = observer.all(SettingsUnread)
    assert (unread.place, bool(unread.hint)) == (str(file), True)
    first = observer.all(SettingsReread)[0]
    assert [(each.name, each.old, each.new) for each in first.changed] == [
        ("limit", "1/1000s", "none"),
        ("uploaders", "1", "3"),
    ]
    assert first.left == ("first_delay",)
    assert all(each.changed == () for each in observer.all(SettingsReread)[1:])
    assert (summary.outcome, summary.kinds["customers"].accepted, summary.kinds["customers"].requests) == (
        "complete", 6000, 6,
    )  # fmt: skip


async def test_flags_count_before_the_file(run, tmp_path):
    """As at the start."""
    file, observer = settings_file(tmp_path), Watching()

    def change_it():
        settings_file(tmp_path, limit="1/1000s", uploaders=1)
        os.kill(os.getpid(), signal.SIGHUP)

    observer.once(BatchDeparted, change_it)
    summary = await go(run, observer, file, limit="100/s", uploaders=2)
    assert (summary.outcome, [each.changed for each in observer.all(SettingsReread)]) == ("complete", [()])


async def test_a_run_at_work_is_paused_and_resumed(run, tmp_path):
    """Requests in flight end, nothing leaves, and observers know it; then it goes on."""
    observer = Watching()
    state, seen = str(tmp_path / "state"), {}
    paused = anyio.Event()
    observer.once(BatchDeparted, lambda: seen.update(answer=pause(state)))
    observer.once(Paused, paused.set)

    async def resume_later():
        with anyio.fail_after(20):
            await paused.wait()
        await anyio.sleep(0.3)
        sent = len(observer.all(BatchDeparted))
        await anyio.sleep(0.3)
        write_progress(tmp_path / "state", SnapshotBuilder().snapshot())  # as it was before the pause
        seen.update(sent=(sent, len(observer.all(BatchDeparted))), status=status(state), resumed=resume(state))
        write_progress(tmp_path / "state", seen["status"].run)  # as it was before the end of the pause
        seen.update(after=status(state))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(resume_later)
        summary = await go(run, observer, settings_file(tmp_path, limit="2/s"))
    assert (seen["answer"].changed, bool(seen["answer"].owner), seen["resumed"].changed) == (True, True, True)
    assert seen["sent"][0] == seen["sent"][1] < 6
    found = seen["status"]
    assert (found.exit_code, found.paused.by) == (0, seen["answer"].paused.by)
    assert found.message.startswith("paused since ")
    assert "at work" in found.message
    assert (found.run.paused.by, found.run.wait.what, seen["after"].run.paused) == (found.paused.by, "paused", None)
    assert found.next_steps[0].command == f"masivo-stream resume {state}"
    assert (len(observer.all(Paused)), len(observer.all(Resumed))) == (1, 1)
    assert observer.all(Paused)[0].command == f"masivo-stream resume {state}"
    assert (summary.outcome, summary.kinds["customers"].requests) == ("complete", 6)


async def test_a_start_in_a_paused_directory_waits(run, tmp_path):
    """Also after the process was stopped; nothing is sent, and observers know it at once."""
    observer = Watching()
    observer.once(BatchDeparted, lambda: os.kill(os.getpid(), signal.SIGTERM))
    first = await go(run, observer, settings_file(tmp_path, limit="2/s"))
    assert first.outcome == "interrupted"
    state = str(tmp_path / "state")
    assert not pause(state).owner
    observer, paused = Watching(), anyio.Event()
    observer.once(Paused, paused.set)

    async def resume_later():
        with anyio.fail_after(20):
            await paused.wait()
        assert [type(notice) for notice in observer.notices] == [Paused]
        resume(state)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(resume_later)
        summary = await go(run, observer, settings_file(tmp_path, limit="100/s"))
    assert (summary.outcome, len(observer.all(Resumed)), len(observer.all(RunEnded))) == ("complete", 1, 1)


async def test_a_sample_is_read_back_if_a_pause_has_ended_at_last(tmp_path):
    """Between the last look and the end of the run: no later look would find that."""
    options = SandboxOptions(
        limits=parse_limits("none"), visible_after=0.0, faults=parse_faults(["delay=0.7,where=answer"])
    )
    async with running(options) as sandbox:
        run, observer = Migration(tmp_path, sandbox), Watching()
        run.generate(20, kinds=(Kind.CUSTOMERS,))
        state = str(tmp_path / "state")
        observer.once(BatchDeparted, lambda: pause(state))
        observer.once(KindEnded, lambda: resume(state))
        summary = await go(run, observer, settings_file(tmp_path, limit="none"), sample=3)
    assert (len(observer.all(Paused)), summary.verified.looked_at, summary.verified.confirmed) == (1, 3, 3)
