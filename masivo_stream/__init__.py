"""Stream customers, events and transactions into Masivo: nothing lost, nothing doubled, not one request wasted.

The command line uses nothing but this library:

    settings = masivo_stream.load_settings("config.toml", environment=os.environ)
    credentials = masivo_stream.load_credentials(os.environ)
    exports = masivo_stream.Exports(customers=["customers.ndjson"])
    summary = await masivo_stream.migrate(settings, credentials, exports)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masivo_stream.core.mending.correct import CopyFrom, GiveUp, RemoveField, RenameField
    from masivo_stream.core.mending.new_values import AddZone, Convert, MapTo, SetTo
    from masivo_stream.edges.clock import FakeClock, SystemClock
    from masivo_stream.edges.config import load_settings
    from masivo_stream.edges.secret import Credentials, Secret, load_credentials
    from masivo_stream.flow.commands.check import check
    from masivo_stream.flow.commands.dead_letters import dead_letter_rows, dead_letters
    from masivo_stream.flow.commands.fleet import FleetRuntime, migrate_fleet, plan_fleet
    from masivo_stream.flow.commands.fleet_status import fleet_status
    from masivo_stream.flow.commands.mend import Mend, TableFile, mend, undo_mend
    from masivo_stream.flow.commands.migrate import migrate
    from masivo_stream.flow.commands.plan import plan
    from masivo_stream.flow.commands.report import report
    from masivo_stream.flow.commands.resolve import Decisions, resolve
    from masivo_stream.flow.commands.retry import retry
    from masivo_stream.flow.commands.revert import Reverted, revert
    from masivo_stream.flow.commands.status import status
    from masivo_stream.flow.commands.validate import validate
    from masivo_stream.flow.commands.validate_part import validate_part
    from masivo_stream.flow.commands.verify import Sample, verify
    from masivo_stream.flow.commands.verify_totals import verify_totals
    from masivo_stream.flow.dry_run.all_kinds import DryRunFiles
    from masivo_stream.flow.exports import Exports, OnlyMissing
    from masivo_stream.flow.fleet_file import Fleet, load_fleet
    from masivo_stream.flow.identity.account_binding import Confirmations
    from masivo_stream.flow.observer import Observer
    from masivo_stream.flow.readback.totals_choice import TotalsChoice
    from masivo_stream.flow.runtime import Reporting, Runtime
    from masivo_stream.model.account_check import AccountCheck
    from masivo_stream.model.batch import Batch
    from masivo_stream.model.contract import Kind
    from masivo_stream.model.day_totals import TotalsVerification
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
    from masivo_stream.model.experiments import Experiment, Trials
    from masivo_stream.model.fleet import FleetResult
    from masivo_stream.model.mending import DeadLetterList, Mended
    from masivo_stream.model.parts import WrittenPart
    from masivo_stream.model.plan import Plan
    from masivo_stream.model.ports import Clock
    from masivo_stream.model.reason import Reason, SkipReason
    from masivo_stream.model.report import Report
    from masivo_stream.model.resolution import Resolution
    from masivo_stream.model.results import Entry, Line, Rejected, Skipped
    from masivo_stream.model.settings import Settings
    from masivo_stream.model.status import Status
    from masivo_stream.model.summary import KindSummary, Summary
    from masivo_stream.model.verification import Verification
    from masivo_stream.model.window import Window
    from masivo_stream.observe.report_page import draw_report

__version__ = "0.1.0"

__all__ = [
    # commands, and what they need
    "check",
    "dead_letter_rows",
    "dead_letters",
    "draw_report",
    "fleet_status",
    "load_credentials",
    "load_fleet",
    "load_settings",
    "mend",
    "migrate",
    "migrate_fleet",
    "plan",
    "plan_fleet",
    "report",
    "resolve",
    "retry",
    "revert",
    "status",
    "undo_mend",
    "validate",
    "validate_part",
    "verify",
    "verify_totals",
    # values
    "AccountCheck",
    "AddZone",
    "Batch",
    "Confirmations",
    "Convert",
    "CopyFrom",
    "Credentials",
    "DeadLetterList",
    "Decisions",
    "Entry",
    "ExitCode",
    "Experiment",
    "Exports",
    "Fleet",
    "FleetResult",
    "GiveUp",
    "Kind",
    "KindSummary",
    "Line",
    "MapTo",
    "Mend",
    "Mended",
    "OnlyMissing",
    "Plan",
    "Reason",
    "Rejected",
    "RemoveField",
    "RenameField",
    "Report",
    "Resolution",
    "Reverted",
    "Sample",
    "Secret",
    "SetTo",
    "Settings",
    "SkipReason",
    "Skipped",
    "Status",
    "Summary",
    "TableFile",
    "TotalsChoice",
    "TotalsVerification",
    "Trials",
    "Verification",
    "Window",
    "WrittenPart",
    # what tests and embedding programs replace
    "Clock",
    "DryRunFiles",
    "FakeClock",
    "FleetRuntime",
    "Observer",
    "Reporting",
    "Runtime",
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
    "AccountCheck": "model.account_check",
    "AddZone": "core.mending.new_values",
    "Batch": "model.batch",
    "Clock": "model.ports",
    "ConfigurationError": "model.errors",
    "Confirmations": "flow.identity.account_binding",
    "Convert": "core.mending.new_values",
    "CopyFrom": "core.mending.correct",
    "Credentials": "edges.secret",
    "DeadLetterList": "model.mending",
    "Decisions": "flow.commands.resolve",
    "DeniedError": "model.errors",
    "DryRunFiles": "flow.dry_run.all_kinds",
    "Entry": "model.results",
    "ExitCode": "model.errors",
    "Experiment": "model.experiments",
    "Exports": "flow.exports",
    "FakeClock": "edges.clock",
    "Fleet": "flow.fleet_file",
    "FleetResult": "model.fleet",
    "FleetRuntime": "flow.commands.fleet",
    "GiveUp": "core.mending.correct",
    "InputError": "model.errors",
    "Kind": "model.contract",
    "KindSummary": "model.summary",
    "Line": "model.results",
    "MapTo": "core.mending.new_values",
    "MasivoStreamError": "model.errors",
    "Mend": "flow.commands.mend",
    "Mended": "model.mending",
    "Observer": "flow.observer",
    "OnlyMissing": "flow.exports",
    "OutageError": "model.errors",
    "Plan": "model.plan",
    "Reason": "model.reason",
    "Rejected": "model.results",
    "RemoveField": "core.mending.correct",
    "RenameField": "core.mending.correct",
    "Report": "model.report",
    "Reporting": "flow.runtime",
    "Resolution": "model.resolution",
    "Reverted": "flow.commands.revert",
    "Runtime": "flow.runtime",
    "Sample": "flow.commands.verify",
    "Secret": "edges.secret",
    "SetTo": "core.mending.new_values",
    "Settings": "model.settings",
    "SkipReason": "model.reason",
    "Skipped": "model.results",
    "Status": "model.status",
    "StorageError": "model.errors",
    "Summary": "model.summary",
    "SystemClock": "edges.clock",
    "TableFile": "flow.commands.mend",
    "TotalsChoice": "flow.readback.totals_choice",
    "TotalsVerification": "model.day_totals",
    "Trials": "model.experiments",
    "Verification": "model.verification",
    "Window": "model.window",
    "WorkerError": "model.errors",
    "WrittenPart": "model.parts",
    "check": "flow.commands.check",
    "dead_letter_rows": "flow.commands.dead_letters",
    "dead_letters": "flow.commands.dead_letters",
    "draw_report": "observe.report_page",
    "fleet_status": "flow.commands.fleet_status",
    "load_credentials": "edges.secret",
    "load_fleet": "flow.fleet_file",
    "load_settings": "edges.config",
    "mend": "flow.commands.mend",
    "migrate": "flow.commands.migrate",
    "migrate_fleet": "flow.commands.fleet",
    "plan": "flow.commands.plan",
    "plan_fleet": "flow.commands.fleet",
    "report": "flow.commands.report",
    "resolve": "flow.commands.resolve",
    "retry": "flow.commands.retry",
    "revert": "flow.commands.revert",
    "status": "flow.commands.status",
    "undo_mend": "flow.commands.mend",
    "validate": "flow.commands.validate",
    "validate_part": "flow.commands.validate_part",
    "verify": "flow.commands.verify",
    "verify_totals": "flow.commands.verify_totals",
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
