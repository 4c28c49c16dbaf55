"""The metrics: well-formed, as documented, and with the figures of the snapshot."""

import re
from pathlib import Path

import made_snapshots
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse

from masivo_stream.flow.pipeline.deliver import _WORDS
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import BatchSent
from masivo_stream.monitor.prometheus import MetricsPage
from masivo_stream.monitor.request_metrics import DURATIONS, OUTCOMES, Histogram, RequestMetrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "monitoring.md"
PICTURES = {
    name: found for name, found in vars(made_snapshots).items() if isinstance(found, type(made_snapshots.WORKING))
}


def scrape(snapshot, requests=None):
    text, content_type = MetricsPage(lambda: snapshot, requests or RequestMetrics()).scrape("")
    assert content_type.startswith("text/plain; version=")
    return list(parse(text.decode()))


def values(families):
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


@pytest.mark.parametrize("name", PICTURES)
def test_every_snapshot_can_be_scraped(name):
    """Both formats are well-formed for any snapshot, and no series comes twice."""
    metrics = MetricsPage(lambda: PICTURES[name], RequestMetrics())
    samples = [s for family in parse(metrics.scrape("")[0].decode()) for s in family.samples]
    assert len({(s.name, *sorted(s.labels.items())) for s in samples}) == len(samples)
    text, content_type = metrics.scrape("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert list(parse_open_metrics(text.decode()))


def test_the_documented_metrics_are_the_metrics():
    """`docs/monitoring.md` lists every metric with its type and labels, and no other."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \| (.*?) \|", DOCUMENT.read_text(), re.MULTILINE)
    listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    found = {}
    for family in scrape(made_snapshots.WORKING):
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = (family.type, {label for s in family.samples for label in s.labels} - {"le"})
    assert found == listed


def test_the_figures_are_those_of_the_snapshot():
    """Outcomes add up to the number read; windows, dead letters and states are those of the snapshot."""
    snapshot = made_snapshots.WORKING
    found = values(scrape(snapshot))
    for phase in snapshot.phases:
        outcomes = [
            v for (name, *labels), v in found.items() if name == "masivo_records" and ("kind", phase.kind) in labels
        ]
        assert sum(outcomes) == phase.figures.read == found["masivo_records_read_total", ("kind", phase.kind)]
        states = [
            v for (name, *labels), v in found.items() if name == "masivo_phase" and ("kind", phase.kind) in labels
        ]
        assert sorted(states) == [0, 0, 0, 0, 1]
        for reason, number in phase.figures.reasons.items():
            assert found["masivo_dead_letters", ("kind", phase.kind), ("reason", reason)] == number
    assert found["masivo_quota_used_requests", ("scope", "migration"), ("window", "1000/h")] == 704
    assert found["masivo_waiting", ("for", "slot")] == 1
    assert found["masivo_run_ends_timestamp_seconds",] == snapshot.ends_at


def test_an_unknown_number_has_no_series():
    """An unknown number has no series."""
    names = {name for name, *_ in values(scrape(made_snapshots.BEGUN))}
    assert "masivo_run_ends_timestamp_seconds" not in names


def test_requests_are_counted_by_outcome_without_their_status():
    """Every outcome exists from the start, as zero."""
    requests = RequestMetrics()
    for word in ("accepted", "accepted", "refused (422)", "in doubt"):
        requests.notify(
            BatchSent(kind=Kind.EVENTS, batch="b", records=10, items=990, size=5, outcome=word, seconds=0.3)
        )
    found = values(scrape(made_snapshots.WORKING, requests))
    counted = {w: found["masivo_requests_total", ("kind", "events"), ("outcome", w)] for w in OUTCOMES}
    assert counted == {**dict.fromkeys(OUTCOMES, 0), "accepted": 2, "refused": 1, "in_doubt": 1}
    assert found["masivo_requests_total", ("kind", "customers"), ("outcome", "accepted")] == 0
    assert found["masivo_request_duration_seconds_sum", ("kind", "events")] == pytest.approx(1.2)
    assert found["masivo_request_items_bucket", ("kind", "events"), ("le", "990.0")] == 4


def test_the_outcomes_are_those_of_the_flow():
    """Each outcome of a notice is one of those that start as zero."""
    words = {*_WORDS.values(), "refused", "token not taken"}
    assert {word.replace(" ", "_") for word in words} == set(OUTCOMES)


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_counts_each_number_once(numbers):
    """Buckets never shrink, each holds the numbers not above its bound, and the last one holds all."""
    histogram = Histogram(DURATIONS)
    for number in numbers:
        histogram.add(number)
    counted = [number for _, number in histogram.buckets]
    assert counted == [*(sum(n <= bound for n in numbers) for bound in DURATIONS), len(numbers)]
    assert histogram.total == pytest.approx(sum(numbers))


def test_two_monitors_share_nothing():
    """Nothing is kept in the process: a second registry is as empty as the first was."""
    for _ in range(2):
        assert (
            values(scrape(msgspec.structs.replace(made_snapshots.WORKING, throttled=7)))["masivo_throttled_total",] == 7
        )
