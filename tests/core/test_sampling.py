import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.sampling import Sampling


@given(size=st.integers(0, 9), blocks=st.lists(st.integers(0, 60), max_size=12), seed=st.integers())
def test_a_sample_is_as_large_as_it_may_be(size, blocks, seed):
    """However the stream is cut: only what may be drawn, nothing twice, and all of it where that is few."""
    draw, number = Sampling(size, random.Random(seed).random), 0
    for count in blocks:
        draw.feed(count, range(number, number + count).__getitem__, lambda value: value % 3 > 0)
        number += count
    eligible = {value for value in range(number) if value % 3}
    assert len(set(draw.drawn)) == len(draw.drawn) == min(size, len(eligible))
    assert set(draw.drawn) <= eligible


@given(count=st.integers(0, 300), cuts=st.lists(st.integers(0, 300), max_size=8), seed=st.integers())
def test_blocks_of_any_size_give_the_same_sample(count, cuts, seed):
    """One seed gives one sample, whole or in blocks."""
    whole, pieces = (Sampling(4, random.Random(seed).random) for _ in range(2))
    whole.feed(count, int)
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    for begin, end in pairwise(edges):
        pieces.feed(end - begin, range(begin, end).__getitem__)
    assert pieces.drawn == whole.drawn


def test_each_record_is_equally_likely():
    """Over many draws of 3 among 20 of which 15 may be drawn, each of these comes about as often (seeded)."""
    chance, often, rounds = random.Random(5).random, Counter(), 4000
    for _ in range(rounds):
        draw = Sampling(3, chance)
        draw.feed(20, int, lambda value: value % 4 > 0)
        often.update(draw.drawn)
    assert len(often) == 15
    expected = rounds * 3 / 15
    assert all(abs(times - expected) < 5 * expected**0.5 for times in often.values())


def test_few_values_are_examined():
    """Of a million values it looks at some dozens."""
    draw = Sampling(3, random.Random(1).random)
    assert sum(1 for index in draw.candidates(1_000_000) if draw.take(index) is None) < 100


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-53])
def test_constant_chance_is_not_an_error(chance):
    """A source of chance that always says the same is no reason to fail."""
    draw = Sampling(2, lambda: chance)
    draw.feed(1000, int)
    assert len(draw.drawn) == 2
