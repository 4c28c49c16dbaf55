"""`masivo-stream check`."""

from dataclasses import dataclass
from functools import partial

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, ExportFlags, SendingFlags, ValidationFlags, settings_from


@Parameter(name="*")
@dataclass(kw_only=True)
class CatalogueFlags:
    """What the exports are compared with, without a key."""

    catalogue: str | None = None
    "JSON file that lists what the account has, such as a saved `masivo-stream check --json`."


def check(
    *,
    exports: ExportFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show which account this is and what it has, and whether it has everything that exports name.

    With a key, costs about four requests, under --general-limit, and changes nothing. Without a key, sends nothing.

    Ends with 0 if nothing is found; with 3 if exports name rewards or tiers that the account lacks, or more of
    something than an account may hold; with 6 if the account could not be read.

    Example: `masivo-stream check --customers customers.ndjson --transactions transactions.ndjson`
    """
    import anyio

    from masivo_stream.cli.output import show_check, watching
    from masivo_stream.flow.commands import check as command

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending)
    with watching(settings.log, quiet=common.quiet, warnings_only=True) as observer:
        work = partial(
            command.check,
            settings,
            credentials=sending.credentials_if_any(),
            catalogue=(catalogue or CatalogueFlags()).catalogue or "",
            exports=(exports or ExportFlags()).named(),
            observer=observer,
        )
        found = anyio.run(work)
    return show_check(found, json=common.json)
