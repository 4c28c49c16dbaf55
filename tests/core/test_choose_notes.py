"""In the notes that the extension chooses, the same is found as in all notes."""

from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from masivo_stream.core.checks.choose_notes import ALL_NOTES, NoteChooser
from masivo_stream.core.checks.find import Scope, find
from masivo_stream.core.checks.find_repeated import count_customers, find_emails, repeated_ids
from masivo_stream.core.checks.note_format import READ_AGAIN, REWARD_SHIFT, WORDS, Lines, Tag, event_value, with_hour

CHOOSER = NoteChooser()
pytestmark = pytest.mark.skipif(not CHOOSER.chooses, reason="the extension is not built")

KEYS = st.sampled_from([0, 1, -1, 2, 16, 1 << 62, -(1 << 63), (1 << 63) - 1, 0x9E3779B97F4A7C1])
VALUES = st.one_of(st.integers(-2, 2), st.integers(-(1 << 62), 1 << 62), st.sampled_from([-(1 << 63), (1 << 63) - 1]))
HOURS = st.integers(0, 60)
ONE, TWO = 1 << REWARD_SHIFT, 2 << REWARD_SHIFT


@st.composite
def made_note(draw):
    tag = draw(st.sampled_from(Tag))
    value = draw(VALUES)
    if tag is Tag.PURCHASE:
        value = event_value(draw(st.integers(0, 2)), draw(st.integers(0, 1)))
    reward = draw(st.integers(1, 2)) if tag in {Tag.CUSTOMER, Tag.TRANSACTIONS} else 0
    if tag in {Tag.MORE_BALANCE, Tag.MORE_TRANSACTIONS}:
        reward = draw(st.integers(1, 3))
    again = READ_AGAIN if reward and draw(st.integers(0, 9)) == 0 else 0
    place = with_hour((draw(st.integers(1, 6)), draw(st.integers(0, 3)), draw(st.integers(1, 3))), draw(HOURS))
    return draw(KEYS), tag | again | reward << REWARD_SHIFT, value, *place


NOTES = st.lists(made_note(), max_size=24)


def written(notes):
    return array("q", [number for note in notes for number in note])


def in_order(found):
    return sorted(map(repr, found))


@given(NOTES, st.booleans(), st.booleans(), st.lists(st.integers(1, 6), max_size=3))
@example([(5, Tag.CUSTOMER | ONE, 1 << 62, 1, 0, 0)] * 3, True, True, [])
@example([(5, Tag.CUSTOMER | ONE, 1, 1, 0, 9), (5, Tag.TRANSACTIONS | TWO, 1, 2, 0, 9)], True, True, [])
@example([(5, Tag.CUSTOMER | ONE, 2, 1, 0, 9), *[(5, Tag.TRANSACTIONS | ONE, 1, 2, 0, 9)] * 2], True, True, [])
def test_the_same_is_found_in_chosen_notes_as_in_all(notes, customers, transactions, dead):
    words, scope, lines = written(notes), Scope(customers, transactions), Lines(dead)
    found = find(words, scope, (), lines, CHOOSER)
    assert in_order(found) == in_order(find(words, scope, (), lines, ALL_NOTES))


@given(NOTES, st.lists(st.integers(1, 6), max_size=3))
def test_the_same_ids_and_emails_come_twice(notes, dead):
    words, lines = written(notes), Lines(dead)
    assert list(repeated_ids(words, CHOOSER)) == list(repeated_ids(words, ALL_NOTES))
    assert find_emails(words, lines, CHOOSER) == find_emails(words, lines, ALL_NOTES)
    assert count_customers(words, CHOOSER) == count_customers(words, ALL_NOTES)


@given(st.integers(0, 400), st.integers(1, 7))
def test_what_says_nothing_is_not_chosen(customers, apart):
    """Two rewards each, that come to nothing, a line of events and an email; keys as parts have them."""
    notes = []
    for number in range(customers):
        key = number * apart * 1024 - (1 << 60)
        place = with_hour((number + 1, 0, 9), 50)
        for tag, value in ((Tag.CUSTOMER, 5), (Tag.MORE_BALANCE, -7)):
            notes.append((key, tag | (1 + (value < 0)) << REWARD_SHIFT, value, *place))
        notes.append((key, Tag.EMAIL, 1, *place))
    for number in range(customers):
        key = number * apart * 1024 - (1 << 60)
        place = with_hour((number + 1 + (1 << 40), 0, 9), 50)
        notes.append((key, Tag.EVENTS, 0, *place))
        notes.append((key + 1, Tag.PURCHASE, 0, *place))
        notes.extend(
            (key, tag | reward << REWARD_SHIFT, value, *place)
            for tag, reward, value in ((Tag.TRANSACTIONS, 2, -7), (Tag.MORE_TRANSACTIONS, 1, 5))
        )
    words = written(notes)
    assert CHOOSER.remarkable(words, Lines(), customers=True, transactions=True) == []
    assert CHOOSER.count(words, Tag.EVENTS, Tag.TRANSACTIONS) == customers


@pytest.mark.parametrize("length", [1, WORDS - 1, WORDS + 1])
def test_half_a_note_is_refused(length):
    words = array("q", [0] * length)
    with pytest.raises(ValueError, match="whole number"):
        CHOOSER.remarkable(words, Lines(), customers=True, transactions=True)
    for choose in (CHOOSER.repeated, CHOOSER.count):
        with pytest.raises(ValueError, match="whole number"):
            choose(words, Tag.EMAIL, Tag.EMAIL)


def test_without_the_extension_all_notes_are_looked_at():
    assert not NoteChooser(pure_python=True).chooses
