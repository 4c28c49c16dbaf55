"""Histories that `test_model` found, each as short as it can be."""

import os
import tempfile
from itertools import product
from pathlib import Path

import pytest
from model_exports import Recipe
from model_laws import Audit, everything_is_settled, hold
from model_server import MOODS
from model_world import Process, World

from masivo_stream.model.contract import Kind

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a commit there costs no disk; each test has a directory of its own
PLAIN, REFUSED = Recipe("plain"), Recipe("refused")


def world_with(tmp_path, *made, kind=Kind.CUSTOMERS, **others):
    world = World(tmp_path, **others)
    world.exports.append(kind, made, source=0, unfinished=False)
    return world


def test_a_file_that_grows_after_a_later_one_was_begun_is_read_further(tmp_path):
    """The added lines are an input of their own, each time."""
    world = world_with(tmp_path, PLAIN)
    world.exports.append(Kind.CUSTOMERS, [PLAIN], source=1, unfinished=False)
    world.live(Process())
    for source in (0, 1, 0, 0):
        world.exports.append(Kind.CUSTOMERS, [PLAIN, Recipe("faulty")], source=source, unfinished=False)
        assert world.live(Process()).summary.outcome == "dead_letters"
        hold(Audit(world, Kind.CUSTOMERS))
    everything_is_settled(Audit(world, Kind.CUSTOMERS))
    assert len(world.server.applied) == 6
    assert world.live(Process()).requests == 0


def test_a_file_that_grows_before_its_records_are_sent_is_read_once(tmp_path):
    """A process that reads its first lines again leaves the added ones to their own input."""
    world = world_with(tmp_path, PLAIN)
    world.exports.append(Kind.CUSTOMERS, [PLAIN], source=1, unfinished=False)
    world.server.moods.extend([MOODS["500"]] * 3)
    assert world.live(Process(stops_after=2.0)).summary.kinds["customers"].pending == 2
    world.exports.append(Kind.CUSTOMERS, [PLAIN], source=0, unfinished=False)
    assert world.live(Process()).summary.outcome == "complete"
    everything_is_settled(Audit(world, Kind.CUSTOMERS))
    assert set(world.server.applied.values()) == {1}


def test_a_customer_applied_by_a_dead_process_is_not_a_dead_letter(tmp_path):
    """The next process sends it again, learns that it exists, and must not count that as a refusal."""
    world = world_with(tmp_path, PLAIN, welcomes_repeats=False)
    applied = {}
    for dies_at in range(1, 30):
        ending = world.live(Process(dies_at=dies_at))
        applied = world.server.applied
        if applied or ending.summary:
            break
    assert applied == {"n1": 1}
    world.live(Process())
    assert Audit(world, Kind.CUSTOMERS).keys("dead") == set()


def test_an_existing_customer_does_not_make_another_one_accepted(tmp_path):
    """The first customer exists because of an earlier request. This one's answer was lost, and it was not applied."""
    world = world_with(tmp_path, PLAIN)
    world.server.moods.append(MOODS["302, applied"])
    assert world.live(Process()).summary.outcome == "stopped"
    world.exports.append(Kind.CUSTOMERS, [PLAIN, REFUSED], source=0, unfinished=False)
    world.server.moods.append(MOODS["500"])
    world.live(Process())
    accepted = Audit(world, Kind.CUSTOMERS).keys("accepted")
    assert accepted <= world.server.applied.keys()


def test_a_wait_is_kept_by_the_next_process_if_it_was_noted(tmp_path):
    """If the wait was noted, the next process keeps it. Wherever the process ends, the server finds no fault."""
    kept = 0
    for dies_at in range(1, 20):
        folder = tmp_path / str(dies_at)
        folder.mkdir()
        world = world_with(folder, PLAIN)
        world.server.moods.append(MOODS["429, long"])
        world.live(Process(dies_at=dies_at))
        kept += bool(world.server.holds)
        world.live(Process())
        assert world.server.violations == []
    assert kept


FAULTY = Recipe("faulty")
EXPORTS = {
    Kind.CUSTOMERS: [PLAIN, FAULTY, PLAIN],
    Kind.EVENTS: [FAULTY, Recipe("plain", 3), REFUSED, Recipe("plain", 2), FAULTY],
    Kind.TRANSACTIONS: [Recipe("plain", 4), FAULTY, PLAIN],
}


@pytest.fixture
def memory():
    """A directory for many processes."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["accept", "lost, applied"])
def test_a_small_run_survives_a_death_at_every_operation(memory, mood):
    """With one kind after another, every record gets its one outcome in the next process.

    CI takes every second operation: they are the same every time there.
    """
    for dies_at in range(1, 200, 2 if "CI" in os.environ else 1):
        folder = memory / str(dies_at)
        folder.mkdir()
        world = World(folder)
        for kind, made in EXPORTS.items():
            world.exports.append(kind, made, source=0, unfinished=False)
        world.server.moods.extend([MOODS["accept"], MOODS[mood]])
        for process in (Process(dies_at=dies_at), Process()):
            ending = world.live(process)
            for kind in Kind:
                hold(Audit(world, kind))
        assert not world.server.violations
        assert ending.summary.closes
        world.server.pass_time(float("inf"))
        for kind in Kind:
            everything_is_settled(Audit(world, kind))
        if world.endings[0].summary is not None:
            break
    assert 20 < dies_at < 199


@pytest.mark.slow
def test_a_run_survives_a_second_death_while_it_catches_up(memory):
    """The second process did not reach what the first had read: the third one sends it."""
    made = [Recipe("large") for _ in range(40)]
    for first, second in product((8, 12, 16, 24), range(4, 16, 2)):
        folder = memory / f"{first}-{second}"
        folder.mkdir()
        world = world_with(folder, *made, kind=Kind.EVENTS)
        for process in (Process(dies_at=first, most_bytes=2500), Process(dies_at=second, most_bytes=2500)):
            world.live(process)
            hold(Audit(world, Kind.EVENTS))
        world.live(Process(most_bytes=2500))
        hold(Audit(world, Kind.EVENTS))
        everything_is_settled(Audit(world, Kind.EVENTS))
