"""`masivo-stream plan`."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

from masivo_stream.cli.check import CatalogueFlags
from masivo_stream.cli.options import (
    CanaryFlags,
    CommonFlags,
    DividedExportFlags,
    SchedulerFlags,
    SendingFlags,
    ValidationFlags,
    exports_from,
    settings_from,
)


def plan(
    *,
    exports: DividedExportFlags | None = None,
    validation: ValidationFlags | None = None,
    scheduler: SchedulerFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    sending: SendingFlags | None = None,
    canary: CanaryFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show how many requests a migration takes, how long, and what would be rejected; send nothing.

    Ends with 0, or with 3 if some records would be dead letters, or if the API would refuse them. What the exports name
    is counted, and compared with --catalogue if that is given. With --canary, the requests are those of a migration
    with --canary. The API key is not needed: it only names the account, so that the plan counts what this machine has
    used of its quota. With --parts, what other machines found is taken up (validate --part); with --scheduler, workers
    of a Dask scheduler validate.

    Example: `masivo-stream plan --customers customers.ndjson --limit 1/5s --limit 250/h`
    """
    import anyio
    from msgspec import structs

    from masivo_stream.cli.collector import calm_collector
    from masivo_stream.cli.output import print_json, show_plan
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.core.redact import printable
    from masivo_stream.edges.files.state_dir import JOURNAL
    from masivo_stream.flow.commands import plan as command
    from masivo_stream.flow.retry_copies import writing_dead_letters

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, scheduler, sending, canary)
    named = exports_from(exports or DividedExportFlags(), common)
    calm_collector()
    directory = settings.state.state_dir
    # As `fleet plan`: a plan needs no directory. A run that has begun in this one, or is at work, is left alone.
    begun = (Path(directory) / JOURNAL).exists()
    with nullcontext(None) if begun else writing_dead_letters(directory) as files:
        credentials = sending.credentials_if_any(common)
        known = (catalogue or CatalogueFlags()).catalogue or ""
        with showing_work(settings.log, quiet=common.quiet) as observer:
            found = anyio.run(
                partial(
                    command.plan,
                    settings,
                    named,
                    credentials=credentials,
                    files=files,
                    catalogue=known,
                    observer=observer,
                )
            )
    if begun:
        said = (
            f"the run in {printable(directory)} has begun: this plan is of all records in the exports, and its dead"
            " letters are not written; status shows what is left of the run"
        )
        found = structs.replace(found, warnings=[said, *found.warnings])
    return print_json(found, found.summary.exit_code, question=True) if common.json else show_plan(found)
