"""`masivo-stream resume`."""

from masivo_stream.cli.options import CommonFlags
from masivo_stream.cli.pause import StateFlags, state_dir_of


def resume(state: str | None = None, *, flags: StateFlags | None = None, common: CommonFlags | None = None) -> int:
    """End the pause of a run. A run that was stopped or killed is continued by the command that started it.

    Example: `masivo-stream resume masivo-state`

    Parameters
    ----------
    state
        The state directory of the run. Default: masivo-state.
    """
    from masivo_stream.cli.output import show_pause
    from masivo_stream.flow.commands import pause as command

    common = common or CommonFlags()
    return show_pause(command.resume(state_dir_of(state, flags, common)), json=common.json)
