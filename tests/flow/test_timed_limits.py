"""Limits with times of day, in virtual time: what leaves at which hour, by how many processes, and what is forecast."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import anyio
import pytest
from fakes import Remembering, record, write_export

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.rate_limit import find_account, make_limiters, quota_path
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import QuotaUsed, SlotAwaited
from masivo_stream.observe.quota_windows import QuotaWindows

# The fake clock begins at 22:13:20 in UTC, 23:13:20 in Madrid.
BEGIN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def settings_of(**flags):
    return load_settings(flags={"time_zone": "Europe/Madrid", **flags})


async def send(clock, limiter, until, moments, latency=0.02):
    """Send one request after the other."""
    while clock.now() < until:
        async with limiter.departure() as departure:
            moments.append(clock.wall())
            await clock.sleep(latency)
            departure.answered(Answer(status=201))


async def run_in(clock, *works):
    async with anyio.create_task_group() as outer:
        outer.start_soon(clock.run)
        async with anyio.create_task_group() as tasks:
            for work in works:
                tasks.start_soon(work)
        outer.cancel_scope.cancel()


def hourly(moments):
    """Count by hour, in Madrid in winter."""
    counts = {}
    for moment in moments:
        hour = (moment + timedelta(hours=1)).hour
        counts[hour] = counts.get(hour, 0) + 1
    return counts


async def test_each_hour_has_the_limit_that_is_in_force():
    """Fast, slow, nothing at all, and fast again; over midnight."""
    clock, moments, memory = FakeClock(), [], Remembering()
    settings = settings_of(limit="1/5s,1000/h,00:00-02:00 1/30s,02:00-04:00 pause")
    limiter = make_limiters(settings, clock, observer=memory).kinds[Kind.EVENTS]
    await run_in(clock, lambda: send(clock, limiter, clock.now() + 6 * 3600, moments))
    counts = hourly(moments)
    assert [counts.get(hour, 0) for hour in (23, 0, 1, 2, 3)] == [
        pytest.approx(560, abs=4),
        pytest.approx(120, abs=1),
        pytest.approx(120, abs=1),
        0,
        0,
    ]
    assert counts[4] == pytest.approx(717, abs=4)
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in pairwise(moments))
    why = {notice.why for notice in memory.notices if isinstance(notice, SlotAwaited)}
    assert why == {"", "00:00-02:00 1/30s Europe/Madrid", "02:00-04:00 pause Europe/Madrid"}


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        ("1/5s,23:14-23:20 pause", "23:14-23:20 pause Europe/Madrid"),  # a wait that begins before the pause
        ("1/120s,23:14-23:20 pause", "23:14-23:20 pause Europe/Madrid"),
        ("1/20m,23:00-24:00 1/2s", ""),
        ("1/2s,23:00-24:00 1/20m", "23:00-24:00 1/20m Europe/Madrid"),
        ("1/20m,23:14-23:20 pause", ""),
    ],
)
async def test_the_limit_that_a_request_waits_for_is_named(limit, named):
    """And no other one, however many are full."""
    clock, moments, memory = FakeClock(), [], Remembering()
    limiter = make_limiters(settings_of(limit=limit), clock, observer=memory).kinds[Kind.EVENTS]
    await run_in(clock, lambda: send(clock, limiter, clock.now() + 300, moments))
    longest = max((each for each in memory.notices if isinstance(each, SlotAwaited)), key=lambda each: each.seconds)
    assert longest.why == named


async def test_runs_on_one_account_and_later_ones_share_windows_with_hours(tmp_path):
    """Two at the same time, then another one: together they keep to the window of the hours."""
    clock, moments = FakeClock(), []
    settings = settings_of(limit="1/5s,23:00-02:00 6/h")

    async def run_until(until):
        with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
            limiter = make_limiters(settings, clock, quota).kinds[Kind.EVENTS]
            with anyio.move_on_after(None) as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(send, clock, limiter, until, moments)
                    await clock.sleep(until - clock.now())
                    scope.cancel()

    first = clock.now() + 1800
    await run_in(clock, lambda: run_until(first), lambda: run_until(first))
    await run_in(clock, lambda: run_until(first + 5000))
    moments.sort()
    assert len(moments) >= 12
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in zip(moments, moments[6:], strict=False)), (
        moments
    )


class SetClock(FakeClock):
    """A clock that a person sets."""

    ahead = timedelta(0)

    def wall(self):
        return super().wall() + self.ahead


async def test_a_wait_for_hours_follows_the_wall_clock():
    """A machine that slept, or whose clock was wrong: within a minute, the hours are those on its clock."""
    clock, moments = SetClock(), []
    limiter = make_limiters(settings_of(limit="1/5s,23:00-06:00 pause"), clock).kinds[Kind.EVENTS]

    async def set_forward():
        await clock.sleep(100)
        clock.ahead = timedelta(hours=8)

    begin = clock.now()
    await run_in(clock, lambda: send(clock, limiter, begin + 200, moments), set_forward)
    assert BEGIN + timedelta(hours=8) < moments[0] <= BEGIN + timedelta(hours=8, seconds=161)


async def test_the_plan_knows_the_hours(tmp_path):
    """Times by the hours in which the migration runs, the zone by name, and what is used of each window now."""
    clock = FakeClock()
    flags = settings_of(
        limit="1/5s,23:00-24:00 2/h", shared_dir=str(tmp_path / "shared"), state_dir=str(tmp_path / "s")
    )
    credentials = Credentials(api_key=Secret("k"))
    exports = Exports(customers=(write_export(tmp_path / "c", [record(Kind.CUSTOMERS, n) for n in range(4500)]),))
    found = await plan(flags, exports, runtime=Runtime(clock=clock))
    assert (found.requests, found.time_zone) == (5, "Europe/Madrid")
    assert found.windows["configured"] == ["1/5s", "23:00-24:00 2/h"]
    midnight = BEGIN.replace(hour=23, minute=0, second=0)
    assert abs(found.finished_at - midnight - timedelta(seconds=10)) < timedelta(seconds=0.1)
    assert found.seconds["configured"] == pytest.approx((found.finished_at - BEGIN).total_seconds(), abs=0.1)
    path = quota_path(*find_account(flags, credentials))
    path.parent.mkdir(parents=True, mode=0o700)
    with closing(open_quota(path, clock, boot="b")) as quota:
        limiter = make_limiters(flags, clock, quota).kinds[Kind.EVENTS]
        await run_in(clock, lambda: send(clock, limiter, clock.now() + 0.01, []))
    found = await plan(flags, exports, credentials=credentials, runtime=Runtime(clock=clock))
    assert [(left.window, left.used) for left in found.quota.windows] == [("1/5s", 1), ("23:00-24:00 2/h", 1)]
    assert abs(found.finished_at - midnight - timedelta(seconds=15)) < timedelta(seconds=0.1)


async def test_the_forecast_of_a_run_and_its_windows_know_the_hours():
    """What the terminal and the page show; a pause has no size, and is in force or not."""
    clock, memory = FakeClock(), Remembering()
    limits = settings_of(limit="1/5s,00:00-01:00 pause,23:00-24:00 10/h")
    limiter = make_limiters(limits, clock, observer=memory).kinds[Kind.EVENTS]
    await run_in(clock, lambda: send(clock, limiter, clock.now() + 0.01, []))
    used = [notice for notice in memory.notices if isinstance(notice, QuotaUsed)][-1]
    windows, shift = QuotaWindows(), clock.wall().timestamp() - clock.now()
    windows.feed(used, clock.now())
    uses = {f"{use.hours} {use.limit}": use for use in windows.uses(clock.now(), shift)}
    assert {name: (use.used, use.in_force) for name, use in uses.items()} == {
        " 1": (1, True),
        "00:00-01:00 Europe/Madrid 0": (0, False),
        "23:00-24:00 Europe/Madrid 10": (1, True),
    }
    end = windows.last_departure([(Kind.EVENTS, 10)], clock.now(), clock.now(), shift)
    assert datetime.fromtimestamp(end + shift, UTC) == pytest.approx(
        datetime(2023, 11, 15, 0, 0, 0, tzinfo=UTC), abs=timedelta(seconds=0.1)
    )
    pause = next(use for use in windows.uses(clock.now() + 3000, shift) if not use.limit)
    assert pause.in_force
    assert datetime.fromtimestamp(pause.free_at, UTC).replace(microsecond=0) == datetime(2023, 11, 15, tzinfo=UTC)
