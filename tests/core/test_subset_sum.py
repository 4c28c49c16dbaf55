from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.packing.bin_packing import fill_room

counts = st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=5)


def weigh(chosen: dict[int, int]) -> int:
    return sum(weight * number for weight, number in chosen.items())


@given(counts, st.integers(0, 60))
def test_no_choice_fills_the_room_further(given_counts, room):
    """What is taken is there, fits, and weighs as much as any choice that fits: all of them are tried."""
    chosen = fill_room(given_counts, room)
    assert all(0 < number <= given_counts[weight] for weight, number in chosen.items())
    weights = list(given_counts)
    every = (dict(zip(weights, each, strict=True)) for each in product(*(range(given_counts[w] + 1) for w in weights)))
    assert weigh(chosen) == max(weight for weight in map(weigh, every) if weight <= room)


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
