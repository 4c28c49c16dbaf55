"""`masivo-stream retry`."""

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from masivo_stream.model.notices import Notice
    from masivo_stream.model.settings import Settings


@Parameter(name="*")
@dataclass(kw_only=True)
class RetryFlags:
    """Which dead letters are sent."""

    unchanged: Annotated[bool, Switch] = False
    "Send also uncorrected records that checks over all files found: because the account knows more than the exports."
    dry_run: Annotated[bool, Switch] = False
    "Show what would be sent; send nothing."


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

    Change only `raw` (or replace `raw_base64` by `raw`), or use `mend`. A record that arrives leaves the file; one that
    is rejected again is written there with its history. What is sent is shown first; --dry-run shows only that. Then
    the run continues with whatever else is pending. Ends as migrate does.

    Example: `masivo-stream retry --state-dir masivo-state`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.cli.watched import run_watched
    from masivo_stream.flow.commands import retry as command
    from masivo_stream.flow.observer import Observers
    from masivo_stream.flow.runtime import Runtime

    common, sending, letters = common or CommonFlags(), sending or SendingFlags(), letters or RetryFlags()
    settings = settings_from(common, validation, sending, run)
    if letters.dry_run:
        return _show_planned(settings, common, unchanged=letters.unchanged)
    work = partial(
        command.retry,
        settings,
        sending.credentials(common),
        unchanged=letters.unchanged,
        confirmations=(confirmations or ConfirmationFlags()).confirmed(),
        handle_signals=True,
        runtime=Runtime(
            reread=partial(settings_from, common, validation, sending, run),
            reporting=reporting("retry", (validation, sending, common), (run,)),
        ),
    )
    announcers = [Announcer()] if sys.stderr.isatty() and not common.quiet else []
    summary = run_watched(
        settings, lambda observer: work(observer=Observers([observer, *announcers])), quiet=common.quiet
    )
    return show_summary(summary, json=common.json)


class Announcer:
    """Prints on a terminal what a retry is about to send: the log shows warnings only there."""

    def notify(self, notice: "Notice") -> None:
        """Print what becomes of the dead letters of a kind."""
        from masivo_stream.model.notices import RetryPlanned
        from masivo_stream.observe.mend_list import describe_counts

        if isinstance(notice, RetryPlanned):
            lines = [f"{notice.kind}: {notice.counts.waiting:,} dead letters", *describe_counts(notice.counts)]
            print("\n  ".join(lines), file=sys.stderr)  # noqa: T201 - for a terminal


def _show_planned(settings: "Settings", common: CommonFlags, *, unchanged: bool) -> int:
    """Print what a retry would send."""
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands.dead_letters import dead_letters

    with showing_work(settings.log, quiet=common.quiet) as observer:
        found = dead_letters(settings, unchanged=unchanged, observer=observer)
    if common.json:
        return print_json(found, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.mend_list import print_planned

    return answer(lambda: print_planned(Output(), found), question=True)
