"""The extension that makes notes: its notes are those that Python makes, to the byte."""

import hashlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core import sent_purchases
from masivo_stream.core.sent_purchases import KEY_BYTES, NOTE_BYTES, PurchaseKeys, PurchaseNotes, make_notes

_sent_notes = pytest.importorskip("masivo_stream.core._sent_notes", reason="there was no C compiler")

TEXT = st.text(st.characters(), max_size=40) | st.text(st.characters(exclude_categories=[]), max_size=4)
LONG = st.builds(str.__mul__, st.sampled_from(["a", "é", "€", "😀"]), st.integers(0, 300))


@st.composite
def columns(draw):
    """Return customers, items, purchases, contents."""
    items = draw(st.lists(st.integers(0, 5), max_size=8))
    customers = [draw(TEXT | LONG) for _ in items]
    contents = st.integers(0, 2**32 - 1)
    count = sum(items)
    return customers, items, [draw(TEXT | LONG) for _ in range(count)], [draw(contents) for _ in range(count)]


@given(salt=st.binary(max_size=64), made_of=columns())
def test_notes_are_those_that_python_makes(salt, made_of):
    """Of any customers and purchases, with any salt: surrogates, and texts of several blocks among them."""
    notes = _sent_notes.notes(salt, *made_of)
    assert notes == make_notes(salt, *made_of)
    owners = [customer for customer, items in zip(*made_of[:2], strict=True) for _ in range(items)]
    keys = [notes[at : at + KEY_BYTES] for at in range(0, len(notes), NOTE_BYTES)]
    assert keys == PurchaseKeys(salt).of(owners, made_of[2])


@pytest.mark.parametrize("length", [*range(90, 100), *range(218, 230), *range(346, 358)])
def test_texts_that_fill_a_block(length):
    """BLAKE2b compresses a block only when another byte comes: the text has 128 bytes, or some more or less."""
    purchase = "p" * length
    note = _sent_notes.notes(b"s" * 32, ["c" * 30], [1], [purchase], [7])
    key = hashlib.blake2b(f"30 {'c' * 30} {purchase}".encode(), digest_size=KEY_BYTES, key=b"s" * 32).digest()
    assert note == key + bytes([0, 0, 0, 7])


@pytest.mark.parametrize(
    "wrong",
    [
        (b"", ["c"], [1], [], []),
        (b"", ["c"], [1], ["p", "q"], [1, 2]),
        (b"", ["c"], [1], ["p"], []),
        (b"", ["c"], [], ["p"], [1]),
        (b"", [], [1], ["p"], [1]),
        (b"", [], [], ["p"], [1]),
        (b"", ["c", "d"], [1], ["p"], [1]),
        (b"", ["c"], [1, 0], ["p"], [1]),
        (b"", ["c"], [-1], [], []),
        (b"", ["c"], [2**70], ["p"], [1]),
        (b"", ["c"], [1], ["p"], [-1]),
        (b"", ["c"], [1], ["p"], [2**32]),
        (b"", ["c"], [1], ["p"], [2**64]),
        (b"", ["c"], [1], ["p"], ["1"]),
        (b"", ["c"], [1], [b"p"], [1]),
        (b"", [None], [1], ["p"], [1]),
        (b"", [None], [0], [], []),
        (b"", ["c"], [None], ["p"], [1]),
        (b"", ("c",), [1], ["p"], [1]),
        ("", ["c"], [1], ["p"], [1]),
        (b"s" * 65, ["c"], [1], ["p"], [1]),
    ],
)
def test_what_is_no_column_is_refused(wrong):
    """With an exception: nothing is read beyond the end of a list, and no note is left out or made up."""
    with pytest.raises((ValueError, OverflowError, TypeError)):
        _sent_notes.notes(*wrong)


def test_nothing_is_kept_of_texts():
    """Neither of those that are noted, nor of those that are refused."""
    texts = ["customer-é", "purchase-\ud800", "purchase-2"]
    before = [sys.getrefcount(text) for text in texts]
    for _ in range(100):
        _sent_notes.notes(b"s", texts[:1], [2], texts[1:], [1, 2])
        with pytest.raises(OverflowError):
            _sent_notes.notes(b"s", texts[:1], [2], texts[1:], [1, -2])
    assert [sys.getrefcount(text) for text in texts] == before


def test_it_is_used_unless_python_alone_is_wanted():
    """`pure_python` does without every extension."""
    assert PurchaseNotes(b"s")._make is _sent_notes.notes
    assert PurchaseNotes(b"s", pure_python=True)._make is make_notes
    assert sent_purchases._INTERFACE == _sent_notes.INTERFACE
