"""Check: which account this is, what it has, and whether everything that the exports name is there.

With a key, the account is asked in a handful of requests, under the account's general limit. Without one, a saved
catalogue says what the account has. The exports are read once, at about the speed of `validate`; memory does not grow
with their size. Nothing is changed, neither in the account nor in a state directory, unless something is to be tried
(`Trials`): that sends test customers, and says how to take them back.

Exit codes: 0 if nothing is found; 3 if something is, for a person to look at; 6 if something could not be read from the
account.
"""

from collections.abc import Iterator
from contextlib import aclosing

from msgspec import UNSET, UnsetType, structs

from masivo_stream.core.compare_references import compare_references
from masivo_stream.core.reading.object_urls import shown_url
from masivo_stream.core.reading.references import ReferenceCollector
from masivo_stream.edges.export.source import Input
from masivo_stream.edges.files.catalogue_file import read_catalogue
from masivo_stream.edges.secret import Credentials
from masivo_stream.flow.ask_account import AskedAccount
from masivo_stream.flow.exports import Exports, check_inputs
from masivo_stream.flow.identity.inspect_exports import inspect_exports
from masivo_stream.flow.look_up import read_small
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.flow.pipeline.read_exports import validate_again
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.sources import Source
from masivo_stream.flow.work_progress import measured_reading
from masivo_stream.model import contract
from masivo_stream.model.account_check import AccountCheck, AccountType, CheckedAccount
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode
from masivo_stream.model.experiments import Trials, TriedAccount
from masivo_stream.model.references import Catalogue, References
from masivo_stream.model.results import Rejected
from masivo_stream.model.settings import Settings


async def check(
    settings: Settings,
    *,
    credentials: Credentials | None = None,
    catalogue: str = "",
    exports: Exports | None = None,
    trials: Trials | None = None,
    observer: Observer | None = None,
    runtime: Runtime | None = None,
) -> AccountCheck:
    """Ask the account what it is and what it has, and compare the exports with that.

    Args:
        settings: see `load_settings`.
        credentials: the account is asked with them. Without them, nothing is sent.
        catalogue: path of a JSON file that says what the account has, for whoever has no key. With a key, it only adds
            what the API does not list.
        exports: what to compare; without them, only the account is looked at.
        trials: what to try in the account, with records made for it.
        observer: receives notices.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there is nothing to check, the file is no catalogue, or the account is not one to try in.
        DeniedError: the key or the token is refused.
        OutageError: no token came.
        InputError: an export does not exist, or cannot be read to its end.
    """
    if trials is not None and trials.wanted and credentials is None:
        raise ConfigurationError(
            "nothing can be tried without an account",
            operation="read the command",
            hint="set MASIVO_API_KEY to try something in its account",
        )
    inputs = (exports or Exports()).find(settings.retry)
    if not (inputs or credentials or catalogue):
        raise ConfigurationError(
            "there is nothing to check",
            operation="read the command",
            hint="set MASIVO_API_KEY to ask an account, or name exports or a --catalogue",
        )
    account: CheckedAccount | UnsetType = UNSET
    tried: TriedAccount | UnsetType = UNSET
    known = read_catalogue(shown_url(catalogue), read_small(catalogue)) if catalogue else Catalogue()
    observers, clock = Observers([observer] if observer else []), (runtime or Runtime()).clock
    if credentials is not None:
        asked = AskedAccount(settings, credentials, observers, clock)
        account, known = await asked.ask(known, trials)
        tried = asked.tried
    references = References(by_sort={}, rewards_of_brands=[])
    warnings: list[str] = []
    if inputs:
        check_inputs(inputs)
        await inspect_exports(inputs)
        files = [each for found in inputs.values() for each in found]
        with measured_reading("reading the exports", files, observer=observers, clock=clock):
            references, warnings = await _collect(settings, inputs)
    if account is not UNSET:
        warnings = [*_warn_of_limits(settings, account), *warnings]
    findings = list(compare_references(references, known))
    unread = account is not UNSET and bool(account.unread)
    surprising = tried is not UNSET and tried.surprising
    unread = unread or (tried is not UNSET and tried.left_open)
    return AccountCheck(
        **structs.asdict(known),
        exit_code=int(
            ExitCode.DEAD_LETTERS if findings or surprising else ExitCode.OUTAGE if unread else ExitCode.COMPLETE
        ),
        account=account,
        catalogue_file=catalogue,
        references=references.by_sort,
        findings=findings,
        warnings=warnings,
        tried=tried,
    )


def _warn_of_limits(settings: Settings, account: CheckedAccount) -> Iterator[str]:
    """Yield a warning if a development account would be sent as much as a production account takes."""
    configured = tuple(map(str, settings.limits.limit))
    if account.type is AccountType.DEVELOPMENT and configured == contract.MIGRATION_WINDOWS_PROD:
        (interval, hourly), (daily,) = contract.MIGRATION_WINDOWS_DEV, contract.GENERAL_WINDOWS_DEV
        yield (
            "the configured limits are those of a production account, and this one takes less: give migrate --limit"
            f" {interval} --limit {hourly} --general-limit {daily}"
        )


async def _collect(settings: Settings, inputs: dict[Kind, list[Input]]) -> tuple[References, list[str]]:
    """Return what the valid lines of the exports name, and warnings about lines that are not valid."""
    collector, warnings = ReferenceCollector(), []
    for kind, of_kind in inputs.items():
        sources = [Source(each) for each in of_kind]
        invalid = 0
        async with aclosing(validate_again(kind, sources, settings)) as validated_blocks:
            async for validated in validated_blocks:
                collector.add(kind, validated.found)
                invalid += sum(isinstance(each, Rejected) for each in validated.found)
        if invalid:
            lines = "line of" if invalid == 1 else "lines of"
            warnings.append(
                f"{invalid:,} {lines} {kind} cannot be sent and were left out here: masivo-stream validate says why"
            )
    return collector.result(), warnings
