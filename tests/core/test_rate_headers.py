import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.pacing.rate_headers import RateHeaders, read_rate_headers, wait_asked_for
from masivo_stream.core.sending.classify import classify
from masivo_stream.model.attempt import Answer

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "30"}, 30.0),
        ({"retry_after": " 30 "}, 30.0),
        ({"retry_after": "999999999999"}, 999_999_999_999.0),
        ({"retry_after": "9" * 13}, None),
        ({"retry_after": "9" * 5000}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "1.5"}, None),
        ({"retry_after": "1e3"}, None),
        ({"retry_after": "abc"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "٣"}, None),
        ({"retry_after": "²"}, None),
        ({"reset": "12"}, 12.0),
        ({"reset": "abc"}, None),
        ({"retry_after": "5", "reset": "12"}, 12.0),
        ({"retry_after": "12", "reset": "5"}, 12.0),
        ({"retry_after": "abc", "reset": "5"}, 5.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT", "date": DATE}, 30.0),
        ({"retry_after": "Sun, 06 Nov 1994 09:50:07 +0100", "date": DATE}, 30.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:49:00 GMT", "date": DATE}, 0.0),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT"}, None),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT", "date": "today"}, None),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT", "date": "Sun, 06 Nov 1994 08:49:37"}, None),
        ({"retry_after": "Sun, 99 Nov 1994 08:50:07 GMT", "date": DATE}, None),
        ({"retry_after": "Sun, 06 Nov 1994 08:50:07 GMT", "date": DATE, "reset": "40"}, 40.0),
    ],
)
def test_the_wait_of_retry_after_is_read(headers, seconds):
    """Whole seconds, or a date compared with the answer's own; the longer of two; nothing if it cannot be read."""
    assert wait_asked_for(Answer(status=429, **headers)) == seconds


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, RateHeaders()),
        ({"limit": "1000", "remaining": "0", "reset": "3600"}, RateHeaders(limit=1000, remaining=0, reset=3600.0)),
        ({"limit": " 250 ", "remaining": "7"}, RateHeaders(limit=250, remaining=7)),
        ({"limit": "1000, 1000;w=3600"}, RateHeaders(limit=1000)),
        ({"limit": "250;w=3600"}, RateHeaders(limit=250)),
        ({"remaining": "-1"}, RateHeaders()),
        ({"remaining": "0.5"}, RateHeaders()),
        ({"remaining": "none"}, RateHeaders()),
        ({"remaining": "٣"}, RateHeaders()),
        ({"limit": "9" * 13}, RateHeaders()),
        ({"reset": "4.5"}, RateHeaders(reset=4.5)),
        ({"reset": "-3"}, RateHeaders()),
        ({"reset": "1e3"}, RateHeaders()),
        ({"reset": "784111807"}, RateHeaders(reset=784111807.0)),
        ({"reset": "1800000030", "date": "Fri, 15 Jan 2027 08:00:00 GMT"}, RateHeaders(reset=30.0)),
        ({"reset": "1800000030500", "date": "Fri, 15 Jan 2027 08:00:00 GMT"}, RateHeaders(reset=30.5)),
        ({"reset": "1700000000", "date": "Fri, 15 Jan 2027 08:00:00 GMT"}, RateHeaders(reset=0.0)),
        ({"reset": "1800000030"}, RateHeaders()),
    ],
)
def test_the_remaining_quota_is_read(headers, said):
    """Numbers in plain digits; a reset in seconds, or as a moment that is compared with the answer's own date."""
    assert read_rate_headers(Answer(status=201, **headers)) == said


header = st.none() | st.text(max_size=40) | st.text("0123456789 ,:+-GMTSunNov٣", max_size=40).map(DATE.__add__)


@settings(max_examples=200)
@given(st.integers(-5, 1000), header, header, header)
@example(429, "Mon, 01 Jan 2024 00:00:00 +999999999999", None, DATE)
def test_no_header_makes_it_raise(status, retry_after, reset, date):
    """Headers are untrusted text: whatever they hold, there is an outcome, and a wait is never negative."""
    answer = Answer(status=status, retry_after=retry_after, limit=reset, remaining=retry_after, reset=reset, date=date)
    assert classify(answer) is not None
    assert (wait_asked_for(answer) or 0.0) >= 0.0
    assert (read_rate_headers(answer).reset or 0.0) >= 0.0
