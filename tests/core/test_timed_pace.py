"""Windows with hours: never more than the limit in force allows, never idle when a request is allowed."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.pacing.pace import MARGIN, Pacer
from masivo_stream.core.pacing.rate_headers import RateHeaders
from masivo_stream.core.pacing.schedule import ScheduledScope, last_departure
from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.model.hours import Hours, cover_the_day, stretch_at
from masivo_stream.model.window import Window, parse_timed_windows

EPOCH = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
"""Moments count from here: midnight in UTC."""

EDGE = 0.0021
"""Seconds by which an end of hours may be late."""

HOUR, DAY = 3600.0, 86_400.0

hours = st.tuples(st.integers(0, 23), st.integers(1, 23)).map(
    lambda drawn: Hours(drawn[0] * 60, (drawn[0] + drawn[1]) % 24 * 60 or 1440)
)
plain = st.builds(Window, st.integers(1, 5), st.sampled_from([600.0, 1800.0, HOUR, 5 * HOUR, DAY]))
timed = st.builds(Window, st.integers(0, 4), st.sampled_from([900.0, HOUR, 7 * HOUR, 2 * DAY]), hours)


def may_send(windows):
    return not cover_the_day([window.hours for window in windows if window.hours and not window.limit])


some_windows = st.builds(
    lambda plains, timeds: plains + timeds, st.lists(plain, max_size=2), st.lists(timed, min_size=1, max_size=2)
).filter(may_send)


def table(zone=UTC, shift=EPOCH):
    return Timetable(lambda hours, moment: stretch_at(hours, zone, moment), lambda: shift)


def holds(window, moment):
    """Hours in UTC: moments count from a midnight."""
    return window.hours is None or window.hours.hold_at(moment % DAY)


def full(window, departures, moment, tolerance=0.0):
    """Return whether a window has no room for a departure at a moment, as a person would count."""
    counted = [each for each in departures if holds(window, each)]
    return holds(window, moment) and (
        sum(each > moment - window.seconds - tolerance for each in counted) >= window.limit
    )


steps = st.lists(st.tuples(st.booleans(), st.floats(0, 4 * HOUR, allow_subnormal=False)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(some_windows, st.floats(0, 2 * DAY), steps)
@example([Window(0, 900.0, Hours(480, 540))], 14399.999999999998, [(False, 14399.999999999998)])
def test_requests_keep_to_the_windows_in_force_and_never_wait_without_one(windows, now, steps):
    """Of this process and of others, whenever they ask.

    They ask at whole milliseconds: Unix seconds do not tell moments apart that are less than a microsecond from one
    another, and a moment that near to the end of hours may count for either side.
    """
    pacer, departures = Pacer(windows, table()), []
    for own, pause in steps:
        now = round(now + pause, 3)
        wait = pacer.reserve(now)
        if wait:
            late = MARGIN + EDGE  # a window opens a little later than it has to
            assert any(full(window, departures, now, late) for window in windows)
            for window in windows:
                assert not full(window, departures, now + wait + EDGE)
            continue
        assert not any(full(window, departures, now) for window in windows)
        ticket = pacer.depart(now) if own else pacer.count_other(now)
        pacer.arrived(ticket, now)
        departures.append(now)


@settings(max_examples=100, deadline=None)
@given(some_windows, st.floats(0, 2 * DAY), st.lists(st.floats(0, HOUR), max_size=20))
@example([Window(0, 900.0, Hours(0, 60)), Window(0, HOUR, Hours(0, 60))], 0.0, [0.0])
def test_the_window_that_is_waited_for_is_the_one_that_decides(windows, now, pauses):
    """Without it, the request could leave earlier, unless another one decides the same; without any, it could now."""
    pacer, departures = Pacer(windows, table()), []
    for pause in pauses:
        now += pause
        awaited, earliest = pacer.awaited(now), pacer.earliest(now)
        assert (awaited is None) is (earliest <= now)
        if awaited is None:
            pacer.arrived(pacer.depart(now), now)
            departures.append(now)
            continue
        others = Pacer([window for window in windows if window != awaited], table())
        for moment in departures:
            others.arrived(others.depart(moment), moment)
        without = others.earliest(now)
        assert without < earliest or (without == earliest and others.awaited(now) is not None)  # two may end together


@settings(max_examples=100, deadline=None)
@given(some_windows, st.floats(0, 2 * DAY))
def test_a_caller_that_waits_as_asked_departs_at_the_first_moment_that_is_allowed(windows, now):
    """Just before, some window in force is full, or a moment earlier was; the wait is asked for once."""
    pacer, departures = Pacer(windows, table()), []
    for _ in range(25):
        before, wait = now, pacer.reserve(now)
        now += wait
        again = pacer.reserve(now)
        assert again < 1e-6
        if wait > 2 * MARGIN:
            just_before = now - 2 * MARGIN
            assert any(full(window, departures, just_before, MARGIN) for window in windows), (before, now)
        pacer.arrived(pacer.depart(now + again), now + again)
        departures.append(now + again)


def one_by_one(requests, windows, past, moment):
    """Depart as a person would count: try each moment at which a window may open, or hours begin or end."""
    departures = list(past)
    for _ in range(requests):
        opens = {each + window.seconds for each in departures for window in windows}
        begins = {moment // HOUR * HOUR + number * HOUR for number in range(4 * 24)}
        tried = sorted(each for each in {moment} | opens | begins if each >= moment)
        moment = next(each for each in tried if room(windows, departures, each))
        departures.append(moment)
    return moment


def room(windows, departures, moment):
    return not any(full(window, departures, moment) for window in windows)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 25),
    some_windows,
    st.lists(st.integers(-200, 0).map(lambda quarters: quarters * 900.0), max_size=8).map(sorted),
    st.integers(0, 96).map(lambda quarters: quarters * 900.0),
)
def test_the_forecast_is_that_of_single_departures(requests, windows, past, moment):
    """Whatever departed before, and whenever the forecast begins."""
    past = [each + moment for each in past]
    found = last_departure(requests, [ScheduledScope(tuple(windows), past)], now=moment, timetable=table())
    assert found == pytest.approx(one_by_one(requests, windows, past, moment), abs=EDGE * (requests + 1))


def test_a_forecast_of_a_working_day():
    """From 07:00 on: an hour at one in 5 s, twelve at one in 30 s, then one in 5 s."""
    windows = parse_timed_windows("1/5s,1000/h,08:00-20:00 1/30s")

    def last(requests):
        scope = ScheduledScope(windows)
        return last_departure(requests, [scope], now=7 * HOUR, timetable=table()) / HOUR

    assert last(720) == pytest.approx(7 + 3595 / 3600)
    assert last(721) == pytest.approx(8, abs=1e-5)
    assert last(720 + 1440) == pytest.approx(8 + 1439 * 30 / 3600, abs=1e-5)
    assert last(720 + 1440 + 720) == pytest.approx(20 + 3595 / 3600, abs=1e-5)
    per_day = 1440 + 12 * 720
    assert last(720 + 1440 + 1000 * per_day) - last(720 + 1440) == pytest.approx(24_000, abs=0.01)


def test_a_forecast_of_years_takes_few_steps():
    """Ten million requests at one in 5 s by night and none by day: 1157 nights."""
    windows, table_ = parse_timed_windows("1/5s,1000/h,08:00-20:00 pause"), table()
    asked = []
    hold_at = table_._hold_at
    table_._hold_at = lambda *question: asked.append(1) or hold_at(*question)
    end = last_departure(10_000_000, [ScheduledScope(windows)], timetable=table_)
    assert end / DAY == pytest.approx(10_000_000 / (12 * 720), rel=0.002)
    assert len(asked) < 40


def test_the_clock_change_is_in_the_forecast():
    """The night of 25 October 2026 has nine hours from 22:00 to 06:00 in Madrid."""
    madrid = ZoneInfo("Europe/Madrid")
    begin = datetime(2026, 10, 24, 22, tzinfo=madrid).timestamp()
    windows = parse_timed_windows("1/5s,06:00-22:00 pause")
    of_nine_hours = 9 * 720
    ends = [
        last_departure(requests, [ScheduledScope(windows)], timetable=table(madrid, begin))
        for requests in (of_nine_hours, of_nine_hours + 1)
    ]
    assert ends == [pytest.approx(9 * HOUR - 5, abs=0.1), pytest.approx(25 * HOUR, abs=0.1)]


def test_a_window_with_hours_is_not_the_servers():
    """What the server says of a window of the same size is about the one that always holds."""
    pacer = Pacer(parse_timed_windows("100/h,00:00-12:00 20/h"), table())
    ticket = pacer.depart(0.0)
    pacer.arrived(ticket, 0.1)
    assert pacer.correct(ticket, RateHeaders(limit=20, remaining=10, reset=100.0), 0.1).foreign == 0
    assert pacer.correct(ticket, RateHeaders(limit=100, remaining=10, reset=100.0), 0.1).foreign == 89


def test_a_departure_that_is_taken_back_counts_nowhere():
    """Nothing of the request left."""
    pacer = Pacer(parse_timed_windows("00:00-12:00 1/h"), table())
    pacer.withdraw(pacer.depart(0.0))
    assert pacer.reserve(1.0) == 0
    assert pacer.moments(-1.0) == []


def test_requests_of_earlier_hours_are_remembered_however_many_come_between():
    """By night a thousand an hour leave; the day's window still knows those of the day before."""
    pacer = Pacer(parse_timed_windows("1/5s,08:00-20:00 3/2d"), table())
    for moment in [*(8 * HOUR + each for each in (0, 10, 20)), *(20 * HOUR + 5.1 * each for each in range(2000))]:
        assert pacer.reserve(moment) == 0
        pacer.arrived(pacer.depart(moment), moment)
    assert pacer.reserve(32 * HOUR) == pytest.approx(12 * HOUR, abs=1)
    assert [str(window) for window in [pacer.awaited(32 * HOUR)]] == ["08:00-20:00 3/2d"]
    assert pacer.awaited(45 * HOUR) is None
    assert all(later > earlier for earlier, later in pairwise(pacer.moments(0.0)))
