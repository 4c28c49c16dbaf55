"""Group testing against a server that knows the culprits: a batch, a stream of them, with names, true or not."""

import math
import random
from itertools import pairwise

import pytest
from core.made import entry
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.isolation.isolate import FIRST_CREDIT, MOST_NAMED, REQUEST, Isolation, first_part
from masivo_stream.model.contract import CONTRACTS
from masivo_stream.model.results import Entry

ENTRIES = [entry(line=number) for number in range(3 * REQUEST)]


class Oracle:
    """A server that refuses any batch with a culprit, and fails the test if it gets twice what it may get only once."""

    def __init__(self, culprits: set[int], name=lambda lines, culprits: ()) -> None:
        self.culprits, self.accepted, self.refused, self.requests = culprits, [], set(), 0
        self._name = name
        self.named: set[int] = set()
        """Named by a refusal that named no other."""

    def takes(self, batch: list[Entry]) -> bool:
        lines = [each.line for each in batch]
        assert lines
        self.requests += 1
        if self.culprits.isdisjoint(lines):
            assert set(self.accepted).isdisjoint(lines), "sent again after it was accepted"
            self.accepted += lines
            return True
        return False

    def refuses_again(self, batch: list[Entry]) -> bool:
        """Return whether this set was refused before; remember that it is now."""
        known = frozenset(each.line for each in batch)
        again = known in self.refused
        self.refused.add(known)
        return again

    def names(self, batch: list[Entry]) -> list[Entry]:
        lines = [each.line for each in batch]
        named = list(self._name(lines, self.culprits.intersection(lines)))
        self.named.update(named if len(set(named)) == 1 else ())
        return [ENTRIES[line] for line in named]


def isolate(oracle: Oracle, batch: list[Entry], credit: int) -> tuple[Isolation, list[int], int]:
    """Isolate a refused batch; return the isolation, the culprits' lines and the number of requests."""
    oracle.refuses_again(batch)
    isolation, before = Isolation(batch, oracle.names(batch), credit=credit), oracle.requests
    found = [each.line for each in isolation.take_culprits()]
    while not isolation.done:
        part = isolation.part
        everything = [*part, *isolation.left, *(ENTRIES[line] for line in found)]
        sent = {each.line for each in batch} & set(oracle.accepted)
        assert sorted([each.line for each in everything] + sorted(sent)) == [each.line for each in batch]
        if oracle.takes(part):
            isolation.settle(accepted=True)
        else:
            assert not oracle.refuses_again(part), "sent again although it must be bad"
            isolation.settle(accepted=False, named=oracle.names(part))
        found += [each.line for each in isolation.take_culprits()]
    assert isolation.part == []
    return isolation, found, oracle.requests - before


def migrate(oracle: Oracle, count: int) -> tuple[list[int], int]:
    """Send entries as the packer does; return the culprits found and the requests beyond the lower bound."""
    waiting, found, credit = ENTRIES[:count], [], FIRST_CREDIT
    while waiting:
        batch, waiting = waiting[:REQUEST], waiting[REQUEST:]
        if not oracle.takes(batch):
            isolation, bad, _ = isolate(oracle, batch, credit)
            credit, found = isolation.credit, found + bad
            waiting = [*isolation.rest, *waiting]
    return found, oracle.requests - math.ceil(count / REQUEST)


def check_migration(culprits: set[int], count: int) -> None:
    oracle = Oracle(culprits)
    found, extra = migrate(oracle, count)
    assert sorted(found) == sorted(culprits)
    assert sorted(oracle.accepted) == sorted(set(range(count)) - culprits)
    assert extra <= 11 * len(culprits) + 1


def test_a_full_request_has_the_items_of_the_contract():
    """The price counts in the items that a full request has, of whatever kind."""
    assert {contract.max_items for contract in CONTRACTS.values()} == {REQUEST}


# Without names.


@given(st.integers(1, 50), st.data())
def test_exactly_the_bad_records_are_found(count, data):
    """Each culprit is found, all else arrives once, no refused set is sent again, at the stated price."""
    check_migration(data.draw(st.sets(st.integers(0, count - 1))), count)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3000), st.one_of(st.integers(0, 12), st.integers(0, 1000)), st.randoms(use_true_random=False))
def test_a_stream_of_full_batches_keeps_the_price(count, bad, chance):
    """However many of a stream are culprits, wherever: at most eleven requests each, and one."""
    check_migration(set(chance.sample(range(count), min(bad, count))), count)


PLACES = {
    "all": range(1000),
    "first": [0],
    "last": [999],
    "both ends": [0, 999],
    "every other": range(0, 1000, 2),
    "a block in front": range(50),
    "a block behind": range(950, 1000),
    "a block in the middle": range(487, 512),
    "farther and farther": [2**power for power in range(10)],
    "nearer and nearer": [1000 - 2**power for power in range(10)],
    "evenly": range(0, 1000, 90),
    "in front of every batch": range(0, 3000, 999),
}


@pytest.mark.slow
@pytest.mark.parametrize("count", [1000, 2500, 3000])
@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_no_placement_breaks_the_price(places, count):
    """Placements that mislead the estimate of the distance between culprits cost no more than the bound."""
    check_migration({line for line in places if line < count}, count)


@pytest.mark.slow
def test_no_placement_found_by_climbing_breaks_the_price():
    """A search that moves culprits to where they cost more stays under the bound."""
    chance = random.Random(5)
    for bad in (1, 2, 3, 5, 12):
        worst = set(chance.sample(range(2000), bad))
        cost = migrate(Oracle(worst), 2000)[1]
        for _ in range(40):
            tried = set(worst)
            tried.remove(chance.choice(sorted(tried)))
            tried.add(chance.choice([line for line in range(2000) if line not in tried]))
            extra = migrate(Oracle(tried), 2000)[1]
            assert extra <= 11 * bad + 1
            if extra >= cost:
                worst, cost = tried, extra


@settings(max_examples=30)
@given(st.integers(1, 1000))
def test_a_single_bad_record_takes_a_logarithmic_number_of_requests(count):
    """First and last alike: ⌈log2 n⌉ requests, and one to send the last alone, when nothing else was refused."""
    halvings = (count - 1).bit_length()
    for line in (0, count // 2, count - 1):
        oracle, isolation = Oracle({line}), Isolation(ENTRIES[:count])
        while not (found := isolation.take_culprits()):
            isolation.settle(accepted=oracle.takes(isolation.part))
        assert found == [ENTRIES[line]]
        assert oracle.requests <= halvings + (0 < line == count - 1)


@given(st.integers(2, 4000))
def test_no_split_lengthens_the_search(count):
    """Both sides of a split are small enough for one request less, and the first is never the larger one by depth."""
    first = first_part(count)
    assert 1 <= first < count
    depths = [(side - 1).bit_length() for side in (first, count - first)]
    assert depths[0] <= depths[1] <= (count - 1).bit_length() - 1


def test_entries_are_sent_alone_if_bad_records_are_dense():
    """All of a batch being bad, each takes one request once the first is found and credit allows it."""
    isolation, found, requests = isolate(Oracle(set(range(300))), ENTRIES[:300], 0)
    assert requests <= len(found) + 10
    assert len(found) + len(isolation.rest) == 300


def test_a_refusal_about_no_record_makes_no_dead_letter():
    """If every part is accepted after all, no entry is a culprit: not even the last one, which is sent alone."""
    isolation = Isolation(ENTRIES[:8], credit=7)
    sizes = []
    while not isolation.done:
        sizes.append(len(isolation.part))
        isolation.settle(accepted=True)
    assert (isolation.take_culprits(), isolation.rest, sizes, isolation.credit) == ([], [], [4, 2, 1, 1], 7)


def test_an_entry_refused_alone_is_a_bad_record_at_once():
    """A set of one needs no request."""
    isolation = Isolation(ENTRIES[:1])
    assert (isolation.done, isolation.take_culprits(), isolation.left) == (True, ENTRIES[:1], [])
    assert isolation.take_culprits() == []


@pytest.mark.slow
@given(st.integers(2, 60), st.data())
def test_any_answers_lead_to_an_end_with_every_entry_in_one_place(count, data):
    """Whatever a server answers and names: each entry is accepted, a culprit, in the part, or left, in order."""
    batch = ENTRIES[:count]
    isolation, settled = Isolation(batch, data.draw(st.lists(st.sampled_from(batch)))), []
    while not isolation.done:
        part, accepted = isolation.part, data.draw(st.booleans())
        settled += part if accepted else []
        isolation.settle(accepted=accepted, named=data.draw(st.lists(st.sampled_from(batch), max_size=4)))
        settled += isolation.take_culprits()
        assert sorted(each.line for each in (*settled, *isolation.part, *isolation.left)) == list(range(count))
        assert all(one.line < other.line for one, other in pairwise(isolation.left))


# With names.


def first_of(lines, culprits):
    return sorted(culprits)[:1]


@settings(max_examples=50)
@given(st.integers(2, 120), st.data())
def test_a_named_bad_record_costs_one_request(count, data):
    """A server that names one culprit at a time: one request each, and one for each series that became too long."""
    culprits = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=min(count - 1, 40)))
    found, extra = migrate(Oracle(culprits, first_of), count)
    assert sorted(found) == sorted(culprits)
    assert extra <= len(culprits) + -(-len(culprits) // MOST_NAMED)


@settings(max_examples=50)
@given(st.integers(20, 80), st.data())
def test_bad_records_named_together_are_sent_alone(count, data):
    """A server that names a handful at once: one request for the others, one for each of them."""
    culprits = data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=MOST_NAMED))
    found, extra = migrate(Oracle(culprits, lambda lines, culprits: culprits), count)
    assert sorted(found) == sorted(culprits)
    assert extra <= len(culprits) + 1


@pytest.mark.slow
@given(st.integers(1, 60), st.data())
def test_wrong_names_hide_no_bad_record(count, data):
    """Random names: no culprit is missed, and a good entry is taken for one only if a refusal named it alone."""
    culprits = data.draw(st.sets(st.integers(0, count - 1), max_size=6))

    def name(lines, _):
        return data.draw(st.lists(st.sampled_from(lines), max_size=3))

    oracle = Oracle(culprits, name)
    found, _ = migrate(oracle, count)
    assert set(found) >= culprits
    assert set(found) - culprits <= oracle.named
    assert sorted([*found, *oracle.accepted]) == list(range(count))


LIARS = {
    "an innocent": lambda lines, culprits: [line for line in lines if line not in culprits][:1],
    "two innocents": lambda lines, culprits: [line for line in lines if line not in culprits][:2],
    "the last one": lambda lines, culprits: lines[-1:],
    "one culprit among many": lambda lines, culprits: [*lines[-(MOST_NAMED - 1) :], min(culprits)],
    "five hundred": lambda lines, culprits: lines[:500],
    "everybody": lambda lines, culprits: lines,
}


@pytest.mark.parametrize("name", LIARS.values(), ids=LIARS)
@pytest.mark.parametrize("culprits", [{0}, {512}, {999}, {3, 700}, {1, 2, 4, 8, 600, 998}])
def test_wrong_names_cost_a_few_requests(name, culprits):
    """Wrong names make each isolation a little longer. No good entry that was never named is taken for a culprit."""
    oracle = Oracle(culprits, name)
    found, extra = migrate(oracle, 1000)
    assert set(found) >= culprits
    assert set(found) - culprits <= oracle.named
    assert extra <= (11 + 2 * MOST_NAMED) * len(culprits) + 1


def test_a_refusal_that_names_too_many_entries_names_none():
    """More than a handful of names do not count."""
    few, many = (Isolation(ENTRIES[:40], ENTRIES[:count]).part for count in (MOST_NAMED, MOST_NAMED + 1))
    assert (few, many) == (ENTRIES[MOST_NAMED:40], ENTRIES[: first_part(40)])


def test_a_distant_bad_record_is_not_searched_for():
    """Once the first is found near the end, the rest goes back; near the front, the search goes on."""
    assert isolate(Oracle({400, 900}), ENTRIES[:1000], 9 * REQUEST)[1] == [400]
    assert isolate(Oracle({100, 200}), ENTRIES[:1000], 9 * REQUEST)[1] == [100, 200]


def test_names_of_entries_outside_the_part_do_not_count():
    """Names of entries outside of the part do not count, nor do names of the whole part."""
    for named in ([ENTRIES[40]], ENTRIES[:6]):
        isolation = Isolation(ENTRIES[:6], named)
        assert isolation.part == ENTRIES[: first_part(6)]
