"""The forecast of requests: exact at the end, in proportion before."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.forecast import forecast
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.summary import KindSummary

EVENTS = CONTRACTS[Kind.EVENTS]
counts = st.integers(0, 100_000)


def requests_needed(contract, figures, **text):
    """Return the requests of the whole export, those that were sent included; None if nothing is known."""
    left = forecast(contract, figures, **text)
    return None if left is None else figures.requests + left.requests


@given(counts, counts, counts, counts)
def test_the_forecast_is_exact_if_nothing_is_left(accepted, doubt, requests, size):
    """What was sent was needed."""
    figures = KindSummary(accepted=accepted, items_accepted=accepted, in_doubt=doubt, requests=requests)
    assert requests_needed(EVENTS, figures, bytes_read=size + 1, size=size + 1) == requests


@given(counts, counts, st.integers(1, 1000), st.integers(1, 1000))
def test_the_forecast_is_never_less_than_the_known_requests(accepted, pending, requests, factor):
    """Not fewer than what was sent, nor than that and full batches of what waits; and more if more is unread."""
    figures = KindSummary(
        accepted=accepted, items_accepted=accepted, pending=pending, items_pending=pending, requests=requests
    )
    read = requests_needed(EVENTS, figures, bytes_read=1000, size=1000)
    more = requests_needed(EVENTS, figures, bytes_read=1000, size=1000 * factor)
    assert read == requests + -(-pending // 1000)
    assert more >= read


def test_the_unread_rest_is_assumed_to_be_like_what_was_read():
    """A tenth is read, 3000 items: 27,000 more are to come, and as many records as items."""
    figures = KindSummary(accepted=1000, items_accepted=1000, pending=2000, items_pending=2000, requests=1)
    assert requests_needed(EVENTS, figures, bytes_read=50, size=500) == 1 + 29


def test_there_is_no_forecast_for_an_input_of_unknown_size():
    """Before the first byte, and for a pipe."""
    assert requests_needed(EVENTS, KindSummary(), bytes_read=0, size=10) is None
    assert requests_needed(EVENTS, KindSummary(), bytes_read=10, size=0) is None
