"""A purchase on two lines or in two files: counted once, and the rest of its records arrives."""

import json

import anyio
import pytest
from fakes import REFUSED, event, write_export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.edges.export.source import find_inputs
from masivo_stream.edges.journal import open_journal
from masivo_stream.flow.commands.plan import plan
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.pipeline.read_exports import Helpers, make_decoder, validate_sources
from masivo_stream.flow.reporting.find_examples import warn_of_repeats
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.sources import Source
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one

EVENTS = Kind.EVENTS


def bought(*names, who="c1", **fields):
    return {"id": who, "events": [event(name, **fields) for name in names]}


def make_world(path, records, **flags):
    world = World(path)
    world.flags = flags
    world.export(EVENTS, records)
    return world


def counts(world):
    """Return how often each purchase was applied, by customer and purchase."""
    found = {}
    for (kind, customer, item), count in world.applied.items():
        if kind == EVENTS:
            name = customer, json.loads(item)["order"]["purchase_id"]
            found[name] = found.get(name, 0) + count
    return {f"{customer} {name}": count for (customer, name), count in sorted(found.items())}


def dead_letters(world):
    return [(letter["reason"], letter["line"], letter["items"]) for letter in world.dead_letters(EVENTS)]


def warnings(world):
    journal = open_journal(world.state / "journal.db", FakeClock().wall, writable=False)
    found = list(warn_of_repeats(journal.read))
    journal.close()
    return found


def predicted_plan(world):
    flags = {**world.flags, "state_dir": "nowhere", "shared_dir": str(world.path / "shared")}
    exports = {kind.value: [path] for kind, path in world.exports.items()}
    return anyio.run(lambda: plan(load_settings(flags=flags), Exports(**exports), runtime=Runtime(clock=FakeClock())))


def test_the_second_line_of_an_event_is_a_dead_letter(tmp_path):
    """It is a dead letter, which names it. The rest of its record is sent."""
    world = make_world(tmp_path, [bought("p", "q"), bought("r", "p", "s"), bought("t")])
    summary = world.live(Life())
    figures = summary.kinds[EVENTS]
    assert (summary.exit_code, summary.closes) == (3, True)
    assert set(counts(world).values()) == {1}
    assert len(counts(world)) == 5
    assert dead_letters(world) == [("duplicate_event", 2, [1])]
    (letter,) = world.dead_letters(EVENTS)
    assert letter["field"] == "events[1].order.purchase_id"
    assert json.loads(letter["raw"]) == bought("p")
    assert (figures.accepted, figures.dead, figures.items_accepted, figures.items_dead) == (2, 1, 5, 1)
    assert figures.reasons == {"duplicate_event": 1}


def test_a_duplicate_line_is_a_dead_letter(tmp_path):
    """All of the second one is dead."""
    world = make_world(tmp_path, [bought("p", "q"), bought("p", "q")])
    summary = world.live(Life())
    assert dead_letters(world) == [("duplicate_event", 2, None)]
    assert set(counts(world).values()) == {1}
    assert (summary.kinds[EVENTS].dead, summary.kinds[EVENTS].items_dead) == (1, 2)


def test_an_event_may_be_in_two_files(tmp_path):
    """A month's export, and all of the year's."""
    world = make_world(tmp_path, [])
    write_export(tmp_path / "a.events", [bought("p"), bought("q")])
    write_export(tmp_path / "b.events", [bought("p", "q", "r")])
    world.exports[EVENTS] = str(tmp_path / "*.events")
    assert world.live(Life()).exit_code == 3
    assert counts(world) == {"c1 p": 1, "c1 q": 1, "c1 r": 1}
    assert dead_letters(world) == [("duplicate_event", 1, [0, 1])]


def test_another_customer_may_have_the_same_purchase_id(tmp_path):
    """The same id of another customer is another purchase."""
    world = make_world(tmp_path, [bought("p"), bought("p", who="c2")])
    assert world.live(Life()).exit_code == 0
    assert warnings(world) == []


OTHER = bought("p", type="REFUND")


@pytest.mark.parametrize(
    ("setting", "applied", "dead", "warned"),
    [("auto", 2, [2], "1 event"), ("reject", 1, [2, 3], ""), ("warn", 3, [], "2 events"), ("allow", 3, [], "")],
)
def test_the_setting_decides_about_duplicate_events(setting, applied, dead, warned, tmp_path):
    """It decides about the same event, and about a different one with the same purchase id. The plan predicts it."""
    world = make_world(tmp_path, [bought("p"), bought("p"), OTHER], duplicate_purchase=setting)
    planned = predicted_plan(world)
    summary = world.live(Life())
    assert counts(world) == {"c1 p": applied}
    assert [line for _, line, _ in dead_letters(world)] == dead
    assert (summary.exit_code, planned.summary.exit_code) == ((3, 3) if dead else (0, 0))
    assert planned.summary.kinds[EVENTS].reasons == summary.kinds[EVENTS].reasons
    for told in (warnings(world), [each for each in planned.warnings if "purchase_id" in each]):
        assert len(told) == bool(warned)
        assert not warned or told[0].startswith(warned)
    place = f"{world.exports[EVENTS]}:3"
    assert not warned or place in warnings(world)[0]


def test_a_warning_names_the_first_two_places(tmp_path):
    """And it counts all of them, over restarts, too."""
    records = [bought("p"), *(bought("p", type=str(number)) for number in range(3))]
    world = make_world(tmp_path, records)
    world.live(Life())
    world.export(EVENTS, [*records, bought("q"), bought("q", type="x")])
    world.live(Life())
    (warning,) = warnings(world)
    export = world.exports[EVENTS]
    assert warning.startswith(
        f"4 events whose purchase_id an earlier event of their customer has, the first at {export}:2 and {export}:3:"
    )


def test_a_plan_counts_the_same_as_a_run(tmp_path):
    """A record that is sent in part is dead, as it will be at the end. Items to send and requests agree, too."""
    world = make_world(tmp_path, [bought("p", "q"), bought("r", "p"), bought("p"), bought("q", "q2", type="OTHER")])
    planned = predicted_plan(world).kinds["events"]
    kinds = predicted_plan(world).summary.kinds["events"]
    assert (kinds.dead, kinds.pending, kinds.items_dead, kinds.items_pending) == (2, 2, 2, 5)
    assert kinds.closes
    assert [(dead.reason, dead.records, dead.line) for dead in planned.dead_letters] == [("duplicate_event", 2, 2)]
    figures = world.live(Life()).kinds[EVENTS]
    assert (figures.dead, figures.accepted, figures.items_dead, figures.items_accepted) == (2, 2, 2, 5)


def correct(world, old="p", new="mended"):
    path = world.state / "dead-letter.events.ndjson"
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    for letter in found:
        letter["raw"] = (
            letter["raw"]
            .replace(f'"purchase_id":"{old}"', f'"purchase_id":"{new}"')
            .replace(f'"purchase_id": "{old}"', f'"purchase_id": "{new}"')
        )
    path.write_text("".join(json.dumps(letter) + "\n" for letter in found))


@pytest.mark.parametrize("records", [[bought("p"), bought("p")], [bought("p"), bought("q", "p", "r")]])
def test_a_retry_sends_a_corrected_duplicate(records, tmp_path):
    """With its own id it is another purchase. Then everything is accepted."""
    world = make_world(tmp_path, records)
    world.live(Life())
    correct(world)
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert counts(world)["c1 mended"] == counts(world)["c1 p"] == 1
    figures = summary.kinds[EVENTS]
    assert (figures.accepted, figures.items_accepted) == (2, len(counts(world)))


@pytest.mark.parametrize("records", [[bought("p"), bought("p")], [bought("p"), bought("q", "p", "r")]])
def test_a_retry_does_not_send_an_uncorrected_duplicate(records, tmp_path):
    """The earlier one arrived. But a setting that allows duplicates, or warns of them, has it sent."""
    world = make_world(tmp_path, records)
    world.live(Life())
    for _ in range(2):
        summary = world.live(Life(), retry_dead_letters)
        assert (summary.exit_code, summary.closes) == (3, True)
        assert len(dead_letters(world)) == 1
        assert counts(world)["c1 p"] == 1
    world.flags = {"duplicate_purchase": "warn"}
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert counts(world)["c1 p"] == 2


def test_a_deleted_dead_letter_stays_counted(tmp_path):
    """It is deleted from its file, as the remedy says: the ledger is right, and nothing is sent."""
    world = make_world(tmp_path, [bought("p"), bought("q", "p")])
    world.live(Life())
    (world.state / "dead-letter.events.ndjson").write_bytes(b"")
    summary = world.live(Life(), retry_dead_letters)
    assert summary.closes
    assert counts(world) == {"c1 p": 1, "c1 q": 1}


def test_a_corrected_record_may_hold_a_duplicate(tmp_path):
    """A dead letter of another reason is corrected, and holds an event twice: it is divided like a line."""
    world = make_world(tmp_path, [{"id": "c1", "events": 7}])
    world.live(Life())
    (letter,) = world.dead_letters(EVENTS)
    letter["raw"] = json.dumps(bought("p", "q", "p"))
    (world.state / "dead-letter.events.ndjson").write_text(json.dumps(letter) + "\n")
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (3, True)
    assert dead_letters(world) == [("duplicate_event", 1, [2])]
    assert counts(world) == {"c1 p": 1, "c1 q": 1}
    correct(world)
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert counts(world) == {"c1 mended": 1, "c1 p": 1, "c1 q": 1}


def test_a_split_record_may_hold_duplicates(tmp_path):
    """It is sent in two requests, with duplicates in either part."""
    names = [f"p{number}" for number in range(1500)]
    world = make_world(tmp_path, [bought("p0", "p1400"), bought(*names, "p700")])
    summary = world.live(Life())
    assert summary.closes
    assert len(counts(world)) == 1500
    assert set(counts(world).values()) == {1}
    assert dead_letters(world) == [("duplicate_event", 2, [0, 1400, 1500])]


def test_a_refused_record_may_already_have_a_dead_part(tmp_path):
    """Both dead letters are reported. A retry takes either."""
    world = make_world(tmp_path, [bought("p"), bought("q", "p", who="c1"), bought("r", who="c2")])
    no = [True]
    world.answer = lambda _kind, entries, *_: REFUSED if no[0] and "q" in json.dumps(entries) else None
    assert world.live(Life()).closes
    assert sorted(dead_letters(world)) == [("duplicate_event", 2, [1]), ("refused", 2, [0])]
    no[0] = False
    correct(world)
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert counts(world) == {"c1 mended": 1, "c1 p": 1, "c1 q": 1, "c2 r": 1}


def test_an_event_may_be_reversed_and_issued_again(tmp_path):
    """The reversed one is skipped and does not count as the first. The next one does."""
    world = make_world(tmp_path, [bought("p", reversed_at="2024-02-01T00:00:00Z"), bought("p"), bought("p", "q")])
    world.live(Life())
    assert counts(world) == {"c1 p": 1, "c1 q": 1}
    assert dead_letters(world) == [("duplicate_event", 3, [0])]


def test_the_setting_may_change_after_a_stop(tmp_path):
    """What was read under the old setting is sent as it said; the figures add up."""
    world = make_world(tmp_path, [bought(f"p{number % 1200}", who=f"c{number % 1200}") for number in range(2500)])
    world.flags = {"duplicate_purchase": "allow"}
    world.live(Life(4))
    world.flags = {"duplicate_purchase": "reject"}
    assert world.live(Life()).closes


def long_world(path):
    """Some batches; a third of the events occurs once more on a later line, alone or beside others."""
    names = [f"p{number}" for number in range(3000)]
    records = []
    for start in range(0, 3000, 10):
        own = names[start : start + 10]
        records.append(bought(*own, who=f"c{start % 70}"))
        if start % 30 == 0:
            records.append(bought(*own[:3], f"x{start}", who=f"c{start % 70}"))
        if start % 50 == 0:
            records.append(bought(own[0], who=f"c{start % 70}"))
    return make_world(path, records), records


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(1, 25), max_size=5), workers=st.sampled_from([1]))
def test_a_run_with_duplicates_survives_any_number_of_deaths(deaths, workers, tmp_path_factory):
    """Nothing is lost, each dead letter is there once. Only what a process could not remember is counted twice."""
    world, records = long_world(tmp_path_factory.mktemp("world"))
    for dies_at in deaths:
        world.live(Life(dies_at))
    summary = world.live(Life())
    assert summary.closes
    wanted = {f"{each['id']} {one['order']['purchase_id']}" for each in records for one in each["events"]}
    doubtful = {doubt["customer"] for doubt in world.doubts(EVENTS)}
    found = counts(world)
    assert {name for name in wanted - found.keys() if name.split()[0] not in doubtful} == set()
    listed = [(line, tuple(items or ())) for _, line, items in dead_letters(world)]
    assert len(listed) == len(set(listed))
    if not deaths:
        assert set(found.values()) == {1}


async def validate_all(path, workers, **flags):
    settled = load_settings(flags=flags)
    blocks = validate_sources(
        [Source(find_inputs([str(path)])[0])],
        make_decoder(EVENTS, settled),
        block_bytes=4096,
        max_line_bytes=1 << 20,
        helpers=Helpers(workers=workers, worth=0),
    )
    return [each async for block in blocks for each in one_by_one(block.found)]


@pytest.mark.slow
async def test_workers_find_the_same_duplicates(tmp_path):
    """In processes of their own, in which a text has another hash."""
    world, _ = long_world(tmp_path)
    alone = await validate_all(world.exports[EVENTS], 1)
    assert sum(bool(each.same) for each in alone) == 160
    for workers in (2, 4):
        assert await validate_all(world.exports[EVENTS], workers) == alone
