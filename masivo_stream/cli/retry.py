"""`masivo-stream retry`."""

from functools import partial

from masivo_stream.cli.options import (
    CommonFlags,
    ConfirmationFlags,
    RunFlags,
    SendingFlags,
    ValidationFlags,
    settings_from,
)


def retry(
    *,
    confirmations: ConfirmationFlags | None = None,
    validation: ValidationFlags | None = None,
    sending: SendingFlags | None = None,
    run: RunFlags | None = None,
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
    from masivo_stream.flow.commands import retry as command
    from masivo_stream.flow.runtime import Runtime

    common, sending = common or CommonFlags(), sending or SendingFlags()
    settings = settings_from(common, validation, sending, run)
    work = partial(
        command.retry,
        settings,
        sending.credentials(),
        confirmations=(confirmations or ConfirmationFlags()).confirmed(),
        handle_signals=True,
        runtime=Runtime(reporting=reporting("retry", (validation, sending, common), (run,))),
    )
    summary = run_watched(settings, lambda observer: work(observer=observer), quiet=common.quiet)
    return show_summary(summary, json=common.json)
