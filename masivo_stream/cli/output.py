"""What commands print: tables or one JSON document on standard output, log and progress on standard error."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UnsetType

from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.bench import Bench
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.plan import Plan
from masivo_stream.model.resolution import Resolution
from masivo_stream.model.settings import LogSettings
from masivo_stream.model.summary import Summary
from masivo_stream.model.verification import Verification
from masivo_stream.observe.log_observer import LogObserver, SampleLog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from masivo_stream.observe.snapshot_builder import SnapshotBuilder


def print_json(document: object, code: int = ExitCode.COMPLETE, *, question: bool = False) -> int:
    """Print one JSON document, in UTF-8 whatever the locale; return the exit code, as `answer` does."""

    def write() -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document)) + b"\n")

    return answer(write, code, question=question)


def show_summary(summary: Summary, *, json: bool, question: bool = False) -> int:
    """Print a summary, for people or for programs; return the exit code."""
    if json:
        return print_json(summary, summary.exit_code, question=question)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.summary_table import print_summary
    from masivo_stream.observe.verification_table import print_sample

    def write() -> None:
        print_summary(Output(), summary)
        if not isinstance(summary.verified, UnsetType):
            print_sample(Output(), summary.verified)

    return answer(write, summary.exit_code, question=question)


def show_plan(plan: Plan) -> int:
    """Print a plan for people; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.plan_table import print_plan

    return answer(lambda: print_plan(Output(), plan), plan.summary.exit_code, question=True)


def show_resolution(found: Resolution) -> int:
    """Print what was decided, and what is in doubt still; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.resolution_list import print_resolution

    return answer(lambda: print_resolution(Output(), found), found.exit_code)


def show_verification(found: Verification, *, json: bool) -> int:
    """Print what was read back, for people or for programs; return the exit code."""
    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.verification_table import print_verification

    return answer(lambda: print_verification(Output(), found), found.exit_code, question=True)


def show_bench(found: Bench) -> int:
    """Print for people how fast this machine is; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.bench_table import print_bench

    return answer(lambda: print_bench(Output(), found), question=True)


_OUTWEIGHED = frozenset({ExitCode.COMPLETE, ExitCode.DEAD_LETTERS})
"""Ends at which nothing is left to be done that is worse than to ask again for an answer that was lost."""


_ASK_AGAIN = "mend that, then start the same command again: it only asks"
_ASK_STATUS = "its work is done and noted: masivo-stream status tells what it came to"


def answer(write: Callable[[], object], code: int = ExitCode.COMPLETE, *, question: bool = False) -> int:
    """Write what was asked for on standard output; the work is done by then. A `question` has changed nothing.

    Returns:
        `code`, also where nothing reads the output any more (`| head`). Where the output cannot be written, that of a
        full disk, unless `code` says that something worse is to be seen to.
    """
    try:
        write()
        sys.stdout.flush()
    except OSError as error:
        forget_output()
        if isinstance(error, BrokenPipeError):
            return code
        hint = _ASK_AGAIN if question else _ASK_STATUS
        sys.stderr.write(f"error: standard output cannot be written: {error.strerror}\n  hint: {hint}\n")
        return ExitCode.OUTAGE if code in _OUTWEIGHED else code
    return code


def release_output() -> None:
    """Write what is left for standard output, or lose it: the interpreter must not complain about it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
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
    log: LogSettings, *, quiet: bool, warnings_only: bool = False, builder: "SnapshotBuilder | None" = None
) -> Iterator[Observer]:
    """Give an observer: progress on a terminal, log lines elsewhere (and warnings in both).

    `builder` is notified as well, and its snapshot is what is shown; without it a new one is made.
    """
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder

    builder = builder or SnapshotBuilder()
    terminal = sys.stderr.isatty() and not quiet
    # On a terminal a picture that changes tells more than a line a batch; warnings still come one by one.
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    late = LateLog(level=level, form=log.log_format)
    observers = Observers([builder, LogObserver(late, builder.snapshot), SampleLog(late)])
    if not terminal:
        yield observers
        return

    from rich.console import Console

    from masivo_stream.observe.terminal_progress import TerminalProgress

    with TerminalProgress(Console(stderr=True), builder.snapshot):  # while it shows, lines go above it
        yield observers
