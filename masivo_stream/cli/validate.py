"""`masivo-stream validate`."""

from functools import partial

from masivo_stream.cli.options import CommonFlags, ExportFlags, ValidationFlags, settings_from


def validate(
    *, exports: ExportFlags | None = None, judging: ValidationFlags | None = None, common: CommonFlags | None = None
) -> int:
    """Judge every line of an export; send nothing.

    Writes the dead letters a migration would write into the state directory, and ends with 0 if there are none, else 3.

    Example: `masivo-stream validate --customers customers.ndjson --events events.ndjson`
    """
    import anyio

    from masivo_stream.cli.output import show_summary
    from masivo_stream.flow.commands.validate import validate as run
    from masivo_stream.flow.dead_letters import writing_dead_letters

    common = common or CommonFlags()
    settings = settings_from(common, judging)
    patterns = (exports or ExportFlags()).patterns()
    with writing_dead_letters(settings.state.state_dir) as lists:
        summary = anyio.run(
            partial(
                run,
                settings,
                customers=patterns["customers"],
                events=patterns["events"],
                transactions=patterns["transactions"],
                dead_letters=lists.letters,
                skipped=lists.skips,
            )
        )
    return show_summary(summary, json=common.json, question=True)
