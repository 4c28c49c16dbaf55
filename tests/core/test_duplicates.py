"""Values that came before: found exactly while they are remembered, with the extension in C and without."""

import sys

import pytest
from core.remembering import TABLES, both, in_c
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.duplicates import (
    Duplicates,
    KnownCustomers,
    KnownIds,
    _digest,
    _digested,
    remember_values,
)
from masivo_stream.model.reason import Reason


def values(numbers):
    return [f"v{number}" for number in numbers]


@both
@pytest.mark.parametrize("capacity", [1, 1000, 2048, 6000, 20_000])
def test_the_answer_is_exact_up_to_the_capacity(capacity, pure_python):
    """While no more distinct values than the capacity were seen, each answer is right."""
    repeats = remember_values(capacity=capacity, pure_python=pure_python)
    assert [repeats.seen(value) for value in values(range(capacity))] == [False] * capacity
    assert repeats.seen_all(values(range(capacity))) == list(range(capacity))


@both
@settings(deadline=None)
@given(capacity=st.integers(1, 40), portions=st.lists(st.lists(st.integers(0, 60), max_size=100), max_size=4))
def test_a_duplicate_within_the_window_is_found(capacity, portions, pure_python):
    """A value is known if at most a capacity of other distinct values came since, and never before it came."""
    repeats, asked = remember_values(capacity=capacity, pure_python=pure_python), []
    for portion in portions:
        seen = set(repeats.seen_all([str(number) for number in portion]))
        for index, number in enumerate(portion):
            if number not in asked:
                assert index not in seen
            else:
                last = len(asked) - 1 - asked[::-1].index(number)
                assert index in seen or len(set(asked[last + 1 :])) > capacity
            asked.append(number)


def test_memory_in_python_is_bounded():
    """However many values come, little more than a capacity of digests is kept."""
    capacity = 3000
    repeats = Duplicates(capacity=capacity)
    for index in range(10 * capacity):
        repeats.seen(str(index))
    assert sum(map(len, repeats._buckets.values())) <= 1.25 * capacity


@in_c
def test_memory_in_c_is_bounded():
    """It grows as it fills, with 10 to 16 bytes a value; when it is full, old values make room for new ones.

    How many stay depends on how evenly this process's hash divides them: 1.15 to 1.26 of the capacity in 40 processes.
    """
    capacity, sizes = 100_000, []
    for count in (0, capacity // 10, capacity, 6 * capacity):
        repeats = remember_values(capacity=capacity)
        repeats.seen_all(values(range(count)))
        sizes.append(sys.getsizeof(repeats))
        assert min(count, capacity) <= len(repeats) <= 1.4 * capacity
    assert sizes == sorted(sizes)
    assert sizes[0] < 20_000
    assert sizes[1] < 3 * capacity
    assert sizes[3] < 18 * capacity


@both
@settings(deadline=None)
@given(capacity=st.integers(1, 400), count=st.integers(0, 3000))
@example(capacity=64, count=2900)
def test_no_value_of_the_window_is_forgotten(capacity, count, pure_python):
    """However often the ages wrap around: the last capacity of values is there, and a look-up remembers nothing."""
    repeats = remember_values(capacity=capacity, pure_python=pure_python)
    assert repeats.seen_all(values(range(count))) == []
    assert all(f"v{index}" in repeats for index in range(max(0, count - capacity), count))
    assert [f"v{count}" in repeats, f"v{count}" in repeats] == [False, False]


@pytest.mark.slow
@given(st.text(st.characters()), st.text(st.characters()))
def test_both_hashes_fit_the_table(one, other):
    """Python's own hash, and the one for machines where it is too short: 64 bits, equal for equals."""
    for digest in (_digest, _digested):
        assert -1 << 63 <= digest(one) < 1 << 64
        assert (digest(one) == digest(other)) == (one == other)


@both
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Co"]), max_size=3), max_size=20))
def test_any_text_can_be_remembered(texts, pure_python):
    """No text, any characters, and lone surrogates, too, are remembered as they are."""
    repeats = remember_values(capacity=100, pure_python=pure_python)
    assert repeats.seen_all(texts) == [index for index, text in enumerate(texts) if text in texts[:index]]
    assert all(text in repeats for text in texts)
    assert repeats.absent(["\ue000", *texts, "\ue001"]) == [0, len(texts) + 1]
    assert [repeats.seen(text) for text in texts] == [True] * len(texts)


@both
def test_a_value_that_comes_again_is_young_again(pure_python):
    """It is remembered from then on, as long as one that is new."""
    repeats = remember_values(capacity=1000, pure_python=pure_python)
    repeats.seen("kept")
    for start in range(0, 20_000, 1000):
        repeats.seen_all(values(range(start, start + 1000)))
        assert repeats.seen("kept")


@both
@pytest.mark.parametrize("capacity", [1, 3, 64, 200])
def test_exactly_a_capacity_of_others_is_not_too_many(capacity, pure_python):
    """Also if the last value of an age comes again, and its table is full just then."""
    repeats = remember_values(capacity=capacity, pure_python=pure_python)
    for start in range(0, 200 * capacity, capacity):
        found = repeats.seen_all([f"first{start}", *values(range(start, start + capacity)), f"first{start}"])
        assert found == [capacity + 1]


EMAILS = st.sampled_from(["a@b", "c@d", "é@ü", "\ud800@x"])


@given(
    capacity=st.integers(1, 5),
    portions=st.lists(st.lists(st.tuples(st.integers(0, 12), EMAILS), max_size=9), max_size=9),
    with_emails=st.booleans(),
)
def test_columns_are_noted_as_records_are(capacity, portions, with_emails):
    """The same reasons for the same records: one by one, in columns, and in C while nothing was forgotten."""
    one_by_one = KnownIds(capacity=capacity, pure_python=True)
    columns = KnownIds(capacity=capacity, pure_python=True)
    exact, in_tables = KnownIds(capacity=100, pure_python=True), KnownIds(capacity=100)
    for portion in portions:
        customers = [str(number) for number, _ in portion]
        emails = [email for _, email in portion] if with_emails else []
        reasons = {}
        for index, customer in enumerate(customers):
            if reason := one_by_one.note(customer, emails[index] if emails else None):
                reasons[index] = reason
        assert columns.note_all(customers, emails) == reasons
        assert in_tables.note_all(customers, emails) == exact.note_all(customers, emails)


@both
def test_the_email_of_a_duplicate_is_free(pure_python):
    """It is not sent, so another record may have it."""
    known = KnownIds(capacity=10, pure_python=pure_python)
    assert known.note_all(["a", "a", "b", "c"], ["1", "2", "2", "1"]) == {
        1: Reason.DUPLICATE_ID,
        3: Reason.DUPLICATE_EMAIL,
    }


@both
def test_known_customers_are_no_duplicates(pure_python):
    """They are only known."""
    known = KnownCustomers(capacity=10, pure_python=pure_python)
    assert known.note_all(["a", "a"], ["1", "1"]) == {}
    assert ["a" in known, "b" in known] == [True, False]


@in_c
@pytest.mark.parametrize("wrong", [None, b"bytes", 7, type("Text", (str,), {})("derived")])
def test_values_are_texts(wrong):
    """Nothing else is remembered, and what came before it is."""
    repeats = remember_values(capacity=10)
    for ask in (
        repeats.seen,
        repeats.__contains__,
        lambda value: repeats.seen_all(["before", value]),
        lambda value: repeats.absent([value]),
    ):
        with pytest.raises(TypeError, match="a text is needed"):
            ask(wrong)
    with pytest.raises(TypeError, match="a list is needed"):
        repeats.seen_all(("tuple",))
    assert len(repeats) == 0


@in_c
@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_is_positive(capacity):
    """A table that remembers nothing is no table."""
    for table in TABLES:
        with pytest.raises(ValueError, match="1 or more"):
            table(capacity=capacity)
