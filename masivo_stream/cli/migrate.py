"""`masivo-stream migrate`."""

from functools import partial
from typing import Annotated

from masivo_stream.cli.options import (
    AccountFlags,
    CommonFlags,
    EndFlags,
    ExportFlags,
    MonitorFlags,
    RelocationFlags,
    SendingFlags,
    Switch,
    ValidationFlags,
    settings_from,
)


def migrate(
    *,
    exports: ExportFlags | None = None,
    only_missing: Annotated[bool, Switch] = False,
    others_stayed: Annotated[bool, Switch] = False,
    again: Annotated[bool, Switch] = False,
    judging: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    accounts: AccountFlags | None = None,
    monitoring: MonitorFlags | None = None,
    ending: EndFlags | None = None,
    relocation: RelocationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Migrate an export: customers, then events, then transactions.

    Ctrl-C stops in order: no new request, those in flight get the drain time. A second one leaves at once.

    Example: `masivo-stream migrate --customers customers.ndjson --events "events-*.ndjson.gz"`

    Parameters
    ----------
    only_missing
        After a revert that took back a part of the run: read back who is gone, and send exactly that once more.
    others_stayed
        With --only-missing: customers whom another run migrated, and who are there, were not taken back in between.
    again
        Send exports although the account has got them from this machine: events and transactions then count twice.
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.cli.watched import run_watched
    from masivo_stream.edges.export.source import find_inputs
    from masivo_stream.flow.commands.migrate import migrate as run
    from masivo_stream.flow.session import check_inputs
    from masivo_stream.model.contract import Kind

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, judging, sending, monitoring, ending)
    patterns = (exports or ExportFlags()).patterns()
    if any(patterns.values()) or not only_missing:
        check_inputs({Kind(kind): find_inputs(names) for kind, names in patterns.items() if names})
    work = partial(
        run,
        settings,
        credentials=sending.credentials(),
        customers=patterns["customers"],
        events=patterns["events"],
        transactions=patterns["transactions"],
        only_missing=only_missing,
        others_stayed=others_stayed,
        moved=(relocation or RelocationFlags()).moved or (),
        handle_signals=True,
        reporting=reporting("migrate", (judging, sending, common), (exports, ending, monitoring)),
        said=(accounts or AccountFlags()).said(again=again),
    )
    summary = run_watched(settings, lambda observer: work(observer=observer), quiet=common.quiet)
    return show_summary(summary, json=common.json)
