"""A retry of a run that has not come to its end: one process reads a dead letter and its line, and they are one record.

On the way to what is pending, lines are read again whose dead letters are retried, too. Neither is a duplicate of the
other; a duplicate of something else is still a dead letter.
"""

import json

import pytest
from fakes import REFUSED, event, record, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mortal import Life
from mortal_world import World, retry_dead_letters

from masivo_stream.model.attempt import Answer
from masivo_stream.model.contract import Kind

DUPLICATES = {Kind.CUSTOMERS: 21, Kind.EVENTS: 21, Kind.TRANSACTIONS: 9}
"""The line of each export that repeats an earlier one."""


def make_world(path):
    """Three small kinds; of each some are refused until `no` is emptied, and one line is a duplicate of another."""
    no = {"c5", "c16", "c7-0", "c9-1", "c18-0", "c3"}

    def answer(kind, entries, _body, _number):
        named = {entry["id"] for entry in entries} if kind is not Kind.EVENTS else set()
        purchases = {item["order"]["purchase_id"] for entry in entries for item in entry.get("events", ())}
        refused = no if kind is not Kind.TRANSACTIONS else no & {"c3"}
        return REFUSED if refused & (named | purchases) else None

    world = World(path, answer)
    world.flags = {"max_body_bytes": 2048}
    customers = [record(Kind.CUSTOMERS, number) for number in range(20)]
    events = [record(Kind.EVENTS, number, items=1 + number % 3) for number in range(20)]
    transactions = [{"id": f"c{number}", "transactions": [transaction(number + 1)] * 3} for number in range(8)]
    world.export(Kind.CUSTOMERS, [*customers, customers[2], record(Kind.CUSTOMERS, 20)])
    world.export(Kind.EVENTS, [*events, events[11], record(Kind.EVENTS, 20)])
    world.export(Kind.TRANSACTIONS, [*transactions, transactions[1]])
    return world, no


def check(world, summary):
    """Each record is applied once or in doubt; the only dead letters left are the duplicates."""
    assert summary.closes
    doubtful = {(kind, doubt["customer"]) for kind in Kind for doubt in world.doubts(kind)}
    customers = {f"c{number}" for number in range(21)}
    applied = {customer for kind, customer, _ in world.applied if kind == Kind.CUSTOMERS}
    assert applied == customers
    for kind, wanted in ((Kind.EVENTS, 21), (Kind.TRANSACTIONS, 8)):
        there = [key for key in world.applied if key[0] == kind]
        counts = {world.applied[key] for key in there}
        left = {f"c{number}" for number in range(wanted)} - {customer for _, customer, _ in there}
        assert counts <= ({1} if kind is Kind.EVENTS else {1, 3})
        assert {(kind, customer) for customer in left} <= doubtful
    if not doubtful:
        purchases = {json.loads(item)["order"]["purchase_id"] for kind, _, item in world.applied if kind == Kind.EVENTS}
        assert purchases == {
            f"c{number}-{i}" for number in range(21) for i in range(1 + number % 3 if number < 20 else 1)
        }
    for kind, line in DUPLICATES.items():
        dead_letters = [(letter["line"], letter["reason"]) for letter in world.dead_letters(kind)]
        assert [letter for letter in dead_letters if letter[0] != line] == []
        assert summary.kinds[kind].pending == 0


@pytest.mark.slow
def test_a_run_that_died_anywhere_is_retried(tmp_path):
    """Whatever was refused before the end is accepted later, wherever the process died."""
    dies_at, died = 1, True
    while died:
        path = tmp_path / str(dies_at)
        path.mkdir()
        world, no = make_world(path)
        died = world.live(Life(dies_at)) is None
        no.clear()
        world.live(Life(), retry_dead_letters)
        check(world, world.live(Life(), retry_dead_letters))
        dies_at += 5
    assert dies_at > 60


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deaths=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=6), changes=st.integers(0, 6))
def test_a_run_survives_any_number_of_deaths_and_retries(tmp_path_factory, deaths, changes):
    """Lives of any lengths, some of them retries, and a server that changes its mind in between."""
    world, no = make_world(tmp_path_factory.mktemp("world"))
    for number, (dies_at, retries) in enumerate(deaths):
        if number == changes:
            no.clear()
        world.live(Life(dies_at), retry_dead_letters if retries else None)
    no.clear()
    world.live(Life(), retry_dead_letters)
    check(world, world.live(Life(), retry_dead_letters))


class Stopped:
    """A run of events in two requests: the first is denied, so it is pending; what follows it is validated already."""

    def __init__(self, path, *records, customers=()):
        self.closed = True
        self.world = World(path, self.answer)
        if customers:
            self.world.export(Kind.CUSTOMERS, customers)
        self.world.export(Kind.EVENTS, records)

    def answer(self, kind, *_):
        return Answer(status=403) if self.closed and kind is Kind.EVENTS else None

    def dead_letters(self):
        return [(letter["line"], letter["reason"]) for letter in self.world.dead_letters(Kind.EVENTS)]

    def correct(self, **by_line):
        """Write other records into dead letters: `line_3` is that of line 3."""
        dead_letters = self.world.dead_letters(Kind.EVENTS)
        for letter in dead_letters:
            if (corrected := by_line.get(f"line_{letter['line']}")) is not None:
                letter["raw"] = json.dumps(corrected)
        text = b"".join(json.dumps(letter).encode() + b"\n" for letter in dead_letters)
        (self.world.state / "dead-letter.events.ndjson").write_bytes(text)

    def stop(self):
        assert self.world.live(Life()).kinds[Kind.EVENTS].pending > 0

    def retry(self):
        self.closed = False
        summary = self.world.live(Life(), retry_dead_letters)
        assert summary.closes
        return summary.kinds[Kind.EVENTS]

    def sent(self):
        """Return how often each purchase was applied."""
        found = {}
        for (_, _, item), count in self.world.applied.items():
            purchase = json.loads(item)["order"]["purchase_id"] if item != '""' else ""
            found[purchase] = found.get(purchase, 0) + count
        return found


def of(number, *purchases, **fields):
    return {"id": f"c{number}", "events": [event(purchase) for purchase in purchases], **fields}


def test_a_corrected_record_is_not_a_duplicate_of_its_faulty_line(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, "b", "b2") | {"events": [event("b"), event(5)]}, of(2, "c"))
    run.stop()
    run.correct(line_2=of(1, "b", "b2"))
    assert run.retry().dead == 0
    assert run.sent() == {"a": 1, "b": 1, "b2": 1, "c": 1}


def test_a_duplicate_stays_a_duplicate(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, "b"), of(1, "b"))
    run.stop()
    assert run.dead_letters() == [(3, "duplicate_event")]
    assert run.retry().dead == 1
    assert run.sent() == {"a": 1, "b": 1}
    assert run.dead_letters() == [(3, "duplicate_event")]


def test_a_duplicate_part_stays_a_duplicate(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, "b", "b2"), of(1, "b2", "b3"))
    run.stop()
    assert run.retry().dead == 1
    assert run.sent() == {"a": 1, "b": 1, "b2": 1, "b3": 1}


def test_a_corrected_part_is_sent(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, "b", "b2"), of(1, "b2", "b3"))
    run.stop()
    run.correct(line_3=of(1, "b4"))
    assert run.retry().dead == 0
    assert run.sent() == {"a": 1, "b": 1, "b2": 1, "b3": 1, "b4": 1}


def test_a_record_corrected_to_a_duplicate_is_a_duplicate(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, "b"), of(1, 7))
    run.stop()
    run.correct(line_3=of(1, "b"))
    assert run.retry().dead == 1
    assert run.sent() == {"a": 1, "b": 1}
    assert run.dead_letters() == [(3, "duplicate_event")]


def test_two_dead_letters_corrected_to_the_same_record_are_sent_once(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, 7), of(1, 8))
    run.stop()
    run.correct(line_2=of(1, "b"), line_3=of(1, "b"))
    assert run.retry().dead == 1
    assert run.sent() == {"a": 1, "b": 1}


def test_a_duplicate_in_an_export_that_has_grown_is_found(tmp_path):
    run = Stopped(tmp_path, of(0, "a"), of(1, 7))
    run.stop()
    run.correct(line_2=of(1, "b"))
    with (tmp_path / "events.ndjson").open("a") as export:
        export.write(json.dumps(of(1, "b")) + "\n")
    assert run.retry().dead == 1
    assert run.sent() == {"a": 1, "b": 1}


def test_a_second_retry_reads_the_copy_of_the_first(tmp_path):
    """One process reads the dead letter of a dead letter, its copy, and its line."""
    run = Stopped(tmp_path, of(0, "a"), of(1, 7), of(2, "c"))
    run.stop()
    run.correct(line_2=of(1, 8))
    assert run.world.live(Life(), retry_dead_letters).kinds[Kind.EVENTS].pending > 0
    run.correct(line_2=of(1, "b"))
    assert run.retry().dead == 0
    assert run.sent() == {"a": 1, "b": 1, "c": 1}


def test_two_held_back_lines_of_one_event_are_sent_once(tmp_path):
    """Two lines of one event wait for their customer: the second is still a duplicate of the first."""
    customers = [record(Kind.CUSTOMERS, 0), record(Kind.CUSTOMERS, 1, name=7)]
    run = Stopped(tmp_path, of(0, "a"), of(1, "b"), of(1, "b"), of(1, "d"), customers=customers)
    run.stop()
    (letter,) = run.world.dead_letters(Kind.CUSTOMERS)
    letter["raw"] = json.dumps(record(Kind.CUSTOMERS, 1))
    (run.world.state / "dead-letter.customers.ndjson").write_text(json.dumps(letter) + "\n")
    assert [reason for _, reason in run.dead_letters()] == ["customer_not_migrated"] * 3
    assert run.retry().dead == 1
    assert run.dead_letters() == [(3, "duplicate_event")]
    assert {purchase: count for purchase, count in run.sent().items() if purchase} == {"a": 1, "b": 1, "d": 1}


class StoppedInARecord(Stopped):
    """A record that takes two requests: the first part is refused, and the request with the second one is denied."""

    def __init__(self, path):
        self.refuses = True
        super().__init__(path, of(0, *"abcdef"))
        self.world.flags = {"max_body_bytes": 1024}

    def answer(self, kind, entries, *_):
        purchases = {item["order"]["purchase_id"] for entry in entries for item in entry["events"]}
        if self.refuses and "a" in purchases:
            return REFUSED
        return Answer(status=403) if self.closed else None


def test_a_part_and_its_dead_letter_are_one_record(tmp_path):
    """The line is read again for its second part, and its first one comes once more, from the dead letter."""
    run = StoppedInARecord(tmp_path)
    run.stop()
    assert [reason for _, reason in run.dead_letters()] == ["refused"]
    run.refuses = False
    assert run.retry().dead == 0
    assert run.sent() == dict.fromkeys("abcdef", 1)
