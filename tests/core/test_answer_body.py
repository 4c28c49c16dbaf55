"""What a body is, and what it says: login pages in disguise, refusals of many frameworks, any bytes."""

import json

import pytest
from core.made import entry
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from masivo_stream.core.isolation.named import find_named
from masivo_stream.core.sending.answer_body import kind_of, plain, words_in
from masivo_stream.model.attempt import Body

DEEP = b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Body.EMPTY),
        (b" \r\n\t", Body.EMPTY),
        (b"\xef\xbb\xbf", Body.EMPTY),
        (b"{}", Body.OBJECT),
        (b' \n{"data": {"id": "c"}} ', Body.OBJECT),
        (b"\xef\xbb\xbf{}", Body.OBJECT),
        ("{}".encode("utf-16"), Body.OBJECT),
        (b'{"message":"enqueued"}', Body.OBJECT),
        (b'{"status":"ok","failed":0,"rejected":[]}', Body.OBJECT),
        (b'{"error":null,"success":true}', Body.OBJECT),
        (b'{"name":"\xe9"}', Body.OBJECT),
        (b'{"name":"\\ud83d"}', Body.OBJECT),
        (b'{"error":"no"}', Body.ERRORS),
        (b'{"error":{"message":"no"}}', Body.ERRORS),
        (b'{"error":false}', Body.ERRORS),
        (b'{"Errors":[]}', Body.ERRORS),
        (b'{"errors":[{"index":3}]}', Body.ERRORS),
        (b'{"results":[{"status":201},{"status":422}]}', Body.ERRORS),
        (b'{"data":{"errors":[1]}}', Body.ERRORS),
        (b'{"success":false}', Body.ERRORS),
        (b'{"status":"error","message":"no"}', Body.ERRORS),
        (b'{"title":"Not taken","status":422}', Body.ERRORS),
        (b'{"statusCode": 500 }', Body.ERRORS),
        (b'{"failed":3}', Body.ERRORS),
        (b'{"rejected":["c-1"]}', Body.ERRORS),
        (b"[]", Body.JSON),
        (b'[{"error":"no"}]', Body.JSON),
        (b"null", Body.JSON),
        (b'"OK"', Body.JSON),
        (b"0", Body.JSON),
        (b"<html>", Body.PAGE),
        (b"\n  <!DOCTYPE html><p>", Body.PAGE),
        (b"\xef\xbb\xbf<!doctype html>", Body.PAGE),
        ("<html>".encode("utf-16"), Body.PAGE),
        (b'<?xml version="1.0"?><Error/>', Body.PAGE),
        (b"<!-- {} --><html>", Body.PAGE),
        (b"Forbidden", Body.TEXT),
        (b"OK", Body.TEXT),
        (b"error code: 1020", Body.TEXT),
        (b"\x1f\x8b\x08", Body.TEXT),
        (b"enqueued {}", Body.TEXT),
        (b'{"error":', Body.UNREAD),
        (b"{}{}", Body.UNREAD),
        (b"[1,", Body.UNREAD),
        (DEEP, Body.UNREAD),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else value.name,
)
def test_the_kind_of_a_body_follows_from_its_bytes(body, kind):
    """Whatever its content type says."""
    assert kind_of(plain(body)) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"<html><p>", Body.PAGE), (b'{"error', Body.UNREAD), (b"{}", Body.UNREAD), (b"", Body.UNREAD)],
)
def test_only_a_page_is_recognised_in_a_body_that_was_cut(body, kind):
    """Its beginning is enough to know that."""
    assert kind_of(body, complete=False) is kind


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_have_a_kind_and_a_message(body, complete):
    """And the words can be written down."""
    assert kind_of(plain(body), complete=complete) in Body
    words = words_in(plain(body))
    assert words.error.encode() is not None
    assert words.details.encode() is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "Errors", "details", "message", "detail", "data", "title"]), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_any_json_has_a_message(value):
    """However its members are nested and named."""
    body = json.dumps(value).encode()
    words = words_in(body)
    assert isinstance(words.error + words.details, str)
    assert kind_of(body) in {Body.OBJECT, Body.ERRORS, Body.JSON}


CULPRIT = [{"path": "customers[17].email", "message": "exists"}]
BATCH = [[replace(entry(line=number), customer=f"c-{number:03}")] for number in range(40)]

SHAPES = [
    ({"error": "No", "details": "customers[17].email: exists"}, "No", "customers[17].email: exists"),
    ({"error": "No", "details": CULPRIT}, "No", None),
    ({"error": "No", "details": {"customers[17].email": ["exists"]}}, "No", None),
    ({"error": "No", "details": {"17": ["exists"]}}, "No", None),
    ({"error": "No", "details": {"c-017": "exists"}}, "No", None),
    (CULPRIT, "", None),
    ([{"index": 17}], "", None),
    ([{"loc": ["body", "customers", 17, "email"], "msg": "exists"}], "", None),
    ({"errors": CULPRIT}, "", None),
    ({"errors": {"customers.17.email": ["exists"]}, "message": "The given data was invalid."}, None, None),
    ({"errors": [{"source": {"pointer": "/customers/17/email"}, "detail": "exists"}]}, "", None),
    ({"errors": ["customers[17].email exists"]}, "", None),
    ({"Message": "No", "ModelState": {"customers[17].email": ["exists"]}}, "No", None),
    ({"message": "customers[17].email exists"}, "customers[17].email exists", ""),
    ({"message": "customer c-017 exists"}, "customer c-017 exists", ""),
    (
        {"message": ["customers.17.email must be an email"], "error": "Unprocessable Entity", "statusCode": 422},
        None,
        None,
    ),
    ({"detail": [{"loc": ["body", "customers", 17, "email"], "msg": "exists"}]}, "", None),
    ({"detail": "customer c-017 exists"}, "customer c-017 exists", ""),
    ({"title": "Not taken", "status": 422, "detail": "customers[17] exists"}, "Not taken", "customers[17] exists"),
    ({"title": "Not taken", "invalid-params": [{"name": "customers[17].email"}]}, "Not taken", None),
    ({"error": {"message": "No", "code": 422, "details": CULPRIT}}, "No", None),
    ({"error": {"code": 422, "message": "customers[17] exists", "status": "INVALID"}}, "customers[17] exists", None),
    ({"error": {"errors": CULPRIT, "message": "No"}}, "No", None),
    ({"success": False, "results": [{"index": 17, "error": "exists"}]}, "", None),
    ({"error": "No", "details": "see errors", "errors": CULPRIT}, "No", None),
    ({"violations": [{"propertyPath": "customers[17].email"}], "title": "Not taken"}, "Not taken", None),
    ("customers[17].email exists", "customers[17].email exists", ""),
    ([["[17].email", "exists"]], "", None),
    ([{"path": [17, "email"]}], "", None),
    ([{"instancePath": "/17/email"}], "", None),
    ({"errors": [{"position": 17, "reason": "exists"}]}, "", None),
]


@pytest.mark.parametrize(("value", "error", "details"), SHAPES, ids=lambda value: json.dumps(value)[:60])
def test_a_refusal_in_any_shape_names_its_bad_record(value, error, details):
    """The general words are separate if they can be recognised; what names a record is found in either part."""
    words = words_in(json.dumps(value).encode())
    assert error is None or words.error == error
    assert details is None or words.details == details
    found = find_named(words.details, BATCH)
    found = found if found.entries else find_named(words.error, BATCH)
    assert [each.line for each in found.entries] == [17], words


def test_a_message_without_a_bad_record_names_no_record():
    """Times, codes, and identifiers of a request are not names."""
    value = {"timestamp": "2026-01-17T17:00:17Z", "status": 17, "path": "/v1/customers/migrate", "requestId": "17"}
    words = words_in(json.dumps({**value, "error": "Unprocessable Entity"}).encode())
    assert find_named(words.details, BATCH).entries == []
