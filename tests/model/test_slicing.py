import json
from decimal import Decimal
from itertools import pairwise

import pytest
from core.made import as_bytes
from core.records import records
from hypothesis import given, settings
from hypothesis import strategies as st

from masivo_stream.model.contract import Kind
from masivo_stream.model.slicing import slice_record

RECORDS = st.one_of(records[Kind.EVENTS], records[Kind.TRANSACTIONS])
EXTRA = st.dictionaries(
    st.text(max_size=4).map("x{}".format), st.integers() | st.lists(st.text(max_size=3)), max_size=3
)


def item_field(record: dict) -> str:
    return "events" if "events" in record else "transactions"


def exact(body: bytes) -> object:
    """Decode with every digit of every number."""
    return json.loads(body, parse_float=Decimal, parse_int=Decimal)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(RECORDS, EXTRA, EXTRA, st.sampled_from([None, 1]), st.booleans())
def test_all_items_together_are_the_record(record, before, after, indent, escaped):
    """A record composed of all its items is equal JSON, whatever its spelling."""
    body = json.dumps(before | record | after, indent=indent, ensure_ascii=escaped).encode()
    sliced = slice_record(body, item_field(record))
    assert exact(sliced.compose(range(len(sliced.items)))) == exact(body)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(RECORDS, st.lists(st.integers(0, 3), max_size=3))
def test_parts_together_hold_the_items_of_the_record(record, cuts):
    """Cut anywhere, the parts' items joined are the record's items in order, and each part has its other fields."""
    field = item_field(record)
    sliced = slice_record(as_bytes(record), field)
    borders = sorted({0, len(sliced.items), *(min(point, len(sliced.items)) for point in cuts)})
    parts = [exact(sliced.compose(range(*pair))) for pair in pairwise(borders)]
    whole = exact(as_bytes(record))
    assert [item for part in parts for item in part[field]] == whole[field]
    assert all({**part, field: whole[field]} == whole for part in parts)


def test_a_size_is_known_before_it_is_composed():
    """A part has the frame's bytes, its items' and the commas between them."""
    sliced = slice_record(b'{"id":"c", "events":[{"a":1}, {"b":22}]}', "events")
    lengths = [len(item) for item in sliced.items]
    assert len(sliced.compose([0, 1])) == sliced.frame_bytes + sum(lengths) + 1


def test_spelling_is_kept():
    """Numbers, escapes and blanks inside an item stay unchanged; blanks around it do not count."""
    items = [rb'{"v": 1.10, "w":1E+2,"x":-0.0,"t":"\u00e9\/"}', b'{"n":123456789012345678901234567890}']
    body = b'{ "id" : "c" , "events" : [ ' + b" , ".join(items) + b' ] , "k" : 2.50 }'
    sliced = slice_record(body, "events")
    assert list(sliced.items) == items
    assert sliced.compose([1]) == b'{"id":"c","k":2.50,"events":[' + items[1] + b"]}"


def test_the_last_of_two_equal_fields_counts():
    """As the target's JSON parser reads it."""
    sliced = slice_record(b'{"id":"a","events":[1],"id":"b","events":[2,3]}', "events")
    assert sliced.compose([0, 1]) == b'{"id":"b","events":[2,3]}'
