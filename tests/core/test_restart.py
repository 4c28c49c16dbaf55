from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.isolation.restart import Culprit, RefusedBatch, suspects
from masivo_stream.model.progress import Reference
from masivo_stream.model.results import Position

BEGINNING = Position(0, 0, 0)


def references(*lines, indexes=None):
    items = len(indexes) if indexes else 1
    return [Reference(0, line, 10 * line, 9, items, items, indexes) for line in lines]


def batch(name, lines):
    return RefusedBatch(name, 422, references(*lines))


def found(refused, covered=(), culprits=(), checkpoint=BEGINNING):
    blamed = [Culprit(0, line, None) for line in culprits]
    sets = suspects(refused, dict.fromkeys((0, line) for line in covered), blamed, checkpoint)
    return {each.batch: [reference.line for reference in each.references] for each in sets}


def test_isolation_continues_with_the_smallest_refused_part_without_a_bad_record():
    """What was accepted since is not suspected any more."""
    halves = [batch("all", range(8)), batch("half", range(4)), batch("quarter", [2, 3])]
    assert found(halves[:1]) == {"all": list(range(8))}
    assert found(halves[:2]) == {"half": [0, 1, 2, 3]}
    assert found(halves, covered=[0, 1]) == {"quarter": [2, 3]}
    assert found(halves[:2], covered=[0, 1]) == {"half": [2, 3]}


def test_a_batch_with_a_known_bad_record_says_nothing_about_the_others():
    """It was refused for that record, by all that is known."""
    assert found([batch("all", range(8)), batch("half", range(4))], culprits=[2]) == {}


def test_a_record_that_was_refused_alone_is_the_bad_record():
    """Its process died before it was made a dead letter."""
    (only,) = suspects([batch("all", range(8)), batch("alone", [3])], {}, [], BEGINNING)
    assert (only.status, [reference.line for reference in only.references]) == (422, [3])


def test_a_record_before_the_checkpoint_has_an_outcome():
    """No row mentions it any more, and it is not sent again."""
    assert found([batch("all", range(8))], checkpoint=Position(0, 5, 50)) == {"all": [5, 6, 7]}


def test_another_part_of_the_record_is_another_bad_record():
    """Items of a line that are dead say nothing of a batch with other items of it."""
    refused = RefusedBatch("a", 422, [*references(1, indexes=(2, 3)), *references(2, 3)])
    for indexes, left in (((0, 1), 3), ((1, 2), None), (None, None)):
        sets = suspects([refused], {}, [Culprit(0, 1, indexes)], BEGINNING)
        assert [len(each.references) for each in sets] == ([] if left is None else [left])


def test_a_record_that_is_left_over_is_sent_with_others():
    """It was refused in company only."""
    assert found([batch("all", range(3))], covered=[0, 1]) == {}


def test_two_isolations_continue_side_by_side():
    """Each uploader had one."""
    assert found([batch("a", range(4)), batch("b", range(10, 20))]) == {"a": list(range(4)), "b": list(range(10, 20))}


def test_parts_of_a_record_are_distinguished():
    """Of a split record one part may have arrived, and the other one be a suspect."""
    refused = RefusedBatch("a", 422, [*references(1, indexes=(2, 3)), *references(2, 3)])
    (left,) = suspects([refused], {(0, 1): frozenset({0, 1})}, [], BEGINNING)
    assert len(left.references) == 3
    (left,) = suspects([refused], {(0, 1): frozenset({2, 3})}, [], BEGINNING)
    assert [reference.line for reference in left.references] == [2, 3]


@given(
    st.lists(st.sets(st.integers(0, 9), min_size=1), max_size=6), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9))
)
def test_no_record_is_in_two_sets_or_has_an_outcome_already(batches, covered, culprits):
    """Whatever was refused, together with whatever else."""
    refused = [batch(str(number), sorted(lines)) for number, lines in enumerate(batches)]
    sets = found(refused, covered | culprits, culprits)
    lines = [line for each in sets.values() for line in each]
    assert len(lines) == len(set(lines))
    assert not set(lines) & (covered | culprits)
