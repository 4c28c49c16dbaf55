"""`masivo-stream migrate`."""

from functools import partial

from masivo_stream.cli.options import Common, Exports, Judging, Sending, settings_from


def migrate(
    *,
    exports: Exports | None = None,
    judging: Judging | None = None,
    sending: Sending | None = None,
    common: Common | None = None,
) -> int:
    """Migrate an export: customers, then events, then transactions.

    Ctrl-C stops in order: no new request, those in flight get the drain time. A second one leaves at once.

    Example: `masivo-stream migrate --customers customers.ndjson --events "events-*.ndjson.gz"`
    """
    import anyio

    from masivo_stream.cli.output import show_summary, watching
    from masivo_stream.edges.source import find_inputs
    from masivo_stream.flow.migrate import migrate as run
    from masivo_stream.flow.opening import check_inputs
    from masivo_stream.model.contract import Kind

    common, sending = common or Common(), sending or Sending()
    settings = settings_from(common, judging, sending)
    patterns = (exports or Exports()).patterns()
    check_inputs({Kind(kind): find_inputs(names) for kind, names in patterns.items() if names})
    with watching(settings.log, quiet=common.quiet) as observer:
        summary = anyio.run(
            partial(
                run,
                settings,
                credentials=sending.credentials(),
                customers=patterns["customers"],
                events=patterns["events"],
                transactions=patterns["transactions"],
                observer=observer,
                handle_signals=True,
            )
        )
    show_summary(summary, json=common.json)
    return summary.exit_code
