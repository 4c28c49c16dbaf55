from itertools import accumulate

import pytest
from core.made import text_lines
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.text_lines import TextLines, join_lines, sizes_of

LINES = st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=9)


@given(LINES, st.integers(0, 99), st.data())
def test_lines_of_a_text_are_a_sequence_of_lines(plain, begin, data):
    """They are equal to a list of them, and so is each part."""
    lines = text_lines(plain, begin)
    assert lines == plain
    assert plain == lines
    assert list(lines) == plain
    assert len(lines) == len(plain)
    assert hash(lines) == hash(tuple(plain))
    assert [lines[index] for index in range(-len(plain), len(plain))] == 2 * plain
    for place in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            lines[place]
    part = data.draw(st.slices(len(plain)))
    assert list(lines[part]) == plain[part]
    assert list(lines[part][1:]) == plain[part][1:]


@given(LINES.filter(bool), st.integers(0, 99), st.data())
def test_sizes_and_all_lines_joined(plain, begin, data):
    """With the comma after each line, and between them; in a list of lines and in a text the same."""
    part = data.draw(st.integers(0, len(plain) - 1).map(lambda start: slice(start, None)))
    for lines in (text_lines(plain, begin)[part], plain[part]):
        assert sizes_of(lines) == [len(line) + 1 for line in plain[part]]
        assert join_lines(lines) == b",".join(plain[part])


def test_few_lines_do_not_keep_the_whole_text():
    """What waits for its batch would hold every block of an export otherwise, of which one record is good."""
    lines = text_lines([b"x" * 100] * 100)
    assert isinstance(lines[10:60], TextLines)
    assert isinstance(lines[10:60][:30], TextLines)
    assert isinstance(lines[10:30], list)


def test_lines_are_not_shown():
    """Their text is personal data."""
    assert repr(text_lines([b"secret"])) == "<1 lines>"


def test_lines_know_their_text_and_their_offsets():
    """A part has the whole text, and its own offsets."""
    plain = [b"a", b"bc", b""]
    text, offsets, begin = text_lines(plain, 5)[1:].in_text()
    assert (text, begin) == (b"a\nbc\n\n", 5)
    assert offsets == list(accumulate([3, 1], initial=7))
