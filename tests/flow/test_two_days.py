"""Two days of virtual time on one account: what a server sees that enforces the vendor's windows on arrivals.

Deliveries, rate limiters and the quota file are the real ones; the server is the sandbox's limiter behind a road that
takes its time. A process that ends in between leaves its requests under way; the next one knows the quota from the
file.
"""

import random
from contextlib import closing

import anyio
import pytest
from flow.windows_server import Account, Client, Silent, numbered
from virtual_time import LoopClock, run_virtually

from masivo_stream.core.pacing.pace import ENOUGH, MARGIN, UNSEEN
from masivo_stream.core.sending.backoff import RetryPolicy
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.shared_dir.quota import open_quota
from masivo_stream.flow.pipeline.deliver import Backoff, Delivery
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.flow.stop import StopControl
from masivo_stream.model import contract
from masivo_stream.model.contract import Kind
from masivo_stream.model.window import parse_window

DAYS = 2
DEV, PROD = contract.MIGRATION_WINDOWS_DEV, contract.MIGRATION_WINDOWS_PROD
POLICY = RetryPolicy(first_delay=1, longest_delay=60, outage_limit=3600, longest_hold=3660)


async def live(tmp_path, account, windows, *, ends_after):
    """Send from a queue that never ends, in processes of which each ends in the middle of its work."""
    clock, queue = LoopClock(), iter(range(1_000_000))
    async with anyio.create_task_group() as road:
        if account.foreign_every:
            road.start_soon(account.someone_else, clock)
        while clock.now() < DAYS * 86_400:
            with closing(open_quota(tmp_path / "quota.db", clock, boot="boot")) as quota:
                settings = load_settings(flags={"limit": ",".join(windows)})
                limiter = make_limiters(settings, clock, quota).kinds[Kind.EVENTS]
                delivery = Delivery(
                    Client(account, clock, road),
                    limiter,
                    Silent(),
                    backoff=Backoff(POLICY, lambda: 0.5),
                    stop=StopControl(clock, drain_time=0),
                    observer=Silent(),
                    in_flight=1000,
                )

                async def upload(delivery=delivery):
                    for number in queue:
                        await delivery.deliver(numbered(number))

                left = DAYS * 86_400 - clock.now()
                with anyio.move_on_after(min(left, ends_after() if ends_after else left)):
                    async with anyio.create_task_group() as uploaders:
                        uploaders.start_soon(upload)
                        uploaders.start_soon(upload)
        road.cancel_scope.cancel()


def allowed(windows):
    """Return how many requests the windows allow over the days: the tightest window decides."""
    return min(window.limit * (DAYS * 86_400 / window.seconds) for window in map(parse_window, windows))


@pytest.mark.slow
@pytest.mark.parametrize("windows", [DEV, PROD], ids=["dev", "prod"])
@pytest.mark.parametrize(("jitter", "restarts"), [(0.0, False), (0.3, True)], ids=["steady", "jitter and restarts"])
def test_every_slot_is_used_and_nothing_is_throttled(windows, jitter, restarts, tmp_path):
    """No 429 in two days. Only the margin, the spread of the network and each restart cost time."""
    chance = random.Random(f"{windows} {jitter} {restarts}")
    account = Account(windows, lambda: 0.05 + chance.uniform(0, jitter), lambda: 0.05)
    lives = []

    def ends_after():
        lives.append(chance.uniform(60, 7200))
        return lives[-1]

    run_virtually(lambda: live(tmp_path, account, windows, ends_after=ends_after if restarts else None))
    assert account.refused == []
    numbers = [number for _, number in account.accepted]
    assert numbers == sorted(set(numbers))
    each, latest = 5.0, 0.1 + jitter
    lost = (MARGIN + jitter) * len(numbers) + (1 + len(lives)) * (UNSEEN + each + ENOUGH * latest)
    assert len(numbers) >= allowed(windows) - lost / each
    if not (jitter or restarts):
        assert len(numbers) >= 0.99 * allowed(windows)


@pytest.mark.slow
def test_another_program_on_the_account_costs_little_more_than_its_requests(tmp_path):
    """429s and headers reveal it. What is throttled is sent again, in order, and nothing is lost."""
    chance = random.Random(7)
    account = Account(PROD, lambda: 0.05 + chance.uniform(0, 0.1), lambda: 0.05, foreign_every=97.0)
    run_virtually(lambda: live(tmp_path, account, PROD, ends_after=None))
    foreign = DAYS * 86_400 / account.foreign_every
    numbers = sorted(number for _, number in account.accepted)
    assert numbers == list(range(len(numbers)))
    assert len(account.refused) <= 2 * foreign
    assert len(numbers) >= 0.9 * (allowed(PROD) - 2 * foreign)
