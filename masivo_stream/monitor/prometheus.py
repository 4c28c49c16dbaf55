"""The snapshot of a run as Prometheus metrics, made for each scrape. Nothing is kept between scrapes.

They have a registry of their own, not the default one of the process. Names follow
https://prometheus.io/docs/practices/naming/: base units, `_total` for a number that only grows. A number that can fall
is a gauge, even if it mostly grows: a dead letter that was sent by a retry counts no more.
"""

import platform
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from masivo_stream.model.contract import Kind
from masivo_stream.model.snapshot import KindSnapshot, KindState, RunSnapshot, Waiting, WindowUse
from masivo_stream.model.summary import KindSummary
from masivo_stream.model.window import Window
from masivo_stream.monitor.request_metrics import Histogram, RequestMetrics

ITEM_OUTCOMES = ("accepted", "dead", "skipped", "in_doubt", "pending")

Labelled = Iterable[tuple[list[str], float]]


class MetricsPage:
    """The page of all metrics."""

    def __init__(self, snapshot: Callable[[], RunSnapshot], requests: RequestMetrics) -> None:
        """Show what `snapshot` returns at the moment of the scrape, and `requests`."""
        self._registry = CollectorRegistry()
        self._registry.register(RunCollector(snapshot, requests))
        ProcessCollector(registry=self._registry)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class RunCollector(Collector):
    """Collects the metrics of one run."""

    def __init__(self, snapshot: Callable[[], RunSnapshot], requests: RequestMetrics) -> None:
        """Collect from what `snapshot` returns, and from `requests`."""
        self._snapshot, self._requests = snapshot, requests

    def describe(self) -> Iterable[Metric]:
        """Return nothing: no other collector is in this registry, so no name can clash."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, all of one snapshot, so that the figures agree."""
        snapshot = self._snapshot()
        yield from _run(snapshot)
        yield from _phases(snapshot.phases)
        yield from _quota(snapshot.windows)
        yield from _requests(self._requests)


def _run(snapshot: RunSnapshot) -> Iterator[Metric]:
    about = [snapshot.version, platform.python_version()]
    yield _gauge("masivo_build_info", "What runs here; always 1.", ["version", "python"], [(about, 1)])
    yield _gauge("masivo_run_started_timestamp_seconds", "When the run began.", [], [([], snapshot.began)])
    ends: Labelled = [([], snapshot.ends_at)] if snapshot.ends_at is not None else []
    yield _gauge("masivo_run_ends_timestamp_seconds", "When the last request leaves, if that is known.", [], ends)
    share: Labelled = [([], snapshot.share)] if snapshot.share is not None else []
    yield _gauge("masivo_run_done_ratio", "Share of all records that have their outcome, from 0 to 1.", [], share)
    left: Labelled = [([], snapshot.requests_left)] if snapshot.requests_left is not None else []
    yield _gauge("masivo_run_requests_left", "Requests still to be sent, estimated until all is read.", [], left)
    waits = [([word], float(snapshot.wait.what == word)) for word in get_args(Waiting)]
    yield _gauge("masivo_waiting", "What the run waits for: 1 for that, 0 for the others.", ["for"], waits)
    paused: Labelled = [([], float(snapshot.paused is not None))]
    yield _gauge("masivo_paused", "1 while a person has paused the run, else 0.", [], paused)
    yield _gauge("masivo_requests_in_flight", "Requests sent and not answered yet.", [], [([], snapshot.in_flight)])
    yield _counter("masivo_throttled", "Requests answered 429 in this run.", [], [([], snapshot.throttled)])
    stall = "Longest time for which one task kept the event loop busy."
    yield _gauge("masivo_event_loop_longest_stall_seconds", stall, [], [([], snapshot.stall)])


def _phases(phases: Iterable[KindSnapshot]) -> Iterator[Metric]:
    figures = [(phase.kind.value, phase.figures) for phase in phases]
    states = [([phase.kind, word], float(phase.state == word)) for phase in phases for word in get_args(KindState)]
    yield _gauge("masivo_phase", "State of a kind: 1 for that state, 0 for the others.", ["kind", "state"], states)
    read, of_kind = "Bytes read of a kind's exports.", ["kind"]
    yield _counter("masivo_read_bytes", read, of_kind, [([phase.kind], phase.bytes_read) for phase in phases])
    sizes: Labelled = [([phase.kind], phase.size) for phase in phases if phase.size]
    yield _gauge("masivo_export_bytes", "Bytes in a kind's exports, if that is known.", of_kind, sizes)
    unread: Labelled = [([phase.kind], phase.unread) for phase in phases if phase.unread is not None]
    yield _gauge("masivo_records_unread", "Records not read yet, estimated until they are counted.", of_kind, unread)
    needed: Labelled = [([phase.kind], phase.requests_needed) for phase in phases if phase.requests_needed is not None]
    yield _gauge("masivo_requests_needed", "Requests that a kind takes, estimated from what was read.", of_kind, needed)
    yield from _of_records(figures)


def _of_records(figures: list[tuple[str, KindSummary]]) -> Iterator[Metric]:
    of_kind, by_outcome = ["kind"], ["kind", "fate"]
    read = [([kind], found.read) for kind, found in figures]
    yield _counter("masivo_records_read", "Records read, over all starts of the run.", of_kind, read)
    accepted = [([kind], found.accepted) for kind, found in figures]
    yield _counter("masivo_records_accepted", "Records accepted, over all starts of the run.", of_kind, accepted)
    accepted = [([kind], found.items_accepted) for kind, found in figures]
    yield _counter("masivo_items_accepted", "Items accepted, over all starts of the run.", of_kind, accepted)
    outcomes = [
        ([kind, outcome], getattr(found, outcome)) for kind, found in figures for outcome in (*ITEM_OUTCOMES, "blank")
    ]
    yield _gauge("masivo_records", "Records by outcome; their sum is the number read.", by_outcome, outcomes)
    outcomes = [
        ([kind, outcome], getattr(found, f"items_{outcome}")) for kind, found in figures for outcome in ITEM_OUTCOMES
    ]
    yield _gauge("masivo_items", "Items by outcome.", by_outcome, outcomes)
    reasons = [([kind, reason], count) for kind, found in figures for reason, count in found.reasons.items()]
    yield _gauge("masivo_dead_letters", "Dead letters by reason.", ["kind", "reason"], reasons)
    sent = [([kind], found.bytes_sent) for kind, found in figures]
    yield _counter("masivo_sent_bytes", "Bytes of request bodies, over all starts of the run.", of_kind, sent)


def _quota(windows: Iterable[WindowUse]) -> Iterator[Metric]:
    labels = ["scope", "window"]
    named = [([use.scope, _name(use)], use) for use in windows]
    limits = [(names, float(use.limit)) for names, use in named]
    yield _gauge("masivo_quota_limit_requests", "Requests that a window of the account holds.", labels, limits)
    used = [(names, float(use.used)) for names, use in named]
    yield _gauge("masivo_quota_used_requests", "Requests that count in a window now.", labels, used)


def _name(use: WindowUse) -> str:
    """Return a window as settings spell it, with the time zone of its hours."""
    rate = str(Window(use.limit, use.seconds))
    return f"{use.hours} {rate}" if use.hours else rate


def _requests(requests: RequestMetrics) -> Iterator[Metric]:
    outcomes = [([kind.value, word], float(count)) for (kind, word), count in requests.outcomes.items()]
    yield _counter("masivo_requests", "Requests of this process by outcome.", ["kind", "outcome"], outcomes)
    yield _histogram("masivo_request_duration_seconds", "From departure to answer.", requests.seconds)
    yield _histogram("masivo_request_items", "Items in a request.", requests.items)


def _gauge(name: str, about: str, labels: list[str], samples: Labelled) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=labels)
    for values, number in samples:
        metric.add_metric(values, number)
    return metric


def _counter(name: str, about: str, labels: list[str], samples: Labelled) -> Metric:
    metric = CounterMetricFamily(name, about, labels=labels)
    for values, number in samples:
        metric.add_metric(values, number)
    return metric


def _histogram(name: str, about: str, counted: dict[Kind, Histogram]) -> Metric:
    metric = HistogramMetricFamily(name, about, labels=["kind"])
    for kind, histogram in counted.items():
        metric.add_metric([kind], buckets=histogram.buckets, sum_value=histogram.total)
    return metric
