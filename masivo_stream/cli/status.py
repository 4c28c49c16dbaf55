"""`masivo-stream status`."""

from masivo_stream.cli.options import CommonFlags, ValidationFlags, settings_from


def status(*, validation: ValidationFlags | None = None, common: CommonFlags | None = None) -> int:
    """Tell where the run of a state directory stands, also while it is at work.

    Ends with the run's own exit code: 0 while it is at work, 6 where a process was killed and another can go on.

    Example: `masivo-stream status --state-dir masivo-state`
    """
    from masivo_stream.cli.output import show_summary
    from masivo_stream.flow.commands import status as command

    common = common or CommonFlags()
    found = command.status(settings_from(common, validation).state.state_dir)
    return show_summary(found, json=common.json, question=True)
