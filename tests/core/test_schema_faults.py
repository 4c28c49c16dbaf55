import json
from typing import Annotated, Literal

import pytest
from core.made import as_bytes, event, events, transaction, transactions
from core.records import dates, kinds_and_records, nearly_valid
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from masivo_stream.core.reading.schema_faults import MOST_PROBLEMS, Problem, is_rfc3339, problems, spell
from masivo_stream.model.contract import Kind
from masivo_stream.model.reason import Reason
from masivo_stream.model.schemas import CustomerRecord, EventsRecord, Order, Timestamp, TransactionsRecord, make_reader

SCHEMAS = {
    Kind.CUSTOMERS: CustomerRecord,
    Kind.EVENTS: EventsRecord[Order],
    Kind.TRANSACTIONS: TransactionsRecord,
}


class Thing(Struct, kw_only=True):
    number: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    choice: Literal["a", "b"] | UnsetType = UNSET
    counts: dict[str, int] | UnsetType = UNSET


def accepts(schema: object, body: bytes) -> bool:
    try:
        make_reader(schema)(body)
    except ValueError:
        return False
    return True


def at(value: object, path: tuple[str | int, ...]) -> object:
    for step in path:
        value = value[step]
    return value


# The two decoders.


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(nearly_valid())
def test_the_thorough_check_agrees_with_the_decoder(kind_and_record):
    """What the decoder refuses has a problem; what it accepts has none, except for dates it is lenient about."""
    kind, record = kind_and_record
    body = as_bytes(record)
    found = problems(SCHEMAS[kind], json.loads(body))
    if accepts(SCHEMAS[kind], body):
        texts = [at(record, problem.path) for problem in found]
        assert all(accepts(Timestamp, as_bytes(text)) and not is_rfc3339(text) for text in texts)
    else:
        assert found


@settings(max_examples=60, deadline=None)
@given(kinds_and_records)
def test_a_valid_record_has_no_problems(kind_and_record):
    """A record as the API's documents describe it passes."""
    kind, record = kind_and_record
    assert problems(SCHEMAS[kind], record) == []


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(nearly_valid())
def test_a_path_leads_to_the_fault(kind_and_record):
    """The path of a missing field ends one step beyond what is there; any other path exists in the value."""
    kind, record = kind_and_record
    for problem in problems(SCHEMAS[kind], record, reject_unknown=True):
        if problem.reason is Reason.MISSING_FIELD:
            assert problem.path[-1] not in at(record, problem.path[:-1])
        else:
            at(record, problem.path)


DATE_LIKE = dates | st.builds(
    "{}{}{}{}{}".format,
    st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]\Z"),
    st.sampled_from(["T", "T", "t", " "]),
    st.from_regex(r"\A[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\Z"),
    st.from_regex(r"\A(\.[0-9]{0,9})?\Z"),
    st.from_regex(r"\A([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?\Z"),
)
LONG_MONTHS = {1, 3, 5, 7, 8, 10, 12}


def days(year: int, month: int) -> int:
    """Return the length of a month of the Gregorian calendar."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 31 if month in LONG_MONTHS else 30 if month != 2 else 29 if leap else 28


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(DATE_LIKE)
def test_a_date_is_rfc_3339_and_exists(text):
    """Among date-like texts exactly those are taken that have the form, a zone, and a place in the calendar."""
    fraction = text[19:].rstrip("Zz").partition("+")[0].partition("-")[0]
    zone = text[19 + len(fraction) :]
    form = text[10] == "T" and fraction != "." and (zone == "Z" or zone[3:4] == ":")
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
    exists = (
        year > 0 and 1 <= month <= 12 and 1 <= day <= days(year, month) and hour < 24 and minute < 60 and second < 60
    )
    if form and zone != "Z":
        exists = exists and int(zone[1:3]) < 24 and int(zone[4:6]) < 60
    assert is_rfc3339(text) == (form and exists)


# What is reported.


def paths_and_reasons(schema: object, value: object, *, reject_unknown: bool = False) -> list[tuple[str, Reason]]:
    return [(spell(found.path), found.reason) for found in problems(schema, value, reject_unknown=reject_unknown)]


def test_all_problems_are_reported_in_document_order():
    """Not only the first fault of a record, and by the schema's order."""
    wrong = events(event(type=5, issued_at="x"), event(order=None), 7, id="")
    assert paths_and_reasons(EventsRecord[Order], wrong) == [
        ("id", Reason.INVALID_VALUE),
        ("events[0].type", Reason.WRONG_TYPE),
        ("events[0].issued_at", Reason.INVALID_VALUE),
        ("events[1].order", Reason.WRONG_TYPE),
        ("events[2]", Reason.WRONG_TYPE),
    ]


def test_an_empty_list_is_one_problem():
    """A record without an item has one problem, and it is not the items'."""
    assert paths_and_reasons(EventsRecord[Order], {"id": "c", "events": []}) == [("events", Reason.INVALID_VALUE)]


def test_the_number_of_problems_is_bounded():
    """A record with thousands of faults costs no more than one with some."""
    found = problems(TransactionsRecord, transactions(*[transaction(amount="x")] * 5000))
    assert len(found) == MOST_PROBLEMS
    assert found[-1].path == ("transactions", MOST_PROBLEMS - 1, "amount")


def test_unknown_fields_are_reported_only_on_request():
    """A field that the schema does not name is a fault if the caller says so, at any depth."""
    record = transactions(transaction(typo=1), other=2)
    assert paths_and_reasons(TransactionsRecord, record) == []
    assert paths_and_reasons(TransactionsRecord, record, reject_unknown=True) == [
        ("transactions[0].typo", Reason.UNKNOWN_FIELD),
        ("other", Reason.UNKNOWN_FIELD),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, []),
        ({"number": 1, "choice": "a", "counts": {"x": 2}}, []),
        ({"number": 1.0}, []),
        ({"number": 1.5}, [("number", Reason.WRONG_TYPE)]),
        ({"number": 0}, [("number", Reason.INVALID_VALUE)]),
        ({"choice": "c"}, [("choice", Reason.INVALID_VALUE)]),
        ({"choice": None}, [("choice", Reason.WRONG_TYPE)]),
        ({"counts": {"x": 2, "y": True}}, [("counts.y", Reason.WRONG_TYPE)]),
        ({"counts": []}, [("counts", Reason.WRONG_TYPE)]),
        ([], [("", Reason.WRONG_TYPE)]),
    ],
)
def test_types_that_records_do_not_use_are_checked_as_well(value, expected):
    """Whole numbers, choices and maps are checked as well; JSON does not distinguish 1.0 from 1."""
    assert paths_and_reasons(Thing, value) == expected


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (-1, "expected a number above 0"),
        (0, "expected a number above 0"),
        (None, "expected a number above 0, found null"),
        (True, "expected a number above 0, found true or false"),
        ("5", "expected a number above 0, found a string"),
        ([5], "expected a number above 0, found a list"),
        ({}, "expected a number above 0, found an object"),
        (10**400, "expected a number that a double can hold"),
    ],
)
def test_a_message_names_the_expected_and_the_found_type(amount, message):
    """The message names the expectation and the JSON type found, never the value."""
    found = problems(TransactionsRecord, transactions(transaction(amount=amount)))
    assert [problem.message for problem in found] == [message]


def test_a_missing_field_is_reported_with_its_expected_type():
    """The message says what to write there."""
    record = events(event())
    for name in ("fulfilled", "resolved_at", "brand_id"):
        del record["events"][0][name]
    assert [found.message for found in problems(EventsRecord[Order], record)] == [
        "required: true or false",
        "required: a date-time with a time zone, or null",
        "required: a string, or null",
    ]


@pytest.mark.parametrize("schema", [tuple[int, str], int | str, list[Thing] | dict[str, int]])
def test_an_unsupported_type_raises_an_error(schema):
    """A type that it does not know raises an error instead of passing."""
    with pytest.raises(TypeError):
        problems(schema, [])


def test_a_problem_at_the_top_has_no_path():
    """A whole value of the wrong type is reported."""
    assert problems(CustomerRecord, [1]) == [Problem((), Reason.WRONG_TYPE, "expected an object, found a list")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), ""),
        (("id",), "id"),
        (("events", 3, "order", "value"), "events[3].order.value"),
        ((0, "a", 1, 2), "[0].a[1][2]"),
    ],
)
def test_paths_are_written_with_dots_and_brackets(path, expected):
    """Members by a dot, list places in brackets."""
    assert spell(path) == expected
