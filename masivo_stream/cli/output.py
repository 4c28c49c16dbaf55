"""What commands print: tables or one JSON document on standard output, log and progress on standard error."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UnsetType

from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.bench import Bench
from masivo_stream.model.plan import Plan
from masivo_stream.model.resolution import Resolution
from masivo_stream.model.settings import Log
from masivo_stream.model.summary import Summary
from masivo_stream.model.verification import Verification
from masivo_stream.observe.log import LogObserver
from masivo_stream.observe.sample_log import SampleLog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from masivo_stream.observe.picture import Sketch


def print_json(document: object) -> None:
    """Print one JSON document."""
    with _reader_may_leave():
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document)).decode() + "\n")


def show_summary(summary: Summary, *, json: bool) -> None:
    """Print a summary, for people or for programs."""
    if json:
        print_json(summary)
        return
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.tables import print_summary
    from masivo_stream.observe.verified import print_sample

    with _reader_may_leave():
        print_summary(Output(), summary)
        if not isinstance(summary.verified, UnsetType):
            print_sample(Output(), summary.verified)


def show_plan(plan: Plan) -> None:
    """Print a plan for people."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.plan_table import print_plan

    with _reader_may_leave():
        print_plan(Output(), plan)


def show_resolution(found: Resolution) -> None:
    """Print what was decided, and what is in doubt still."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.doubts import print_resolution

    with _reader_may_leave():
        print_resolution(Output(), found)


def show_verification(found: Verification, *, json: bool) -> None:
    """Print what was read back, for people or for programs."""
    if json:
        print_json(found)
        return
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.verified import print_verification

    with _reader_may_leave():
        print_verification(Output(), found)


def show_bench(found: Bench) -> None:
    """Print for people how fast this machine is."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.bench_table import print_bench

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


class LateLog:
    """A log that is opened for its first line: structlog brings rich along, and nobody waits for either in vain."""

    def __init__(self, *, level: str, form: Literal["auto", "json", "console"]) -> None:
        """Write what is of `level` or above; the arguments are those of `configure_log`."""
        self._level, self._form = level, form

    def debug(self, event: str, **fields: object) -> None:
        """Write what is read only when something is looked for."""
        if self._level == "debug":
            self._opened.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what is as it should be."""
        if self._level in {"debug", "info"}:
            self._opened.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should know."""
        if self._level != "error":
            self._opened.warning(event, **fields)

    @cached_property
    def _opened(self) -> "FilteringBoundLogger":
        from masivo_stream.edges.log import configure_log

        return configure_log(level=self._level, form=self._form)


@contextmanager
def watching(
    log: Log, *, quiet: bool, warnings_only: bool = False, sketch: "Sketch | None" = None
) -> Iterator[Observer]:
    """Give an observer: progress on a terminal, log lines elsewhere (and warnings in both).

    `sketch` is told as well, and is what is shown; one of our own without it.
    """
    from masivo_stream.observe.picture import Sketch

    sketch = sketch or Sketch()
    terminal = sys.stderr.isatty() and not quiet
    # On a terminal a picture that changes tells more than a line a batch; warnings still come one by one.
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    late = LateLog(level=level, form=log.log_format)
    observers = Observers([sketch, LogObserver(late, sketch.picture), SampleLog(late)])
    if not terminal:
        yield observers
        return

    from rich.console import Console

    from masivo_stream.observe.progress import TerminalProgress

    with TerminalProgress(Console(stderr=True), sketch.picture):  # while it shows, lines go above it
        yield observers
