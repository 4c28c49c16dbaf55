import random
from itertools import repeat

import pytest
from core.server import refusals, travel
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.pace import ENOUGH, MARGIN, Pacer, WindowUse
from masivo_stream.model.window import Window

some_windows = st.lists(
    st.builds(Window, st.integers(1, 5), st.floats(0.1, 100, allow_subnormal=False)), min_size=1, max_size=3
)
pauses = st.floats(0, 60, allow_subnormal=False)
steps = st.lists(
    st.tuples(st.sampled_from(["go", "go", "go", "arrived", "lost", "postpone", "hold"]), pauses), max_size=80
)


@settings(max_examples=200, deadline=None)
@given(some_windows, st.floats(0, 1e6), steps)
def test_no_window_holds_more_departures_than_its_limit(windows, start, steps):
    """Whatever happens in between, no span of a window's length sees more departures than allowed, nor a hold any."""
    pacer, now, left, held_until = Pacer(windows), start, {}, 0.0
    for step, pause in steps:
        now += pause
        ticket = max(left, default=0)
        if step == "hold":
            held_until = max(held_until, now + pause)
            pacer.hold(now + pause)
        elif step == "arrived":
            pacer.arrived(ticket, now)
        elif step == "lost":
            pacer.lost(ticket, now)
        elif step == "postpone" and left:
            pacer.postpone(ticket, now)
            left[ticket] = now if ticket in pacer._under_way else left[ticket]
        elif pacer.reserve(now) == 0:
            assert now >= held_until
            left[pacer.depart(now)] = now
    departures = sorted(left.values())
    for window in windows:
        for first, beyond in zip(departures, departures[window.limit :], strict=False):
            assert beyond - first >= window.seconds


@settings(deadline=None)
@given(some_windows, steps)
def test_waiting_as_told_ends(windows, steps):
    """One who waits as `reserve` says, again and again, may depart in the end, two windows on at the latest."""
    pacer, now = Pacer(windows), 0.0
    for step, pause in steps:
        now += pause
        if step == "go" and pacer.reserve(now) == 0:
            pacer.depart(now)
        elif step == "arrived":
            pacer.arrived(pacer.snapshot(now).departures, now)
    latest = now + 2 * max(window.seconds for window in windows) + 1e-6
    for _ in range(100):
        now += pacer.reserve(now)
    assert pacer.reserve(now) == 0
    assert now <= latest


ROADS = {
    "any latency up to 0.3 s": (lambda chance: chance.uniform(0, 0.3), lambda _: 0.0),
    "there and back": (lambda chance: chance.uniform(0, 0.3), lambda chance: chance.uniform(0, 0.3)),
    "far away": (lambda chance: 0.05 + chance.uniform(0, 0.3), lambda _: 0.05),
    "mostly quick": (lambda chance: 0.02 + min(chance.expovariate(10), 0.3), lambda _: 0.02),
    "one of two ways": (lambda chance: chance.choice([0.0, 0.3]), lambda _: 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "windows",
    [
        [Window(1, 5.0)],
        [Window(1, 5.0), Window(20, 120.0)],
        [Window(10, 1.0)],
        [Window(3, 2.0), Window(60, 60.0)],
    ],
    ids=lambda windows: ",".join(map(str, windows)),
)
def test_a_server_that_counts_arrivals_refuses_none(road, windows):
    """Over a road whose latency varies, the guard keeps every window of the server, on every one of many days."""
    forth, back = ROADS[road]
    for day in range(12):
        chance = random.Random(day)
        _, arrived = travel(
            Pacer(windows),
            forth=lambda chance=chance: forth(chance),
            back=lambda chance=chance: back(chance),
            requests=250,
            uploaders=8,
        )
        assert refusals(windows, arrived) == 0


@pytest.mark.parametrize("slow", [0.5, 3.0])
def test_a_slow_request_long_ago_is_not_forgotten(slow):
    """The request that opens an hour's window may have been slow when none of those since was."""
    windows = [Window(100, 600.0)]
    latencies = iter([slow, *repeat(0.1, 300)])
    _, arrived = travel(Pacer(windows), forth=lambda: next(latencies), back=lambda: 0.0, requests=150, uploaders=1)
    assert refusals(windows, arrived) == 0


@pytest.mark.parametrize(("seen", "quicker"), [(ENOUGH, 0.01), (2 * ENOUGH, 0.06)])
def test_a_request_somewhat_quicker_than_any_before_is_not_early(seen, quicker):
    """The fewer answers are known, the more a record is allowed for: here latencies of 0.1 to 0.3 s, then a record."""
    latencies = iter([*[0.1, 0.3] * (seen // 2), quicker])
    _, arrived = travel(
        Pacer([Window(1, 5.0)]), forth=lambda: next(latencies), back=lambda: 0.0, requests=seen + 1, uploaders=1
    )
    assert refusals([Window(1, 5.0)], arrived) == 0


@pytest.mark.parametrize("latency", [0.05, 0.4, 2.0])
def test_over_a_steady_road_hardly_a_departure_is_lost(latency):
    """With requests always waiting, at least 99 % of the departures are used once equal latencies are known."""
    departed, arrived = travel(
        Pacer([Window(1, 5.0)]), forth=lambda: latency, back=lambda: latency, requests=1000, uploaders=2
    )
    known = departed[ENOUGH:]
    allowed = (known[-1] - known[0]) / 5.0
    assert len(known) - 1 >= 0.99 * allowed
    assert refusals([Window(1, 5.0)], arrived) == 0


def answered(pacer: Pacer, latency: float, times: int, *, start: float = 0.0) -> float:
    """Let so many requests pass one after the other; return when the last one departed."""
    now = start
    for _ in range(times):
        now += pacer.reserve(now)
        pacer.arrived(pacer.depart(now), now + latency)
    return now


def test_a_request_under_way_may_be_arriving_only_now():
    """While an answer is out for longer than any before, the next departure moves on, by one window at most."""
    pacer = Pacer([Window(1, 5.0)])
    now = answered(pacer, 0.1, ENOUGH) + 5.0 + MARGIN
    pacer.depart(now)
    for waited, expected in [(1.0, 5.9 + MARGIN), (4.0, 8.9 + MARGIN), (60.0, 10.0)]:
        assert pacer.earliest(now + waited) == pytest.approx(now + expected)


def test_a_lost_request_keeps_its_slot_and_teaches_no_spread():
    """It may have arrived as late as it was given up, so the next one keeps that much distance, and no later one."""
    pacer = Pacer([Window(1, 5.0)])
    now = answered(pacer, 0.1, ENOUGH) + 10.0
    before = pacer.snapshot(now).guard
    ticket = pacer.depart(now)
    pacer.lost(ticket, now + 3.0)
    pacer.arrived(ticket, now + 3.5)
    assert pacer.snapshot(now + 3.0).guard == before
    assert pacer.earliest(now + 3.0) == pytest.approx(now + 5.0 + before + 3.0 - 0.1)


def test_a_withdrawn_departure_never_was():
    """Where nothing left, the slot is free again."""
    pacer = Pacer([Window(1, 5.0)])
    pacer.withdraw(pacer.depart(10.0))
    assert pacer.reserve(10.0) == 0.0


def test_connecting_takes_time():
    """The window runs from the moment the bytes leave, not from the moment one began to connect."""
    pacer = Pacer([Window(1, 5.0)])
    ticket = pacer.depart(100.0)
    pacer.postpone(ticket, 102.0)
    pacer.arrived(ticket, 102.5)
    assert pacer.earliest(103.0) == pytest.approx(102.0 + 5.0 + 0.5 + MARGIN)


def test_holds_are_kept_and_never_shortened():
    """Nothing departs before the latest moment any hold has named."""
    pacer = Pacer([Window(5, 1.0)])
    pacer.hold(100.0)
    pacer.hold(50.0)
    assert [pacer.reserve(now) for now in (40.0, 99.0, 100.0, 101.0)] == [60.0, 1.0, 0.0, 0.0]


def test_without_windows_only_a_hold_stops_anything():
    """No limit is no limit, but a server's word counts."""
    pacer = Pacer([])
    assert not pacer.limited
    assert [(pacer.reserve(0.0), pacer.depart(0.0)) for _ in range(3)] == [(0.0, 1), (0.0, 2), (0.0, 3)]
    pacer.hold(4.0)
    assert pacer.reserve(1.0) == 3.0


def test_a_snapshot_tells_how_the_windows_stand():
    """Departures within each window's length, and how many there were at all."""
    windows = (Window(2, 10.0), Window(5, 100.0))
    pacer = Pacer(windows)
    for now in (0.0, 15.0, 21.0):
        pacer.lost(pacer.depart(now), now)
    snapshot = pacer.snapshot(24.0)
    assert snapshot.windows == (WindowUse(windows[0], 2), WindowUse(windows[1], 3))
    assert (snapshot.departures, snapshot.guard, snapshot.held_until) == (3, MARGIN, 0.0)
