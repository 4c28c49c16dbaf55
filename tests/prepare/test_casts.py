"""Casts: DuckDB reads numbers and dates as Python does, and says so if it cannot."""
# ruff: noqa: DTZ001, S608 - local times are what is tested; the queries are made of numbers and quoted text

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from masivo_stream.prepare.engine.casts import (
    NO_ZONE,
    cast_date,
    cast_number,
    describe_words,
    literal,
    repeated_spans,
)
from masivo_stream.prepare.engine.database import Database
from masivo_stream.prepare.engine.load import stage_casts
from masivo_stream.prepare.mapping.frame import Engine, Formats
from masivo_stream.prepare.settling.remarks import Why

ZONES = (
    "America/Bogota",
    "Europe/Madrid",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "UTC",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    with Database(Engine(memory="200MB", threads=1), tmp_path_factory.mktemp("spill"), []) as opened:
        yield opened


def cast(database, kind, texts, formats):
    """Return value and words of each text."""
    asked = kind("c0", formats, "v")
    values = ", ".join(f"({number}, {literal(text)})" for number, text in enumerate(texts))
    shown = asked.value if kind is cast_number else f"epoch_us({asked.value})"
    query = stage_casts(f"SELECT * FROM (VALUES {values}) AS t(n, c0)", [asked])
    words = describe_words([("0", asked)])
    found = database.rows(f"SELECT {shown}, {words} FROM ({query}) ORDER BY n")
    return [(value, {word.removesuffix(":0") for word in (words or "").split()}) for value, words in found]


# Numbers.

digits = st.text("0123456789", min_size=1, max_size=8)


def grouped(number, mark):
    return f"{number:,}".replace(",", mark)


@given(
    st.lists(st.decimals(-(10**11), 10**11, allow_nan=False, places=None), min_size=1, max_size=20),
    st.sampled_from([".", ","]),
    st.sampled_from(["", ".", ",", " ", "'", "\u00a0", "\u202f"]),
)
def test_numbers_are_exact(database, numbers, mark, group):
    """With each decimal mark and groups of thousands; what has more than six places is rounded, with a word."""
    group = "" if group == mark else group
    numbers = [number for number in numbers if -number.as_tuple().exponent <= 15]
    texts = [
        grouped(int(abs(number)), group)
        if not number % 1
        else f"{abs(number):,f}".replace(",", "g").replace(".", mark).replace("g", group)
        for number in numbers
    ]
    texts = [f"{'-' if number < 0 else ''}{text}" for text, number in zip(texts, numbers, strict=True)]
    if not numbers:
        return
    for number, (value, words) in zip(
        numbers, cast(database, cast_number, texts, Formats(decimal_mark=mark)), strict=True
    ):
        rounded = number.quantize(Decimal("0.000001"), ROUND_HALF_UP)
        assert value == rounded
        assert words == ({Why.ROUNDED} if rounded != number else set())


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        *(("10,50", ".", None), ("10.50", ",", None), ("1,234", ".", Decimal(1234)), ("1.234", ",", Decimal(1234))),
        *(("1.234,56", ",", Decimal("1234.56")), ("1,234.56", ".", Decimal("1234.56")), ("12.34,56", ",", None)),
        *(("", ".", None), ("  ", ".", None), (" 7 ", ".", Decimal(7)), ("+7", ".", Decimal(7)), ("+-7", ".", None)),
        *(("\u22127", ".", Decimal(-7)), ("7-", ".", None), ("(7)", ".", None), ("$7", ".", None)),
        *(("7 EUR", ".", None), (".5", ".", Decimal("0.5")), ("5.", ".", Decimal(5)), ("1e3", ".", Decimal(1000))),
        *(("1e-3", ".", Decimal("0.001")), ("999999999999.999999", ".", Decimal("999999999999.999999"))),
        *(("nan", ".", None), ("inf", ".", None), ("1_000", ".", None), ("0x10", ".", None), ("1 2", ".", None)),
        *(("1e400", ".", None), ("1000000000000", ".", None)),
    ],
)  # fmt: skip
def test_a_number_is_read_or_reported(database, text, mark, value):
    """Never guessed: what does not fit the declared mark is no number. Empty text is no number, and no fault."""
    ((found, words),) = cast(database, cast_number, [text], Formats(decimal_mark=mark))
    assert found == value
    assert words == ({Why.BAD_NUMBER} if value is None and text.strip() else set())


# Dates.

local_times = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)).map(lambda moment: moment.replace(microsecond=0))


def micros(moment):
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(
    st.lists(local_times, min_size=1, max_size=10),
    st.sampled_from(ZONES),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "iso"]),
)
@example([datetime(2024, 10, 27, 2, 30), datetime(2024, 3, 31, 2, 30), datetime(2024, 7, 1)], "Europe/Madrid", "iso")
@example([datetime(2024, 11, 3, 1, 30), datetime(2024, 3, 10, 2, 30)], "America/New_York", "iso")
@example([datetime(2024, 4, 7, 1, 45), datetime(2024, 10, 6, 2, 15)], "Australia/Lord_Howe", "iso")
def test_local_times_are_moments(database, moments, name, form):
    """As Python's time zones have them. A time that occurs twice is the later one, and both oddities have a word."""
    zone = ZoneInfo(name)
    texts = [moment.strftime("%Y-%m-%d %H:%M:%S" if form == "iso" else form) for moment in moments]
    found = cast(database, cast_date, texts, Formats(time_zone=name, date_formats=("%Y-%m-%d", form)))
    for moment, (value, words) in zip(moments, found, strict=True):
        first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        is_gap = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment
        is_fold = not is_gap and first.utcoffset() != second.utcoffset()
        assert value == micros((second if is_fold else first).astimezone(UTC))
        assert words == ({Why.SKIPPED_HOUR} if is_gap else {Why.REPEATED_HOUR} if is_fold else set())


@given(
    st.lists(local_times, min_size=1, max_size=10),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["%Y-%m-%d %H:%M:%S %z", "iso", "iso spaced"]),
)
def test_times_with_an_offset_need_no_zone(database, moments, minutes, form):
    """The offset in the text counts, not the zone of the mapping."""
    offset = timedelta(minutes=minutes)
    hours = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    texts = [
        f"{moment:%Y-%m-%dT%H:%M:%S}{hours}"
        if form == "iso"
        else f"{moment:%Y-%m-%d %H:%M:%S} {hours.replace(':', '')}"
        for moment in moments
    ]
    for zone in ("", "Asia/Tokyo"):
        formats = Formats(date_formats=(form.partition(" spaced")[0],), time_zone=zone)
        found = cast(database, cast_date, texts, formats)
        assert found == [(micros((moment - offset).replace(tzinfo=UTC)), set()) for moment in moments]


@pytest.mark.parametrize(
    ("text", "formats", "value", "words"),
    [
        ("01/02/2024", ["%d/%m/%Y", "%m/%d/%Y"], "2024-02-01T00:00:00", {Why.AMBIGUOUS_DATE}),
        ("01/13/2024", ["%d/%m/%Y", "%m/%d/%Y"], "2024-01-13T00:00:00", set()),
        ("2024-02-30", ["iso"], None, {Why.BAD_DATE}),
        ("2024-01-30T17:50:19.25Z", ["iso"], "2024-01-30T17:50:19.250000", set()),
        ("2024-01-30 17:50:19 UTC", ["iso"], "2024-01-30T17:50:19", set()),
        ("2024-01-30 17:50:19,5", ["iso"], "2024-01-30T17:50:19.500000", set()),
        ("1700000000", ["unix"], "2023-11-14T22:13:20", set()),
        ("1700000000123", ["unix_ms"], "2023-11-14T22:13:20.123000", set()),
        ("0000-00-00 00:00:00", ["iso"], None, {Why.ZERO_DATE}),
        ("0000-00-00", ["%Y-%m-%d"], None, {Why.ZERO_DATE}),
        ("", ["iso"], None, set()),
        (" 2024-01-30 ", ["iso"], "2024-01-30T00:00:00", set()),
        ("yesterday", ["iso", "%d/%m/%Y"], None, {Why.BAD_DATE}),
        *(("03/04/2024", ["%m/%d/%Y", "%d/%m/%Y"], "2024-03-04T00:00:00", {Why.AMBIGUOUS_DATE}),),
        *(("03/03/2024", ["%m/%d/%Y", "%d/%m/%Y"], "2024-03-03T00:00:00", set()),),
        *(("03/04/2024 9:5", ["%m/%d/%Y %H:%M", "%d/%m/%Y"], "2024-03-04T09:05:00", set()),),
        *(("2024-03-04", ["iso", "%Y-%d-%m"], "2024-03-04T00:00:00", {Why.AMBIGUOUS_DATE}),),
        *(("2024-03-04", ["%Y-%d-%m", "iso"], "2024-04-03T00:00:00", {Why.AMBIGUOUS_DATE}),),
        *(("2024-03-04", ["%Y-%m-%d", "iso"], "2024-03-04T00:00:00", set()),),
        *(("03/04/24", ["%d/%m/%Y", "%d/%m/%y"], "2024-04-03T00:00:00", set()),),
        *(("03/04/24", ["%d/%m/%Y"], None, {Why.BAD_DATE}), ("03/04/0024", ["%d/%m/%Y"], None, {Why.BAD_DATE})),
        *(
            ("0001-01-01T00:00:00Z", ["iso"], None, {Why.BAD_DATE}),
            ("9999-12-31", ["iso"], "9999-12-31T00:00:00", set()),
        ),
        *(("infinity", ["%d/%m/%Y"], None, {Why.BAD_DATE}), ("epoch", ["%d/%m/%Y"], None, {Why.BAD_DATE})),
        *(("epoch", ["%d %b %y"], None, {Why.BAD_DATE}), ("1850-01-01", ["iso"], "1850-01-01T00:00:00", set())),
        ("infinity", ["iso"], None, {Why.BAD_DATE}),
        ("99999-01-01", ["iso"], None, {Why.BAD_DATE}),
    ],
)
def test_a_date_is_read_or_reported(database, text, formats, value, words):
    """Formats are tried in their order."""
    formats = Formats(date_formats=tuple(formats), time_zone="UTC")
    expected = None if value is None else micros(datetime.fromisoformat(value).replace(tzinfo=UTC))
    assert cast(database, cast_date, [text], formats) == [(expected, words)]


def test_a_date_without_a_zone_is_never_guessed(database):
    """Without a zone in the mapping, the word stops the command."""
    found = cast(database, cast_date, ["2024-01-30", "2024-01-30T00:00:00Z"], Formats())
    assert [words for _, words in found] == [{NO_ZONE}, set()]


def test_zones_know_by_how_much_clocks_were_set_back():
    """One hour in Madrid, and half an hour on Lord Howe Island; never in Kolkata."""
    assert repeated_spans("Europe/Madrid") == (3600,)
    assert 1800 in repeated_spans("Australia/Lord_Howe")
    assert repeated_spans("Asia/Kolkata") == ()
    assert re.fullmatch(r"'a''b'", literal("a'b"))
