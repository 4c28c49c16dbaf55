"""`masivo-stream validate`."""

from functools import partial

from masivo_stream.cli.check import CatalogueFlags
from masivo_stream.cli.options import CommonFlags, ExportFlags, SendingFlags, ValidationFlags, settings_from


def validate(
    *,
    exports: ExportFlags | None = None,
    validation: ValidationFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Validate every line of an export; send nothing.

    Writes the dead letters that a migration would write into the state directory, and checks all files together:
    balances, unknown customers, duplicates. Ends with 3 if there are dead letters, or findings for which the API would
    refuse records, else with 0. With the account's key in the environment, purchases are found that earlier runs on
    this machine have sent to it.

    Example: `masivo-stream validate --customers customers.ndjson --events events.ndjson`
    """
    import anyio

    from masivo_stream.cli.output import show_summary
    from masivo_stream.flow.commands import validate as command
    from masivo_stream.flow.retry_copies import writing_dead_letters

    common = common or CommonFlags()
    settings = settings_from(common, validation)
    named = (exports or ExportFlags()).named()
    with writing_dead_letters(settings.state.state_dir) as files:
        credentials = SendingFlags().credentials_if_any(common)
        known = (catalogue or CatalogueFlags()).catalogue or ""
        work = partial(command.validate, settings, named, credentials=credentials, files=files, catalogue=known)
        summary = anyio.run(work)
    return show_summary(summary, json=common.json, question=True)
