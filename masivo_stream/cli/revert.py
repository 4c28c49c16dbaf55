"""`masivo-stream revert`."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.ask import agreed
from masivo_stream.cli.options import AccountFlags, CommonFlags, SendingFlags, Switch, ValidationFlags, settings_from
from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.flow.revert_survey import OtherRun, Survey


def revert(
    *,
    start: Annotated[str, Parameter(name="--from")],
    end: Annotated[str, Parameter(name="--to")],
    yes: Annotated[bool, Switch] = False,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    accounts: AccountFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Take back what was migrated in a period: whole customers, with their events and transactions.

    The API takes back only customers that have made no transaction of their own since. The command shows what the run
    in the state directory sent in that period, and which other runs of this machine sent to the account in it; then it
    asks. If that is all of the run, its state directory starts from the beginning afterwards; if it is a part,
    `migrate --only-missing` sends that part again.

    Example: `masivo-stream revert --from 2026-01-31T00:00:00Z --to 2026-02-01T00:00:00Z`

    Parameters
    ----------
    start
        Customers migrated after this moment, such as 2026-01-31T00:00:00Z.
    end
        Customers migrated before this moment.
    yes
        Do not ask.
    """
    import anyio

    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.flow.commands import revert as command
    from masivo_stream.flow.revert_survey import survey, survey_others
    from masivo_stream.flow.runtime import Runtime

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending)
    credentials = sending.credentials(common)
    found = survey(settings.state.state_dir, start, end, slack=settings.visible.visible_timeout)
    sys.stderr.write(_describe(found, settings.state.state_dir))
    sys.stderr.write(_describe_others(survey_others(settings, credentials, start, end)))
    if not yes and not _agreed(start, end, settings.api.base_url):
        raise ConfigurationError(
            "not confirmed: nothing was taken back",
            operation="revert a migration",
            hint="answer yes, or give --yes",
        )
    work = partial(
        command.revert,
        settings,
        credentials,
        start=start,
        end=end,
        confirmations=(accounts or AccountFlags()).confirmed(),
        runtime=Runtime(reporting=reporting("revert", (validation, sending, common))),
    )
    done = anyio.run(work)
    if common.json:
        reverted = {"from": start, "to": end, "customers": done.customers}
        return print_json({"schema": 1, "reverted": reverted, "hint": done.hint})
    if done.customers is not None:
        sys.stderr.write(f"the API reports that it took back {done.customers:,} customers\n")
    lines = [f"taken back: customers migrated from {start} to {end}"]
    if done.hint:
        lines.append(f"next: {printable(done.hint)}")
    return answer(lambda: print("\n".join(lines)))  # noqa: T201 - the answer


def _describe(found: "Survey | None", state_dir: str) -> str:
    """Return what a period covers; the journal knows it."""
    if found is None:
        return f"there is no run in {state_dir}: what that period covers is not known\n"
    counts = ", ".join(f"{count:,} records of {kind}" for kind, count in found.within.items())
    lines = [f"of the run in {state_dir}, this period covers {counts or 'no customers'}"]
    if found.near:
        lines.append(f"  and perhaps some of {found.near:,} customers that were sent near its start or end")
    if found.beyond:
        lines.append(
            f"  and NOT {found.beyond:,} customers: the run was at work from {found.first} to {found.last}, by the"
            " clock of this machine"
        )
    if found.others and not found.whole:
        others = ", ".join(f"{count:,} records of {kind}" for kind, count in found.others.items())
        lines.append(f"  of {others} it takes back those of its customers, no matter when they were sent")
    if found.holds and not found.whole:
        lines.append(f"  afterwards this command sends again what was taken back: {found.command}")
    return "\n".join(map(printable, lines)) + "\n"


def _describe_others(others: "Sequence[OtherRun]") -> str:
    """Return a warning of other runs whose customers are taken back, too."""
    if not others:
        return ""
    lines = ["warning: other runs of this machine sent to this account in this period; it takes back theirs, too:"]
    for each in others:
        known = "its journal cannot be read, so it is not known when it sent"
        lines.append(
            f"  {each.state_dir}: {known if each.customers is None else f'up to {each.customers:,} customers'}"
        )
    return "\n".join(map(printable, lines)) + "\n"


def _agreed(start: str, end: str, base_url: str) -> bool:
    return agreed(f"Take back every customer migrated from {start} to {end} at {base_url}?")
