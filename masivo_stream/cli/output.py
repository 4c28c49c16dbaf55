"""What commands print: tables or one JSON document on standard output, log and progress on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console

from masivo_stream.edges.log import configure_log
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.settings import Log
from masivo_stream.model.summary import Summary
from masivo_stream.observe.log import LogObserver
from masivo_stream.observe.progress import TerminalProgress
from masivo_stream.observe.tables import print_summary


def print_json(document: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")


def show_summary(summary: Summary, *, json: bool) -> None:
    """Print a summary, for people or for programs."""
    if json:
        print_json(summary)
    else:
        print_summary(Console(highlight=False), summary)


@contextmanager
def watching(log: Log, *, quiet: bool, warnings_only: bool = False) -> Iterator[Observer]:
    """Give an observer: a progress line on a terminal, log lines elsewhere (and warnings in both)."""
    terminal = sys.stderr.isatty() and not quiet
    console = Console(stderr=True)
    # On a terminal one line that changes tells more than a line a batch; warnings still come one by one.
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    logger = LogObserver(configure_log(level=level, form=log.log_format))
    if not terminal:
        yield Observers([logger])
        return
    with TerminalProgress(console) as progress:
        yield Observers([logger, progress])
