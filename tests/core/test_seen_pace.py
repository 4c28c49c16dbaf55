"""The pace that was seen, and ends that move: single long waits do not count, and every move has a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.pacing.moved_end import BEGUN, CHANGED, OTHERS, OTHERWISE, OVER, Causes, EndWatch
from masivo_stream.core.pacing.seen_pace import ENOUGH, lag_of_history, typical_gap, typical_lag
from masivo_stream.model.window import Window

FIVE, HOUR = Window(1, 5.0), Window(1000, 3600.0)


def every(seconds, count, *, wait=0.0):
    """Return departures at equal distances, with one long wait in the middle."""
    return [number * seconds + (wait if number > count // 2 else 0.0) for number in range(count)]


@given(st.floats(0, 30), st.integers(ENOUGH + 1, 200), st.floats(0, 10_000))
def test_the_lag_is_what_each_request_is_late(late, count, wait):
    """One long wait changes nothing."""
    assert typical_lag(every(5 + late, count, wait=wait), (FIVE, HOUR)) == pytest.approx(late, abs=1e-6)


@given(st.floats(0.1, 30), st.integers(20, 200), st.floats(0, 10_000))
def test_the_gap_is_that_between_most_departures(gap, count, wait):
    """One long wait changes nothing."""
    assert typical_gap(every(gap, count, wait=wait)) == pytest.approx(gap)


def test_few_departures_say_nothing():
    """Nor do windows that were never full."""
    assert typical_lag(every(5, ENOUGH), (FIVE,)) == 0.0
    assert typical_lag(every(7, 50), (HOUR,)) == 0.0
    assert typical_gap(every(5, ENOUGH)) is None


def test_an_end_may_get_sharper_without_a_word():
    """By less than a tenth of the run, or by a few seconds."""
    watch = EndWatch(0.0)
    for end in (1000.0, 1080.0, 920.0):
        watch.look(10.0, end, Causes(seconds={"an outage": end}))
    assert watch.moved is None
    short = EndWatch(0.0)
    short.look(0.0, 20.0, Causes())
    short.look(1.0, 45.0, Causes())
    assert short.moved is None


@pytest.mark.parametrize(
    ("causes", "why"),
    [
        (Causes(seconds={"an outage": 150.0, "a hold": 20.0}), "an outage"),
        (Causes(seconds={"an outage": 15.0}, requests={"bad records": 40}, each=5.0), "bad records"),
        (Causes(seconds={"an outage": 1.0}, requests={"bad records": -40}, each=5.0), OTHERWISE),
        (Causes(), OTHERWISE),
    ],
)
def test_a_moved_end_has_its_largest_cause(causes, why):
    """Of those since it was said; then the new end counts."""
    watch = EndWatch(0.0)
    watch.look(0.0, 1000.0, Causes())
    watch.look(500.0, 1200.0, causes)
    assert (watch.moved.was, watch.moved.now, watch.moved.at, watch.moved.why) == (1000.0, 1200.0, 500.0, why)
    moved = watch.moved
    watch.look(600.0, 1250.0, causes)
    assert watch.moved is moved


def test_settings_that_were_changed_are_the_reason_of_the_next_move():
    """Whatever else has happened; of that move alone."""
    watch = EndWatch(0.0)
    watch.look(0.0, 1000.0, Causes())
    watch.settings_changed()
    watch.look(1.0, 2000.0, Causes(seconds={"an outage": 990.0}))
    assert watch.moved.why == CHANGED
    watch.look(2.0, 3000.0, Causes())
    assert watch.moved.why == OTHERWISE


def test_another_run_moves_the_end_both_ways():
    """It has begun, or takes no more requests: the direction says which."""
    watch = EndWatch(0.0)
    for ends_at, slots, why in ((1000.0, 0, None), (1500.0, 100, BEGUN), (1200.0, 40, OVER)):
        watch.look(1.0, ends_at, Causes(requests={OTHERS: slots}, each=5.0))
        assert (watch.moved and watch.moved.why) == why


def test_a_history_says_something_if_it_has_used_the_windows_up():
    """Requests an hour apart are not late: nothing waited."""
    assert lag_of_history(every(5.5, 30), (FIVE, HOUR)) == pytest.approx(0.5)
    assert lag_of_history(every(5.5, 30, wait=3000.0), (FIVE,)) == pytest.approx(0.5)
    assert lag_of_history(every(3600, 30), (FIVE,)) == 0.0
    assert lag_of_history([], ()) == 0.0
