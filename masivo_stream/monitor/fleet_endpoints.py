"""What the monitor of a fleet answers: an overview, and for each account what the monitor of one run answers.

/                          the overview, which reloads itself
/status.json  /metrics     of all accounts
/accounts/NAME/            the page of one account, and below it status.json and metrics
"""

from collections.abc import Mapping
from functools import partial
from typing import Protocol
from urllib.parse import unquote

import msgspec
from aiohttp import web

from masivo_stream.flow.observer import Observer
from masivo_stream.model.fleet_snapshot import FleetSnapshot
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.answers import Answering, MonitorAnswer, Place, answer_health
from masivo_stream.monitor.endpoints import Endpoints, SnapshotSource
from masivo_stream.monitor.fleet_metrics import FleetMetrics
from masivo_stream.monitor.fleet_page import load_fleet_page
from masivo_stream.monitor.request_metrics import RequestMetrics

_ACCOUNTS = "/accounts/"


class FleetSource(Protocol):
    """Gives snapshots of a fleet."""

    def snapshot(self) -> FleetSnapshot:
        """Return the snapshot of this moment. Must not wait."""
        ...


class FleetEndpoints:
    """Answer requests about the runs of a fleet."""

    def __init__(
        self,
        source: FleetSource,
        runs: Mapping[str, tuple[SnapshotSource, RequestMetrics]],
        observer: Observer,
        listening: Address,
    ) -> None:
        """Answer with what `source` and, by account, `runs` give, to requests that name `listening`."""
        self._source = source
        self._runs = {name: Endpoints(run, requests, observer, listening) for name, (run, requests) in runs.items()}
        self._metrics = FleetMetrics({name: (run.snapshot, requests) for name, (run, requests) in runs.items()})
        self._places: dict[str, Place] = {
            "/": self._page,
            "/status.json": self._status,
            "/metrics": self._scrape,
            "/healthz": answer_health,
            "/readyz": self._readiness,
        }
        self.answer = Answering(self._find, observer, listening, further=" /accounts/NAME/").answer

    def end(self) -> None:
        """Answer every waiting request now: the fleet has ended."""
        for run in self._runs.values():
            run.end()

    def _find(self, path: str) -> Place | None:
        if not path.startswith(_ACCOUNTS):
            return self._places.get(path)
        name, slash, rest = path.removeprefix(_ACCOUNTS).partition("/")
        run = self._runs.get(unquote(name))
        if run is None:
            return None
        # Without the slash, the page's own requests would go to another path.
        return run.places.get(f"/{rest}") if slash else partial(_to_directory, path)

    async def _page(self, _request: web.BaseRequest) -> MonitorAnswer:
        page = load_fleet_page()
        body = page.render(self._source.snapshot())
        return MonitorAnswer(body=body, content_type="text/html; charset=utf-8", policy=page.policy)

    async def _status(self, _request: web.BaseRequest) -> MonitorAnswer:
        return MonitorAnswer(body=msgspec.json.encode(self._source.snapshot()), content_type="application/json")

    async def _scrape(self, request: web.BaseRequest) -> MonitorAnswer:
        body, content_type = self._metrics.scrape(request.headers.get("Accept", ""))
        return MonitorAnswer(body=body, content_type=content_type)

    async def _readiness(self, _request: web.BaseRequest) -> MonitorAnswer:
        if any(not row.ended for row in self._source.snapshot().accounts):
            return MonitorAnswer(body=b"working\n")
        return MonitorAnswer(status=503, body=b"ended\n")


async def _to_directory(path: str, _request: web.BaseRequest) -> MonitorAnswer:
    return MonitorAnswer(status=308, location=f"{path}/")
