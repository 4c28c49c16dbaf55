"""`masivo-stream plan`."""

from functools import partial

from masivo_stream.cli.check import CatalogueFlags
from masivo_stream.cli.options import (
    CanaryFlags,
    CommonFlags,
    ExportFlags,
    SendingFlags,
    ValidationFlags,
    settings_from,
)


def plan(
    *,
    exports: ExportFlags | None = None,
    validation: ValidationFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    sending: SendingFlags | None = None,
    canary: CanaryFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show how many requests a migration takes, how long, and what would be rejected; send nothing.

    Ends with 0, or with 3 if some records would be dead letters, or if the API would refuse them. What the exports name
    is counted, and compared with --catalogue if that is given. With --canary, the requests are those of a migration
    with --canary. The API key is not needed: it only names the account, so that the plan counts what this machine has
    used of its quota.

    Example: `masivo-stream plan --customers customers.ndjson --limit 1/5s --limit 250/h`
    """
    import anyio

    from masivo_stream.cli.output import print_json, show_plan
    from masivo_stream.flow.commands import plan as command
    from masivo_stream.flow.retry_copies import writing_dead_letters

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending, canary)
    named = (exports or ExportFlags()).named()
    with writing_dead_letters(settings.state.state_dir) as files:
        credentials = sending.credentials_if_any()
        known = (catalogue or CatalogueFlags()).catalogue or ""
        work = partial(command.plan, settings, named, credentials=credentials, files=files, catalogue=known)
        found = anyio.run(work)
    return print_json(found, found.summary.exit_code, question=True) if common.json else show_plan(found)
