"""Status: what the run of a state directory has come to, also while it is at work."""

from msgspec import UNSET

from masivo_stream.edges.files.progress_file import read_progress
from masivo_stream.flow.reporting.from_journal import open_for_reading, read_summary
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.status import Status


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
    fields = {name: getattr(summary, name) for name in summary.__struct_fields__}
    return Status(**fields, owner=owner, run=UNSET if run is None else run)
