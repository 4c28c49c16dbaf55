"""The bench's chart: well formed, self-contained, and within its frame."""

from xml.etree import ElementTree as ET

from bench_findings import made, run
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from masivo_stream.observe.bench_chart import draw_bench

SVG = "{http://www.w3.org/2000/svg}"


def parsed(found):
    return ET.fromstring(draw_bench(found))  # noqa: S314 - our own


def texts(picture):
    return [element.text for element in picture.iter(f"{SVG}text")]


def test_the_chart_shows_the_figures_of_the_table():
    """Each stage's bar has its label and its figures beside it."""
    found = texts(parsed(made()))
    for label in ("events", "decode", "validate", "pack", "send, 1 uploader", "send, 16 uploaders"):
        assert label in found
    assert found.count("2.5 MB/s, 10,000 items/s") == 5


def test_the_chart_needs_nothing_else():
    """No script, no fetched address, and both of a viewer's colour schemes."""
    text = draw_bench(made())
    names = {element.tag.removeprefix(SVG) for element in parsed(made()).iter()}
    assert names == {"svg", "title", "style", "text", "rect", "line"}
    assert "prefers-color-scheme: dark" in text
    assert not [word for word in ("href", "url(", "@import", "on") if f" {word}=" in text or f"{word}(" in text]
    assert text.count("http") == 1  # the namespace


def test_text_from_outside_stays_text():
    """Neither the name of a processor nor a target adds an element."""
    machine = structs.replace(made().machine, cpu="<script>alert(1)</script> & \x1b[31m")
    picture = parsed(made(machine=machine, target="http://x/<b>"))
    assert not list(picture.iter(f"{SVG}script"))
    assert any("<script>alert(1)</script> & " in text for text in texts(picture))


@settings(max_examples=30)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=5))
def test_everything_stays_in_the_frame(seconds):
    """For any speed, bars, ranges and figures are within the image."""
    picture = parsed(made(tuple(run(each) for each in seconds)))
    width = float(picture.get("width"))
    for bar in picture.iter(f"{SVG}rect"):
        assert 0 <= float(bar.get("width")) <= width - float(bar.get("x"))
    for text in picture.iter(f"{SVG}text"):
        if "MB/s," in text.text:
            assert float(text.get("x")) < width - 150


def test_an_empty_export_has_a_chart_too():
    """With bars of no length."""
    assert {bar.get("width") for bar in parsed(made((run(0.0),))).iter(f"{SVG}rect")} <= {"0", "0.0"}
