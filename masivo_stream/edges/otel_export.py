"""OpenTelemetry: the only module that knows it. Spans go to the collector that the standard variables name.

It is imported only if they name one, and needs the extra `otel`. The SDK exports in a thread of its own, drops spans if
its queue is full, and is never waited for while a run is at work. What it writes by itself about failures is discarded:
what the collector has taken is counted here, and the rest is reported once.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from masivo_stream import __version__
from masivo_stream.model.span import RequestSpan

_SECOND = 1_000_000_000


class SpanExport:
    """Sends spans to a collector."""

    def __init__(self) -> None:
        """Make the SDK's exporter, by the standard variables. Nothing is sent yet."""
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        logging.getLogger("opentelemetry").propagate = False
        self._exporter = _Counting(OTLPSpanExporter())
        self._provider = TracerProvider(
            resource=Resource.create(
                {
                    "service.name": "masivo-stream",
                    "service.version": __version__,
                    "service.instance.id": uuid4().hex,
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("masivo-stream", __version__)
        self._added = 0

    def add(self, span: RequestSpan) -> None:
        """Send a span some time. Takes microseconds."""
        self._added += 1
        made = self._tracer.start_span(
            span.name, kind=SpanKind.CLIENT, attributes=dict(span.attributes), start_time=round(span.began * _SECOND)
        )
        for name, attributes in span.events.items():
            made.add_event(name, dict(attributes), timestamp=round(span.began * _SECOND))
        if span.error:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(end_time=round(span.ended * _SECOND))

    def begin_close(self, closed: Callable[[], object]) -> None:
        """Send what is left, in a thread that the process does not wait for; it calls `closed` in the end."""
        threading.Thread(target=self._close, args=(closed,), daemon=True).start()

    def _close(self, closed: Callable[[], object]) -> None:
        self._provider.shutdown()
        with suppress(RuntimeError):  # the event loop has ended in the meantime
            closed()

    @property
    def lost(self) -> int:
        """Spans of which it is not known that the collector has them."""
        return self._added - self._exporter.exported


class _Counting:
    """The SDK's exporter, with a count of what the collector has taken."""

    def __init__(self, exporter: Any) -> None:  # noqa: ANN401 - the SDK's type, which need not be installed
        self._exporter = exporter
        self.exported = 0

    def export(self, spans: Sequence[object]) -> object:
        """Send spans; called in the SDK's thread."""
        result = self._exporter.export(spans)
        if result.name == "SUCCESS":
            self.exported += len(spans)
        return result

    def shutdown(self) -> None:
        """End."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: nothing is kept here."""
        return bool(self._exporter.force_flush(timeout_millis))
