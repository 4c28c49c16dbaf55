"""The time line: a bounded number of stretches, however long it runs, and sums that stay what they were."""

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.core.accounting.time_line import MOST, Sent, TimeLine

seconds = st.floats(min_value=0, max_value=1e7)
sendings = st.builds(
    Sent,
    accepted=st.integers(0, 1000),
    items=st.integers(0, 1000),
    bytes_sent=st.integers(0, 4_000_000),
    refused=st.integers(0, 1),
    throttled=st.integers(0, 1),
    latency=st.none() | st.floats(min_value=0, max_value=600),
)
SUMMED = ("requests", "accepted", "items", "bytes_sent", "refused", "throttled")


@given(st.lists(st.tuples(seconds, sendings), max_size=60))
def test_the_number_of_points_is_bounded_and_sums_are_kept(happened):
    """Whenever things happen: each figure of all points together is that of all requests."""
    line = TimeLine(1000.0)
    for after, sent in happened:
        line.add(1000.0 + after, sent)
    points = line.points()
    assert len(points) <= MOST
    for name in SUMMED:
        assert sum(getattr(point, name) for point in points) == sum(getattr(sent, name) for _, sent in happened)
    latencies = [sent.latency for _, sent in happened if sent.latency is not None]
    assert max((p.slowest for p in points if p.slowest is not None), default=None) == max(latencies, default=None)
    assert all(p.latency <= p.slowest + 1e-9 for p in points if p.latency is not None)


@given(st.lists(st.tuples(seconds, sendings), min_size=1, max_size=60))
def test_points_neither_overlap_nor_leave_gaps(happened):
    """No gap, no overlap; what happened last is in the last one."""
    line = TimeLine(1000.0)
    for after, sent in happened:
        line.add(1000.0 + after, sent)
    points = line.points()
    assert [point.at for point in points] == [1000.0 + i * points[0].seconds for i in range(len(points))]
    last = 1000.0 + max(after for after, _ in happened)
    assert points[-1].at <= last < points[-1].at + points[-1].seconds


def test_a_clock_that_was_set_back_does_no_harm():
    """What seems to have happened before the begin counts there."""
    line = TimeLine(1000.0)
    line.add(5.0, Sent(items=3))
    assert [(point.at, point.items) for point in line.points(shift=1.0)] == [(1001.0, 3)]
