"""The report's charts as the page shows them: each figure has its bar, within the frame, without exception."""

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from made_report import BEGAN, made_report

from masivo_stream.model.snapshot import Point
from masivo_stream.observe.report_charts import make_axis, nice_top
from masivo_stream.observe.report_page import draw_report

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


def drawn(time_line):
    """Return the charts of a page: of records, of requests, and of answer times."""
    page = draw_report(made_report(time_line=time_line))
    snapshots = re.findall(r'<div class="chart">.*?(<svg .*?</svg>)', page, re.DOTALL)
    return [ET.fromstring(snapshot) for snapshot in snapshots]  # noqa: S314 - our own


def bars(snapshot):
    return list(snapshot.iter("rect"))


def sent(place, **figures):
    """Return the point of one second."""
    return Point(at=BEGAN + place, seconds=1.0, **figures)


@given(time_lines())
def test_bars_stay_in_the_frame(time_line):
    """For figures of any size and any number of stacked kinds."""
    snapshots = drawn(time_line)
    assert len(snapshots) == 3
    for snapshot in snapshots:
        _, _, width, height = map(float, snapshot.get("viewBox").split())
        for bar in bars(snapshot):
            assert 0 <= float(bar.get("x")) <= width - float(bar.get("width"))
            assert float(bar.get("y")) >= -0.02
            assert float(bar.get("y")) + float(bar.get("height")) <= height + 0.02


@given(time_lines())
def test_every_figure_has_its_bar(time_line):
    """Every figure above zero; refused requests have bars of their own."""
    points = [point for found in time_line.values() for point in found]
    records, requests, _ = map(bars, drawn(time_line))
    assert len(records) == sum(point.accepted > 0 for point in points)
    assert sum(bar.get("class") == "refused" for bar in requests) == sum(point.refused > 0 for point in points)
    assert len(requests) == sum((point.refused > 0) + (point.requests > point.refused) for point in points)


@given(st.floats(0, 1e12))
def test_a_scale_ends_with_a_round_number(value):
    """It is not below the largest value, and not far above."""
    top = nice_top(value)
    assert top >= value
    assert top > 0
    assert top <= 2.5 * value or value < 1e-9


def test_nothing_sent_makes_no_axis():
    """Then there is nothing to draw."""
    assert make_axis({}) is None
    assert make_axis({"events": ()}) is None
    assert drawn({"events": ()}) == []


def test_a_chart_describes_itself():
    """A chart has a name, is scaled to its place, and each of its bars shows its figures."""
    point = sent(0, requests=3, accepted=1_500, items=1, refused=1)
    records, requests, latency = drawn({"events": (point,)})
    assert [snapshot.get("aria-label") for snapshot in (records, requests, latency)] == [
        "Records accepted per second, over time",
        "Requests per second, over time",
        "Answer times seconds, over time",
    ]
    for snapshot in (records, requests, latency):
        assert (snapshot.get("role"), snapshot.get("preserveAspectRatio")) == ("img", "none")
        assert snapshot.get("viewBox") == "0 0 1 100"
        assert [float(line.get("y1")) for line in snapshot.iter("line")] == [0, 50]
    told = "00:00:00 to 00:00:01: "
    assert [bar.findtext("title") for bar in bars(records)] == [f"{told}1,500 records of events accepted, 1 item"]
    assert [bar.findtext("title") for bar in bars(requests)] == [f"{told}3 requests of events, 1 refused"] * 2
    assert [bar.get("class") for bar in bars(requests)] == ["events", "refused"]


def test_a_line_is_joined_where_stretches_follow_one_another():
    """The line begins again after a stretch without an answer."""
    points = tuple(sent(place, requests=1, latency=0.5, slowest=slowest) for place, slowest in ((0, 1), (1, 2), (3, 2)))
    _, _, latency = drawn({"events": points})
    assert {path.get("class"): path.get("d") for path in latency.iter("path")} == {
        "slowest": "M 0 50.0 L 1 50.0 L 1 0.0 L 2 0.0 M 3 0.0 L 4 0.0",
        "mean": "M 0 75.0 L 1 75.0 L 1 75.0 L 2 75.0 M 3 75.0 L 4 75.0",
    }


def test_names_are_shown_as_text():
    """For any name of a kind, the number of bars is the same, and their texts have the name."""
    name = "<script>\"'&</svg>"
    records, *_ = drawn({name: (sent(0, accepted=2),)})
    assert [(bar.get("class"), bar.findtext("title")) for bar in bars(records)] == [
        (name, f"00:00:00 to 00:00:01: 2 records of {name} accepted, 0 items")
    ]
