"""Departures through the gate, in virtual time."""

from contextlib import ExitStack, closing
from itertools import pairwise

import anyio
import pytest

from masivo_stream.core.pace import Pacer
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.quota import open_quota
from masivo_stream.flow.gate import Gate, Ledger
from masivo_stream.model.errors import OutageError, StorageError
from masivo_stream.model.window import Window


async def depart_many(clock, gate, count, connecting=0.0, latency=0.01):
    moments = []

    async def one():
        async with gate.departure() as departure:
            await clock.sleep(connecting)
            departure.left()
            moments.append(clock.now())
            await clock.sleep(latency)
            departure.answered()

    async with anyio.create_task_group() as outer:
        outer.start_soon(clock.run)
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(one)
        outer.cancel_scope.cancel()
    return sorted(moments)


@pytest.mark.parametrize("connecting", [0.0, 0.7])
async def test_requests_leave_one_after_the_other(connecting):
    """However many wait, they leave a window apart; what counts is when bytes leave, not when connecting began."""
    clock = FakeClock()
    moments = await depart_many(clock, Gate(Pacer([Window(1, 2.0)]), clock), 5, connecting)
    assert all(later - earlier >= 2.0 for earlier, later in pairwise(moments))


async def test_without_windows_nobody_waits():
    """No limit means no order either: connecting side by side costs nothing."""
    clock = FakeClock()
    moments = await depart_many(clock, Gate(Pacer([]), clock), 20, connecting=1.0)
    assert set(moments) == {1001.0}


async def test_a_hold_keeps_everybody():
    """A hold lets nothing leave before it ends."""
    clock = FakeClock()
    gate = Gate(Pacer([Window(1, 0.1)]), clock)
    gate.hold(30)
    assert (await depart_many(clock, gate, 3))[0] >= 1030


async def test_a_cancelled_wait_costs_no_slot():
    """Who is cancelled while waiting uses up nothing, and does not keep the others."""
    clock = FakeClock()
    gate = Gate(Pacer([Window(1, 10.0)]), clock)
    await depart_many(clock, gate, 1)

    async def impatient():
        async with gate.departure():
            raise AssertionError("no slot was free")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(impatient)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    moments = await depart_many(clock, gate, 1)
    assert moments[0] == pytest.approx(1010, abs=0.1)
    assert gate.pacer.snapshot(clock.now()).departures == 2


async def test_two_runs_on_one_account_share_its_windows(tmp_path):
    """Whoever sends, and whenever it was started: the server sees one account."""
    clock = FakeClock()
    moments = []
    for lives in (2, 1):  # two side by side, then one more after their end
        with ExitStack() as files:
            gates = []
            for _ in range(lives):
                quota = files.enter_context(closing(open_quota(tmp_path / "quota.db", clock, boot="b")))
                gates.append(Gate(Pacer([Window(1, 5.0), Window(4, 60.0)]), clock, Ledger("migration", quota, print)))

            async def work(gate, moments=moments):
                moments.extend(await depart_many(clock, gate, 3))

            async with anyio.create_task_group() as tasks:
                for gate in gates:
                    tasks.start_soon(work, gate)
    moments.sort()
    assert len(moments) == 9
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(moments))
    assert all(later - earlier >= 60.0 for earlier, later in zip(moments, moments[4:], strict=False))


async def test_a_quota_that_fails_is_left_behind(tmp_path):
    """It is told once, and the run goes on by its own memory."""
    clock, told = FakeClock(), []
    quota = open_quota(tmp_path / "quota.db", clock, boot="b")
    gate = Gate(Pacer([Window(1, 5.0)]), clock, Ledger("migration", quota, told.append))
    moments = await depart_many(clock, gate, 2)
    quota.close()
    moments += await depart_many(clock, gate, 2)
    gate.hold(1)
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(moments))
    assert [type(error) for error in told] == [StorageError]


async def test_a_hold_too_long_to_wait_for_outlives_its_process(tmp_path):
    """A restart does not ask the server again, it ends at once, and says how long it would be."""
    clock = FakeClock()
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        Gate(Pacer([Window(1, 5.0)]), clock, Ledger("migration", quota, print)).hold(5000)
    with closing(open_quota(tmp_path / "quota.db", clock, boot="b")) as quota:
        gate = Gate(Pacer([Window(1, 5.0)]), clock, Ledger("migration", quota, print), longest_hold=3660)
        with pytest.raises(OutageError, match="5000 s more"):
            async with gate.departure():
                pass
        clock.advance(2000)
        assert (await depart_many(clock, gate, 1))[0] >= 6000
