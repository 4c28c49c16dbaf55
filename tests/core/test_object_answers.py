"""What answers of object storage mean, and when a read is repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.reading.object_answers import (
    AT_START,
    ObjectFailure,
    ObjectFault,
    Patience,
    ReadRetries,
    read_failure,
)

GET = "Error performing GET https://b.test/k?X-Amz-Signature=SECRET in 43ms - "
STATUS = GET + "Server returned non-2xx status code: {}: <Error><Code>{}</Code><AWSAccessKeyId>SECRET</AWSAccessKeyId>"
TAIL = "\n\nDebug source:\nGeneric { uri: https://b.test/k?X-Amz-Signature=SECRET }"


def status(number, code="Anything", before="Generic S3 error: "):
    return before + STATUS.format(number, code) + TAIL


CASES = [
    ("GenericError", status("503 Service Unavailable", "SlowDown"), ObjectFault.BUSY, "503 SlowDown"),
    ("GenericError", status("500 Internal Server Error", "InternalError"), ObjectFault.BUSY, "500 InternalError"),
    ("GenericError", status("429 Too Many Requests", "SlowDown"), ObjectFault.BUSY, "429 SlowDown"),
    ("GenericError", status("408 Request Timeout", "RequestTimeout"), ObjectFault.BUSY, "408 RequestTimeout"),
    ("GenericError", status("501 Not Implemented", "NotImplemented"), ObjectFault.REFUSED, "501 NotImplemented"),
    ("GenericError", status("400 Bad Request", "AuthorizationHeaderMalformed"), ObjectFault.REFUSED, None),
    ("GenericError", status("416 Range Not Satisfiable", "InvalidRange"), ObjectFault.WRONG_LENGTH, "416 InvalidRange"),
    (
        "GenericError",
        "Generic S3 error: Requested 0..2, got 0..1" + TAIL,
        ObjectFault.WRONG_LENGTH,
        "an answer of the wrong length",
    ),
    ("GenericError", "Generic S3 error: " + GET + "HTTP error: error sending request" + TAIL, ObjectFault.BUSY, None),
    ("GenericError", "Generic S3 error: HTTP error: request or response body error" + TAIL, ObjectFault.BUSY, None),
    (
        "GenericError",
        "Generic S3 error: Received non-partial response when range requested" + TAIL,
        ObjectFault.WHOLE,
        None,
    ),
    (
        "GenericError",
        "Generic S3 error: Received redirect without LOCATION, this normally indicates an incorrectly configured region"
        + TAIL,
        ObjectFault.REFUSED,
        "the bucket is in another region: set AWS_REGION",
    ),
    (
        "GenericError",
        "Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token in 9ms - HTTP error: error"
        " sending request" + TAIL,
        ObjectFault.CREDENTIALS,
        None,
    ),
    (
        "GenericError",
        "Generic GCS error: Error performing token request: Error performing GET http://169.254.169.254/x in 1ms -"
        " Server returned non-2xx status code: 403 Forbidden: SECRET" + TAIL,
        ObjectFault.CREDENTIALS,
        "403",
    ),
    ("GenericError", "Generic MicrosoftAzure error: Account must be specified" + TAIL, ObjectFault.CREDENTIALS, None),
    (
        "GenericError",
        "Generic S3 error: Failed to read token file '/run/token': No such file or directory (os error 2)" + TAIL,
        ObjectFault.CREDENTIALS,
        "Generic S3 error: Failed to read token file '/run/token': No such file or directory (os error 2)",
    ),
    ("NotFoundError", status("404 Not Found", "NoSuchKey", "Object at k not found: "), ObjectFault.GONE, None),
    ("GenericError", "Generic S3 error: Missing AccessKeyId" + TAIL, ObjectFault.CREDENTIALS, None),
    ("GenericError", status("400 Bad Request", "X", "x ") + " token request credential", ObjectFault.REFUSED, "400 X"),
    ("FileNotFoundError", "Object at location k not found", ObjectFault.GONE, None),
    ("PreconditionError", status("412 Precondition Failed", "PreconditionFailed", "x "), ObjectFault.CHANGED, None),
    ("PermissionDeniedError", status("403 Forbidden", "ExpiredToken", "x "), ObjectFault.DENIED, "403 ExpiredToken"),
    ("UnauthenticatedError", status("401 Unauthorized", "A" * 61, "x "), ObjectFault.DENIED, "401"),
    ("GenericError", "something new: https://b.test/k?sig=SECRET", ObjectFault.REFUSED, "something new: …"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "fault", "why"), CASES)
def test_what_an_exception_means(name, text, fault, why):
    """The texts are the library's own, of a local server and of no server; nothing secret is left of them."""
    found = read_failure(name, text)
    assert found.fault is fault
    assert why is None or found.why == why
    assert found.why
    assert "SECRET" not in found.why


BUSY = ObjectFailure(ObjectFault.BUSY, "503 SlowDown")


@given(
    gaps=st.lists(st.floats(0, 500), max_size=60),
    chance=st.floats(0, 1, exclude_max=True),
    limit=st.floats(1, 10_000),
    first=st.floats(0.1, 10),
)
def test_a_read_is_repeated_until_the_outage_has_lasted_too_long(gaps, chance, limit, first):
    """Never longer than the longest delay, never after the limit; whatever the moments of the failures."""
    patience = Patience(first_delay=first, longest_delay=60.0, outage_limit=limit)
    retries, now = ReadRetries(patience), 1000.0
    began = None
    for gap in [0.0, *gaps]:
        now += gap
        began = now if began is None else began
        seconds = retries.failed(BUSY, now, chance)
        assert (seconds is None) == (now - began >= limit)
        if seconds is None:
            return
        assert 0 <= seconds <= 60


def test_delays_double_and_are_spread():
    """As those of requests: capped, with full jitter."""
    retries = ReadRetries(Patience(first_delay=1.0, longest_delay=60.0, outage_limit=3600.0))
    assert [retries.failed(BUSY, 0.0, 0.0) for _ in range(8)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert retries.failed(BUSY, 0.0, 0.5) == 30.0
    for _ in range(2000):
        assert retries.failed(BUSY, 0.0, 0.0) == 60.0


@pytest.mark.parametrize("fault", [fault for fault in ObjectFault if fault is not ObjectFault.BUSY])
def test_what_no_waiting_changes_is_not_repeated(fault):
    """A wrong key stays wrong."""
    assert ReadRetries(Patience()).failed(ObjectFailure(fault, "x"), 0.0, 0.0) is None


def test_a_command_that_begins_waits_less():
    """A person may be waiting for it; a run that is at work waits as long as it does for the API."""
    assert Patience().at_start.outage_limit == AT_START < Patience().outage_limit
    assert Patience(outage_limit=5.0).at_start.outage_limit == 5.0
