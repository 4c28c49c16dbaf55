"""Serve the monitor of a fleet in the loop of its runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.notices import MonitorListens
from masivo_stream.monitor.address import parse_address
from masivo_stream.monitor.fleet_endpoints import FleetEndpoints
from masivo_stream.monitor.monitor_server import serving
from masivo_stream.monitor.request_metrics import RequestMetrics
from masivo_stream.observe.fleet_watch import FleetRuns


@asynccontextmanager
async def beside_monitor(address: str, runs: FleetRuns, pointer: Observer | None = None) -> AsyncIterator[None]:
    """Serve at `address` while the context lasts; nothing if it is empty. `pointer` receives the address, too.

    Raises:
        ConfigurationError: it is no address, or the server cannot listen on it.
    """
    if not address:
        yield
        return
    wanted = parse_address(address)
    counted = {name: (watch.builder, RequestMetrics()) for name, watch in runs.accounts.items()}
    for name, (_, requests) in counted.items():
        runs.add(name, requests)
    observer = Observers([runs.own_log, *([pointer] if pointer is not None else [])])
    async with serving(wanted, FleetEndpoints(runs, counted, observer, wanted)) as listening:
        observer.notify(MonitorListens(url=f"http://{listening}/", exposed=not wanted.loopback))
        yield
