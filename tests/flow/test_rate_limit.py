"""Departures through the rate limiter, in virtual time."""

from contextlib import ExitStack, closing
from datetime import UTC
from itertools import pairwise

import anyio
import pytest
from fakes import Remembering

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.rate_limit import LimitScope, QuotaClient, RateLimiter
from masivo_stream.model.attempt import Answer
from masivo_stream.model.errors import OutageError, StorageError
from masivo_stream.model.hours import Hours, stretch_at
from masivo_stream.model.notices import QuotaUsed, SlotAwaited
from masivo_stream.model.window import Window

ACCEPTED = Answer(status=201)


def limiter_of(clock, *windows, quota=None, lost=print, **options):
    return RateLimiter([LimitScope("migration", Pacer(windows))], clock, QuotaClient(quota, lost), **options)


async def depart_many(clock, limiter, count, latency=0.01, answer=ACCEPTED):
    moments = []

    async def one():
        async with limiter.departure() as departure:
            moments.append(clock.now())
            await clock.sleep(latency)
            departure.answered(answer)

    async with anyio.create_task_group() as outer:
        outer.start_soon(clock.run)
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(one)
        outer.cancel_scope.cancel()
    return sorted(moments)


@pytest.mark.parametrize("latency", [0.0, 0.7, 3.0])
async def test_requests_leave_one_after_the_other(latency):
    """However many wait, they leave a window apart, and no request waits for the answer of another."""
    clock = FakeClock()
    moments = await depart_many(clock, limiter_of(clock, Window(1, 2.0)), 5, latency)
    assert all(later - earlier >= 2.0 for earlier, later in pairwise(moments))
    assert moments[-1] - moments[0] <= 4 * 2 * 2.0


async def test_no_request_waits_without_windows():
    """No limit means no order either."""
    clock = FakeClock()
    assert set(await depart_many(clock, limiter_of(clock), 20, latency=1.0)) == {1000.0}


async def test_a_request_waits_for_all_its_scopes_at_once():
    """While the account's window is full, no slot of the migration endpoints is used, and no request leaves."""
    clock = FakeClock()
    migration, general = (
        LimitScope("migration", Pacer([Window(1, 5.0)])),
        LimitScope("general", Pacer([Window(2, 60.0)])),
    )
    both, reads = RateLimiter([migration, general], clock), RateLimiter([general], clock)
    moments = await depart_many(clock, reads, 1) + await depart_many(clock, both, 2)
    assert moments[1] == moments[0] + 0.01
    assert moments[2] - moments[0] >= 60.0
    assert [scope.pacer.snapshot(clock.now()).departures for scope in (migration, general)] == [2, 3]


@pytest.mark.parametrize("timed", [(), (Window(1, 30.0, Hours(0, 120)),)])
async def test_a_run_that_takes_no_slots_blocks_no_other(timed):
    """It is at work, and waits for something else: its turns pass. Also if limits have hours, which hold or do not."""
    clock = FakeClock()
    table = Timetable(lambda hours, moment: stretch_at(hours, UTC, moment), lambda: 9 * 3600.0)
    limiter = RateLimiter([LimitScope("migration", Pacer((Window(1, 5.0), *timed), table))], clock)
    limiter.other_runs = 1
    moments = await depart_many(clock, limiter, 20)
    assert max(later - earlier for earlier, later in pairwise(moments)) <= 5.2


async def test_an_unsent_request_uses_no_slot():
    """The connection failed: the next request may leave at once."""
    clock = FakeClock()
    limiter = limiter_of(clock, Window(1, 5.0))
    for _ in range(3):
        async with limiter.departure() as departure:
            departure.unsent()
    assert clock.now() == 1000.0


async def test_an_unanswered_request_uses_a_slot():
    """Whatever ended it."""
    clock = FakeClock()
    limiter = limiter_of(clock, Window(1, 5.0))
    with pytest.raises(ZeroDivisionError):
        async with limiter.departure():
            raise ZeroDivisionError
    assert (await depart_many(clock, limiter, 1))[0] >= 1005.0


async def test_an_exhausted_quota_delays_requests_until_its_reset(tmp_path):
    """What the server reports beyond our own count delays every request, in the next process as well."""
    clock = FakeClock()
    spent = Answer(status=201, limit="1000", remaining="0", reset="600")
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        moments = await depart_many(clock, limiter_of(clock, Window(1, 5.0), quota=quota), 2, answer=spent)
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        moments += await depart_many(clock, limiter_of(clock, Window(1, 5.0), quota=quota), 1)
    assert all(600.0 <= later - earlier <= 601.0 for earlier, later in pairwise(moments))


async def test_a_hold_delays_every_request():
    """Nothing leaves before a hold ends."""
    clock = FakeClock()
    limiter = limiter_of(clock, Window(1, 0.1))
    limiter.hold(30)
    assert (await depart_many(clock, limiter, 3))[0] >= 1030


async def test_a_cancelled_wait_costs_no_slot():
    """A cancelled wait uses no slot, and does not delay the others."""
    clock = FakeClock()
    limiter = limiter_of(clock, Window(1, 10.0))
    await depart_many(clock, limiter, 1)

    async def impatient():
        async with limiter.departure():
            raise AssertionError("no slot was free")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(impatient)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    moments = await depart_many(clock, limiter, 1)
    assert moments[0] == pytest.approx(1010, abs=0.1)
    assert limiter.scopes[0].pacer.snapshot(clock.now()).departures == 2


async def test_two_runs_on_one_account_share_its_windows(tmp_path):
    """Whichever run sends, and whenever it was started: the server sees one account."""
    clock = FakeClock()
    moments = []
    for lives in (2, 1):  # two side by side, then one more after their end
        with ExitStack() as files:
            limiters = []
            for _ in range(lives):
                quota = files.enter_context(closing(open_quota(tmp_path / "quota.db", clock, boot="b")))
                limiters.append(limiter_of(clock, Window(1, 5.0), Window(4, 60.0), quota=quota))

            async def work(limiter, moments=moments):
                moments.extend(await depart_many(clock, limiter, 3))

            async with anyio.create_task_group() as tasks:
                for limiter in limiters:
                    tasks.start_soon(work, limiter)
    moments.sort()
    assert len(moments) == 9
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(moments))
    assert all(later - earlier >= 60.0 for earlier, later in zip(moments, moments[4:], strict=False))


async def test_a_run_continues_without_a_shared_quota_that_fails(tmp_path):
    """It is reported once, and the run continues with its own memory."""
    clock, told = FakeClock(), []
    quota = open_quota(tmp_path / "quota.db", clock, boot="b")
    limiter = limiter_of(clock, Window(1, 5.0), quota=quota, lost=told.append)
    moments = await depart_many(clock, limiter, 2)
    quota.close()
    moments += await depart_many(clock, limiter, 2)
    limiter.hold(1)
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(moments))
    assert [type(error) for error in told] == [StorageError]


async def test_a_hold_too_long_to_wait_for_outlives_its_process(tmp_path):
    """A restart does not ask the server again. It ends at once, and reports how long the wait would be."""
    clock = FakeClock()
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        limiter_of(clock, Window(1, 5.0), quota=quota).hold(5000)
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        limiter = limiter_of(clock, Window(1, 5.0), quota=quota, longest_hold=3660)
        with pytest.raises(OutageError, match="5000 s more"):
            async with limiter.departure():
                pass
        clock.advance(2000)
        assert (await depart_many(clock, limiter, 1))[0] >= 6000


async def test_waits_and_the_used_quota_are_reported():
    """Each wait with its length, and what counts in the windows, at most five times a second."""
    clock, memory = FakeClock(), Remembering()
    await depart_many(clock, limiter_of(clock, Window(1, 5.0), Window(9, 60.0), observer=memory), 3)
    waits = [notice.seconds for notice in memory.notices if isinstance(notice, SlotAwaited)]
    used = [notice.scopes[0] for notice in memory.notices if isinstance(notice, QuotaUsed)]
    assert min(waits) > 0
    assert max(waits) < 5.1
    assert [len(use.ages) for use in used if use.ages[-1] == 0.0] == [1, 2, 3]
    assert used[-1].windows == (Window(1, 5.0), Window(9, 60.0))
    assert 10.0 <= used[-1].ages[0] <= 10.2


async def test_nothing_is_reported_without_windows():
    """There is nothing to wait for, and nothing to use."""
    clock, memory = FakeClock(), Remembering()
    await depart_many(clock, limiter_of(clock, observer=memory), 3)
    assert memory.notices == []
