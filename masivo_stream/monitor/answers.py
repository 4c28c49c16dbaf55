"""How the monitor answers: whom, by which methods, with which headers, and what it does if an answer fails."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import Struct

from masivo_stream.flow.observer import Observer
from masivo_stream.model.notices import MonitorFailed
from masivo_stream.monitor.address import Address
from masivo_stream.monitor.browser_security import HEADERS, NOTHING, is_own_name

_PLAIN = "text/plain; charset=utf-8"


class MonitorAnswer(Struct, frozen=True, kw_only=True):
    """An answer, before it is a response."""

    body: bytes = b""
    content_type: str = _PLAIN
    status: int = 200
    policy: str = NOTHING
    allow: str = ""
    location: str = ""


_MISDIRECTED = MonitorAnswer(status=421, body=b"this server does not answer to that name: see the Host header\n")
_READ_ONLY = MonitorAnswer(status=405, body=b"GET and HEAD only\n", allow="GET, HEAD")
_PATHS = "/ /status.json /metrics /healthz /readyz"
_FAILED = MonitorAnswer(status=500, body=b"this answer failed; the run goes on\n")

Place = Callable[[web.BaseRequest], Awaitable[MonitorAnswer]]
"""What answers at a path."""


class Answering:
    """Answer requests to read: refuse foreign names and other methods, and survive whatever fails."""

    def __init__(
        self, find: Callable[[str], Place | None], observer: Observer, listening: Address, further: str = ""
    ) -> None:
        """Answer with what `find` returns for a path, to requests that name `listening` by one of its names.

        `further` is shown with the paths that all monitors have.
        """
        self._unknown = MonitorAnswer(status=404, body=f"the paths are: {_PATHS}{further}\n".encode())
        self._find, self._observer, self._listening = find, observer, listening
        self._failures: set[tuple[str, str]] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. A failure is reported to the observer and does not end the run."""
        try:
            answer = await self._find_answer(request)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the migration goes on
            self._report(request.path, error)
            answer = _FAILED
        headers = {**HEADERS, "Content-Security-Policy": answer.policy, "Content-Type": answer.content_type}
        headers |= {name: text for name, text in (("Allow", answer.allow), ("Location", answer.location)) if text}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _find_answer(self, request: web.BaseRequest) -> MonitorAnswer:
        if not is_own_name(request.headers.get("Host"), self._listening):
            return _MISDIRECTED
        if request.method not in ("GET", "HEAD"):
            return _READ_ONLY
        place = self._find(request.path)
        return self._unknown if place is None else await place(request)

    def _report(self, path: str, error: Exception) -> None:
        """Report each failure once, since a page asks every second; and without its text, which may quote a record."""
        failure = (path if self._find(path) is not None else "", type(error).__name__)
        if failure not in self._failures:
            self._failures.add(failure)
            self._observer.notify(MonitorFailed(path=failure[0], error=failure[1]))


async def answer_health(_request: web.BaseRequest) -> MonitorAnswer:
    """Answer at `/healthz`."""
    return MonitorAnswer(body=b"the event loop is alive\n")
