"""Hours of the day in which a limit holds: on the clocks on walls, whatever is done to them."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.pacing.timetable import Timetable
from masivo_stream.model.hours import Hours, cover_the_day, parse_hours, stretch_at
from masivo_stream.model.window import Window, parse_timed_windows

MADRID = ZoneInfo("Europe/Madrid")
"""Clocks go forward at 02:00 on 29 March 2026, and back at 03:00 on 25 October 2026."""


def unix(text):
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def stretches(text, begin, end, zone=MADRID):
    """Return the stretches in which hours hold, between two moments, in UTC."""
    hours, moment, found = parse_hours(text), unix(begin), []
    while moment < unix(end):
        holds, change = stretch_at(hours, zone, moment)
        if holds:
            found.append(tuple(f"{datetime.fromtimestamp(at, UTC):%d %H:%M}" for at in (moment, change)))
        moment = change
    return found


SPRING = ("2026-03-28T12:00+00:00", "2026-03-30T12:00+00:00")
AUTUMN = ("2026-10-24T12:00+00:00", "2026-10-26T12:00+00:00")


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("08:00-20:00", SPRING, [("28 12:00", "28 19:00"), ("29 06:00", "29 18:00"), ("30 06:00", "30 18:00")]),
        ("22:00-06:00", SPRING, [("28 21:00", "29 04:00"), ("29 20:00", "30 04:00")]),  # a night of seven hours
        ("02:30-04:00", SPRING, [("29 01:00", "29 02:00"), ("30 00:30", "30 02:00")]),  # its begin does not exist
        ("01:00-02:30", SPRING, [("29 00:00", "29 01:00"), ("29 23:00", "30 00:30")]),  # its end does not exist
        ("02:10-02:50", SPRING, [("30 00:10", "30 00:50")]),  # none of it exists on the 29th
        ("22:00-06:00", AUTUMN, [("24 20:00", "25 05:00"), ("25 21:00", "26 05:00")]),  # a night of nine hours
        ("02:30-04:00", AUTUMN, [("25 00:30", "25 01:00"), ("25 01:30", "25 03:00"), ("26 01:30", "26 03:00")]),
        ("01:00-02:30", AUTUMN, [("24 23:00", "25 00:30"), ("25 01:00", "25 01:30"), ("26 00:00", "26 01:30")]),
        ("02:00-03:00", AUTUMN, [("25 00:00", "25 02:00"), ("26 01:00", "26 02:00")]),  # twice, without a break
        ("20:00-24:00", AUTUMN, [("24 18:00", "24 22:00"), ("25 19:00", "25 23:00")]),
        ("00:00-00:01", AUTUMN, [("24 22:00", "24 22:01"), ("25 23:00", "25 23:01")]),
    ],
)
def test_hours_hold_while_a_clock_shows_them(text, days, expected):
    """Also on days of 23 and of 25 hours."""
    assert stretches(text, *days) == expected


ZONES = ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"]
"""Summer time of half an hour, a zone off the hours, and one that has given summer time up."""


@settings(deadline=None)
@given(
    begin=st.integers(0, 1439),
    length=st.integers(1, 1439),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    moment=st.floats(1_500_000_000, 2_000_000_000),
)
def test_a_stretch_is_as_long_as_nothing_changes(begin, length, zone, moment):
    """Every minute of a stretch, a clock shows what it shows at the beginning; after it, the other."""
    hours = Hours(begin, (begin + length) % 1440 or 1440)

    def shown(at):
        there = datetime.fromtimestamp(at, UTC).astimezone(zone)
        return hours.hold_at(there.hour * 3600 + there.minute * 60 + there.second)

    holds, change = stretch_at(hours, zone, moment)
    assert change > moment
    assert all(shown(at) is holds for at in [moment, *_steps(moment, change), change - 0.01] if at < change)
    assert shown(change) is not holds


def _steps(begin, end):
    return [begin + 300 * number for number in range(int((end - begin) / 300))]


def test_hours_of_far_years_go_on():
    """A forecast may be for a year in which dates end."""
    assert stretch_at(parse_hours("08:00-20:00"), MADRID, 4e11) == (True, 4e11 + (72000 - 4e11 % 86400))
    assert stretch_at(parse_hours("22:00-06:00"), UTC, 4e11)[0] is False


@pytest.mark.parametrize(
    "text", ["8:00-20:00", "08:00 - 20:00", "08:00\u201320:00", " 08:00-20:00", "22:00-06:00", "20:00-24:00"]
)
def test_hours_are_read_as_people_write_them(text):
    """One digit, spaces, and the dash of a word processor."""
    assert parse_hours(str(parse_hours(text))) == parse_hours(text)


@pytest.mark.parametrize(
    "text",
    [
        "8-20",
        "08.00-20.00",
        "25:00-26:00",
        "08:60-09:00",
        "24:00-06:00",
        "08:00-08:00",
        "00:00-24:00",
        "08:00",
        "x",
        "",
    ],
)
def test_what_is_not_hours_is_refused(text):
    """A whole day is no hours either."""
    with pytest.raises(ValueError, match="hours"):
        parse_hours(text)


def test_limits_with_hours_are_read_and_written():
    """The spelling of a window is what reads it."""
    written = "1/5s, 1000/h,08:00-20:00 1/30s, 22:00-06:00 pause"
    windows = parse_timed_windows(written)
    assert windows[2:] == (Window(1, 30.0, Hours(480, 1200)), Window(0, 1.0, Hours(1320, 360)))
    assert parse_timed_windows(",".join(map(str, windows))) == windows
    assert parse_timed_windows("none") == ()
    assert parse_timed_windows("none,08:00-20:00 1/30s") == windows[2:3]


@pytest.mark.parametrize(
    "text",
    [
        "pause",
        "08:00-20:00",
        "08:00-20:00 0",
        "08:00-20:00 1/30",
        "1/30s 08:00-20:00",
        "Mo-Fr 08:00-20:00 1/5s",
        "none,1/5s",
    ],
)
def test_what_is_not_a_limit_is_refused(text):
    """A pause without hours is `masivo-stream pause`."""
    with pytest.raises(ValueError, match=r"window|hours"):
        parse_timed_windows(text)


def test_pauses_may_cover_the_day_together():
    """To the minute."""
    assert cover_the_day([parse_hours("08:00-20:00"), parse_hours("20:00-08:00")])
    assert not cover_the_day([parse_hours("08:00-20:00"), parse_hours("20:01-08:00")])
    assert not cover_the_day([])


def test_a_timetable_is_by_the_clock_that_the_machine_shows_now():
    """The wall clock is set while a request waits: the hours move with it."""
    shift = [unix("2026-11-30T10:00+00:00")]
    zone = timezone(timedelta(hours=1))
    table = Timetable(lambda hours, moment: stretch_at(hours, zone, moment), lambda: shift[0])
    pause = parse_timed_windows("08:00-20:00 pause")[0]
    assert table.stretch(pause, 0.0) == (True, pytest.approx(9 * 3600, abs=0.1))
    shift[0] += 3600
    assert table.stretch(pause, 0.0) == (True, pytest.approx(8 * 3600, abs=0.1))
    shift[0] += 8 * 3600
    assert table.stretch(pause, 1.0)[0] is False
