"""What the monitor answers at each path. It reads the snapshot and changes nothing.

`/status.json?wait=S` is answered after S seconds, or as soon as the run ends. So a waiting page learns how the run
ended, although the monitor ends with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import msgspec
from aiohttp import web
from msgspec import Struct

from masivo_stream.flow.observer import Observer
from masivo_stream.model.notices import MonitorFailed
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.browser_security import HEADERS, NOTHING, is_own_name
from masivo_stream.monitor.page import load_page
from masivo_stream.monitor.prometheus import MetricsPage
from masivo_stream.monitor.request_metrics import RequestMetrics

LONGEST_WAIT = 10.0
"""The largest number of seconds that `wait` may have."""

_PLAIN = "text/plain; charset=utf-8"


class SnapshotSource(Protocol):
    """Gives snapshots of the run."""

    def snapshot(self) -> RunSnapshot:
        """Return the snapshot of this moment. Must not wait."""
        ...


class _Answer(Struct, frozen=True, kw_only=True):
    body: bytes
    content_type: str = _PLAIN
    status: int = 200
    policy: str = NOTHING
    allow: str = ""


_MISDIRECTED = _Answer(status=421, body=b"this server does not answer to that name: see the Host header\n")
_READ_ONLY = _Answer(status=405, body=b"GET and HEAD only\n", allow="GET, HEAD")
_UNKNOWN = _Answer(status=404, body=b"the paths are: / /status.json /metrics /healthz /readyz\n")
_FAILED = _Answer(status=500, body=b"this answer failed; the run goes on\n")


class Endpoints:
    """Answer requests about one run."""

    def __init__(
        self, source: SnapshotSource, requests: RequestMetrics, observer: Observer, listening: Address
    ) -> None:
        """Answer with what `source` gives, to requests that name `listening` by one of its names."""
        self._source, self._observer, self._listening = source, observer, listening
        self._metrics = MetricsPage(source.snapshot, requests)
        self._ended = asyncio.Event()
        self._failures: set[tuple[str, str]] = set()
        self._places: dict[str, Callable[[web.BaseRequest], Awaitable[_Answer]]] = {
            "/": self._page,
            "/status.json": self._status,
            "/metrics": self._scrape,
            "/healthz": self._health,
            "/readyz": self._readiness,
        }

    def end(self) -> None:
        """Answer every waiting request now: the run has ended."""
        self._ended.set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A failure is reported to the observer and does not end the run."""
        try:
            answer = await self._find_answer(request)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the migration goes on
            self._report(request.path, error)
            answer = _FAILED
        headers = {**HEADERS, "Content-Security-Policy": answer.policy, "Content-Type": answer.content_type}
        if answer.allow:
            headers["Allow"] = answer.allow
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _find_answer(self, request: web.BaseRequest) -> _Answer:
        if not is_own_name(request.headers.get("Host"), self._listening):
            return _MISDIRECTED
        if request.method not in ("GET", "HEAD"):
            return _READ_ONLY
        place = self._places.get(request.path)
        return _UNKNOWN if place is None else await place(request)

    def _report(self, path: str, error: Exception) -> None:
        """Report each failure once, since a page asks every second; and without its text, which may quote a record."""
        failure = (path if path in self._places else "", type(error).__name__)
        if failure not in self._failures:
            self._failures.add(failure)
            self._observer.notify(MonitorFailed(path=failure[0], error=failure[1]))

    async def _page(self, _request: web.BaseRequest) -> _Answer:
        page = load_page()
        body = page.render(self._source.snapshot())
        return _Answer(body=body, content_type="text/html; charset=utf-8", policy=page.policy)

    async def _status(self, request: web.BaseRequest) -> _Answer:
        seconds = _seconds(request.query.get("wait", ""))
        if seconds:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        return _Answer(body=msgspec.json.encode(self._source.snapshot()), content_type="application/json")

    async def _scrape(self, request: web.BaseRequest) -> _Answer:
        body, content_type = self._metrics.scrape(request.headers.get("Accept", ""))
        return _Answer(body=body, content_type=content_type)

    async def _health(self, _request: web.BaseRequest) -> _Answer:
        return _Answer(body=b"the event loop is alive\n")

    async def _readiness(self, _request: web.BaseRequest) -> _Answer:
        if is_working(self._source.snapshot()):
            return _Answer(body=b"working\n")
        return _Answer(status=503, body=b"not begun, or stopping\n")


def is_working(snapshot: RunSnapshot) -> bool:
    """Return whether the run has opened its state and begun, and is neither stopping nor ended."""
    return bool(snapshot.phases) and not snapshot.outcome and snapshot.wait.what not in ("drain", "done")


def _seconds(text: str) -> float:
    try:
        return max(0.0, min(float(text), LONGEST_WAIT))
    except ValueError:
        return 0.0
