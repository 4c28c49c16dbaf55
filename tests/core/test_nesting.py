"""The bound on nesting that readers do not have since Python 3.14; tried on every Python."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.nesting import MOST, READERS_COUNT, bounded, check_nesting

VALUES = st.recursive(
    st.none() | st.integers(0, 9) | st.text('a"\\[]{}é', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('b"\\[{', max_size=3), inner, max_size=2),
    max_leaves=20,
)


def nested(levels, inner="1"):
    return ("[" * levels + inner + "]" * levels).encode()


def depth_of(value):
    match value:
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case _:
            return 0


@given(VALUES, st.integers(0, MOST))
def test_the_levels_are_those_of_the_value(value, around):
    """Brackets in strings are not levels, whatever is escaped there."""
    text = nested(around, json.dumps(value))
    levels = around + depth_of(value)
    padding = b"[" + b",".join([b"[]"] * MOST) + b"]"  # enough of them that levels are counted
    body = b"[" + text + b"," + padding + b"]"
    if max(levels + 1, 3) > MOST:
        with pytest.raises(RecursionError):
            check_nesting(body, counted=False)
    else:
        check_nesting(body, counted=False)


@pytest.mark.parametrize(("levels", "fits"), [(MOST, True), (MOST + 1, False), (200_000, False)])
def test_a_reader_is_bounded(levels, fits):
    """At the same depth on every machine; also a text whose end is missing."""
    read = bounded(len, counted=False)
    for body in (nested(levels), nested(levels)[:levels], b'{"a":' * levels):
        if fits:
            assert read(body) == len(body)
        else:
            with pytest.raises(RecursionError):
                read(body)


def test_a_text_of_many_short_lists_is_not_deep():
    """Width is no depth; a quote that is never closed hides the rest, which no reader takes."""
    check_nesting(json.dumps([[1]] * 5000).encode(), counted=False)
    check_nesting(b'"' + b"[" * 5000, counted=False)


def test_a_python_that_counts_is_left_alone():
    """No line of an export pays for it there."""
    assert bounded(len, counted=True) is len
    check_nesting(nested(5000), counted=True)


def test_no_reader_takes_what_is_far_too_deep():
    """On this Python, whichever it is: by its own bound, or by ours."""
    with pytest.raises(RecursionError):
        bounded(msgspec.json.decode)(nested(100_000))
    if READERS_COUNT:
        with pytest.raises(RecursionError):
            msgspec.json.decode(nested(100_000))
