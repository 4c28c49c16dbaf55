import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.duplicates import Duplicates, _digested, _hashed


@pytest.mark.parametrize("capacity", [1, 1000, 2048, 6000, 20_000])
def test_the_answer_is_exact_up_to_the_capacity(capacity):
    """While no more distinct values than the capacity were seen, each answer is right."""
    repeats = Duplicates(capacity=capacity)
    assert [repeats.seen(f"v{index}") for index in range(capacity)] == [False] * capacity
    assert [repeats.seen(f"v{index}") for index in range(capacity)] == [True] * capacity


@settings(deadline=None)
@given(st.integers(1, 40), st.lists(st.integers(0, 60), max_size=300))
def test_a_duplicate_within_the_window_is_found(capacity, numbers):
    """A value is known if at most a capacity of other distinct values came since, and never before it came."""
    repeats, asked = Duplicates(capacity=capacity), []
    for number in numbers:
        answer = repeats.seen(str(number))
        if number not in asked:
            assert not answer
        else:
            last = len(asked) - 1 - asked[::-1].index(number)
            assert answer or len(set(asked[last + 1 :])) > capacity
        asked.append(number)


def test_memory_is_bounded():
    """However many values come, little more than a capacity of digests is kept."""
    capacity = 3000
    repeats = Duplicates(capacity=capacity)
    for index in range(10 * capacity):
        repeats.seen(str(index))
    assert sum(map(len, repeats._buckets.values())) <= 1.25 * capacity


@given(st.integers(1, 400), st.integers(0, 3000))
def test_no_value_of_the_window_is_forgotten(capacity, count):
    """However often the ages wrap around: the last capacity of values is there, and a look-up remembers nothing."""
    repeats = Duplicates(capacity=capacity)
    for index in range(count):
        repeats.seen(str(index))
    assert all(str(index) in repeats for index in range(max(0, count - capacity), count))
    assert [str(count) in repeats, str(count) in repeats] == [False, False]


@pytest.mark.slow
@given(st.text(st.characters()), st.text(st.characters()))
def test_both_hashes_fit_the_table(one, other):
    """Python's own hash, and the one for machines where it is too short: 64 bits, equal for equals."""
    for digest in (_hashed, _digested):
        assert 0 <= digest(one) < 1 << 64
        assert (digest(one) == digest(other)) == (one == other)


@given(st.text(st.characters(), min_size=1))
def test_any_text_can_be_remembered(value):
    """Lone surrogates, too, are remembered as they are."""
    repeats = Duplicates(capacity=10)
    assert [repeats.seen(value), repeats.seen(value)] == [False, True]
