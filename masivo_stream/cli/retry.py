"""`masivo-stream retry`."""

from functools import partial

from masivo_stream.cli.options import Common, Judging, Sending, settings_from


def retry(*, judging: Judging | None = None, sending: Sending | None = None, common: Common | None = None) -> int:
    """Send the dead letters again: mended in place in dead-letter.KIND.ndjson, or because the cause is gone.

    Only `raw` is to be changed (or `raw_base64` replaced by `raw`). What arrives leaves the file, what dies again is
    written there with its history; then the run goes on with whatever else is pending. Ends as migrate does.

    Example: `masivo-stream retry --state-dir masivo-state`
    """
    import anyio

    from masivo_stream.cli.output import show_summary, watching
    from masivo_stream.flow.migrate import retry as run

    common, sending = common or Common(), sending or Sending()
    settings = settings_from(common, judging, sending)
    with watching(settings.log, quiet=common.quiet) as observer:
        work = partial(run, settings, credentials=sending.credentials(), observer=observer, handle_signals=True)
        summary = anyio.run(work)
    show_summary(summary, json=common.json)
    return summary.exit_code
