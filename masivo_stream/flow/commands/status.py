"""Status: what the run of a state directory has come to, also while it is at work."""

from msgspec import UNSET, structs

from masivo_stream.core.next_steps import resume_command
from masivo_stream.edges.files.pause_file import read_pause
from masivo_stream.edges.files.progress_file import read_progress
from masivo_stream.flow.reporting.from_journal import open_for_reading, read_summary
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.pause import Pause
from masivo_stream.model.snapshot import PauseShown, Wait
from masivo_stream.model.status import Status
from masivo_stream.model.summary import NextStep, Summary


def status(state_dir: str, *, runtime: Runtime | None = None) -> Status:
    """Return the figures and the outcome of a run. Nothing is changed.

    Args:
        state_dir: the run's state directory.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    clock = (runtime or Runtime()).clock
    with open_for_reading(state_dir, clock) as (state, journal):
        owner, summary = read_summary(state, journal)
        run = read_progress(state.path, owner) if owner else None
        pause = read_pause(state.path)
    if pause is not None:
        summary = add_pause(summary, pause, state_dir)
        if run is not None:  # what the run shows of itself is some seconds old
            shown = PauseShown(since=pause.since.timestamp(), by=pause.by, command=resume_command(state_dir))
            run = structs.replace(run, paused=shown, wait=Wait(what="paused"), ends_at=None)
    elif run is not None and run.paused is not None:
        run = structs.replace(run, paused=None, wait=Wait())
    fields = {name: getattr(summary, name) for name in summary.__struct_fields__}
    return Status(
        **fields,
        owner=owner,
        paused=UNSET if pause is None else pause,
        run=UNSET if run is None else run,
        asked_at=clock.wall().timestamp(),
    )


def add_pause(summary: Summary, pause: Pause, state_dir: str) -> Summary:
    """Return a summary that says that nothing is sent, and how that ends."""
    paused = describe_since(pause)
    message = f"{paused}; {summary.message}" if summary.message else paused
    resume = NextStep(text="resume the run: it sends nothing until then", command=resume_command(state_dir))
    return structs.replace(summary, message=message, next_steps=(resume, *summary.next_steps))


def describe_since(pause: Pause) -> str:
    """Return since when a run is paused, and by whom."""
    who = f" by {pause.by}" if pause.by else ""
    return f"paused since {pause.since.astimezone():%Y-%m-%d %H:%M %Z}{who}"
