"""The report's charts: each figure has its bar, within the frame, and none is lost."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.picture import Point
from masivo_stream.observe.report_charts import draw_latency, draw_records, draw_requests, make_axis, nice_top

SVG = "{http://www.w3.org/2000/svg}"
counts = st.integers(0, 10**7)


@st.composite
def time_lines(draw):
    """Draw points of several kinds on one axis."""
    length = draw(st.sampled_from([1.0, 30.0, 86_400.0]))

    def point(place):
        refused = draw(st.integers(0, 50))
        latency = draw(st.none() | st.floats(0, 1e4))
        return Point(
            at=1.7e9 + place * length,
            seconds=length,
            requests=refused + draw(st.integers(0, 10**6)),
            accepted=draw(counts),
            refused=refused,
            latency=latency,
            slowest=None if latency is None else latency * 2,
        )

    kinds = draw(st.lists(st.sampled_from(["customers", "events", "transactions"]), min_size=1, unique=True))
    places = st.lists(st.integers(0, 119), min_size=1, max_size=6, unique=True)
    return {kind: tuple(point(place) for place in sorted(draw(places))) for kind in kinds}


def bars(chart):
    picture = ET.fromstring(chart.picture)  # noqa: S314 - our own
    return picture, list(picture.iter(f"{SVG}rect"))


@given(time_lines())
def test_bars_stay_in_the_frame(time_line):
    """However large the figures, and however many kinds stand on one another."""
    axis = make_axis(time_line)
    for draw in (draw_records, draw_requests, draw_latency):
        picture, found = bars(draw(time_line, axis))
        _, _, width, height = map(float, picture.get("viewBox").split())
        for bar in found:
            assert 0 <= float(bar.get("x")) <= width - float(bar.get("width"))
            assert float(bar.get("y")) >= -0.02
            assert float(bar.get("y")) + float(bar.get("height")) <= height + 0.02


@given(time_lines())
def test_every_figure_has_its_bar(time_line):
    """Those that are above nothing; and refused ones beside the others."""
    points = [point for found in time_line.values() for point in found]
    axis = make_axis(time_line)
    assert len(bars(draw_records(time_line, axis))[1]) == sum(point.accepted > 0 for point in points)
    requests = bars(draw_requests(time_line, axis))[1]
    assert sum(bar.get("class") == "refused" for bar in requests) == sum(point.refused > 0 for point in points)
    assert len(requests) == sum((point.refused > 0) + (point.requests > point.refused) for point in points)


@given(st.floats(0, 1e12))
def test_a_scale_ends_with_a_round_number(value):
    """Not below what is shown, and not far above."""
    top = nice_top(value)
    assert top >= value
    assert top > 0
    assert top <= 2.5 * value or value < 1e-9


def test_nothing_sent_makes_no_axis():
    """There is nothing to draw."""
    assert make_axis({}) is None
    assert make_axis({"events": ()}) is None
