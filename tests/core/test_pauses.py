from itertools import islice

from masivo_stream.core.pacing.pauses import doubling_pauses


def test_pauses_double_up_to_the_longest():
    """And stay there."""
    assert list(islice(doubling_pauses(2.0, 10.0), 5)) == [2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_first_pause_above_the_longest_is_made_once():
    """A setting says how long the first one is."""
    assert list(islice(doubling_pauses(5.0, 1.0), 3)) == [5.0, 1.0, 1.0]
