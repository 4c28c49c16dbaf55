"""Die at any operation, any number of times, and start again: nothing lost, nothing doubled that is not in doubt.

The whole migration runs in process, with a real journal and real files, over an API in memory and in virtual time
(`mortal_world`).
"""

import json
from functools import cache, partial

import pytest
from fakes import LOST, REFUSED, Remembering, event, item_key, record, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life, MortalCommit
from mortal_world import PACED, UPLOADERS, World, retry_dead_letters
from sessions import make_session

from masivo_stream.flow.commands.resolve import Decisions, ResolveWork, open_in_doubt
from masivo_stream.flow.stop import work_under
from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind


def items(records, field):
    return {(each["id"], item_key(item)) for each in records for item in each[field]}


@cache
def make_exports():
    """Return the text of each kind's export, and what of it may arrive. Made once for hundreds of worlds."""
    customers = [record(Kind.CUSTOMERS, number) for number in range(400)]
    events = [{"id": f"c{number}", "events": [event(f"{number}-{i}") for i in range(9)]} for number in range(60)]
    events[30] = {"id": "c30", "events": [event(f"30-{i}") for i in range(250)]}
    transactions = [
        {"id": f"c{number}", "transactions": [transaction(i + 1) for i in range(20 + number % 7 * 10)]}
        for number in range(14)
    ]
    valid = {
        Kind.CUSTOMERS: {(each["id"], '""') for each in customers},
        Kind.EVENTS: items([each for each in events if each["id"] != "c7"], "events"),
        Kind.TRANSACTIONS: items(transactions, "transactions"),
    }
    faulty = {"id": 5}
    lines = {
        Kind.CUSTOMERS: [*customers[:200], faulty, *customers[200:]],
        Kind.EVENTS: [faulty, *events, faulty],
        Kind.TRANSACTIONS: [*transactions[:9], faulty, *transactions[9:]],
    }
    return {kind: "".join(f"{json.dumps(line)}\n" for line in records) for kind, records in lines.items()}, valid


def make_world(path, commit=MortalCommit, limit=PACED):
    """Three kinds of some batches each, with faulty lines, a refused record, and a split one."""

    def answer(kind, entries, _body, _number):
        named = {entry["id"] for entry in entries}
        if kind is Kind.EVENTS and "c7" in named:
            return REFUSED
        return LOST if kind is Kind.TRANSACTIONS and "c3" in named else None

    world = World(path, answer, commit, limit)
    world.flags = {"max_body_bytes": 30_000}
    exports, valid = make_exports()
    for kind, text in exports.items():
        world.exports[kind] = str(path / f"{kind}.ndjson")
        (path / f"{kind}.ndjson").write_text(text)
    dead = {Kind.CUSTOMERS: [201], Kind.EVENTS: [1, 9, 62], Kind.TRANSACTIONS: [10]}
    return world, valid, dead


def test_everything_arrives_without_a_death(tmp_path):
    """Without any death everything arrives, except what was lost on the way. A second process does nothing."""
    world, valid, dead = make_world(tmp_path)
    first = Life()
    world.check(world.live(first), valid, dead)
    assert len(world.doubts(Kind.TRANSACTIONS)) > 0
    before = dict(world.applied)
    world.check(world.live(Life()), valid, dead)
    assert world.applied == before


@pytest.mark.slow
@pytest.mark.parametrize(("part", "limit"), [*((part, PACED) for part in range(4)), (0, "none"), (2, "none")])
def test_a_run_survives_a_death_at_every_operation(tmp_path, part, limit):
    """Every nth operation is the last one, and the next process settles everything.

    At most what was in flight is in doubt.
    """
    dies_at, died = part + 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, valid, dead = make_world(path, limit=limit)
        died = world.live(Life(dies_at)) is None
        assert world.on_the_wire() <= UPLOADERS
        world.check(world.live(Life()), valid, dead)
        dies_at += 4
    assert dies_at > 40


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(1, 40), max_size=8), limit=st.sampled_from([PACED, "none"]))
def test_a_run_survives_any_number_of_deaths(tmp_path_factory, deaths, limit):
    """Processes that live for any time, one after the other, reach the same end."""
    world, valid, dead = make_world(tmp_path_factory.mktemp("world"), limit=limit)
    for dies_at in deaths:
        world.live(Life(dies_at))
    world.check(world.live(Life()), valid, dead)


def test_a_client_without_intent_notes_is_caught(tmp_path):
    """The test can find faults: without the note before the request it finds doubled items."""

    class Forgetful(MortalCommit):
        def commit(self, notes):
            for note in notes:
                note.own = [told for told in note.own if "INSERT INTO batches" not in told[0]]
            super().commit(notes)

    caught = 0
    for dies_at in range(2, 50, 5):
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, valid, dead = make_world(path, Forgetful)
        world.live(Life(dies_at))
        try:
            world.check(world.live(Life()), valid, dead)
        except AssertionError:
            caught += 1
    assert caught > 0


def correct(world):
    """Write corrections into the dead letters: faulty lines become customers of their own."""
    for kind in Kind:
        letters = world.dead_letters(kind)
        for letter in letters:
            new = f"new-{letter['line']}"
            if letter["reason"] != "refused":
                letter["raw"] = json.dumps(record(kind, 0) | {"id": new, "email": f"{new}@example.com"})
        text = b"".join(json.dumps(letter).encode() + b"\n" for letter in letters)
        (world.state / f"dead-letter.{kind}.ndjson").write_bytes(text)


def make_unfinished(path):
    """A run that stopped at the second kind: one customer's events are pending, another's are held back."""
    closed = [True]
    world = World(path, lambda kind, *_: Answer(status=403) if kind is Kind.EVENTS and closed[0] else None)
    customers = [record(Kind.CUSTOMERS, number) for number in range(3)]
    world.export(Kind.CUSTOMERS, [customers[0], customers[1] | {"name": 7}, customers[2]])
    world.export(Kind.EVENTS, [record(Kind.EVENTS, number) for number in range(3)])
    first = world.live(Life()).kinds[Kind.EVENTS]
    assert (first.pending, first.dead) == (2, 1)
    (letter,) = world.dead_letters(Kind.CUSTOMERS)
    letter["raw"] = json.dumps(customers[1])
    (world.state / "dead-letter.customers.ndjson").write_text(json.dumps(letter) + "\n")
    return world, closed


@pytest.mark.slow
def test_a_retry_of_an_unfinished_run_may_die_anywhere(tmp_path):
    """Held-back records are read from the dead letters, and their lines once more on the way to the end: sent once."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, closed = make_unfinished(path)
        if dies_at % 2:  # the server still refuses while the dead letters are tried
            world.live(Life(), retry_dead_letters)
        closed[0] = False
        died = world.live(Life(dies_at), retry_dead_letters) is None
        summary = world.live(Life(), retry_dead_letters)
        events = [count for (kind, _, _), count in world.applied.items() if kind == Kind.EVENTS]
        doubts = len(world.doubts(Kind.EVENTS))
        assert summary.closes, dies_at
        assert set(events) <= {1}, dies_at
        assert len(events) + doubts >= 3, dies_at
        dies_at += 1
    assert dies_at > 10


@pytest.mark.slow
def test_a_retry_may_die_anywhere(tmp_path):
    """Each dead letter gets one outcome: accepted once, dead once, or in doubt. No process loses or doubles one."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, valid, dead = make_world(path)
        world.live(Life())
        correct(world)
        died = world.live(Life(dies_at), retry_dead_letters) is None
        summary = world.live(Life(), retry_dead_letters)
        assert summary.closes
        for kind, lines in dead.items():
            applied = {key[1:]: count for key, count in world.applied.items() if key[0] == kind}
            new = {customer for customer, _ in applied.keys() - valid[kind]}
            doubtful = {doubt["customer"] for doubt in world.doubts(kind)}
            left = {letter["line"] for letter in world.dead_letters(kind)}
            corrected = {f"new-{line}" for line in lines if line != 9}
            assert new <= corrected
            assert corrected - new <= doubtful | {f"new-{line}" for line in left}
            assert kind is Kind.CUSTOMERS or set(applied.values()) == {1}
            figures = summary.kinds[kind]
            assert (figures.pending, figures.dead) == (0, len(left))
        dies_at += 3
    assert dies_at > 20


async def deciding(what, world, settled, state, journal, clock, files, life):
    """Decide everything that is in doubt, as `resolve` does. Whatever is sent again is accepted."""
    session = make_session(settled, state, journal, world.api(clock, life, None), clock)
    kinds = await open_in_doubt(session, files)
    work = ResolveWork(session, kinds)
    doubts = [doubt for kind in kinds for doubt in kind.doubts()]
    chosen = work.choose(Decisions(**{what: ("all",)}) if doubts else Decisions())
    await work_under(work.stop, lambda: work.go(chosen), observer=Remembering(), handle_signals=False)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["accept", "discard", "resend"])
def test_a_decision_may_die_anywhere(tmp_path, what):
    """Ended at any operation, what was in doubt still is, or is decided, and nothing is silently sent twice."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / f"{what}-{dies_at}"
        path.mkdir()
        world, _, _ = make_world(path)
        world.live(Life())
        before = len(world.doubts(Kind.TRANSACTIONS))
        assert before

        decide = partial(deciding, what, world)
        died = world.live(Life(dies_at), decide) is None
        summary = world.live(Life(), decide)
        figures = summary.kinds[Kind.TRANSACTIONS]
        assert summary.closes
        assert figures.in_doubt == len(world.doubts(Kind.TRANSACTIONS)) == 0
        discarded = [letter for letter in world.dead_letters(Kind.TRANSACTIONS) if letter["reason"] == "discarded"]
        assert len(discarded) == (before if what == "discard" else 0)
        dies_at += 1
    assert dies_at > 3
