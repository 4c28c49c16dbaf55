"""One OpenTelemetry span for each request with a batch: what it held, how long it took, and its outcome.

A span holds counts, sizes and words: no id of a batch or record, no value. Nothing about spans can stop a run.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from masivo_stream.edges.clock import SystemClock
from masivo_stream.model.notices import BatchSent, Notice, RunStarted, TracingFailed
from masivo_stream.model.ports import Clock
from masivo_stream.model.span import RequestSpan, Value

LAST_SECONDS = 5.0
"""How long the end of the process waits for the collector."""

_GOES_ON = ("throttled", "token not taken", "unreachable")
"""Outcomes after which the same batch is sent again."""

MOST_KNOWN = 1000
"""Batches that are under way at the same time, and whose numbers are known; there are never as many."""


class Exporting(Protocol):
    """Takes spans."""

    def add(self, span: RequestSpan) -> None:
        """Take one."""
        ...

    def begin_close(self, closed: Callable[[], object]) -> None:
        """Begin to send what is left; call `closed` in the end, from any thread."""
        ...

    @property
    def lost(self) -> int:
        """Spans of which it is not known that the collector has them."""
        ...


class BatchSpans:
    """An observer that makes a span of each request."""

    def __init__(self, export: Exporting, clock: Clock | None = None, *, account_name: str = "") -> None:
        """Give spans to `export`; `account_name` is that of an account of a fleet."""
        self._export, self._clock, self._name = export, clock or SystemClock(), account_name
        self._numbers: dict[str, int] = {}
        self._last = 0
        self._about: dict[str, Value] = {}

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        if isinstance(notice, RunStarted):
            self._about = {"server.address": notice.target, "masivo.account": notice.account}
        elif isinstance(notice, BatchSent):
            self._export.add(self._span(notice))

    def _span(self, sent: BatchSent) -> RequestSpan:
        ended = self._clock.wall().timestamp()
        attributes: dict[str, Value] = {
            **{name: value for name, value in self._about.items() if value},
            **({"masivo.account_name": self._name} if self._name else {}),
            "masivo.kind": sent.kind.value,
            "masivo.batch.number": self._number(sent),
            "masivo.batch.records": sent.records,
            "masivo.batch.items": sent.items,
            "masivo.batch.attempt": sent.attempt,
            "masivo.outcome": sent.outcome,
            "http.request.method": "POST",
            "http.request.body.size": sent.size,
            **({"http.response.status_code": sent.status} if sent.status else {}),
        }
        return RequestSpan(
            name=f"send {sent.kind.value}",
            began=ended - sent.seconds,
            ended=ended,
            attributes=attributes,
            events={"limit awaited": {"masivo.limit.seconds": round(sent.waited, 6)}},
            error="" if sent.outcome == "accepted" else sent.outcome,
        )

    def _number(self, sent: BatchSent) -> int:
        """Return the batch's number in this process: the same for each attempt, and no id."""
        number = self._numbers.pop(sent.batch, 0)
        if not number:
            self._last += 1
            number = self._last
        if sent.outcome.startswith(_GOES_ON) or sent.outcome == "in doubt":
            self._numbers[sent.batch] = number
            if len(self._numbers) > MOST_KNOWN:
                del self._numbers[next(iter(self._numbers))]
        return number


@asynccontextmanager
async def tracing(
    make: Callable[[], Exporting], log: Callable[[Notice], None], *, patience: float = LAST_SECONDS
) -> AsyncIterator[Exporting | None]:
    """Yield what takes spans, as `make` returns it; None if that cannot be.

    At the end, wait for the collector for at most `patience` seconds. `log` gets one notice of what is lost.
    """
    try:
        export = make()
    except ImportError:
        log(TracingFailed(why="OpenTelemetry is not installed: pip install 'masivo-stream[otel]'"))
        yield None
        return
    except Exception as error:  # noqa: BLE001 - variables that the SDK does not take must not end a run
        log(TracingFailed(why=f"OpenTelemetry cannot begin: {type(error).__name__}"))
        yield None
        return
    try:
        yield export
    finally:
        loop, closed = asyncio.get_running_loop(), asyncio.Event()
        export.begin_close(lambda: loop.call_soon_threadsafe(closed.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await closed.wait()
        if export.lost:
            log(TracingFailed(why="the collector has not taken all spans", spans=export.lost))
