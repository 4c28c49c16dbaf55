"""What the monitor answers at each path. It reads the snapshot and changes nothing.

`/status.json?wait=S` is answered after S seconds, or as soon as the run ends. So a waiting page learns how the run
ended, although the monitor ends with it.
"""

import asyncio
from contextlib import suppress
from typing import Protocol

import msgspec
from aiohttp import web

from masivo_stream.flow.observer import Observer
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.answers import Answering, MonitorAnswer, Place, answer_health
from masivo_stream.monitor.page import load_page
from masivo_stream.monitor.prometheus import MetricsPage
from masivo_stream.monitor.request_metrics import RequestMetrics

LONGEST_WAIT = 10.0
"""The largest number of seconds that `wait` may have."""


class SnapshotSource(Protocol):
    """Gives snapshots of the run."""

    def snapshot(self) -> RunSnapshot:
        """Return the snapshot of this moment. Must not wait."""
        ...


class Endpoints:
    """Answer requests about one run."""

    def __init__(
        self, source: SnapshotSource, requests: RequestMetrics, observer: Observer, listening: Address
    ) -> None:
        """Answer with what `source` gives, to requests that name `listening` by one of its names."""
        self._source = source
        self._metrics = MetricsPage(source.snapshot, requests)
        self._ended = asyncio.Event()
        self.places: dict[str, Place] = {
            "/": self._page,
            "/status.json": self._status,
            "/metrics": self._scrape,
            "/healthz": answer_health,
            "/readyz": self._readiness,
        }
        self.answer = Answering(self.places.get, observer, listening).answer

    def end(self) -> None:
        """Answer every waiting request now: the run has ended."""
        self._ended.set()

    async def _page(self, _request: web.BaseRequest) -> MonitorAnswer:
        page = load_page()
        body = page.render(self._source.snapshot())
        return MonitorAnswer(body=body, content_type="text/html; charset=utf-8", policy=page.policy)

    async def _status(self, request: web.BaseRequest) -> MonitorAnswer:
        seconds = _seconds(request.query.get("wait", ""))
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        return MonitorAnswer(body=msgspec.json.encode(self._source.snapshot()), content_type="application/json")

    async def _scrape(self, request: web.BaseRequest) -> MonitorAnswer:
        body, content_type = self._metrics.scrape(request.headers.get("Accept", ""))
        return MonitorAnswer(body=body, content_type=content_type)

    async def _readiness(self, _request: web.BaseRequest) -> MonitorAnswer:
        snapshot = self._source.snapshot()
        if is_working(snapshot):  # also while it is paused: nothing is wrong with it
            return MonitorAnswer(body=b"working\n" if snapshot.paused is None else f"{snapshot.wait.text}\n".encode())
        return MonitorAnswer(status=503, body=b"not begun, or stopping\n")


def is_working(snapshot: RunSnapshot) -> bool:
    """Return whether the run has opened its state and begun, and is neither stopping nor ended."""
    return bool(snapshot.phases) and not snapshot.outcome and snapshot.wait.what not in ("drain", "done")


def _seconds(text: str) -> float:
    try:
        return max(0.0, min(float(text), LONGEST_WAIT))
    except ValueError:
        return 0.0
