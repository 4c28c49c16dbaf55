"""Run a command while it can be watched: in its log, as progress on a terminal, and in its monitor."""

import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from masivo_stream.cli.collector import calm_collector
from masivo_stream.cli.output import watching
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.notices import MonitorListens, Notice
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary

if TYPE_CHECKING:
    from masivo_stream.monitor.address import Address
    from masivo_stream.observe.batch_spans import Exporting
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder


def run_watched(settings: Settings, work: Callable[[Observer], Awaitable[Summary]], *, quiet: bool) -> Summary:
    """Run `work` to its end.

    Raises:
        ConfigurationError: the monitor cannot listen at its address; `work` has not begun.
    """
    import anyio

    from masivo_stream.observe.progress_notes import ProgressNotes
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder

    builder = SnapshotBuilder()
    if text := settings.monitor.monitor:
        from masivo_stream.monitor.address import parse_address

        work = partial(_beside_monitor, parse_address(text), work, builder, quiet)
    calm_collector()
    if spans_wanted():
        work = partial(_traced, work)
    if settings.notify.notify or settings.notify.notify_command:
        work = partial(_notifying, settings, builder, work)
    notes = ProgressNotes(builder.snapshot, settings.state.state_dir)
    with hang_ups_ignored(), watching(settings.log, quiet=quiet, builder=builder) as observer:
        return anyio.run(work, Observers([observer, notes]))


@contextmanager
def hang_ups_ignored() -> Iterator[None]:
    """Ignore SIGHUP while the run does not listen for it, before and after its work: it would end the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGHUP, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


_TRACING = "OTEL_"
"""How the standard variables of OpenTelemetry begin: without one, nothing of it is imported."""


def spans_wanted() -> bool:
    """Return whether the environment names a collector of spans."""
    if not any(name.startswith(_TRACING) for name in os.environ):
        return False
    from masivo_stream.model.span import tracing_wanted

    return tracing_wanted(os.environ)


def make_span_export() -> "Exporting":
    """Return what sends spans to the collector.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """
    from masivo_stream.edges.otel_export import SpanExport

    return SpanExport()


async def _traced(work: Callable[[Observer], Awaitable[Summary]], observer: Observer) -> Summary:
    from masivo_stream.observe.batch_spans import BatchSpans, tracing

    async with tracing(make_span_export, observer.notify) as export:
        return await work(observer if export is None else Observers([observer, BatchSpans(export)]))


async def _notifying(
    settings: Settings, builder: "SnapshotBuilder", work: Callable[[Observer], Awaitable[Summary]], observer: Observer
) -> Summary:
    from masivo_stream.observe.notifications import Notifications, receivers_of

    receivers = receivers_of(settings.notify, settings.api.ca_file)
    notifications = Notifications(settings.notify, settings.state.state_dir, builder.snapshot, receivers=receivers)
    async with notifications.sending(observer.notify):
        return await work(Observers([observer, notifications]))


async def _beside_monitor(
    address: "Address",
    work: Callable[[Observer], Awaitable[Summary]],
    builder: "SnapshotBuilder",
    quiet: bool,
    observer: Observer,
) -> Summary:
    from masivo_stream.monitor.monitor_server import run_monitored

    observers = [observer, *([Pointer()] if sys.stderr.isatty() and not quiet else [])]
    return await run_monitored(address, work, source=builder, observers=observers)


class Pointer:
    """Prints where the page is: on a terminal the log shows warnings only."""

    def notify(self, notice: Notice) -> None:
        """Print the address of the monitor."""
        if isinstance(notice, MonitorListens):
            print(f"watch it at {notice.url}", file=sys.stderr)  # noqa: T201 - for a terminal
