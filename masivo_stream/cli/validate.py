"""`masivo-stream validate`."""

import os
from dataclasses import dataclass, fields
from functools import partial

from cyclopts import Parameter

from masivo_stream.cli.check import CatalogueFlags
from masivo_stream.cli.options import (
    CommonFlags,
    DividedExportFlags,
    SchedulerFlags,
    SendingFlags,
    ValidationFlags,
    check_not_empty,
    exports_from,
    settings_from,
)
from masivo_stream.model.errors import ConfigurationError


@Parameter(name="*")
@dataclass(kw_only=True)
class PartFlags:
    """Which part is validated, and where its answer goes."""

    part: str | None = None
    "Validate one part of the exports, such as 3/8; auto/8 in a job whose tasks are numbered. Needs --out."
    out: str | None = None
    "With --part: directory that all machines share, or folder in object storage, for the answer."

    def given(self, parts: str) -> bool:
        """Return whether one part is to be validated.

        Raises:
            ConfigurationError: something is missing, or the answers in `parts` are to be taken up besides.
        """
        if self.part is None and self.out is None:
            return False
        if self.part is None or self.out is None:
            raise _wrong(
                "a part and the place of its answer are named together", "name the part, and where its answer goes"
            )
        check_not_empty(self.out, "--out")
        if parts:
            raise _wrong(
                "answers are either made or taken up", "make the answers of all parts first; then take them up"
            )
        return True


_OF_PARTS = frozenset({"unknown_fields", "discounted_value", "transaction_types", "max_line_bytes"})
"""Flags on which an answer depends."""


def _check_alone(*groups: ValidationFlags | SchedulerFlags | CatalogueFlags | None) -> None:
    """Check that no flag is given that says something to whoever takes the answers up.

    Raises:
        ConfigurationError: one is.
    """
    for group in groups:
        for field in fields(group) if group is not None else ():
            if field.name not in _OF_PARTS and getattr(group, field.name) is not None:
                raise _wrong(
                    f"--{field.name.replace('_', '-')} changes nothing with --part",
                    "leave it out, and give it to the command that takes the answers up with --parts",
                )


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="read the command", hint=hint)


def validate(
    *,
    exports: DividedExportFlags | None = None,
    part: PartFlags | None = None,
    validation: ValidationFlags | None = None,
    scheduler: SchedulerFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Validate every line of an export; send nothing.

    Writes the dead letters that a migration would write into the state directory, and checks all files together:
    balances, unknown customers, duplicates. Ends with 3 if there are dead letters, or findings for which the API would
    refuse records, else with 0. With the account's key in the environment, purchases are found that earlier runs on
    this machine have sent to it.

    With --part, only one part of the exports is validated, and its answer is written for --parts: on many machines,
    each a part. It ends with 0 whatever the lines are; whoever takes the answers up finds the dead letters.
    With --scheduler, workers of a Dask scheduler validate the parts, and this process takes them up.

    Example: `masivo-stream validate --customers customers.ndjson --events events.ndjson`
    """
    import anyio

    from masivo_stream.cli.collector import calm_collector
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands import validate as command
    from masivo_stream.flow.retry_copies import writing_dead_letters

    common, part = common or CommonFlags(), part or PartFlags()
    settings = settings_from(common, validation, scheduler)
    exports = exports or DividedExportFlags()
    named = exports_from(exports, common)
    calm_collector()
    if part.given(exports.parts or ""):
        _check_alone(validation, scheduler, catalogue)
        from masivo_stream.cli.output import show_part
        from masivo_stream.flow.commands.validate_part import read_part, validate_part

        number = read_part(part.part or "", os.environ)
        with showing_work(settings.log, quiet=common.quiet) as observer:
            work = partial(validate_part, settings, named, *number, out=part.out or "", observer=observer)
            written = anyio.run(work)
        return show_part(written, json=common.json)
    with writing_dead_letters(settings.state.state_dir) as files:
        credentials = SendingFlags().credentials_if_any(common)
        known = (catalogue or CatalogueFlags()).catalogue or ""
        with showing_work(settings.log, quiet=common.quiet) as observer:
            summary = anyio.run(
                partial(
                    command.validate,
                    settings,
                    named,
                    credentials=credentials,
                    files=files,
                    catalogue=known,
                    observer=observer,
                )
            )
    return show_summary(summary, json=common.json, question=True)
