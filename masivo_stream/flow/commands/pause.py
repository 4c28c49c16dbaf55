"""Pause and resume: whether the run of a state directory sends, decided while it is at work or before it is started."""

from pathlib import Path

from msgspec import UNSET

from masivo_stream.edges.files.pause_file import read_pause, remove_pause, write_pause
from masivo_stream.edges.files.state_dir import JOURNAL, is_owned, make_private_directory
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.pause import PauseAnswer


def pause(state_dir: str, *, not_begun: bool = False, runtime: Runtime | None = None) -> PauseAnswer:
    """Let the run of a state directory send nothing new until it is resumed. A pause that is there stays as it is.

    Args:
        state_dir: the run's state directory.
        not_begun: pause also a run that has not begun: it waits when it begins.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there is no run.
        StorageError: the pause cannot be noted.
    """
    directory = make_private_directory(Path(state_dir)) if not_begun else _check_run(state_dir, "pause the run")
    before = read_pause(directory)
    noted = write_pause(directory, (runtime or Runtime()).clock.wall())
    return PauseAnswer(state_dir=state_dir, paused=noted, changed=before is None, owner=is_owned(directory) or "")


def resume(state_dir: str, *, not_begun: bool = False) -> PauseAnswer:
    """End the pause of the run of a state directory; without one, nothing changes.

    Args:
        state_dir: the run's state directory.
        not_begun: whether the run may not have begun.

    Raises:
        ConfigurationError: there is no run.
        StorageError: the pause cannot be ended.
    """
    directory = Path(state_dir) if not_begun else _check_run(state_dir, "resume the run")
    changed = remove_pause(directory)
    return PauseAnswer(state_dir=state_dir, paused=UNSET, changed=changed, owner=is_owned(directory) or "")


def _check_run(state_dir: str, operation: str) -> Path:
    directory = Path(state_dir)
    if not (directory / JOURNAL).exists():
        raise ConfigurationError(
            "there is no run in this state directory",
            operation=operation,
            place=state_dir,
            hint="name the run's --state-dir",
        )
    return directory
