"""A field that occurs twice: found in every line if there is time; the customer's id at full speed as well."""

import json

import msgspec
import pytest
from core.made import validate
from fakes import record
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.duplicate_fields import begins_with_id
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason
from masivo_stream.model.results import Entry

KINDS = list(Kind)


def compose(fields, separator, colon):
    pairs = separator.join(f"{json.dumps(name)}{colon}{text}" for name, text in fields)
    return ("{" + pairs + "}").encode()


@given(
    kind=st.sampled_from(KINDS),
    spelling=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    places=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    ids=st.tuples(st.sampled_from(["a", "b", "é", '"', "a\\u0062"]), st.sampled_from(["a", "b", "é", '"', "ab"])),
    thorough=st.booleans(),
)
def test_a_second_id_is_found_anywhere_in_a_record(kind, spelling, places, ids, thorough):
    """At full speed as well; only two equal ids may pass then, as all programs agree about them."""
    others = [(name, json.dumps(value)) for name, value in record(kind, 1).items() if name != "id"]
    texts = [f'"{each}"' if "\\u" in each else json.dumps(each, ensure_ascii=False) for each in ids]
    for place, text in sorted(zip(places, texts, strict=True), reverse=True):
        others.insert(place, ("id", text))
    validated = validate(kind, compose(others, *spelling), thorough=thorough)
    if json.loads(texts[0]) != json.loads(texts[1]) or thorough:
        assert (validated.reason, validated.field) == (Reason.DUPLICATE_FIELD, "id")
    else:
        assert isinstance(validated, Entry) or validated.reason == Reason.DUPLICATE_FIELD


@pytest.mark.parametrize("kind", KINDS)
def test_the_id_of_a_redemption_is_not_the_customers(kind):
    """Neither is one in a free-form object."""
    body = json.dumps(record(kind, 1) | {"own": {"id": "x"}}).encode()
    for thorough in (True, False):
        assert isinstance(validate(kind, body, thorough=thorough), Entry)


def test_the_decoder_takes_the_last_of_two_ids():
    """A record that begins with the id that was decoded has no other id after it."""
    body = b'{"id":"a","id":"b"}'
    last = msgspec.json.decode(body, type=dict)["id"]
    assert last == "b"
    assert not begins_with_id(body, last)
    assert begins_with_id(b'{"id":"b","id":"b"}', "b")


@pytest.mark.parametrize("name", ["name", "email", "registration_date"])
def test_every_duplicate_field_is_found_by_the_thorough_check(name):
    fields = record(Kind.CUSTOMERS, 1)
    pairs = [(each, json.dumps(value)) for each, value in fields.items()] + [(name, json.dumps(fields[name]))]
    validated = validate(Kind.CUSTOMERS, compose(pairs, ",", ":"), thorough=True)
    assert (validated.reason, validated.field) == (Reason.DUPLICATE_FIELD, name)
