"""`masivo-stream resolve`."""

import sys
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import (
    AccountFlags,
    CommonFlags,
    RelocationFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    settings_from,
)
from masivo_stream.model.errors import ConfigurationError

Batches = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


def resolve(
    *,
    accept: Batches = None,
    discard: Batches = None,
    resend: Batches = None,
    reason: str = "",
    yes: Annotated[bool, Switch] = False,
    judging: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    accounts: AccountFlags | None = None,
    relocation: RelocationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show what is known of the batches in doubt, or decide what becomes of them.

    Ends with 4 while something is in doubt, with 3 if there are dead letters, else with 0.

    Example: `masivo-stream resolve --accept 3f2a --reason "seen in the dashboard"`

    Parameters
    ----------
    accept
        Batches that arrived: ids, beginnings of ids, or all.
    discard
        Batches to give up: their records become dead letters.
    resend
        Batches to send again, byte for byte. On a terminal it asks first. Refused where they are seen to be there.
    reason
        Why; it is journalled with the time and your name.
    yes
        Do not ask.
    """
    import anyio

    from masivo_stream.cli.output import print_json, show_resolution, watching
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.flow.commands.resolve import Decisions
    from masivo_stream.flow.commands.resolve import resolve as run

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, judging, sending)
    if resend and not yes and not _agreed(resend):
        raise ConfigurationError(
            "not agreed: nothing was sent", operation="send a batch again", hint="answer yes, or give --yes"
        )
    decisions = Decisions(
        accept=tuple(accept or ()), discard=tuple(discard or ()), resend=tuple(resend or ()), reason=reason
    )
    with watching(settings.log, quiet=common.quiet, warnings_only=True) as observer:
        work = partial(
            run,
            settings,
            credentials=sending.credentials(),
            decisions=decisions,
            moved=(relocation or RelocationFlags()).moved or (),
            observer=observer,
            handle_signals=True,
            reporting=reporting("resolve", (judging, sending, common)),
            said=(accounts or AccountFlags()).said(),
        )
        found = anyio.run(work)
    return print_json(found, found.exit_code) if common.json else show_resolution(found)


def _agreed(batches: list[str]) -> bool:
    """Ask, where somebody is there to answer; a script that names batches has decided."""
    if sys.stdin is None or not sys.stdin.isatty():
        return True
    sys.stderr.write(f"Send {', '.join(batches)} again? What was applied already is then doubled. Type yes: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == "yes"
