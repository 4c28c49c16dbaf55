"""How commands that send nothing show how far they are: a line on a terminal, elsewhere a log line now and then."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from masivo_stream.cli.output import LateLog, shows_sentences, write_error
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.settings import LogSettings


@contextmanager
def showing_work(log: LogSettings, *, quiet: bool) -> Iterator[Observer]:
    """Yield an observer that shows a line on a terminal while the work goes on, and logs it elsewhere."""
    if quiet:
        yield Observers()
        return
    if not sys.stderr.isatty():
        from masivo_stream.observe.work_log import WorkLog

        yield WorkLog(LateLog(level=log.log_level, form=log.log_format))
        return
    from rich.console import Console

    from masivo_stream.observe.work_line import WorkLine

    with WorkLine(Console(stderr=True)) as line:  # while it shows, log lines go above it
        yield line


@contextmanager
def showing_work_and_log(log: LogSettings, *, quiet: bool, warnings_only: bool = True) -> Iterator[Observer]:
    """Yield an observer that shows the same line, and logs warnings; elsewhere than on a terminal perhaps all lines."""
    from masivo_stream.observe.log_observer import LogObserver, SampleLog
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder

    builder = SnapshotBuilder()
    terminal = sys.stderr.isatty() and not quiet
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    late = LateLog(level=level, form=log.log_format)
    with showing_work(log, quiet=quiet) as line:
        if shows_sentences(log, terminal=terminal):
            from masivo_stream.observe.terminal_warnings import TerminalWarnings

            yield Observers([builder, TerminalWarnings(write_error), line])
        else:
            yield Observers([builder, LogObserver(late, builder.snapshot), SampleLog(late), line])
