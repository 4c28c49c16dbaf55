"""`masivo-stream retry`."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from masivo_stream.cli.options import (
    CommonFlags,
    ConfirmationFlags,
    RunFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    settings_from,
)


@Parameter(name="*")
@dataclass(kw_only=True)
class RetryFlags:
    """Which dead letters are sent."""

    unchanged: Annotated[bool, Switch] = False
    "Send also uncorrected records that checks over all files found: because the account knows more than the exports."


def retry(
    *,
    letters: RetryFlags | None = None,
    confirmations: ConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    run: RunFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Send the dead letters again: corrected in place in dead-letter.KIND.ndjson, or because the cause is gone.

    Change only `raw` (or replace `raw_base64` by `raw`). A record that arrives leaves the file; one that is rejected
    again is written there with its history. Then the run continues with whatever else is pending. Ends as migrate does.

    Example: `masivo-stream retry --state-dir masivo-state`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.cli.watched import run_watched
    from masivo_stream.flow.commands import retry as command
    from masivo_stream.flow.runtime import Runtime

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending, run)
    work = partial(
        command.retry,
        settings,
        sending.credentials(common),
        unchanged=(letters or RetryFlags()).unchanged,
        confirmations=(confirmations or ConfirmationFlags()).confirmed(),
        handle_signals=True,
        runtime=Runtime(
            reread=partial(settings_from, common, validation, sending, run),
            reporting=reporting("retry", (validation, sending, common), (run,)),
        ),
    )
    summary = run_watched(settings, lambda observer: work(observer=observer), quiet=common.quiet)
    return show_summary(summary, json=common.json)
