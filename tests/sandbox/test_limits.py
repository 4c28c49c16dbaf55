import math

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.window import Window, parse_windows
from masivo_stream.sandbox.limits import Limiter, OverLimit, Passed, TightestWindow

windows = st.lists(
    st.builds(Window, st.integers(1, 5), st.floats(0.1, 100, allow_subnormal=False)), min_size=1, max_size=3
)
gaps = st.lists(st.floats(0, 60, allow_subnormal=False), max_size=60)
starts = st.floats(0, 1e7, allow_subnormal=False)


@given(windows, starts, gaps)
def test_no_window_ever_holds_more_than_its_limit(windows, start, gaps):
    """For any arrivals, no span of a window's length holds more accepted ones than its limit."""
    limiter, now, passed = Limiter(windows), start, []
    for gap in gaps:
        now += gap
        if isinstance(limiter.arrive(now), Passed):
            passed.append(now)
    for window in windows:
        for last in passed:
            inside = [arrival for arrival in passed if arrival <= last < arrival + window.seconds]
            assert len(inside) <= window.limit


@given(windows, starts, gaps)
def test_waiting_retry_after_is_enough(windows, start, gaps):
    """A refused client that waits exactly Retry-After is accepted."""
    limiter, now = Limiter(windows), start
    for gap in gaps:
        now += gap
        refusal = limiter.arrive(now)
        if isinstance(refusal, OverLimit):
            now += refusal.retry_after
            assert isinstance(limiter.arrive(now), Passed)


@given(windows, starts, gaps)
def test_no_request_is_refused_without_need(windows, start, gaps):
    """A refusal means that some window is full of accepted arrivals."""
    limiter, now, passed = Limiter(windows), start, []
    for gap in gaps:
        now += gap
        if isinstance(limiter.arrive(now), Passed):
            passed.append(now)
        else:
            assert any(sum(arrival + window.seconds > now for arrival in passed) == window.limit for window in windows)


def test_the_tightest_window_is_reported():
    """The quota is that of the window with the least room, and among those of the one that resets last."""
    limiter = Limiter(parse_windows("2/5s,10/h"))
    assert limiter.arrive(0.0) == Passed(quota=TightestWindow(limit=2, remaining=1, reset=5))
    assert limiter.arrive(1.5) == Passed(quota=TightestWindow(limit=2, remaining=0, reset=4))
    assert limiter.arrive(2.0) == OverLimit(quota=TightestWindow(limit=2, remaining=0, reset=3), retry_after=3)


def test_retry_after_speaks_for_all_full_windows():
    """If several windows are full, the longest wait is given."""
    limiter = Limiter(parse_windows("1/5s,1/m"))
    limiter.arrive(0.0)
    refusal = limiter.arrive(0.25)
    assert isinstance(refusal, OverLimit)
    assert refusal.retry_after == math.ceil(59.75)


def test_no_request_is_refused_without_windows():
    """Without windows every request is accepted, and there is no quota to report."""
    limiter = Limiter(())
    assert [limiter.arrive(0.0) for _ in range(100)] == [Passed(quota=None)] * 100


def test_a_withdrawn_arrival_does_not_count():
    """An arrival that another limiter refused does not count."""
    limiter = Limiter(parse_windows("1/5s"))
    limiter.arrive(0.0)
    limiter.take_back()
    assert isinstance(limiter.arrive(0.0), Passed)
