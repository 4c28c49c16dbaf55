"""`masivo-stream migrate`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from masivo_stream.cli.check import CatalogueFlags
from masivo_stream.cli.options import (
    CanaryFlags,
    CommonFlags,
    ConfirmationFlags,
    DividedExportFlags,
    RunFlags,
    SchedulerFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    exports_from,
    settings_from,
)

if TYPE_CHECKING:
    from masivo_stream.flow.identity.account_binding import Confirmations


@Parameter(name="*")
@dataclass(kw_only=True)
class MigrateExportFlags(CatalogueFlags, DividedExportFlags):
    """Which exports to read, and the names of their rewards."""


@Parameter(name="*")
@dataclass(kw_only=True)
class MissingFlags:
    """What is sent again after a revert."""

    only_missing: Annotated[bool, Switch] = False
    "After a partial revert: read back which customers are gone, and send again exactly what belongs to them."
    others_stayed: Annotated[bool, Switch] = False
    "With --only-missing: customers that another run migrated and that are in the account now were never taken back."


@Parameter(name="*")
@dataclass(kw_only=True)
class MigrateConfirmationFlags(ConfirmationFlags):
    """What only you can know before exports are sent."""

    again: Annotated[bool, Switch] = False
    "Send exports that the account already has from this machine: their events and transactions then count twice."

    def confirmed(self) -> "Confirmations":
        """Return what is confirmed."""
        return msgspec.structs.replace(super().confirmed(), again=self.again)


@Parameter(name="*")
@dataclass(kw_only=True)
class MigrateRunFlags(SchedulerFlags, CanaryFlags, RunFlags):
    """How a run begins, is watched, and ends."""


def migrate(
    *,
    exports: MigrateExportFlags | None = None,
    missing: MissingFlags | None = None,
    confirmations: MigrateConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    run: MigrateRunFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Migrate an export: customers, then events, then transactions.

    With --catalogue, findings and totals in the reports have the names of rewards; nothing is compared with it.
    With --parts, the checks over all files take up what other machines found, so that the first request goes at once.
    With --scheduler, workers of a Dask scheduler make what is missing of that.

    Ctrl-C stops cleanly: no new requests; those in flight may finish within the drain time. A second Ctrl-C exits at
    once.

    Example: `masivo-stream migrate --customers customers.ndjson --events "events-*.ndjson.gz"`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.cli.watched import run_watched
    from masivo_stream.flow.commands import migrate as command
    from masivo_stream.flow.exports import OnlyMissing, check_inputs
    from masivo_stream.flow.runtime import Runtime

    common, sending, missing = common or CommonFlags(), sending or SendingFlags(), missing or MissingFlags()
    settings = settings_from(common, validation, sending, run)
    exports = exports or MigrateExportFlags()
    # With --only-missing the run knows its exports.
    named = (exports.named() if missing.only_missing else exports_from(exports, common)).found(settings.retry)
    inputs = named.find(settings.retry)
    if inputs or not missing.only_missing:
        check_inputs(inputs)
    work = partial(
        command.migrate,
        settings,
        sending.credentials(common),
        OnlyMissing(exports=named, others_stayed=missing.others_stayed) if missing.only_missing else named,
        confirmations=(confirmations or MigrateConfirmationFlags()).confirmed(),
        handle_signals=True,
        runtime=Runtime(
            reread=partial(settings_from, common, validation, sending, run),
            reporting=reporting("migrate", (validation, sending, common), (exports, run), catalogue=exports.catalogue),
        ),
    )
    summary = run_watched(settings, lambda observer: work(observer=observer), quiet=common.quiet)
    return show_summary(summary, json=common.json)
