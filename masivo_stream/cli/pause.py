"""`masivo-stream pause`."""

from dataclasses import dataclass

from cyclopts import Parameter

from masivo_stream.cli.options import CommonFlags, check_not_empty, settings_from


@Parameter(name="*")
@dataclass(kw_only=True)
class StateFlags:
    """Which run."""

    state_dir: str | None = None
    "The state directory of the run, as --state-dir of migrate. Default: masivo-state."


def state_dir_of(state: str | None, flags: StateFlags | None, common: CommonFlags) -> str:
    """Return the state directory that is named by its place or its flag, else that of the settings."""
    check_not_empty(state, "STATE")
    return state or settings_from(common, flags).state.state_dir


def pause(state: str | None = None, *, flags: StateFlags | None = None, common: CommonFlags | None = None) -> int:
    """Let a run send nothing new until masivo-stream resume. Requests in flight end as usual; the run goes on waiting.

    The run notices within a second. A pause outlives the process: started again, the run waits.

    Example: `masivo-stream pause masivo-state`

    Parameters
    ----------
    state
        The state directory of the run. Default: masivo-state.
    """
    from masivo_stream.cli.output import show_pause
    from masivo_stream.flow.commands import pause as command

    common = common or CommonFlags()
    return show_pause(command.pause(state_dir_of(state, flags, common)), json=common.json)
