"""Ranges cover what is wanted exactly, and places near each other are read together."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.object_ranges import LEAST_RANGE_BYTES, RANGE_BYTES, halve, put_together, ranges

NUMBERS = st.integers(0, 10_000)


@given(start=NUMBERS, length=NUMBERS, first=st.integers(1, 999), step=st.integers(1, 999))
def test_ranges_cover_everything_once_and_in_order(start, length, first, step):
    """Each has a byte, and at most as many as it may; the first has its own length."""
    end = start + length
    found = list(ranges(start, end, first=first, step=step))
    assert [byte for a, b in found for byte in range(a, b)] == list(range(start, end))
    assert all(0 < b - a <= (step if number else first) for number, (a, b) in enumerate(found))


def test_a_range_that_fails_is_halved_down_to_a_least_one():
    """A slow network delivers as much in time."""
    step, seen = RANGE_BYTES, []
    for _ in range(10):
        step = halve(step)
        seen.append(step)
    assert seen[0] == RANGE_BYTES // 2
    assert seen[-1] == LEAST_RANGE_BYTES == min(seen)


@st.composite
def spans(draw):
    """Ascending spans that do not overlap, as lines do not."""
    found, at = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 40)), max_size=40)):
        found.append((at + gap, length))
        at += gap + length
    return found


@given(spans=spans(), gap=st.integers(0, 30), most=st.integers(1, 100))
def test_spans_are_put_together(spans, gap, most):
    """Each is in exactly one range, whole; a range with several is not too long, and no gap in it is too wide."""
    found = put_together(spans, gap=gap, most=most)
    assert [number for _, _, numbers in found for number in numbers] == list(range(len(spans)))
    for first, last, numbers in found:
        assert (first, last) == (spans[numbers[0]][0], sum(spans[numbers[-1]]))
        assert len(numbers) == 1 or last - first <= most
        for one, other in pairwise(numbers):
            assert spans[other][0] - sum(spans[one]) <= gap
    for (begin, last, _), (first, _, numbers) in pairwise(found):
        assert first - last > gap or sum(spans[numbers[0]]) - begin > most
