"""Purchases that came before: found exactly while they are remembered, and distinguished by what makes an event."""

import json
import sys

import pytest
from core.made import as_bytes, decoder, event, events, order, validate
from core.remembering import TEXTS, both, in_c
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading import purchases as machine
from masivo_stream.core.reading.lines import LineSplitter
from masivo_stream.core.reading.memory import make_purchase_table
from masivo_stream.core.reading.purchases import EventTable, Purchases
from masivo_stream.core.reading.remote import AnswerReader, RemoteDecoder, ask
from masivo_stream.model.contract import Kind
from masivo_stream.model.entries import one_by_one
from masivo_stream.model.results import Entry, Line


def mark_all(records, **settings):
    """Validate records as lines of one export; return which items of each came before: equal events, other events.

    It is the same with the extension in C and without, since nothing is forgotten.
    """
    found = mark_all_by(Purchases(capacity=1000, pure_python=True), records, **settings)
    assert mark_all_by(Purchases(capacity=1000), records, **settings) == found
    return found


def mark_all_by(memory, records, **settings):
    own = decoder(Kind.EVENTS, purchases=memory, **settings)
    lines = LineSplitter(max_line_bytes=1 << 20).feed(b"".join(as_bytes(each) + b"\n" for each in records))
    return [
        (each.same, each.alike) if isinstance(each, Entry) else None
        for each in one_by_one(own.validate_all(lines, "f"))
    ]


def bought(purchase, **fields):
    return event(order=order(purchase_id=purchase), **fields)


NONE = ((), ())


def test_an_event_on_two_lines_is_found():
    """The second one is named, by its place in its record."""
    marked = mark_all([events(bought("p")), events(bought("q"), bought("p")), events(bought("r"))])
    assert marked == [NONE, ((1,), ()), NONE]


def test_an_event_that_is_twice_in_a_record_is_found():
    """Each further one is named."""
    assert mark_all([events(bought("p"), bought("p"), bought("q"), bought("p"))]) == [((1, 3), ())]


def test_other_customers_may_have_the_same_purchase():
    """The id is the customer's."""
    assert mark_all([events(bought("p")), events(bought("p"), id="d"), events(bought("p"), id="cp")]) == [NONE] * 3


def test_customer_and_purchase_ids_are_kept_apart():
    """`ab` and `c` are not `a` and `bc`, whatever is between them."""
    pairs = [("ab", "c"), ("a", "bc"), ("a b", "c"), ("a", "b c"), ("a\0b", "c"), ("a", "b\0c"), ("c", "ab")]
    assert mark_all([events(bought(purchase), id=who) for who, purchase in pairs]) == [NONE] * len(pairs)


@pytest.mark.parametrize(
    "other",
    [
        event(type="REFUND"),
        event(issued_at="2023-11-07T05:31:57Z"),
        event(issued_at="2023-11-08T05:31:56Z"),
        event(issued_at="2023-12-07T05:31:56Z"),
        event(issued_at="2023-11-07T06:31:56Z"),
        event(issued_at="2022-11-07T05:31:56Z"),
        event(order=order(value=2.01)),
        event(order=order(discounted_value=1.4)),
        event(order=order(products=[{"sku": "s", "amount": 1, "value": 2}] * 2)),
    ],
)
def test_a_different_event_of_the_purchase_is_recognised(other):
    """Type, time, value or products differ: it is another event, and a third one is recognised by either of them."""
    first = event()
    assert mark_all([events(each) for each in (first, other, first, other)]) == [
        NONE,
        ((), (0,)),
        ((0,), ()),
        ((0,), ()),
    ]


@pytest.mark.parametrize(
    "other",
    [
        event(order=order(value=2.0)),
        event(order=order(metadata={"a": 1})),
        event(note="x"),
        dict(reversed(event().items())),
        event(issued_at="2023-11-07T05:31:56.000Z"),
        event(issued_at="2023-11-07T00:31:56-05:00"),
        event(issued_at="2023-11-07T15:01:56+09:30"),
    ],
)
def test_the_same_event_is_recognised_in_another_spelling(other):
    """Numbers, order of fields, what is free-form: no difference."""
    assert mark_all([events(event()), events(other)]) == [NONE, ((0,), ())]


def test_escapes_and_lenient_dates_are_remembered_as_well():
    """What the strict decoder accepts is remembered as well."""
    escaped = as_bytes(events(bought("pé"))).replace("é".encode(), b"\\u00e9")
    own = decoder(Kind.EVENTS, purchases=Purchases(capacity=10))
    found = [own.validate(Line(1, 0, body, len(body)), "f") for body in (escaped, as_bytes(events(bought("pé"))))]
    assert [each.same for each in found] == [(), (0,)]


def test_a_reversed_event_is_not_the_first_of_its_purchase():
    """Reversed and issued again: the second one is sent."""
    again = events(bought("p", status="REVERSED"), bought("p"), bought("q"))
    assert mark_all([events(bought("p", reversed_at="2024-01-01T00:00:00Z")), again, events(bought("p"))]) == [
        None,
        NONE,
        ((0,), ()),
    ]


def test_events_of_a_part_keep_their_numbers():
    """What is reversed in front of it moves nothing."""
    record = events(bought("r", status="REVERSED"), bought("q"), bought("p"))
    assert mark_all([events(bought("p")), record])[1] == ((2,), ())


def test_an_event_of_a_faulty_record_is_not_the_first_of_its_purchase():
    """They are not sent as they are."""
    faulty = events(bought("p"), event(fulfilled=None))
    assert mark_all([faulty, events(bought("p"))]) == [None, NONE]


def test_orders_without_a_discounted_value_are_compared():
    """Where they are taken."""
    bare = bought("p")
    del bare["order"]["discounted_value"]
    assert mark_all([events(bare), events(bare)], discounted_value_optional=True) == [NONE, ((0,), ())]


def test_no_event_is_marked_without_a_memory_of_purchases():
    """Without a memory of purchases."""
    assert validate(Kind.EVENTS, as_bytes(events(bought("p"), bought("p")))).same == ()


# One event, and records of events, as columns have them.
EVENTS = st.tuples(st.integers(0, 8), st.integers(0, 2))
PORTIONS = st.lists(st.lists(st.tuples(st.integers(0, 2), st.lists(EVENTS, max_size=8)), max_size=8), max_size=5)


def columns_of(portion):
    """Return customers and items of records; purchases and contents of their events; and who has bought what."""
    customers = [f"c{who}" for who, _ in portion]
    items = [len(bought) for _, bought in portion]
    flat = [(who, *each) for who, bought in portion for each in bought]
    return customers, items, [f"p{number}" for _, number, _ in flat], [content for *_, content in flat], flat


def table_of(capacity, *, pure_python):
    return EventTable(capacity=capacity) if pure_python else make_purchase_table(capacity=capacity)


def later_than(seen, begin):
    """Return how many distinct events came after the last one that begins so; None if no event does."""
    at = next((at for at in range(len(seen) - 1, -1, -1) if seen[at][: len(begin)] == begin), None)
    return None if at is None else len(set(seen[at + 1 :]))


@both
@settings(deadline=None)
@given(portions=PORTIONS, capacity=st.integers(1, 30))
def test_a_duplicate_within_the_capacity_is_found(portions, capacity, pure_python):
    """However the tables turn over; and an event that was never seen is never called a duplicate."""
    table, seen = table_of(capacity, pure_python=pure_python), []
    for portion in portions:
        *columns, flat = columns_of(portion)
        hits = table.note_all(*columns)
        for index, each in enumerate(flat):
            same, alike = later_than(seen, each), later_than(seen, each[:2])
            if same is not None and same <= capacity:
                assert hits[index] is True
            elif alike is not None and alike <= capacity:
                assert index in hits
            if alike is None:
                assert index not in hits
            if same is None:
                assert not hits.get(index)
            seen.append(each)


@in_c
@given(
    records=st.lists(st.tuples(TEXTS, st.lists(st.tuples(TEXTS, st.integers(0, 2**24 - 1)), max_size=3)), max_size=9),
    parts=st.integers(1, 4),
)
def test_both_tables_find_the_same(records, parts):
    """Whatever the texts are, and however the records come: nothing is forgotten."""
    in_python, other = EventTable(capacity=1000), make_purchase_table(capacity=1000)
    for start in range(parts):
        some = records[start::parts] + records[: start + 2]
        columns = (
            [customer for customer, _ in some],
            [len(events) for _, events in some],
            [purchase for _, events in some for purchase, _ in events],
            [content for _, events in some for _, content in events],
        )
        assert other.note_all(*columns) == in_python.note_all(*columns)


@in_c
@given(ages=st.integers(1, 400), capacity=st.integers(64, 3000))
def test_no_event_of_the_window_is_forgotten(ages, capacity):
    """However often the ages wrap around."""
    table, count = make_purchase_table(capacity=capacity), ages * -(-capacity // 64)
    count = min(count, 20_000)
    assert table.note_all(["c"], [count], [f"p{index}" for index in range(count)], [7] * count) == {}
    last = range(max(0, count - capacity), count)
    found = table.note_all(["c"], [len(last)], [f"p{index}" for index in last], [7] * len(last))
    assert found == dict.fromkeys(range(len(last)), True)


@in_c
def test_memory_in_c_is_bounded():
    """It grows as it fills, with 14 to 24 bytes an event; when it is full, old events make room for new ones."""
    capacity, sizes = 50_000, []
    for count in (0, capacity // 10, capacity, 4 * capacity):
        table = make_purchase_table(capacity=capacity)
        table.note_all(["c"], [count], [f"p{index}" for index in range(count)], [index & 3 for index in range(count)])
        sizes.append(sys.getsizeof(table))
        assert min(count, capacity) <= len(table) <= 1.4 * capacity
    assert sizes == sorted(sizes)
    assert sizes[0] < 20_000
    assert sizes[1] < 6 * capacity
    assert sizes[3] < 27 * capacity


@in_c
def test_one_purchase_may_have_many_events():
    """They have one hash, so they fill one table alone; each of them is found."""
    count = 3000
    table = make_purchase_table(capacity=count)
    found = table.note_all(["c"], [count], ["p"] * count, list(range(count)))
    assert found == dict.fromkeys(range(1, count), False)
    assert table.note_all(["c"], [count], ["p"] * count, list(range(count))) == dict.fromkeys(range(count), True)
    assert table.note_all(["d"], [1], ["p"], [0]) == {}
    assert sys.getsizeof(table) < 400_000


@in_c
@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ((["c"], [1], ["p"], []), ValueError),
        ((["c"], [1], [], [1]), ValueError),
        ((["c"], [1], ["p", "q"], [1, 2]), ValueError),
        ((["c"], [-1], [], []), ValueError),
        ((["c", "d"], [1], ["p"], [1]), ValueError),
        ((["c"], [1, 1], ["p", "p"], [1, 1]), ValueError),
        ((["c"], ["1"], ["p"], [1]), TypeError),
        (([b"c"], [1], ["p"], [1]), TypeError),
        ((["c"], [1], [None], [1]), TypeError),
        ((["c"], [1], ["p"], ["1"]), TypeError),
        ((["c"], [1], ["p"], [-1]), OverflowError),
        ((["c"], [1], ["p"], [1 << 24]), OverflowError),
        ((["c"], [1 << 70], ["p"], [1]), OverflowError),
        ((("c",), [1], ["p"], [1]), TypeError),
        ((["c"], [1], ["p"]), TypeError),
    ],
)
def test_columns_fit_each_other(columns, error):
    """Nothing is read beyond their ends."""
    table = make_purchase_table(capacity=10)
    with pytest.raises(error):
        table.note_all(*columns)
    assert table.note_all(["c"], [1], ["other"], [1]) == {}


def test_a_record_may_have_more_events_than_are_remembered():
    """The table turns over within it. What is not promised may be found: C forgets when it needs room."""
    records = [events(*(bought(f"p{number}") for number in range(50))), events(bought("p49")), events(bought("p0"))]
    assert mark_all_by(Purchases(capacity=3, pure_python=True), records) == [NONE, ((0,), ()), NONE]
    assert mark_all_by(Purchases(capacity=3), records)[:2] == [NONE, ((0,), ())]


def test_the_digest_for_narrow_machines_finds_the_same():
    """Where Python's own hash has not 64 bits."""
    pairs = [("a", "b"), ("a b", ""), ("a", "c"), ("", "a b"), ("\ud800", "b")]
    digests = {machine._digested(pair) for pair in pairs}
    assert len(digests) == len(pairs)
    assert all(-(1 << 63) <= digest < 1 << 63 for digest in digests)


RECORDS = st.lists(
    st.one_of(
        st.builds(
            lambda who, names, kinds: events(
                *(bought(f"p{name}", **kind) for name, kind in zip(names, kinds, strict=True)), id=f"c{who}"
            ),
            st.integers(0, 2),
            st.lists(st.integers(0, 4), min_size=3, max_size=3),
            st.lists(
                st.sampled_from([{}, {"type": "OTHER"}, {"status": "REVERSED"}, {"fulfilled": 1}]),
                min_size=3,
                max_size=3,
            ),
        ),
        st.just({"id": "c0"}),
    ),
    max_size=12,
)


@given(records=RECORDS, count=st.integers(1, 3), size=st.integers(1, 4000))
def test_workers_find_what_a_single_decoder_finds(records, count, size):
    """Whichever worker validates a block: the process that asks knows what came before."""
    export = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    alone, own = (decoder(Kind.EVENTS, purchases=Purchases(capacity=100)) for _ in range(2))
    expected = alone.validate_all(LineSplitter(max_line_bytes=1 << 20).feed(export), "f")
    deputies, reader = [RemoteDecoder(own.rules) for _ in range(count)], AnswerReader(own)
    splitter, found = LineSplitter(max_line_bytes=1 << 20), []
    for turn, start in enumerate(range(0, len(export), size)):
        pieces = splitter.cut(export[start : start + size])
        question = ask(pieces, max_line_bytes=1 << 20)
        if turn % (count + 1) == count:  # it validates some blocks itself
            found += own.validate_all(pieces, "f")
        else:
            answer = None if question is None else deputies[turn % (count + 1)].answer(question)
            found += reader.read(answer, pieces, "f", 0)
    assert list(one_by_one(found)) == list(one_by_one(expected))
