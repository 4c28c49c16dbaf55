"""Stream customers, events and transactions into Masivo: nothing lost, nothing doubled, not one request wasted.

The library is what the command line stands on:

    settings = masivo_stream.load_settings("config.toml", environment=os.environ)
    credentials = masivo_stream.load_credentials(os.environ)
    summary = await masivo_stream.migrate(settings, credentials=credentials, customers=["customers.ndjson"])
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masivo_stream.core.classify import classify
    from masivo_stream.core.decode import Decoder
    from masivo_stream.core.isolate import Isolation
    from masivo_stream.core.lines import LineSplitter
    from masivo_stream.core.pace import Pacer
    from masivo_stream.core.pack import Packer
    from masivo_stream.core.retry import RetryPolicy, decide
    from masivo_stream.core.tally import Tally
    from masivo_stream.edges.clock import Clock, FakeClock, SystemClock
    from masivo_stream.edges.config import load_settings
    from masivo_stream.edges.secret import Credentials, Secret, load_credentials
    from masivo_stream.flow.belonging import Said
    from masivo_stream.flow.migrate import migrate, retry
    from masivo_stream.flow.observer import Observer
    from masivo_stream.flow.plan import plan
    from masivo_stream.flow.report import Reporting
    from masivo_stream.flow.resolve import Decisions, resolve
    from masivo_stream.flow.status import report
    from masivo_stream.flow.validate import validate
    from masivo_stream.flow.verify import verify
    from masivo_stream.model.batch import Batch
    from masivo_stream.model.contract import Kind
    from masivo_stream.model.errors import (
        ConfigurationError,
        DeniedError,
        ExitCode,
        InputError,
        MasivoStreamError,
        OutageError,
        StorageError,
        WorkerError,
    )
    from masivo_stream.model.plan import Plan
    from masivo_stream.model.reason import Reason, SkipReason
    from masivo_stream.model.record import Entry, Line, Rejected, Skipped
    from masivo_stream.model.report import Report
    from masivo_stream.model.resolution import Resolution
    from masivo_stream.model.settings import Settings
    from masivo_stream.model.summary import KindSummary, Summary
    from masivo_stream.model.verification import Verification
    from masivo_stream.model.window import Window
    from masivo_stream.observe.report_page import draw_report

__version__ = "0.1.0"

__all__ = [
    # journeys
    "load_credentials",
    "load_settings",
    "migrate",
    "plan",
    "report",
    "resolve",
    "retry",
    "validate",
    "verify",
    # values
    "Batch",
    "Credentials",
    "Decisions",
    "Entry",
    "ExitCode",
    "Kind",
    "KindSummary",
    "Line",
    "Plan",
    "Reason",
    "Rejected",
    "Report",
    "Resolution",
    "Said",
    "Secret",
    "Settings",
    "SkipReason",
    "Skipped",
    "Summary",
    "Verification",
    "Window",
    # machines
    "Decoder",
    "Isolation",
    "LineSplitter",
    "Pacer",
    "Packer",
    "RetryPolicy",
    "Tally",
    "classify",
    "decide",
    "draw_report",
    # seams
    "Clock",
    "FakeClock",
    "Observer",
    "Reporting",
    "SystemClock",
    # errors
    "ConfigurationError",
    "DeniedError",
    "InputError",
    "MasivoStreamError",
    "OutageError",
    "StorageError",
    "WorkerError",
]

_HOMES = {
    "Batch": "model.batch",
    "Clock": "edges.clock",
    "ConfigurationError": "model.errors",
    "Credentials": "edges.secret",
    "Decoder": "core.decode",
    "Decisions": "flow.resolve",
    "DeniedError": "model.errors",
    "Entry": "model.record",
    "ExitCode": "model.errors",
    "FakeClock": "edges.clock",
    "InputError": "model.errors",
    "Isolation": "core.isolate",
    "Kind": "model.contract",
    "KindSummary": "model.summary",
    "Line": "model.record",
    "LineSplitter": "core.lines",
    "MasivoStreamError": "model.errors",
    "Observer": "flow.observer",
    "OutageError": "model.errors",
    "Pacer": "core.pace",
    "Packer": "core.pack",
    "Plan": "model.plan",
    "Reason": "model.reason",
    "Rejected": "model.record",
    "Report": "model.report",
    "Reporting": "flow.report",
    "Resolution": "model.resolution",
    "RetryPolicy": "core.retry",
    "Said": "flow.belonging",
    "Secret": "edges.secret",
    "Settings": "model.settings",
    "SkipReason": "model.reason",
    "Skipped": "model.record",
    "StorageError": "model.errors",
    "Summary": "model.summary",
    "SystemClock": "edges.clock",
    "Tally": "core.tally",
    "Verification": "model.verification",
    "Window": "model.window",
    "WorkerError": "model.errors",
    "classify": "core.classify",
    "decide": "core.retry",
    "draw_report": "observe.report_page",
    "load_credentials": "edges.secret",
    "load_settings": "edges.config",
    "migrate": "flow.migrate",
    "plan": "flow.plan",
    "report": "flow.status",
    "resolve": "flow.resolve",
    "retry": "flow.migrate",
    "validate": "flow.validate",
    "verify": "flow.verify",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562): `masivo-stream --help` must not wait for aiohttp."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
