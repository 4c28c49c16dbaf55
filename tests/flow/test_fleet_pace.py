"""Twenty accounts in one process, in virtual time: a disk and an event loop that are busy with all of them.

Deliveries and rate limiters are the real ones. Every note in a journal waits for those of the other accounts and of
other programs, as on one disk. Now and then the event loop is blocked.
"""

import asyncio
import random
from bisect import bisect_left

import anyio
import pytest
from flow.windows_server import Account, Client, Silent, numbered
from virtual_time import LoopClock, run_virtually

from masivo_stream.core.sending.backoff import RetryPolicy
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.pipeline.deliver import Backoff, Delivery
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.flow.stop import StopControl
from masivo_stream.model import contract
from masivo_stream.model.contract import Kind

FLEET, BUSY, QUIET = 20, 200.0, 30.0
COMMIT, BESIDE = 0.005, 0.15
POLICY = RetryPolicy(first_delay=1, longest_delay=60, outage_limit=3600, longest_hold=3660)


class Disk:
    """One commit after the other. Each waits for what another program writes, until it has ended."""

    def __init__(self, clock):
        self.clock, self.turn = clock, anyio.Lock()

    async def commit(self):
        if self.clock.now() < BUSY:
            await self.clock.sleep(BESIDE)
        async with self.turn:
            await self.clock.sleep(COMMIT)


class Noting(Silent):
    """Notes each batch on the disk before it leaves."""

    def __init__(self, disk):
        self.disk = disk

    async def begin(self, batch):
        await self.disk.commit()


async def send(account, disk, clock, road, *, until):
    """Send to one account as fast as its windows allow."""
    delivery = Delivery(
        Client(account, clock, road),
        make_limiters(load_settings(), clock).kinds[Kind.EVENTS],
        Noting(disk),
        backoff=Backoff(POLICY, lambda: 0.5),
        stop=StopControl(clock, drain_time=0),
        observer=Silent(),
        in_flight=2,
    )
    numbers = iter(range(1_000_000))

    async def upload():
        while clock.now() < until:
            await delivery.deliver(numbered(next(numbers)))

    async with anyio.create_task_group() as uploaders:
        uploaders.start_soon(upload)
        uploaders.start_soon(upload)


async def be_late(chance, most, *, until):
    """Block the event loop every second, for `most` seconds at most."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        await anyio.sleep(1.0)
        loop.seconds += chance.uniform(0, most)


async def migrate(accounts, late):
    """Send to all accounts for some minutes, then to the first one alone."""
    clock = LoopClock()
    disk, chance = Disk(clock), random.Random(5)
    async with anyio.create_task_group() as road:
        async with anyio.create_task_group() as fleet:
            fleet.start_soon(lambda: be_late(chance, late, until=BUSY))
            for number, account in enumerate(accounts):
                until = BUSY if number else BUSY + QUIET
                fleet.start_soon(lambda account=account, until=until: send(account, disk, clock, road, until=until))
        road.cancel_scope.cancel()


@pytest.mark.parametrize("late", [0.0, 0.2])
def test_each_account_of_a_fleet_keeps_its_windows(late):
    """No 429, also when disk and loop are suddenly quick again. Together they send 20 requests in 5 seconds."""
    accounts = [Account(contract.MIGRATION_WINDOWS_PROD, lambda: 0.01, lambda: 0.005) for _ in range(FLEET)]
    run_virtually(lambda: migrate(accounts, late))
    assert [account.refused for account in accounts] == [[]] * FLEET
    arrivals = sorted(moment for account in accounts for moment, _ in account.accepted)
    spans = [
        bisect_left(arrivals, begin + 5.0) - bisect_left(arrivals, begin) for begin in range(10, int(BUSY) - 10, 5)
    ]
    assert max(spans) <= FLEET
    assert sum(spans) >= 0.95 * FLEET * len(spans)
    assert len(accounts[0].accepted) >= 0.95 * (BUSY + QUIET) / 5.0
