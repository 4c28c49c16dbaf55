"""The metrics of a fleet: those of every run, with the label `account`."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.monitor.prometheus import RunCollector
from masivo_stream.monitor.request_metrics import RequestMetrics

ACCOUNT = "account"

Runs = Mapping[str, tuple[Callable[[], RunSnapshot], RequestMetrics]]


class FleetMetrics:
    """The page of all metrics of a fleet."""

    def __init__(self, runs: Runs) -> None:
        """Show what the functions return at the moment of the scrape, by account."""
        self._registry = CollectorRegistry()
        self._registry.register(_FleetCollector(runs))
        ProcessCollector(registry=self._registry)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return the text and its type, in the format that an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _FleetCollector(Collector):
    def __init__(self, runs: Runs) -> None:
        self._runs = {name: RunCollector(*run) for name, run in runs.items()}

    def describe(self) -> Iterable[Metric]:
        """Return nothing: no other collector is in this registry, so no name can clash."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric once, with the samples of all accounts."""
        merged: dict[str, Metric] = {}
        for name, run in self._runs.items():
            for metric in run.collect():
                into = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                into.samples += [sample._replace(labels={ACCOUNT: name, **sample.labels}) for sample in metric.samples]
        yield from merged.values()
