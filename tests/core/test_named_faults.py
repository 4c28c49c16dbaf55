"""Several named faults in one answer: whatever the validator behind the API, each has its path and its words."""

import json

import pytest
from core.made import entry
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from masivo_stream.core.isolation.named import faults_of
from masivo_stream.core.sending.answer_body import words_in
from masivo_stream.core.sending.classify import classify
from masivo_stream.core.sending.named_faults import LONGEST_MESSAGE, MOST_NAMED_FAULTS, find_named_faults
from masivo_stream.model.attempt import Answer, Body, NamedFault
from masivo_stream.model.contract import Kind
from masivo_stream.model.results import MOST_FAULTS

EMAIL, AMOUNT = NamedFault(0, ("email",), "taken"), NamedFault(2, ("balance", 1, "amount"), "too low")
BOTH = [EMAIL, AMOUNT]

SHAPES = {
    "our sandbox": {"error": "no", "details": "customers[0].email: taken"},
    "several in a text": {
        "error": "no",
        "details": "customers[0].email: taken; customers[2].balance[1].amount: too low",
    },
    "lines of a text": "customers.0.email taken\ncustomers.2.balance.1.amount too low",
    "words before": {"message": "taken: customers[0].email"},
    "spring": {
        "errors": [
            {"field": "customers[0].email", "rejectedValue": "x@example.test", "defaultMessage": "taken"},
            {"field": "customers[2].balance[1].amount", "defaultMessage": "too low"},
        ]
    },
    "laravel": {
        "message": "The given data was invalid.",
        "errors": {"customers.0.email": ["taken"], "customers.2.balance.1.amount": ["too low"]},
    },
    "ajv": {
        "details": [
            {"instancePath": "/customers/0/email", "message": "taken"},
            {"instancePath": "/customers/2/balance/1/amount", "message": "too low"},
        ]
    },
    "json api": {
        "errors": [
            {"source": {"pointer": "/customers/0/email"}, "title": "Invalid", "detail": "taken"},
            {"source": {"pointer": "/customers/2/balance/1/amount"}, "detail": "too low"},
        ]
    },
    "fast api": {
        "detail": [
            {"loc": ["body", "customers", 0, "email"], "msg": "taken", "type": "value_error"},
            {"loc": ["body", "customers", 2, "balance", 1, "amount"], "msg": "too low"},
        ]
    },
    "zod": {
        "error": {
            "issues": [
                {"path": ["customers", 0, "email"], "message": "taken"},
                {"path": ["customers", 2, "balance", 1, "amount"], "message": "too low"},
            ]
        }
    },
    "json path": {
        "violations": [
            {"propertyPath": "$['customers'][0]['email']", "message": "taken"},
            {"propertyPath": "$['customers'][2]['balance'][1]['amount']", "message": "too low"},
        ]
    },
    "members of members": {
        "details": {
            "customers[0].email": {"message": "taken"},
            "x": {"customers[2].balance[1].amount": "too low"},
        }
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_forms_of_common_validators_are_read(shape):
    """Each fault with its path and its words."""
    found = list(words_in(json.dumps(SHAPES[shape]).encode()).faults)
    assert found == (BOTH if "too low" in json.dumps(SHAPES[shape]) else [EMAIL])


@pytest.mark.parametrize(
    "body",
    [
        {"error": "no", "details": "the customers at fault are not named"},
        {"details": [{"path": "email", "message": "taken"}, {"index": 3}]},
        {"customers": [{"email": "a@example.test"}], "message": "no"},
        {"message": "customers[17 is cut"},
        {"loc": ["customers", "x", "email"], "msg": "no"},
        {"loc": ["customers"], "msg": "no"},
        {"mycustomers[0].email": "no"},
        "customers[99999].email",
        "customers[3]",
        {"details": [{"path": "customers[3]"}]},
        [],
        None,
        3,
    ],
)
def test_texts_that_name_no_field_give_no_fault(body):
    """An index alone, a path that begins elsewhere, an echo of the request."""
    assert find_named_faults(body) == ()


NAMES = ["path", "loc", "message", "errors", "customers[0].a", "source"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["customers[1].x", "customers.1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["path", "loc", "message", "errors", "customers[0].a", "source"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_any_body_has_a_bounded_list(value):
    """No body makes it raise, and no fault comes twice."""
    found = words_in(json.dumps(value).encode()).faults
    assert len(found) == len(set(found)) <= MOST_NAMED_FAULTS
    assert all(len(fault.message) <= LONGEST_MESSAGE and fault.index >= 0 for fault in found)


def test_a_body_of_any_size_is_read_up_to_a_bound():
    """As many faults as a request has records."""
    many = {"errors": [{"path": f"customers[{n}].email", "message": "x" * 9999} for n in range(5000)]}
    found = words_in(json.dumps(many).encode()).faults
    assert len(found) == MOST_NAMED_FAULTS
    assert {len(fault.message) for fault in found} == {LONGEST_MESSAGE}
    text = " ".join(f"customers[{n % 999}].a{n} no;" for n in range(3000))
    assert len(find_named_faults(text)) == MOST_NAMED_FAULTS
    nested = []
    for _ in range(200):
        nested = [nested, "customers[0].email: no"]
    assert len(find_named_faults(nested)) == 1


def test_a_refusal_has_what_its_answer_names():
    """Only one that is about records."""
    for status in (400, 409, 422):
        assert classify(Answer(status=status, body=Body.ERRORS, error="no", faults=tuple(BOTH))).faults == tuple(BOTH)


# Whose they are.


def of(record, faults, groups, field=None):
    return [(fault.field, fault.message) for fault in faults_of(record, faults, groups, field).listed]


def test_each_entry_has_its_own_faults():
    """By the place in the body; the path is that of the record."""
    entries = [entry(Kind.CUSTOMERS, line=line) for line in range(1, 4)]
    groups = [[each] for each in entries]
    assert of(entries[0], BOTH, groups) == [("email", "taken")]
    assert of(entries[1], BOTH, groups) == []
    assert of(entries[2], BOTH, groups) == [("balance[1].amount", "too low")]


def test_parts_of_a_record_keep_the_indexes_of_its_items():
    """Also where entries of one customer were combined in the body: each has the faults of its own items."""
    first = replace(entry(Kind.EVENTS, items=2), indexes=(4, 7))
    second = entry(Kind.EVENTS, items=3, line=2)
    named = [NamedFault(0, ("events", index, "type"), str(index)) for index in range(6)] + [
        NamedFault(0, ("id",), "id")
    ]
    groups = [[first, second]]
    assert of(first, named, groups, "events") == [("events[4].type", "0"), ("events[7].type", "1"), ("id", "id")]
    assert of(second, named, groups, "events") == [
        ("events[0].type", "2"),
        ("events[1].type", "3"),
        ("events[2].type", "4"),
        ("id", "id"),
    ]


def test_the_list_of_an_entry_is_bounded():
    """And counts what it leaves out."""
    record = entry(Kind.CUSTOMERS)
    found = faults_of(record, [NamedFault(0, ("balance", n), "no") for n in range(130)], [[record]], None)
    assert (len(found.listed), found.left_out) == (MOST_FAULTS, 30)
