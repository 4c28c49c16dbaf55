"""Records of a customer who was skipped as deleted are skipped too, in any order, over restarts and files."""

import json

import pytest
from fakes import REFUSED, PipelineUnderTest, event, record, write_export
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.edges.clock import FakeClock
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles, dry_run
from masivo_stream.flow.exports import Exports
from masivo_stream.model.attempt import Answer, Body
from masivo_stream.model.contract import Kind

CUSTOMERS, EVENTS, TRANSACTIONS = Kind


def customer(number, **fields):
    return record(CUSTOMERS, number, **fields)


def gone(number, **fields):
    return {"id": f"c{number}", "deleted": True, **fields}


def refuse_unknown(world):
    """Refuse what belongs to an unknown customer, and a customer that exists already, as the API does."""

    def answer(kind, entries, _body, _number):
        there = {customer for what, customer, _ in world.applied if what == CUSTOMERS}
        unknown = [entry["id"] not in there for entry in entries]
        return REFUSED if kind is not CUSTOMERS and any(unknown) else None

    return answer


def make_world(path, customers, numbers=range(4)):
    world = World(path)
    world.answer = refuse_unknown(world)
    world.export(CUSTOMERS, customers)
    for kind in (EVENTS, TRANSACTIONS):
        world.export(kind, [record(kind, number, items=2) for number in numbers])
    return world


def applied(world, kind):
    return sorted({customer for what, customer, _ in world.applied if what == kind})


def skipped(world, kind):
    """Return reason, line and items of what is listed."""
    path = world.state / f"skipped.{kind}.ndjson"
    listed = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert path.stat().st_mode & 0o777 == 0o600
    assert all(set(each) == {"kind", "file", "line", "offset", "reason", "items"} for each in listed)
    return [(each["reason"], each["line"], each["items"]) for each in listed]


def test_records_of_deleted_customers_cost_no_request(tmp_path):
    """One request per kind, exit 0, and everything is listed."""
    world = make_world(tmp_path, [customer(0), gone(1), customer(2), gone(3)])
    summary = world.live(Life())
    assert (summary.outcome, summary.exit_code, summary.closes) == ("complete", 0, True)
    assert [figures.requests for figures in summary.kinds.values()] == [1, 1, 1]
    for kind in (EVENTS, TRANSACTIONS):
        figures = summary.kinds[kind]
        assert applied(world, kind) == ["c0", "c2"]
        assert (figures.accepted, figures.skipped, figures.items_skipped) == (2, 2, 4)
        assert figures.skip_reasons == {"customer_deleted": 2}
        assert skipped(world, kind) == [("customer_deleted", 2, None), ("customer_deleted", 4, None)]
    assert skipped(world, CUSTOMERS) == [("deleted_customer", 2, None), ("deleted_customer", 4, None)]


@pytest.mark.parametrize("order", [(customer(1), gone(1)), (gone(1), customer(1)), (gone(1), customer(1), gone(1))])
def test_a_customer_who_is_not_deleted_on_another_line_arrives(order, tmp_path):
    """Whether that line comes before or after the deleted one."""
    world = make_world(tmp_path, [customer(0), *order, customer(2), customer(3)])
    summary = world.live(Life())
    assert summary.exit_code == 0
    assert applied(world, EVENTS) == applied(world, TRANSACTIONS) == ["c0", "c1", "c2", "c3"]


@pytest.mark.parametrize("order", [(customer(1), gone(1)), (gone(1), customer(1))])
def test_a_customer_who_is_not_deleted_on_a_line_of_another_process_arrives(order, tmp_path):
    """The line before was read by a process that ended; the later one is appended, or in a file of its own."""
    world = make_world(tmp_path, [customer(0), order[0]], numbers=[])
    world.live(Life())
    world.export(CUSTOMERS, [customer(0), *order, customer(2), customer(3)])
    for kind in (EVENTS, TRANSACTIONS):
        world.export(kind, [record(kind, number) for number in range(4)])
    assert world.live(Life()).exit_code == 0
    assert applied(world, EVENTS) == applied(world, TRANSACTIONS) == ["c0", "c1", "c2", "c3"]


def test_a_deleted_customer_beyond_memory_is_searched_for(tmp_path):
    """More customers between the two lines than are remembered: the export is read once more."""
    world = make_world(tmp_path, [customer(1), *(customer(number) for number in range(10, 2500)), gone(1), gone(2)])
    world.flags = {"remember_ids": 5}
    world.export(EVENTS, [record(EVENTS, 1), record(EVENTS, 2)])
    world.export(TRANSACTIONS, [record(TRANSACTIONS, 1), record(TRANSACTIONS, 2)])
    assert world.live(Life()).exit_code == 0
    assert applied(world, EVENTS) == applied(world, TRANSACTIONS) == ["c1"]


def test_a_dead_letter_outweighs_a_deleted_line_of_its_customer(tmp_path):
    """A customer whose other line is a dead letter may still arrive: their records wait, and a retry sends them."""
    world = make_world(tmp_path, [customer(0), gone(1), customer(1, name=7), customer(2), customer(3)])
    summary = world.live(Life())
    assert summary.exit_code == 3
    assert [letter["reason"] for letter in world.dead_letters(EVENTS)] == ["customer_not_migrated"]
    correct(world, CUSTOMERS, customer(1))
    assert world.live(Life(), retry_dead_letters).exit_code == 0
    assert applied(world, EVENTS) == applied(world, TRANSACTIONS) == ["c0", "c1", "c2", "c3"]


def correct(world, kind, raw):
    (letter,) = world.dead_letters(kind)
    letter["raw"] = json.dumps(raw)
    (world.state / f"dead-letter.{kind}.ndjson").write_text(json.dumps(letter) + "\n")


def test_a_dead_letter_may_be_corrected_to_deleted(tmp_path):
    """A retry skips the customer, and the records that waited; nothing is left."""
    world = make_world(tmp_path, [customer(0), customer(1, name=7), customer(2), customer(3)])
    world.live(Life())
    correct(world, CUSTOMERS, gone(1))
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert skipped(world, CUSTOMERS) == [("deleted_customer", 2, None)]
    for kind in (EVENTS, TRANSACTIONS):
        assert summary.kinds[kind].skip_reasons == {"customer_deleted": 1}
        assert skipped(world, kind) == [("customer_deleted", 2, None)]
        assert world.dead_letters(kind) == []


def test_a_refused_customer_may_be_corrected_to_deleted(tmp_path):
    """A line that could have been sent brings no customer back: it was not accepted."""
    world = make_world(tmp_path, [customer(0), customer(1), customer(2), customer(3)])
    unknown = refuse_unknown(world)
    world.answer = lambda kind, entries, *rest: (
        REFUSED if kind is CUSTOMERS and "c1" in {entry["id"] for entry in entries} else unknown(kind, entries, *rest)
    )
    assert world.live(Life()).exit_code == 3
    correct(world, CUSTOMERS, gone(1))
    assert world.live(Life(), retry_dead_letters).exit_code == 0
    assert applied(world, EVENTS) == ["c0", "c2", "c3"]


@pytest.mark.parametrize("broken", [{"id": 1}, {"id": None}, {"id": ["c1"]}, {}, {"id": ""}])
def test_a_deleted_customer_without_an_id_is_skipped(broken, tmp_path):
    """The record is skipped and listed; nothing more is known."""
    world = make_world(tmp_path, [customer(0), {"deleted": True, **broken}], numbers=[0])
    summary = world.live(Life())
    assert summary.exit_code == 0
    assert skipped(world, CUSTOMERS) == [("deleted_customer", 2, None)]
    assert applied(world, EVENTS) == ["c0"]


@pytest.mark.parametrize("marks", [{"deleted": True}, {"deleted_at": "2024-01-01T00:00:00Z"}, {"status": "DELETED"}])
@pytest.mark.parametrize("rest", [{}, {"name": None, "email": None}, {"registration_date": "yesterday"}])
def test_a_deleted_customer_may_be_otherwise_broken(marks, rest, tmp_path):
    """Anonymised, for example: the id is still read."""
    world = make_world(tmp_path, [customer(0), customer(1) | marks | rest], numbers=[0, 1])
    assert world.live(Life()).exit_code == 0
    assert applied(world, EVENTS) == ["c0"]


def test_faulty_and_duplicate_lines_of_deleted_customers_are_skipped(tmp_path):
    """A record that is never sent needs no correction."""
    world = make_world(tmp_path, [customer(0), gone(1)])
    world.export(EVENTS, [record(EVENTS, 0), {"id": "c1", "events": []}, record(EVENTS, 1), record(EVENTS, 1)])
    world.export(
        TRANSACTIONS, [record(TRANSACTIONS, 0), record(TRANSACTIONS, 1), record(TRANSACTIONS, 1), {"id": "c1"}]
    )
    summary = world.live(Life())
    assert summary.exit_code == 0
    for kind in (EVENTS, TRANSACTIONS):
        assert skipped(world, kind) == [("customer_deleted", line, None) for line in (2, 3, 4)]


def test_an_unreadable_line_may_be_corrected_to_a_deleted_customer(tmp_path):
    """The line could not be read; after the correction it is a deleted customer's."""
    world = make_world(tmp_path, [customer(0), gone(1)], numbers=[0])
    (tmp_path / "events.ndjson").write_bytes(b"{\n" + json.dumps(record(EVENTS, 0)).encode() + b"\n")
    assert world.live(Life()).exit_code == 3
    correct(world, EVENTS, record(EVENTS, 1, items=2))
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (0, True)
    assert skipped(world, EVENTS) == [("customer_deleted", 1, None)]


def test_reversed_events_of_deleted_customers_are_skipped(tmp_path):
    """Such records are skipped whole for their customer; of others the reversed events are named."""
    world = make_world(tmp_path, [customer(0), gone(1)], numbers=[0])
    records = [record(EVENTS, number, items=3) for number in (0, 1)]
    for each in records:
        each["events"][1]["status"] = "REVERSED"
    world.export(EVENTS, [*records, {**records[0], "events": records[0]["events"][1:2]}])
    summary = world.live(Life())
    assert summary.closes
    assert summary.kinds[EVENTS].items_skipped == 5
    assert skipped(world, EVENTS) == [
        ("reversed_event", 1, [1]),
        ("customer_deleted", 2, None),
        ("reversed_event", 3, None),
    ]


def test_events_of_deleted_customers_are_skipped_in_a_later_process(tmp_path):
    """Customers first; the events in a later run, in the same state directory."""
    world = make_world(tmp_path, [customer(0), gone(1)], numbers=[])
    exports, world.exports = world.exports, {CUSTOMERS: world.exports[CUSTOMERS]}
    world.live(Life())
    world.exports = exports
    world.export(EVENTS, [record(EVENTS, 0), record(EVENTS, 1)])
    assert world.live(Life()).exit_code == 0
    assert applied(world, EVENTS) == ["c0"]
    assert skipped(world, EVENTS) == [("customer_deleted", 2, None)]


def test_a_customer_may_be_deleted_in_either_of_two_files(tmp_path):
    """Two files of customers, the deleted one in either. A customer who is in both, deleted in one only, arrives."""
    world = make_world(tmp_path, [])
    write_export(tmp_path / "a.customers", [customer(0), gone(1), gone(2)])
    write_export(tmp_path / "b.customers", [gone(3), customer(2), gone(0)])
    world.exports[CUSTOMERS] = str(tmp_path / "*.customers")
    assert world.live(Life()).exit_code == 0
    assert applied(world, EVENTS) == ["c0", "c2"]


@pytest.mark.slow
def test_skipped_records_stay_skipped_after_a_restart(tmp_path):
    """Counted and listed before a kill. Then the customer is migrated: each has one outcome, the figures add up."""
    dies_at, died, kept = 1, True, 0
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world = make_world(path, [customer(0), gone(1)], numbers=[])
        world.flags = {"max_body_bytes": 20_000}
        many = [record(EVENTS, 0) | {"n": number} for number in range(3)]
        for number, each in enumerate(many):
            each["events"] = [event(f"{number}-{i}") for i in range(70)]
        world.export(EVENTS, [many[0], record(EVENTS, 1), *many[1:]])
        died = world.live(Life(dies_at)) is None
        world.export(CUSTOMERS, [customer(0), gone(1), customer(1)])
        summary = world.live(Life())
        listed = len(skipped(world, EVENTS))
        assert summary.closes
        assert ("c1" in applied(world, EVENTS)) + listed == 1
        kept += listed
        dies_at += 1
    assert kept > 0


async def test_the_list_is_durable_before_its_commit(tmp_path):
    """As the dead letters are: a commit counts nothing that a power cut may destroy."""

    class Skips:
        length = crc = written = durable = 0

        def append(self, places):
            self.written += len(list(places))

        def count(self):
            self.length = self.written

        def sync(self):
            self.durable = self.length

    skips = Skips()
    path = write_export(tmp_path / "in", [gone(number) for number in range(3)] + [customer(4)])
    pipeline = PipelineUnderTest(CUSTOMERS, [path], skips=skips)
    noted = []
    pipeline.journal.watch = lambda _what, progress: noted.append(progress.skipped_bytes)
    await pipeline.run()
    assert noted[-1] == skips.durable == 3
    assert pipeline.journal.progress.skipped_bytes == 3


def long_world(path):
    """Several batches of each kind, with deleted ones among them."""
    customers = [gone(number) if number % 7 == 3 else customer(number) for number in range(300)]
    customers += [gone(0), customer(3), {"deleted": True}]
    world = World(path)
    world.flags = {"max_body_bytes": 40_000}
    world.answer = refuse_unknown(world)
    world.export(CUSTOMERS, customers)
    world.export(EVENTS, [record(EVENTS, number, items=6) for number in range(200)])
    world.export(TRANSACTIONS, [record(TRANSACTIONS, number, items=6) for number in range(200)])
    return world


def check_long(world, summary):
    alive = sorted({f"c{number}" for number in range(200) if number % 7 != 3 or number == 3})
    assert summary.closes
    for kind in (EVENTS, TRANSACTIONS):
        doubtful = {doubt["customer"] for doubt in world.doubts(kind)}
        assert {*applied(world, kind)} | doubtful == {*alive}
        assert world.dead_letters(kind) == []
        listed = skipped(world, kind)
        assert [line for _, line, _ in listed] == [n + 1 for n in range(200) if n % 7 == 3 and n != 3]
        assert summary.kinds[kind].skipped == len(listed)
        assert summary.kinds[kind].pending == 0
    lines = [line for _, line, _ in skipped(world, CUSTOMERS)]
    assert lines == [number + 1 for number in range(300) if number % 7 == 3] + [301, 303]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_each_skipped_record_is_listed_once_after_a_death_at_every_operation(part, tmp_path):
    """What was written and not counted is cut; no customer that arrived is skipped, none that did not is sent."""
    dies_at, died = part + 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world = long_world(path)
        died = world.live(Life(dies_at)) is None
        check_long(world, world.live(Life()))
        dies_at += 6
    assert dies_at > 30


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.integers(1, 40), max_size=8))
def test_each_skipped_record_is_listed_once_after_any_number_of_deaths(deaths, tmp_path_factory):
    """Processes that live for any time produce the same lists."""
    world = long_world(tmp_path_factory.mktemp("world"))
    for dies_at in deaths:
        world.live(Life(dies_at))
    check_long(world, world.live(Life()))


RESULTS = st.sampled_from(["good", "gone", "faulty"])


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(st.integers(0, 3), RESULTS), max_size=10), cut=st.integers(0, 10))
def test_a_dry_run_predicts_what_a_run_skips(lines, cut, tmp_path_factory):
    """Whatever the lines: the same reasons; if no line is faulty, also after a restart between any two lines."""
    cut = len(lines) if "faulty" in [result for _, result in lines] else cut
    path = tmp_path_factory.mktemp("world")
    made = {"good": customer, "gone": gone, "faulty": lambda number: customer(number, name=7)}
    customers = [made[result](number) for number, result in lines]
    world = make_world(path, customers[:cut], numbers=[])
    world.answer = None
    world.live(Life())
    world.export(CUSTOMERS, customers)
    for kind in (EVENTS, TRANSACTIONS):
        world.export(kind, [record(kind, number) for number in range(4)])
    ran = world.live(Life())
    predicted = run_dry(world)
    for kind in (EVENTS, TRANSACTIONS):
        left_out = [(each.kinds[kind].skip_reasons, each.kinds[kind].reasons) for each in (ran, predicted)]
        assert left_out[0] == left_out[1]


def run_dry(world):
    import anyio

    exports = Exports(**{kind.value: [name] for kind, name in world.exports.items()})

    async def go():
        return await dry_run(load_settings(), exports, DryRunFiles(), FakeClock())

    return anyio.run(go).summary


def test_a_deleted_list_is_begun_again(tmp_path):
    """A person may delete the list, or edit it. The run continues, and records skipped later are listed."""
    world = make_world(tmp_path, [gone(1)], numbers=[])
    world.live(Life())
    (tmp_path / "state" / "skipped.customers.ndjson").unlink()
    world.export(CUSTOMERS, [gone(1), gone(2)])
    assert world.live(Life()).exit_code == 0
    assert skipped(world, CUSTOMERS) == [("deleted_customer", 2, None)]
    assert world.live(Life()).exit_code == 0
    assert skipped(world, CUSTOMERS) == [("deleted_customer", 2, None)]


def unknown_world(path, body=Body.OBJECT):
    """Customers who are in the account, except c1; the exports are events and transactions."""
    world = World(path)
    world.export(EVENTS, [record(EVENTS, number) for number in range(20)])
    world.export(TRANSACTIONS, [record(TRANSACTIONS, number) for number in range(20)])
    for number in range(20):
        if number != 1:
            world.applied["customers", f"c{number}", '""'] = 1
    world.answer = refuse_unknown(world)
    world.not_found = body
    return world


def test_an_unknown_customer_costs_one_isolation(tmp_path):
    """The events are refused, and the account has no such customer: the transactions wait with them."""
    world = unknown_world(tmp_path)
    summary = world.live(Life())
    assert summary.exit_code == 3
    assert summary.kinds[TRANSACTIONS].requests == 1
    assert [letter["reason"] for letter in world.dead_letters(EVENTS)] == ["refused"]
    assert [letter["reason"] for letter in world.dead_letters(TRANSACTIONS)] == ["customer_not_migrated"]
    world.applied["customers", "c1", '""'] = 1  # migrated meanwhile
    again = world.live(Life(), retry_dead_letters)
    assert (again.exit_code, again.kinds[TRANSACTIONS].requests) == (0, 2)
    assert "c1" in applied(world, TRANSACTIONS)


def test_a_customer_may_still_be_unknown_after_a_retry(tmp_path):
    """The event is tried again, and the records that wait for its customer wait on."""
    world = unknown_world(tmp_path)
    world.live(Life())
    summary = world.live(Life(), retry_dead_letters)
    assert (summary.exit_code, summary.closes) == (3, True)
    assert [letter["reason"] for letter in world.dead_letters(EVENTS)] == ["refused"]
    assert [letter["reason"] for letter in world.dead_letters(TRANSACTIONS)] == ["customer_not_migrated"]


def test_an_unknown_customer_may_be_migrated_later(tmp_path):
    """A customers export that is added brings the customer in the run itself. A retry sends what waited."""
    world = unknown_world(tmp_path)
    world.live(Life())
    world.export(CUSTOMERS, [customer(1)])
    world.exports = {kind: world.exports[kind] for kind in Kind}  # in their order
    (world.state / "dead-letter.events.ndjson").write_bytes(b"")  # given up
    summary = world.live(Life(), retry_dead_letters)
    assert "c1" in applied(world, TRANSACTIONS)
    assert summary.closes


@pytest.mark.parametrize("body", [Body.PAGE, Body.TEXT])
def test_a_404_of_a_gateway_is_not_evidence(body, tmp_path):
    """A gateway's page proves nothing about a customer: the transactions are tried."""
    world = unknown_world(tmp_path, body)
    world.live(Life())
    assert [letter["reason"] for letter in world.dead_letters(TRANSACTIONS)] == ["refused"]


def test_an_odd_id_is_not_looked_up(tmp_path):
    """An id that needs escaping in a path may be answered 404, whether the customer is there or not."""
    world = unknown_world(tmp_path)
    world.export(EVENTS, [record(EVENTS, 0), record(EVENTS, 0) | {"id": "a/b"}])
    world.export(TRANSACTIONS, [record(TRANSACTIONS, 0), record(TRANSACTIONS, 0) | {"id": "a/b"}])
    world.live(Life())
    assert [letter["reason"] for letter in world.dead_letters(TRANSACTIONS)] == ["refused"]


def test_a_key_without_the_right_to_read_sends_all_events(tmp_path):
    """With a key that may not read, no event waits."""
    world = unknown_world(tmp_path)
    world.reading = Answer(status=403)
    figures = world.live(Life()).kinds[EVENTS]
    assert (figures.accepted, figures.dead, figures.pending) == (19, 1, 0)
