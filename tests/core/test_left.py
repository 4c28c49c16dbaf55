"""The forecast of what is left: laws of the estimate, the plan's own figures, and the ratio of requests."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.forecast import forecast, percent, share_done
from masivo_stream.core.packing.sample_cost import request_ratio
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.summary import KindSummary

CONTRACT = CONTRACTS[Kind.EVENTS]
counts = st.integers(0, 10_000_000)


any_basis = st.sampled_from(["sample", "checks", "plan", "retry"])


@st.composite
def expectations(draw, basis=any_basis):
    """Any estimate: of no records or of many, of full requests or of small ones."""
    records, size = draw(counts), draw(st.integers(1, 10**12))
    sendable = draw(st.integers(0, records))
    items = draw(st.integers(sendable, sendable * 50))
    least = math.ceil(max(items / CONTRACT.max_items, sendable / CONTRACT.max_records))
    requests = draw(st.integers(least, least * 20))
    found = draw(basis)
    weight = draw(st.integers(1, size)) if found == "sample" else 0
    return Expected(
        basis=found, records=records, sendable=sendable, items=items, requests=requests, size=size, weight=weight
    )


@st.composite
def read_so_far(draw):
    """Any figures that close."""
    accepted, dead, pending = draw(counts), draw(counts), draw(counts)
    return KindSummary(
        read=accepted + dead + pending,
        accepted=accepted,
        dead=dead,
        pending=pending,
        items_accepted=accepted * 2,
        items_pending=pending * 2,
        requests=draw(counts),
    )


@given(expectations(), read_so_far(), counts)
def test_what_is_left_is_never_negative(expected, figures, read):
    """Nor is it nothing while records are pending."""
    left = forecast(CONTRACT, figures, bytes_read=read, size=0, expected=expected)
    assert left.unread >= 0
    assert left.requests >= math.ceil(figures.items_pending / CONTRACT.max_items)
    assert left.exact is expected.exact or read >= expected.size


@given(expectations(st.just("sample")), read_so_far(), counts, counts)
def test_more_text_left_is_never_less_to_do(expected, figures, read, more):
    """The same figures, with less of the exports behind them."""
    size = read + more
    less_left = forecast(CONTRACT, figures, bytes_read=read, size=size, expected=expected)
    more_left = forecast(CONTRACT, figures, bytes_read=read, size=size + more, expected=expected)
    assert more_left.unread >= less_left.unread
    assert more_left.requests >= less_left.requests


@given(expectations(), read_so_far(), st.integers(1, 10**12))
def test_the_forecast_is_exact_when_everything_was_read(expected, figures, size):
    """Whatever was expected, what was read counts: only pending records are left."""
    left = forecast(CONTRACT, figures, bytes_read=size, size=size, expected=expected)
    assert (left.unread, left.exact) == (0, True)
    assert (left.requests == 0) is (figures.items_pending == 0)


@given(expectations(st.just("plan")))
def test_the_plan_is_exact_at_the_beginning(expected):
    """Its requests, and its records."""
    left = forecast(CONTRACT, KindSummary(), bytes_read=0, size=0, expected=expected)
    assert (left.unread, left.exact) == (expected.records, True)
    assert left.requests == (expected.requests if expected.items else 0)


@given(expectations(), read_so_far())
def test_the_share_grows_with_what_has_an_outcome(expected, figures):
    """From 0 to 1; 1 only if everything has its outcome."""
    left = forecast(CONTRACT, figures, bytes_read=1, size=0, expected=expected)
    share = share_done([figures], left.unread)
    assert 0.0 <= share <= 1.0
    assert (percent(share) == 100) is (left.unread == figures.pending == 0)


def test_what_is_in_doubt_is_not_done():
    """A person has to decide; and without a number of records there is no share."""
    assert share_done([KindSummary(read=4, accepted=1, dead=1, skipped=1, in_doubt=1)], 0) == 0.75
    assert share_done([KindSummary(read=4, accepted=4)], None) is None
    assert share_done([], 0) == 1.0


def test_a_sample_of_one_end_gives_way_to_what_is_read():
    """The sample says 10 bytes per record, the export has 100: after as many bytes as the sample's, half of each."""
    expected = Expected(basis="sample", records=1000, sendable=1000, items=1000, requests=1, size=10_000, weight=1000)
    figures = KindSummary(read=10, accepted=10, items_accepted=10)
    first = forecast(CONTRACT, KindSummary(), bytes_read=0, size=10_000, expected=expected)
    later = forecast(CONTRACT, figures, bytes_read=1000, size=10_000, expected=expected)
    assert first.unread == 1000
    assert later.unread == math.ceil((100 + 10) / 2000 * 9000)


@pytest.mark.parametrize(
    ("kind", "sizes", "most", "ratio"),
    [
        (Kind.CUSTOMERS, [(1, 100)], 4_000_000, 1.0),
        (Kind.CUSTOMERS, [(1, 999)], 100_000, 10.0),
        (Kind.EVENTS, [(5, 1000), (1, 200)], 4_000_000, 1.0),
        (Kind.TRANSACTIONS, [(601, 60_000)], 4_000_000, 1000 / 601),
        (Kind.TRANSACTIONS, [(500, 50_000)], 4_000_000, 1.0),
        (Kind.TRANSACTIONS, [(601, 60_000), (399, 40_000)], 4_000_000, 1.0),
        (Kind.TRANSACTIONS, [], 4_000_000, 1.0),
    ],
)
def test_the_ratio_of_requests_is_found_in_a_sample(kind, sizes, most, ratio):
    """Full requests; bodies that are too small for them; customers that stay whole and do not fit together."""
    found = request_ratio(CONTRACTS[kind], sizes, max_body_bytes=most)
    assert found == pytest.approx(ratio, rel=0.05)


@given(lines=st.integers(1, 10_000), read=st.integers(0, 10_000), sized=st.booleans())
def test_what_a_retry_reads_again_is_counted_down(lines, read, sized):
    """By the bytes of the copies, or, if the exports' text is not known, by the dead letters that are left."""
    read = min(lines, read)
    expected = Expected(
        basis="retry", records=lines, sendable=lines, items=lines, requests=lines, size=lines * 10, dead=lines + 5
    )
    figures = KindSummary(read=50_000, pending=read, accepted=49_995 - lines, dead=lines + 5 - read)
    size = 1_000_000 if sized else 0
    done = size - (lines - read) * 10 if sized else 0
    left = forecast(CONTRACT, figures, bytes_read=done, size=size, expected=expected)
    assert left.unread == lines - read
    assert left.exact
