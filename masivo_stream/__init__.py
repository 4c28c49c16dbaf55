"""Stream customers, events and transactions into Masivo: nothing lost, nothing doubled, not one request wasted.

The library is what the command line stands on:

    settings = masivo_stream.load_settings("config.toml", environment=os.environ)
    credentials = masivo_stream.load_credentials(os.environ)
    summary = await masivo_stream.migrate(settings, credentials=credentials, customers=["customers.ndjson"])
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masivo_stream.core.accounting.tally import Tally
    from masivo_stream.core.isolation.isolate import Isolation
    from masivo_stream.core.pacing.pace import Pacer
    from masivo_stream.core.packing.pack import Packer
    from masivo_stream.core.reading.decode import Decoder
    from masivo_stream.core.reading.lines import LineSplitter
    from masivo_stream.core.sending.backoff import RetryPolicy, decide
    from masivo_stream.core.sending.classify import classify
    from masivo_stream.edges.clock import FakeClock, SystemClock
    from masivo_stream.edges.config import load_settings
    from masivo_stream.edges.secret import Credentials, Secret, load_credentials
    from masivo_stream.flow.commands.migrate import migrate, retry
    from masivo_stream.flow.commands.plan import plan
    from masivo_stream.flow.commands.resolve import Decisions, resolve
    from masivo_stream.flow.commands.status import report
    from masivo_stream.flow.commands.validate import validate
    from masivo_stream.flow.commands.verify import verify
    from masivo_stream.flow.identity.account_binding import Confirmations
    from masivo_stream.flow.observer import Observer
    from masivo_stream.flow.reporting.run_report import Reporting
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
    from masivo_stream.model.ports import Clock
    from masivo_stream.model.reason import Reason, SkipReason
    from masivo_stream.model.report import Report
    from masivo_stream.model.resolution import Resolution
    from masivo_stream.model.results import Entry, Line, Rejected, Skipped
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
    "Confirmations",
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
    "Clock": "model.ports",
    "ConfigurationError": "model.errors",
    "Credentials": "edges.secret",
    "Decoder": "core.reading.decode",
    "Decisions": "flow.commands.resolve",
    "DeniedError": "model.errors",
    "Entry": "model.results",
    "ExitCode": "model.errors",
    "FakeClock": "edges.clock",
    "InputError": "model.errors",
    "Isolation": "core.isolation.isolate",
    "Kind": "model.contract",
    "KindSummary": "model.summary",
    "Line": "model.results",
    "LineSplitter": "core.reading.lines",
    "MasivoStreamError": "model.errors",
    "Observer": "flow.observer",
    "OutageError": "model.errors",
    "Pacer": "core.pacing.pace",
    "Packer": "core.packing.pack",
    "Plan": "model.plan",
    "Reason": "model.reason",
    "Rejected": "model.results",
    "Report": "model.report",
    "Reporting": "flow.reporting.run_report",
    "Resolution": "model.resolution",
    "RetryPolicy": "core.sending.backoff",
    "Confirmations": "flow.identity.account_binding",
    "Secret": "edges.secret",
    "Settings": "model.settings",
    "SkipReason": "model.reason",
    "Skipped": "model.results",
    "StorageError": "model.errors",
    "Summary": "model.summary",
    "SystemClock": "edges.clock",
    "Tally": "core.accounting.tally",
    "Verification": "model.verification",
    "Window": "model.window",
    "WorkerError": "model.errors",
    "classify": "core.sending.classify",
    "decide": "core.sending.backoff",
    "draw_report": "observe.report_page",
    "load_credentials": "edges.secret",
    "load_settings": "edges.config",
    "migrate": "flow.commands.migrate",
    "plan": "flow.commands.plan",
    "report": "flow.commands.status",
    "resolve": "flow.commands.resolve",
    "retry": "flow.commands.migrate",
    "validate": "flow.commands.validate",
    "verify": "flow.commands.verify",
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
