"""The plan's arithmetic, and the library's dry run."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.pace import Pacer
from masivo_stream.flow.plan import time_needed
from masivo_stream.model.window import Window, parse_windows


def test_the_slowest_window_decides():
    """720 requests an hour at one in 5 s; 250 an hour bind on a development account."""
    assert time_needed(721, parse_windows("1/5s,1000/h")) == 3600
    assert time_needed(251, parse_windows("1/5s,250/h")) == 3600
    assert time_needed(250, parse_windows("1/5s,250/h")) == 249 * 5
    assert time_needed(10_000, ()) == 0
    assert time_needed(1, parse_windows("1/5s")) == 0
    assert time_needed(0, parse_windows("1/5s")) == 0


@given(
    requests=st.integers(0, 200),
    windows=st.lists(st.builds(Window, st.integers(1, 20), st.floats(0.5, 50)), max_size=3),
)
def test_the_plan_is_what_the_pacer_does(requests, windows):
    """The time foretold is the time a pacer without latency takes, but for its guard."""
    pacer, now = Pacer(windows), 0.0
    for _ in range(requests):
        now += pacer.reserve(now)
        pacer.arrived(pacer.depart(now), now)
    foretold = time_needed(requests, windows)
    assert foretold <= now + 1e-6
    assert now <= foretold + 0.02 * requests + 1e-6
