"""`masivo-stream check`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, ExportFlags, SendingFlags, Switch, ValidationFlags, settings_from
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.model.experiments import Trials


@Parameter(name="*")
@dataclass(kw_only=True)
class CatalogueFlags:
    """What the exports are compared with, without a key."""

    catalogue: str | None = None
    "JSON file that lists what the account has, such as a saved `masivo-stream check --json`."


@Parameter(name="*")
@dataclass(kw_only=True)
class TrialFlags:
    """What is tried in the account, with test customers."""

    try_: Annotated[list[str] | None, Parameter(name="--try", negative="")] = None
    "Find out by trying, in a development account: atomic, twice or email-case; repeatable. Default: nothing."
    on_production: Annotated[bool, Switch] = False
    "With --try: in any account, also if it is not certainly a development account."

    def wanted(self) -> "Trials":
        """Return what is to be tried."""
        from masivo_stream.model.experiments import Experiment, Trials

        try:
            return Trials(wanted=tuple(map(Experiment, self.try_ or ())), anywhere=self.on_production)
        except ValueError:
            raise ConfigurationError(
                "this cannot be tried",
                operation="read the command",
                place="--try",
                hint="--try takes atomic, twice or email-case",
            ) from None


def check(
    *,
    exports: ExportFlags | None = None,
    catalogue: CatalogueFlags | None = None,
    trials: TrialFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show which account this is and what it has, and whether it has everything that exports name.

    With a key, costs about four requests, under --general-limit, and changes nothing. Without a key, sends nothing.
    Only --try sends test customers, and shows how to take them back.

    Ends with 0 if nothing is found; with 3 if exports name rewards or tiers that the account lacks, or more of
    something than an account may hold, or if a trial shows what this program does not assume; with 6 if the account
    could not be read.

    Example: `masivo-stream check --customers customers.ndjson --transactions transactions.ndjson`
    """
    import anyio

    from masivo_stream.cli.output import show_check
    from masivo_stream.cli.progress import showing_work_and_log
    from masivo_stream.flow.commands import check as command

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending)
    with showing_work_and_log(settings.log, quiet=common.quiet) as observer:
        work = partial(
            command.check,
            settings,
            credentials=sending.credentials_if_any(common),
            catalogue=(catalogue or CatalogueFlags()).catalogue or "",
            exports=(exports or ExportFlags()).named(),
            trials=(trials or TrialFlags()).wanted(),
            observer=observer,
        )
        found = anyio.run(work)
    return show_check(found, json=common.json)
