"""What the bench found: names, medians, rates."""

import msgspec
import pytest
from bench_findings import EXPORT, made, run
from hypothesis import given
from hypothesis import strategies as st

from masivo_stream.model.bench_result import Bench, Case, Stage, summarize
from masivo_stream.model.contract import Kind

CASE = Case(kind=Kind.EVENTS, stage=Stage.SEND, settings={"uploaders": 4})


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "send"),
        ({"uploaders": 1}, "send, 1 uploader"),
        ({"uploaders": 16}, "send, 16 uploaders"),
        ({"uploaders": 1, "workers": 2}, "send, 1 uploader, 2 workers"),
        ({"workers": 2, "pure_python": 0}, "send, 2 workers"),
        ({"workers": 2, "pure_python": 1}, "send, 2 workers, msgspec alone"),
    ],
)
def test_a_case_is_named_by_the_settings_that_it_varies(settings, label):
    """Stage, and each setting with its value."""
    assert Case(kind=Kind.EVENTS, stage=Stage.SEND, settings=settings).label == label


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=9))
def test_rates_are_those_of_the_rounds(seconds):
    """A median is within its range, the fastest round has the highest rate, and order does not matter."""
    found = summarize(CASE, [run(each) for each in seconds], EXPORT)
    speed = found.mb_per_second
    assert found.seconds.least == min(seconds)
    assert speed.least <= speed.median <= speed.most == 5.0 / min(seconds)
    assert found == summarize(CASE, [run(each) for each in reversed(seconds)], EXPORT)


def test_a_stage_that_takes_no_time_has_no_rate():
    """An empty export is decoded in no time."""
    found = summarize(CASE, [run(0.0)], EXPORT)
    assert found.mb_per_second.most == found.items_per_second.most == found.sink_busy == 0.0


def test_the_highest_peak_and_the_busiest_sink_count():
    """For memory and for the sink, the worst round is reported."""
    runs = [run(peak_rss_bytes=5, sink_cpu_seconds=0.1), run(peak_rss_bytes=9, sink_cpu_seconds=0.7)]
    found = summarize(CASE, runs, EXPORT)
    assert (found.peak_rss_bytes, found.sink_busy) == (9, 0.7)


def test_findings_are_read_back_from_their_json():
    """What `--json` prints can be read into the same values."""
    assert msgspec.json.decode(msgspec.json.encode(made()), type=Bench) == made()
