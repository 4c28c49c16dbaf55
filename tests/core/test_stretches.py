"""Stretches of time: few, equal, whole, and none of the run falls out of them."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.time_line import MOST_STRETCHES, cut

moments = st.floats(0, 4e9)


@given(moments, st.floats(0, 1e8))
def test_few_stretches_cover_the_whole_run(begin, duration):
    """Every moment is in one of at most `MOST_STRETCHES`, and they begin at whole multiples of their length."""
    end = begin + duration
    first, length = cut(begin, end)
    assert first <= begin
    assert 0 <= (end - first) // length < MOST_STRETCHES
    assert first % length == 0


@given(moments, st.floats(0, 1e8))
def test_stretches_are_as_short_as_possible(begin, duration):
    """A run of an hour does not become one bar: if bars are longer than a second, a fifth of them is used."""
    first, length = cut(begin, begin + duration)
    assert length == 1 or (begin + duration - first) / length > MOST_STRETCHES / 5
