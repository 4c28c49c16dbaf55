"""`masivo-stream retry`."""

from functools import partial

from masivo_stream.cli.options import (
    AccountFlags,
    CommonFlags,
    EndFlags,
    MonitorFlags,
    RelocationFlags,
    SendingFlags,
    ValidationFlags,
    settings_from,
)


def retry(
    *,
    judging: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    accounts: AccountFlags | None = None,
    monitoring: MonitorFlags | None = None,
    ending: EndFlags | None = None,
    relocation: RelocationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Send the dead letters again: mended in place in dead-letter.KIND.ndjson, or because the cause is gone.

    Only `raw` is to be changed (or `raw_base64` replaced by `raw`). What arrives leaves the file, what dies again is
    written there with its history; then the run goes on with whatever else is pending. Ends as migrate does.

    Example: `masivo-stream retry --state-dir masivo-state`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.cli.reporting import reporting
    from masivo_stream.cli.watched import run_watched
    from masivo_stream.flow.commands.migrate import retry as run

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, judging, sending, monitoring, ending)
    told = reporting("retry", (judging, sending, common), (ending, monitoring))
    work = partial(
        run,
        settings,
        credentials=sending.credentials(),
        moved=(relocation or RelocationFlags()).moved or (),
        handle_signals=True,
        reporting=told,
        said=(accounts or AccountFlags()).said(),
    )
    summary = run_watched(settings, lambda observer: work(observer=observer), quiet=common.quiet)
    return show_summary(summary, json=common.json)
