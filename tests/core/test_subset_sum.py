from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.packing.subset_sum import fill_room

counts = st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=5)


def weigh(chosen: dict[int, int]) -> int:
    return sum(weight * number for weight, number in chosen.items())


@given(counts, st.integers(0, 60))
def test_no_choice_fills_the_room_further(given_counts, room):
    """Of all choices that fit, the one that weighs most; of these, the one with more of the heaviest weights."""
    weights = sorted(given_counts, reverse=True)
    every = (dict(zip(weights, each, strict=True)) for each in product(*(range(given_counts[w] + 1) for w in weights)))
    fitting = [each for each in every if weigh(each) <= room]
    best = max(fitting, key=lambda each: (weigh(each), list(each.values())))
    assert fill_room(given_counts, room) == {weight: number for weight, number in best.items() if number}


@given(counts, st.integers(0, 60), st.integers(2, 9))
def test_a_finer_scale_changes_nothing(given_counts, room, scale):
    """The same weights in a smaller unit give the same choice."""
    scaled = {weight * scale: number for weight, number in given_counts.items()}
    chosen = {weight // scale: number for weight, number in fill_room(scaled, room * scale + scale - 1).items()}
    assert chosen == fill_room(given_counts, room)


def test_heavy_weights_go_first():
    """Of the choices that fill the room, the light weights are left for later."""
    assert fill_room({1: 9, 2: 2, 5: 1, 9: 1}, 10) == {9: 1, 1: 1}


def test_equal_weights_are_counted_together():
    """A thousand equal weights are one entry of the answer."""
    assert fill_room({1: 5000}, 1000) == {1: 1000}
