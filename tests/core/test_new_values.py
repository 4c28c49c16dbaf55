"""A value gets the JSON type that the schema wants, and keeps its spelling."""

import pytest

from masivo_stream.core.mending.field_path import (
    known_paths,
    narrow,
    nearest_path,
    parse_path,
    parse_place,
    places_of,
    spell_path,
    types_at,
)
from masivo_stream.core.mending.new_values import AddZone, Convert, MapTo, WrongValueError, is_zone, write_value
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, TransactionsRecord

SCHEMAS = (CustomerRecord, EventsRecord[Order], TransactionsRecord)


def types(path):
    """Return the types of a path in the first schema that has it."""
    return next(filter(None, (types_at(schema, parse_path(path)) for schema in SCHEMAS)))


@pytest.mark.parametrize(
    ("path", "text", "written"),
    [
        ("id", "7", '"7"'),
        ("id", " 7 ", '" 7 "'),
        ("name", "null", '"null"'),
        ("name", 'Ana "la" \u00f1', '"Ana \\"la\\" \u00f1"'),
        ("gender", "MALE", '"MALE"'),
        ("gender", "m", None),
        ("registration_date", "2020-01-01T00:00:00Z", '"2020-01-01T00:00:00Z"'),
        ("registration_date", "2020-01-01", None),
        ("balance[].amount", "7.50", "7.50"),
        ("balance[].amount", "7,50", None),
        ("balance[].amount", "1e999", None),
        ("balance[].amount", "NaN", None),
        ("balance[].brand_id", "null", "null"),
        ("balance[].brand_id", "7", '"7"'),
        ("metadata.x", "7", "7"),
        ("metadata.x", "seven", '"seven"'),
        ("metadata", "{}", "{}"),
        ("metadata", "[]", None),
        ("events[].fulfilled", "true", "true"),
        ("events[].fulfilled", "yes", None),
        ("events[3].order.value", "007", None),
        ("transactions[].type", "REDEMPTION", '"REDEMPTION"'),
        ("transactions[].type", "GIFT", None),
        ("transactions[].amount", "-3.0", "-3.0"),
        ("transactions[].reward_id", "x", None),
    ],
)
def test_the_schema_decides_about_the_type(path, text, written):
    """A value that the field does not take is refused, and the message does not quote it."""
    if written is not None:
        assert write_value(text, types(path)) == written
        return
    with pytest.raises(WrongValueError, match="expected") as raised:
        write_value(text, types(path))
    assert f" {text}" not in str(raised.value)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("id", "150342", '"150342"'),
        ("id", "12345678901234567890", '"12345678901234567890"'),
        ("balance[].amount", '"7.50"', "7.50"),
        ("balance[].amount", '" 7.50"', "7.50"),
        ("balance[].amount", "7.50", None),
        ("events[].fulfilled", '"true"', "true"),
        ("name", "true", '"true"'),
    ],
)
def test_a_value_is_converted(path, old, new):
    """Digit by digit; one that is right already stays."""
    assert Convert()(old, types(path)) == new


@pytest.mark.parametrize("old", [None, "[]", "{}", '"x"'])
def test_what_cannot_be_converted_is_left(old):
    """No number is made of a list, or of a word."""
    with pytest.raises(WrongValueError):
        Convert()(old, types("balance[].amount"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2020-01-01T10:00:00", "2020-01-01T10:00:00-05:00"),
        ("2020-01-01 10:00:00.123", "2020-01-01T10:00:00.123-05:00"),
        ("2020-01-01", "2020-01-01T00:00:00-05:00"),
        ("2020-01-01 10:00", "2020-01-01T10:00:00-05:00"),
        ("2020-01-01 10:00:00Z", "2020-01-01T10:00:00Z"),
        ("2020-01-01T10:00:00+0200", "2020-01-01T10:00:00+02:00"),
        ("2020-01-01 10:00:00+02", "2020-01-01T10:00:00+02:00"),
        ("2020-01-01T10:00:00 UTC", "2020-01-01T10:00:00Z"),
        ("2020-02-30", None),
        ("06/05/2020", None),
        ("", None),
    ],
)
def test_a_date_is_completed(old, new):
    """A zone that is there stays; a day that does not exist is not guessed."""
    change = AddZone("-05:00")
    if new is not None:
        assert change(f'"{old}"', types("registration_date")) == f'"{new}"'
        return
    with pytest.raises(WrongValueError):
        change(f'"{old}"', types("registration_date"))


def test_zones_are_those_of_rfc3339():
    """Not names of places."""
    assert [is_zone(text) for text in ("Z", "-05:00", "z", "America/Lima", "-5", "+0500", "")] == [True] * 2 + [
        False
    ] * 5


def test_values_are_mapped():
    """By what a person reads; others stay, and a missing field is the empty text."""
    change = MapTo({"M": "MALE", "1": "FEMALE", "": "MALE"})
    found = types("gender")
    assert [change(old, found) for old in ('"M"', "1", None, '""')] == ['"MALE"', '"FEMALE"', '"MALE"', '"MALE"']
    with pytest.raises(WrongValueError):
        change('"X"', found)


def test_paths_are_read_and_written():
    """With and without indexes."""
    assert parse_path("events[3].order.value") == ("events", 3, "order", "value")
    assert parse_path("events[].x") == ("events", None, "x")
    assert [parse_path(text) for text in ("", ".", "a..b", "a[", "a[x]", "[]", "a[].[]")] == [None] * 7
    assert parse_place("events[].x") is None
    assert parse_place("") is None
    for schema in SCHEMAS:
        assert all(
            spell_path(parse_path(path)) == path and types_at(schema, parse_path(path)) for path in known_paths(schema)
        )


def test_a_path_names_places():
    """Of every item, or of one; a path takes the indexes of a place as long as both go the same way."""
    record = {"events": [{"order": {"value": 1}}, {}]}
    assert list(places_of(("events", None, "type"), record)) == [("events", 0, "type"), ("events", 1, "type")]
    assert list(places_of(("events", 1, "type"), record)) == [("events", 1, "type")]
    assert list(places_of(("events", 7, "type"), record)) == []
    assert list(places_of(("other", None, "type"), record)) == []
    assert narrow(("events", None, "order", "value"), ("events", 3, "type")) == ("events", 3, "order", "value")
    assert narrow(("balance", None, "amount"), ("events", 3)) == ("balance", None, "amount")


def test_a_wrong_path_leads_to_the_right_one():
    """By its last name, or by likeness."""
    assert nearest_path(CustomerRecord, "mail") == "email"
    assert nearest_path(EventsRecord[Order], "order.value") == "events[].order.value"
    assert nearest_path(CustomerRecord, "zzzzzz") == ""
