import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.batch import ENVELOPE_BYTES, body_groups, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import Entry


def entry(line: int, *, items: int = 1) -> Entry:
    body = b'{"id":"c%d"}' % line
    return Entry(
        file="f",
        line=line,
        offset=line * 10,
        length=len(body),
        body=body,
        customer=f"c{line}",
        items=items,
        record_items=items,
    )


@given(st.sampled_from(Kind), st.dictionaries(st.integers(1, 99), st.integers(1, 9), min_size=1, max_size=6))
def test_a_body_is_the_entries_in_their_envelope(kind, shapes):
    """The body is JSON around the entries' own bytes, of a size that is known beforehand."""
    entries = [entry(line, items=items) for line, items in shapes.items()]
    batch = make_batch(kind, entries)
    assert json.loads(batch.body) == {"customers": [json.loads(each.body) for each in entries]}
    assert len(batch.body) == ENVELOPE_BYTES + sum(len(each.body) for each in entries) + len(entries) - 1
    assert (batch.entries, batch.items) == (tuple(entries), sum(shapes.values()))


BASE = [entry(1), entry(2)]


def test_equal_input_gives_equal_ids():
    """The id depends only on kind, content and positions."""
    assert make_batch(Kind.CUSTOMERS, list(BASE)).id == make_batch(Kind.CUSTOMERS, tuple(BASE)).id


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        (Kind.EVENTS, BASE),
        (Kind.CUSTOMERS, BASE[:1]),
        (Kind.CUSTOMERS, BASE[::-1]),
        (Kind.CUSTOMERS, [msgspec.structs.replace(BASE[0], line=9), BASE[1]]),
        (Kind.CUSTOMERS, [msgspec.structs.replace(BASE[0], file="g"), BASE[1]]),
        (Kind.CUSTOMERS, [msgspec.structs.replace(BASE[0], indexes=(0,)), BASE[1]]),
        (Kind.CUSTOMERS, [msgspec.structs.replace(BASE[0], body=b'{"id": "c1"}'), BASE[1]]),
    ],
)
def test_any_difference_gives_another_id(kind, entries):
    """Another kind, order, file, line, part or spelling is another batch."""
    assert make_batch(kind, entries).id != make_batch(Kind.CUSTOMERS, BASE).id


def test_a_batch_of_a_file_with_an_undecodable_name_has_an_id():
    """Names of undecodable bytes come as lone surrogates from the operating system."""
    odd = msgspec.structs.replace(BASE[0], file="caf\udce9")
    assert make_batch(Kind.CUSTOMERS, [odd]).id != make_batch(Kind.CUSTOMERS, BASE[:1]).id


def events(line: int, customer: str, body: bytes) -> Entry:
    items = len(json.loads(body)["events"])
    return msgspec.structs.replace(entry(line, items=items), customer=customer, body=body)


MIXED = [
    events(1, "a", b'{"id": "a", "events": [1.50, {"n" : 2}]}'),
    events(2, "b", b'{"id":"b","events":[3]}'),
    events(3, "a", b'{"id":"a","events":[ 4e0 ]}'),
    events(4, "a", b'{"id":"a","tag":1,"events":[5]}'),
    events(5, "a", b'{"id":"a","events":[6],"tag":1}'),
]


def test_a_customer_occurs_once_with_all_events():
    """If the rest of the records is the same, the items are joined in order, unchanged; else they stay apart."""
    batch = make_batch(Kind.EVENTS, MIXED)
    assert batch.body == (
        b'{"customers":[{"id":"a","events":[1.50,{"n" : 2},4e0]},{"id":"b","events":[3]},'
        b'{"id":"a","tag":1,"events":[5,6]}]}'
    )
    assert (batch.entries, batch.items) == (tuple(MIXED), 6)


def test_a_position_in_the_body_leads_to_its_entries():
    """An index that a server names is one of this list."""
    first, other, again, tagged, too = MIXED
    assert body_groups(Kind.EVENTS, MIXED) == [[first, again], [other], [tagged, too]]


@pytest.mark.parametrize("kind", [Kind.CUSTOMERS, Kind.TRANSACTIONS])
def test_entries_of_other_kinds_are_unchanged(kind):
    """Only events may be sent in parts."""
    assert body_groups(kind, MIXED) == [[each] for each in MIXED]


def test_equal_bodies_of_different_records_have_different_ids():
    """The same items of the same customer, from lines that are cut elsewhere."""
    whole = [events(1, "a", b'{"id":"a","events":[1,2]}'), events(2, "a", b'{"id":"a","events":[3]}')]
    cut = [events(1, "a", b'{"id":"a","events":[1]}'), events(3, "a", b'{"id":"a","events":[2,3]}')]
    one, two = make_batch(Kind.EVENTS, whole), make_batch(Kind.EVENTS, cut)
    assert one.body == two.body
    assert one.id != two.id
