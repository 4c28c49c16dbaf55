"""`masivo-stream status`."""

from masivo_stream.cli.options import CommonFlags, ValidationFlags, settings_from


def status(*, validation: ValidationFlags | None = None, common: CommonFlags | None = None) -> int:
    """Show the progress and outcome of a run, also while it is at work.

    Ends with the exit code of the run: 0 while it is at work, 6 if its process was killed and another can continue.

    Example: `masivo-stream status --state-dir masivo-state`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.flow.commands import status as command

    common = common or CommonFlags()
    found = command.status(settings_from(common, validation).state.state_dir)
    return show_summary(found, json=common.json, question=True)
