"""The schedule: exactly what departs one by one, at any number of requests, whatever has departed before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.pacing.pace import Pacer
from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.model.window import Window, parse_windows

SECONDS = st.integers(1, 400).map(lambda quarters: quarters / 4)
WINDOWS = st.lists(st.builds(Window, st.integers(1, 12), SECONDS), max_size=3).map(tuple)
SCOPES = st.lists(
    st.builds(
        ScheduledScope,
        WINDOWS,
        st.lists(st.integers(-400, 0).map(lambda quarters: quarters / 4), max_size=15).map(sorted),
        st.integers(-40, 40).map(float),
    ),
    max_size=2,
)


def one_by_one(requests, scopes, now=0.0):
    """Depart as a person would check it: look at each window, every time."""
    limiting = [scope for scope in scopes if scope.windows]
    known = [list(scope.departures) for scope in limiting]
    moment = max([now, *(scope.held_until for scope in limiting)])
    for _ in range(requests):
        for scope, departures in zip(limiting, known, strict=True):
            for window in scope.windows:
                if len(departures) >= window.limit:
                    moment = max(moment, departures[-window.limit] + window.seconds)
        for departures in known:
            departures.append(moment)
    return moment if requests else now


@given(requests=st.integers(0, 400), scopes=SCOPES)
def test_the_schedule_is_that_of_single_departures(requests, scopes):
    """Quarters of seconds add up exactly, so there is nothing to tolerate."""
    assert last_departure(requests, scopes) == one_by_one(requests, scopes)


@given(
    requests=st.integers(0, 200),
    windows=st.lists(st.builds(Window, st.integers(1, 20), st.floats(0.5, 50)), max_size=3),
    ago=st.lists(st.floats(0, 100), max_size=20),
)
def test_the_schedule_is_that_of_the_pacer(requests, windows, ago):
    """The forecast is the moment that a pacer without latency comes to, but for its guard."""
    past = sorted(-moment for moment in ago)
    predicted = last_departure(requests, [ScheduledScope(tuple(windows), past)])
    pacer, now = Pacer(windows), 0.0
    for moment in past:
        pacer.lost(pacer.count_other(moment), moment)
    for _ in range(requests):
        now += pacer.reserve(now)
        pacer.arrived(pacer.depart(now), now)
    assert predicted <= now + 1e-6
    assert now <= predicted + 0.02 * requests + 1e-6


def test_the_slowest_window_decides():
    """720 requests an hour at one in 5 s; 250 an hour bind on a development account."""
    assert last_departure(721, [ScheduledScope(parse_windows("1/5s,1000/h"))]) == 3600
    assert last_departure(251, [ScheduledScope(parse_windows("1/5s,250/h"))]) == 3600
    assert last_departure(250, [ScheduledScope(parse_windows("1/5s,250/h"))]) == 249 * 5
    assert last_departure(10_000, [ScheduledScope(())]) == 0
    assert last_departure(1, [ScheduledScope(parse_windows("1/5s"))]) == 0
    assert last_departure(0, [ScheduledScope(parse_windows("1/5s"))], now=7.0) == 7


def test_the_daily_limit_of_all_calls_decides_for_large_exports():
    """A development account: 1000 a day however many an hour."""
    dev = [ScheduledScope(parse_windows("1/5s,250/h")), ScheduledScope(parse_windows("1000/d"))]
    assert last_departure(1000, dev) == 3 * 3600 + 249 * 5
    assert last_departure(1001, dev) == 86_400
    assert last_departure(10_000_000, dev) == 9999 * 86_400 + 3 * 3600 + 249 * 5


@pytest.mark.parametrize("windows", ["1/5s,1000/h", "1/5s,250/h,1000/d", "1/0.1s,10/1s", "7/3s,999/h,20000/d"])
def test_ten_million_are_as_exact_as_ten_thousand(windows):
    """If the departures are periodic, so is the difference between two of them."""
    scopes = [ScheduledScope(parse_windows(windows))]
    slowest = max(scopes[0].windows, key=lambda window: window.seconds / window.limit)
    rounds = (10_000_000 - 10_000) // slowest.limit
    less = 10_000_000 - rounds * slowest.limit
    if slowest.limit < less:
        expected = last_departure(less, scopes) + rounds * slowest.seconds
        assert last_departure(10_000_000, scopes) == pytest.approx(expected, rel=1e-9)


def test_a_hold_and_the_used_quota_come_first():
    """The fifth slot of a window is free when the oldest of five leaves it; a hold lasts as long as it lasts."""
    window = parse_windows("5/10s")
    assert last_departure(1, [ScheduledScope(window, [-9.0, -3.0, -2.0, -1.0, 0.0])]) == 1
    assert last_departure(1, [ScheduledScope(window, [-9.0, -3.0, -2.0, -1.0])]) == 0
    assert last_departure(1, [ScheduledScope(window, [], 30.0)]) == 30
    assert last_departure(1, [ScheduledScope((), [], 30.0)]) == 0
