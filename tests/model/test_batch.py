import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.batch import ENVELOPE_BYTES, make_batch
from masivo_stream.model.contract import Kind
from masivo_stream.model.record import Entry


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


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9)), min_size=1, max_size=6))
def test_a_body_is_the_entries_in_their_envelope(shapes):
    """The body is JSON around the entries' own bytes, of a size one can tell beforehand."""
    entries = [entry(line, items=items) for line, items in shapes]
    batch = make_batch(Kind.EVENTS, entries)
    assert json.loads(batch.body) == {"customers": [json.loads(each.body) for each in entries]}
    assert len(batch.body) == ENVELOPE_BYTES + sum(len(each.body) for each in entries) + len(entries) - 1
    assert (batch.entries, batch.items) == (tuple(entries), sum(items for _, items in shapes))


BASE = [entry(1), entry(2)]


def test_equal_input_gives_equal_ids():
    """The id depends on nothing but kind, content and places."""
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


def test_a_file_name_that_is_no_text_has_an_id_as_well():
    """Names of undecodable bytes come as lone surrogates from the operating system."""
    odd = msgspec.structs.replace(BASE[0], file="caf\udce9")
    assert make_batch(Kind.CUSTOMERS, [odd]).id != make_batch(Kind.CUSTOMERS, BASE[:1]).id
