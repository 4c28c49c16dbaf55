import math
import random
from itertools import repeat

import pytest
from core.server import refusals, travel
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.pacing.pace import ENOUGH, MARGIN, Pacer, WindowCount
from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.model.window import Window

some_windows = st.lists(
    st.builds(Window, st.integers(1, 5), st.floats(0.1, 100, allow_subnormal=False)), min_size=1, max_size=3
)
pauses = st.floats(0, 60, allow_subnormal=False)
steps = st.lists(
    st.tuples(st.sampled_from(["go", "go", "go", "arrived", "lost", "other", "hold"]), pauses), max_size=80
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
        elif step == "other":
            if pacer.reserve(now) == 0:  # another process keeps to the windows as well
                left[pacer.count_other(now)] = now
        elif pacer.reserve(now) == 0:
            assert now >= held_until
            left[pacer.depart(now)] = now
    departures = sorted(left.values())
    for window in windows:
        for first, beyond in zip(departures, departures[window.limit :], strict=False):
            assert beyond - first >= window.seconds


@settings(deadline=None)
@given(some_windows, steps)
def test_a_caller_that_waits_as_reserve_asks_departs_in_the_end(windows, steps):
    """A caller that keeps waiting as `reserve` says may depart in the end, after two windows at the latest."""
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
def test_a_server_that_counts_arrivals_refuses_no_request(road, windows):
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
def test_a_request_slightly_quicker_than_all_before_is_not_early(seen, quicker):
    """The fewer answers are known, the more a record is allowed for: here latencies of 0.1 to 0.3 s, then a record."""
    latencies = iter([*[0.1, 0.3] * (seen // 2), quicker])
    _, arrived = travel(
        Pacer([Window(1, 5.0)]), forth=lambda: next(latencies), back=lambda: 0.0, requests=seen + 1, uploaders=1
    )
    assert refusals([Window(1, 5.0)], arrived) == 0


@pytest.mark.parametrize("latency", [0.05, 0.4, 2.0])
def test_few_departures_are_lost_at_a_steady_latency(latency):
    """With requests always waiting, at least 99 % of the departures are used once equal latencies are known."""
    departed, arrived = travel(
        Pacer([Window(1, 5.0)]), forth=lambda: latency, back=lambda: latency, requests=1000, uploaders=2
    )
    known = departed[ENOUGH:]
    allowed = (known[-1] - known[0]) / 5.0
    assert len(known) - 1 >= 0.99 * allowed
    assert refusals([Window(1, 5.0)], arrived) == 0


def answered(pacer: Pacer, latency: float, times: int, *, start: float = 0.0) -> float:
    """Let a number of requests pass one after the other; return when the last one departed."""
    now = start
    for _ in range(times):
        now += pacer.reserve(now)
        pacer.arrived(pacer.depart(now), now + latency)
    return now


def test_an_unanswered_request_may_be_arriving_only_now():
    """While an answer is out for longer than any before, the next departure moves on, by one window at most."""
    pacer = Pacer([Window(1, 5.0)])
    now = answered(pacer, 0.1, ENOUGH) + 5.0 + MARGIN
    pacer.depart(now)
    for waited, expected in [(1.0, 5.9 + MARGIN), (4.0, 8.9 + MARGIN), (60.0, 10.0)]:
        assert pacer.earliest(now + waited) == pytest.approx(now + expected)


def test_a_caller_asks_again_when_the_answer_may_be_known():
    """Not later: the answer may show that the request was a quick one, and the slot is free already."""
    pacer = Pacer([Window(1, 5.0)])
    now = answered(pacer, 0.1, ENOUGH)
    now += pacer.reserve(now)
    pacer.arrived(pacer.depart(now), now + 3.0)
    now += 10.0
    ticket = pacer.depart(now)
    assert pacer.earliest(now) > now + 7.0
    assert pacer.reserve(now) == pytest.approx(5.0 + MARGIN)
    pacer.arrived(ticket, now + 0.1)
    assert pacer.earliest(now + 5.0) < now + 7.0


def test_a_request_that_leaves_late_moves_the_next_one():
    """The windows count from the moment it leaves, and its latency begins then, too."""
    pacer = Pacer([Window(1, 5.0)])
    first = pacer.depart(10.0)
    pacer.leave(first, 12.0)
    assert pacer.earliest(12.0) >= 17.0
    pacer.arrived(first, 12.1)
    assert pacer.snapshot(12.1).guard == pytest.approx(0.1 + MARGIN)
    pacer.leave(first, 20.0)  # it is answered: nothing changes
    assert pacer.earliest(20.0) < 18.0
    pacer = Pacer([Window(2, 5.0)])
    first, second = pacer.depart(10.0), pacer.depart(10.1)
    pacer.leave(second, 10.1)
    pacer.leave(first, 13.0)
    pacer.lost(second, 10.2)
    pacer.lost(first, 13.1)
    third = pacer.depart(15.1)
    pacer.lost(third, 15.1)
    assert pacer.earliest(15.2) >= 18.0  # the second one is counted as one that came after the first


def test_a_lost_request_keeps_its_slot_and_does_not_widen_the_guard():
    """It may have arrived as late as it was given up, so the next one keeps that much distance, and no later one."""
    pacer = Pacer([Window(1, 5.0)])
    now = answered(pacer, 0.1, ENOUGH) + 10.0
    before = pacer.snapshot(now).guard
    ticket = pacer.depart(now)
    pacer.lost(ticket, now + 3.0)
    pacer.arrived(ticket, now + 3.5)
    assert pacer.snapshot(now + 3.0).guard == pytest.approx(before)
    assert pacer.earliest(now + 3.0) == pytest.approx(now + 5.0 + before + 3.0 - 0.1)


def test_a_withdrawn_departure_frees_its_slot():
    """If no request left, the slot is free again."""
    pacer = Pacer([Window(1, 5.0)])
    pacer.withdraw(pacer.depart(10.0))
    assert pacer.reserve(10.0) == 0.0


@pytest.mark.parametrize(("answered_after", "needed"), [(0.4, 0.4), (None, 1.0)])
def test_departures_of_other_processes_count_like_our_own(answered_after, needed):
    """As late as they were answered; until that is known, they may be arriving only now."""
    pacer = Pacer([Window(1, 5.0)])
    ticket = pacer.count_other(100.0)
    if answered_after is not None:
        pacer.lost(ticket, 100.0 + answered_after)
    assert pacer.earliest(101.0) == pytest.approx(100.0 + 5.0 + needed + MARGIN)


def test_an_answer_to_another_process_may_be_known_later():
    """It was slow; those that departed after it do not matter."""
    pacer = Pacer([Window(2, 5.0)])
    first, second = pacer.count_other(100.0), pacer.count_other(100.5)
    pacer.lost(second, 100.6)
    pacer.lost(first, 103.0)
    assert pacer.earliest(104.0) == pytest.approx(103.0 + 5.0 + MARGIN)


def test_holds_are_respected_and_never_shortened():
    """Nothing departs before the latest moment any hold has named."""
    pacer = Pacer([Window(5, 1.0)])
    pacer.hold(100.0)
    pacer.hold(50.0)
    assert [pacer.reserve(now) for now in (40.0, 99.0, 100.0, 101.0)] == [60.0, 1.0, 0.0, 0.0]


def test_only_a_hold_delays_a_departure_without_windows():
    """Without windows there is no limit, but the server's word counts."""
    pacer = Pacer([])
    assert not pacer.limited
    assert [(pacer.reserve(0.0), pacer.depart(0.0)) for _ in range(3)] == [(0.0, 1), (0.0, 2), (0.0, 3)]
    pacer.hold(4.0)
    assert pacer.reserve(1.0) == 3.0


def test_a_snapshot_shows_the_use_of_each_window():
    """Departures within each window's length, and the total."""
    windows = (Window(2, 10.0), Window(5, 100.0))
    pacer = Pacer(windows)
    for now in (0.0, 15.0, 21.0):
        pacer.lost(pacer.depart(now), now)
    snapshot = pacer.snapshot(24.0)
    assert snapshot.windows == (WindowCount(windows[0], 2), WindowCount(windows[1], 3))
    assert (snapshot.departures, snapshot.guard, snapshot.held_until) == (3, MARGIN, 0.0)


def answered_with(pacer, now, latency=0.1, **headers):
    """Let a request depart and be answered; return the moment of the answer and what it corrected."""
    ticket = pacer.depart(now)
    pacer.arrived(ticket, now + latency)
    return now + latency, pacer.correct(ticket, RateHeaders(**headers), now + latency)


def test_a_server_that_agrees_changes_nothing():
    """Its reset is in whole seconds, rounded up: our own count is more exact, and no slot is lost."""
    pacer = Pacer([Window(1, 5.0), Window(1000, 3600.0)])
    _, correction = answered_with(pacer, 100.0, limit=1, remaining=0, reset=5.0)
    assert correction.held_until == 0.0
    assert pacer.earliest(101.0) == pytest.approx(100.0 + 5.1 + MARGIN)


@pytest.mark.parametrize("limit", [None, 250, 1000])
def test_an_exhausted_quota_of_the_server_delays_departures(limit):
    """In a known or an unknown window: nothing remains, so nothing departs before its reset."""
    pacer = Pacer([Window(1, 5.0), Window(1000, 3600.0)])
    answer, correction = answered_with(pacer, 100.0, limit=limit, remaining=0, reset=600.0)
    assert correction.held_until == answer + 600.0
    assert pacer.earliest(answer) == answer + 600.0


@pytest.mark.parametrize("headers", [{"remaining": 1, "reset": 600.0}, {"remaining": 0}, {"reset": 600.0}, {}])
def test_our_own_count_decides_while_something_remains(headers):
    """An incomplete set of headers does not change anything either."""
    pacer = Pacer([Window(1, 5.0)])
    assert answered_with(pacer, 100.0, **headers)[1].held_until == 0.0
    assert pacer.earliest(101.0) <= 100.0 + 5.1 + MARGIN


def test_requests_of_other_programs_are_counted():
    """Another program uses the account: the server counts more requests in a window than are known here."""
    windows = (Window(1, 5.0), Window(1000, 3600.0))
    pacer, now = Pacer(windows), 0.0
    for foreign in (0, 7, 3):
        for _ in range(5):
            now += pacer.reserve(now)
            used = len(pacer._flights) + 1 + foreign
            _, correction = answered_with(pacer, now, limit=1000, remaining=1000 - used, reset=3000.0)
        assert correction.foreign == foreign
        assert pacer.snapshot(now).windows[1].foreign == foreign
    now += 5000.0
    assert (
        answered_with(pacer, now, limit=1000, remaining=995, reset=3000.0)[1].foreign == 4
    )  # ours have left the window
    assert answered_with(pacer, now + 9, limit=1000, remaining=0, reset=80_000.0)[1].foreign == 0  # no window of ours


@settings(deadline=None)
@given(st.integers(1, 3), st.lists(st.floats(0.01, 0.3), min_size=30, max_size=120), st.integers(0, 2**32))
def test_rate_headers_that_agree_with_our_count_cost_no_slot(limit, latencies, seed):
    """With the state of the tightest window in each answer, in whole seconds, no departure is later."""
    chance = random.Random(seed)
    plain, corrected = Pacer([Window(limit, 5.0)]), Pacer([Window(limit, 5.0)])
    now, arrivals = 0.0, []
    for latency in latencies:
        now += plain.reserve(now)
        while plain.reserve(now):
            now += plain.reserve(now)
        assert corrected.reserve(now) == 0.0
        arrivals.append(now + latency * chance.random())
        known = sorted(each for each in arrivals if each > arrivals[-1] - 5.0)
        said = RateHeaders(limit=limit, remaining=limit - len(known), reset=math.ceil(known[0] + 5.0 - arrivals[-1]))
        for pacer in (plain, corrected):
            ticket = pacer.depart(now)
            pacer.arrived(ticket, now + latency)
        assert corrected.correct(ticket, said, now + latency).held_until == 0.0
        now += latency
