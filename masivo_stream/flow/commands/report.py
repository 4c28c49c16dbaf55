"""Report: the report of a run, made from its journal."""

from masivo_stream.flow.reporting.from_journal import open_for_reading, read_summary
from masivo_stream.flow.reporting.run_report import make_report
from masivo_stream.flow.runtime import Runtime
from masivo_stream.model.report import Report


def report(state_dir: str, *, runtime: Runtime | None = None) -> Report:
    """Return the report of a run, also of one that was killed or is at work. Nothing is changed.

    Args:
        state_dir: the run's state directory.
        runtime: the clock; the default is right for a program.

    Raises:
        ConfigurationError: there is no run, or its journal cannot be read.
    """
    clock = (runtime or Runtime()).clock
    with open_for_reading(state_dir, clock) as (state, journal):
        owner, summary = read_summary(state, journal)
        return make_report(journal, state, summary, clock, owner=owner)
