"""Validate: check every line of the exports as a migration does; send nothing."""

from msgspec import structs

from masivo_stream.core.checks.name_rewards import name_in_summary
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.edges.files.catalogue_file import read_catalogue
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.checks.policy import read_policy
from masivo_stream.flow.dry_run.all_kinds import DryRunFiles, dry_run
from masivo_stream.flow.exports import Exports
from masivo_stream.flow.look_up import read_small
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.references import Catalogue
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Summary


async def validate(
    settings: Settings,
    exports: Exports,
    *,
    credentials: Credentials | None = None,
    files: DryRunFiles | None = None,
    catalogue: str = "",
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> Summary:
    """Validate every line, send nothing. Records that are ready to send are counted under `pending`.

    Args:
        settings: see `load_settings`.
        exports: what to read.
        credentials: only name the account, to find purchases that earlier runs have sent to it.
        files: where dead letters and lists of what is skipped are written; nowhere without it.
        catalogue: path of a JSON file that says what the account has: rewards have the names in it.
        observer: receives notices of how far the work is.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: no export is named, or a check that there is not.
        InputError: an export does not exist. One that turns out to be unreadable on the way is reported in the summary.
        StorageError: what the checks keep on disk cannot be written.
    """
    policy = read_policy(settings)
    clock = (runtime or Runtime()).clock
    has = read_catalogue(shown_url(catalogue), read_small(catalogue)) if catalogue else Catalogue()
    settings = structs.replace(
        settings, verify=structs.replace(settings.verify, canary=False)
    )  # no requests, no canary
    files = structs.replace(files or DryRunFiles(), observer=Observers([observer] if observer else []))
    found = await dry_run(settings, exports, files, clock, policy, credentials)
    return name_in_summary(found.summary, has)
