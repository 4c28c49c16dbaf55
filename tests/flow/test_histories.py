"""Histories that `test_model` found, each as short as it can be."""

import pytest
from model_exports import Recipe
from model_laws import Audit
from model_server import MOODS
from model_world import Process, World

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import InputError

PLAIN, REFUSED = Recipe("plain"), Recipe("refused")


def world_with(tmp_path, *made, kind=Kind.CUSTOMERS, **others):
    world = World(tmp_path, **others)
    world.exports.append(kind, made, source=0, unfinished=False)
    return world


def test_a_file_that_grows_after_a_later_one_was_begun_is_refused(tmp_path):
    """Its new lines would never be read: reading goes on from one place in the order of the files."""
    world = world_with(tmp_path, PLAIN)
    world.exports.append(Kind.CUSTOMERS, [PLAIN], source=1, unfinished=False)
    world.live(Process())
    world.exports.append(Kind.CUSTOMERS, [PLAIN], source=0, unfinished=False)
    with pytest.raises(InputError, match="grew after a later one"):
        world.live(Process())


@pytest.mark.xfail(raises=AssertionError, reason="that a customer may have been applied is forgotten over a restart")
def test_a_customer_applied_by_a_dead_process_is_no_dead_letter(tmp_path):
    """The next process sends it again, is told that it is there, and must not call that a refusal."""
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


@pytest.mark.xfail(raises=AssertionError, reason="one customer that can be read back speaks for a batch it was not in")
def test_a_customer_that_was_never_applied_is_not_accepted_for_another_one(tmp_path):
    """The first customer is there from an earlier request; this one's answer was lost, and nothing of it applied."""
    world = world_with(tmp_path, PLAIN)
    world.server.moods.append(MOODS["302, applied"])
    assert world.live(Process()).summary.outcome == "stopped"
    world.exports.append(Kind.CUSTOMERS, [PLAIN, REFUSED], source=0, unfinished=False)
    world.server.moods.append(MOODS["500"])
    world.live(Process())
    accepted = Audit(world, Kind.CUSTOMERS).keys("accepted")
    assert accepted <= world.server.applied.keys()
