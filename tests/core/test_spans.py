"""The places of a batch in little space, and none of them lost."""

from itertools import pairwise

import msgspec
from core.made import entry, in_runs
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.spans import read_spans, write_spans
from masivo_stream.model.contract import Kind

ONE = entry(Kind.CUSTOMERS)

places = st.sets(st.tuples(st.integers(0, 3), st.integers(1, 40)), min_size=1)


def of(places):
    return [msgspec.structs.replace(ONE, source=source, line=line) for source, line in places]


@given(places, st.randoms(use_true_random=False))
def test_exactly_the_lines_of_the_batch_are_in_its_spans(wanted, chance):
    """In whatever order the records are in the batch; stretches do not touch each other."""
    shuffled = list(wanted)
    chance.shuffle(shuffled)
    found = list(read_spans(write_spans(of(shuffled))))
    assert {(source, line) for source, low, high in found for line in range(low, high + 1)} == wanted
    assert found == sorted(found)
    assert all(one[0] != other[0] or one[2] + 1 < other[1] for one, other in pairwise(found))


@given(places)
def test_a_line_run_has_the_spans_of_its_lines(wanted):
    """A run of lines is no more than its lines."""
    lines = of(sorted(wanted))
    assert write_spans(in_runs(lines)) == write_spans(lines)


def test_a_batch_of_a_clean_export_takes_about_ten_bytes():
    """They are kept for every batch of customers there ever was."""
    lines = of([(0, line) for line in range(9_000_001, 9_001_001)])
    assert len(write_spans(in_runs(lines))) <= 12
    every_other = of([(0, line) for line in range(1, 2001, 2)])
    assert len(write_spans(every_other)) <= 2_010
