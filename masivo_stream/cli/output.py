"""What commands print: tables or one JSON document on standard output, log and progress on standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console

from masivo_stream.edges.log import configure_log
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.bench import Bench
from masivo_stream.model.plan import Plan
from masivo_stream.model.resolution import Resolution
from masivo_stream.model.settings import Log
from masivo_stream.model.summary import Summary
from masivo_stream.observe.bench_table import print_bench
from masivo_stream.observe.doubts import print_resolution
from masivo_stream.observe.log import LogObserver
from masivo_stream.observe.plan_table import print_plan
from masivo_stream.observe.progress import TerminalProgress
from masivo_stream.observe.tables import print_summary


class Output(Console):
    """Standard output for tables. Gone (`| head`), it says so as any other stream does."""

    def __init__(self) -> None:
        """Write to standard output."""
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Leave it to the caller."""
        raise BrokenPipeError


def print_json(document: object) -> None:
    """Print one JSON document."""
    with _reader_may_leave():
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")


def show_summary(summary: Summary, *, json: bool) -> None:
    """Print a summary, for people or for programs."""
    if json:
        print_json(summary)
        return
    with _reader_may_leave():
        print_summary(Output(), summary)


def show_plan(plan: Plan) -> None:
    """Print a plan for people."""
    with _reader_may_leave():
        print_plan(Output(), plan)


def show_resolution(found: Resolution) -> None:
    """Print what was decided, and what is in doubt still."""
    with _reader_may_leave():
        print_resolution(Output(), found)


def show_bench(found: Bench) -> None:
    """Print for people how fast this machine is."""
    with _reader_may_leave():
        print_bench(Output(), found)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Go on where nothing reads the output any more, or holds it: the exit code must still tell how the run ended."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"standard output cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201 - told there
        forget_output()


def forget_output() -> None:
    """Let standard output lead nowhere, so that the interpreter does not complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@contextmanager
def watching(log: Log, *, quiet: bool, warnings_only: bool = False) -> Iterator[Observer]:
    """Give an observer: a progress line on a terminal, log lines elsewhere (and warnings in both)."""
    terminal = sys.stderr.isatty() and not quiet
    console = Console(stderr=True)
    # On a terminal one line that changes tells more than a line a batch; warnings still come one by one.
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    if not terminal:
        yield Observers([LogObserver(configure_log(level=level, form=log.log_format))])
        return
    with TerminalProgress(console) as progress:  # while it shows, standard error is its own: lines go above it
        yield Observers([LogObserver(configure_log(level=level, form=log.log_format)), progress])
