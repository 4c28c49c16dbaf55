"""Durations as people write them."""

import pytest

from masivo_stream.model.moments import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 s"),
        (0.4249, "0.42 s"),
        (59.994, "59.99 s"),
        (59.999, "1 min 0 s"),
        (60.0, "1 min 0 s"),
        (200.4, "3 min 20 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (49_995.0, "13 h 53 min"),
        (86_399.6, "1 day 0 h"),
        (90_000.0, "1 day 1 h"),
        (187_200.0, "2 days 4 h"),
        (1e16, "115740740740 days 17 h"),
        (float("inf"), "for ever"),
    ],
)
def test_a_duration_is_written_for_people(seconds, words):
    """In the two largest units that matter."""
    assert duration(seconds) == words
