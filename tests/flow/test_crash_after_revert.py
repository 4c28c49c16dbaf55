"""Die at any operation after a revert of a part: only what was taken back is sent once more, and only once."""

from contextlib import closing, contextmanager
from copy import copy
from datetime import timedelta
from shutil import copytree

import anyio
import pytest
from fakes import Remembering
from flow.test_crash import make_world
from flow.test_reverts import KEY, account_of
from mortal import Life, MortalState
from sessions import make_session

from masivo_stream.edges.api import Reply
from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.files.state_dir import StateDir
from masivo_stream.edges.journal import open_journal
from masivo_stream.flow.commands.revert import RevertRequest, take_back
from masivo_stream.flow.only_missing import TakenBackFinder
from masivo_stream.flow.revert_state import check_taken_back, read_revert_state
from masivo_stream.flow.stop import work_under
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind

pytestmark = pytest.mark.slow


class Server:
    """Takes back customers with everything that belongs to them; reports how many, if `tells`."""

    def __init__(self, world, customers, *, tells):
        self.world, self.customers, self.tells = world, customers, tells

    async def revert(self, _start, _end):
        back = {key for key in self.world.applied if key[1] in self.customers}
        for key in back:
            del self.world.applied[key]
        count = len({key[1] for key in back if key[0] == Kind.CUSTOMERS})
        return Reply(Answer(status=200), b'{"customers":%d}' % count if self.tells else b"{}")


async def take_some_back(world, customers, *, tells):
    """Revert a period that holds the run's first batch of customers, and perhaps more."""
    clock = FakeClock()
    with closing(open_journal(world.state / "journal.db", clock.wall, writable=False)) as journal:
        moments = [sent for kind, sent, _, _ in journal.read.sent() if kind == Kind.CUSTOMERS]
    start, end = min(moments) - timedelta(hours=1), min(moments) + timedelta(seconds=0.5)
    where, period = StateDir(world.state), (start.isoformat(), end.isoformat())
    server = Server(world, customers, tells=tells)
    await take_back(where, RevertRequest(*period, slack=900.0), server, account_of(clock, KEY))


def making_up(world):
    """Return work that makes an input of what was taken back, if that has not been done yet."""

    async def work(settled, state, journal, clock, _files, life):
        reverts = check_taken_back(journal, str(state.path))
        if not reverts.done:
            return
        session = make_session(settled, state, journal, world.api(clock, life, None), clock)
        missing = TakenBackFinder(session, reverts)
        await work_under(missing.stop, missing.go, observer=Remembering(), handle_signals=False)
        if missing.stop.cause is not None:
            raise missing.stop.cause

    return work


async def belonging_somewhere(_settings, _state, journal, clock, *_):
    """Let a run note its account, as `migrate` does."""
    account_of(clock, KEY).enter(journal)


STAY = {"c3", "c11", "c370"}
"""They have made a transaction of their own."""


def taken_back(path, *, tells, limit="1/1s"):
    world, valid, dead = make_world(path, limit=limit)
    first = world.live(Life(), belonging_somewhere)
    assert first.closes
    customers = {f"c{number}" for number in range(300)} - STAY
    anyio.run(lambda: take_some_back(world, customers, tells=tells))
    return world, valid, dead


@pytest.mark.parametrize(("tells", "limit"), [(True, "1/1s"), (False, "none")])
def test_reverted_records_arrive_once(tmp_path, tells, limit):
    """One process does it all."""
    world, valid, dead = taken_back(tmp_path, tells=tells, limit=limit)
    world.check(world.live(Life(), making_up(world)), valid, dead)
    before = dict(world.applied)
    world.check(world.live(Life(), making_up(world)), valid, dead)
    assert world.applied == before
    assert all(world.applied["customers", customer, '""'] == 1 for customer in STAY)


@pytest.mark.parametrize("part", range(6))
def test_the_command_survives_a_death_at_every_operation(tmp_path, part):
    """Before the commit nothing has changed. After it the run continues, with or without the flag."""
    first, valid, dead = taken_back(tmp_path, tells=False)
    dies_at, died = part + 1, True
    while died:
        world = copy(first)
        world.state, world.applied = tmp_path / f"state-{dies_at}", dict(first.applied)
        copytree(first.state, world.state)
        died = world.live(Life(dies_at), making_up(world)) is None
        with closing(open_journal(world.state / "journal.db", FakeClock().wall, writable=False)) as journal:
            made_up = not read_revert_state(journal.read).done
        world.check(world.live(Life(), None if made_up else making_up(world)), valid, dead)
        dies_at += 6
    assert dies_at > 30


def test_the_copy_is_durable_before_the_commit(tmp_path):
    """What the journal calls an input of the run was synced before."""
    world, _, _ = taken_back(tmp_path, tells=True)
    synced = []

    class Syncing(MortalState):
        @contextmanager
        def creating(self, name):
            with super().creating(name) as write:
                yield write
            synced.append(name)

    async def work(settled, state, journal, clock, files, life):
        await making_up(world)(settled, Syncing(state.path, life), journal, clock, files, life)

    assert world.live(Life(), work).closes
    with closing(open_journal(world.state / "journal.db", FakeClock().wall, writable=False)) as journal:
        copies = [source.name for kind in Kind for source in journal.read.sources(kind) if source.is_copy]
    assert synced == copies == [f"taken-back-1.{kind}.ndjson" for kind in Kind]
