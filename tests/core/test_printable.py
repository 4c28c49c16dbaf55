"""Whatever text comes from outside, it is shown as text on one line."""

import unicodedata

import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.redact import printable


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_control_characters_are_escaped(text):
    """Controls, direction marks, line separators, halves of characters; each as its number."""
    safe = printable(text)
    assert safe.isprintable()
    assert safe.encode().decode("unicode_escape", "surrogatepass") == text


@pytest.mark.parametrize("text", ["", "plain", "caf\u00e9 \U0001f98a \u4e2d\u6587", "a\\b", "100 %", "[red]x[/red]"])
def test_ordinary_text_is_unchanged(text):
    """Of any script."""
    assert printable(text) == text


@given(st.text())
def test_no_text_adds_a_second_line_or_a_control_character(text):
    """For every character of Unicode."""
    safe = printable(text)
    assert len(safe.splitlines()) <= 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in safe)
    assert not any(unicodedata.bidirectional(character) in BIDI_MARKS for character in safe)


BIDI_MARKS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
