import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.window import Window, parse_window, parse_windows

seconds = st.floats(1e-6, 1e9) | st.integers(1, 10**9).map(float)


@given(st.integers(1, 999_999_999), seconds)
def test_a_window_reads_back_what_it_writes(limit, length):
    """The spelling of any window reads as the same window."""
    window = Window(limit, length)
    assert parse_window(str(window)) == window


@pytest.mark.parametrize(
    ("text", "window", "spelt"),
    [
        ("1/5s", Window(1, 5.0), "1/5s"),
        ("1000/h", Window(1000, 3600.0), "1000/h"),
        ("1000/1h", Window(1000, 3600.0), "1000/h"),
        (" 2 / 0.5 m ", Window(2, 30.0), "2/30s"),
        ("1/0.2s", Window(1, 0.2), "1/0.2s"),
        ("5/d", Window(5, 86_400.0), "5/d"),
        ("5/24h", Window(5, 86_400.0), "5/d"),
        ("1/1234567s", Window(1, 1_234_567.0), "1/1234567s"),
        ("7/90m", Window(7, 5400.0), "7/90m"),
    ],
)
def test_a_window_is_written_in_its_largest_whole_unit(text, window, spelt):
    """Times in seconds, minutes, hours or days; the count may be left out where it is one."""
    assert parse_window(text) == window
    assert str(window) == spelt


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "5s", "/5s", "0/5s", "-1/5s", "+1/5s", "1/0s", "1/0.0s", "1/-5s", "1/5", "1/5x", "1/5S", "1.5/s"),
        *("1/.5s", "1/5.s", "1/1e3s", "1/infs", "1/5s,", "1/5s 2/h", "1/5s\n2", "٣/5s", "1/٣s", "01/5s", "none"),
        "1/" + "9" * 400 + "s",
        "9" * 10 + "/s",
    ],
)
def test_an_invalid_window_is_refused_with_an_example(text):
    """The message shows how a window is written."""
    with pytest.raises(ValueError, match='such as "1/5s"'):
        parse_window(text)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("1/5s, 1000/h", (Window(1, 5.0), Window(1000, 3600.0))),
        ("1/s", (Window(1, 1.0),)),
        ("none", ()),
        (" None ", ()),
    ],
)
def test_windows_are_separated_by_commas(text, windows):
    """Several at once, or the word for no limit."""
    assert parse_windows(text) == windows


@pytest.mark.parametrize("text", ["", ",", "1/5s,", "1/5s,none", "1/5s;1/h"])
def test_an_empty_list_is_not_no_limit(text):
    """`none` has to be written; a forgotten window is a mistake."""
    with pytest.raises(ValueError, match="a window is"):
        parse_windows(text)
