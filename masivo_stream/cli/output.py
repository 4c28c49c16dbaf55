"""What commands print: tables or one JSON document on standard output, log and progress on standard error."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UnsetType

from masivo_stream.model.errors import ExitCode

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from masivo_stream.flow.observer import Observer
    from masivo_stream.model.account_check import AccountCheck
    from masivo_stream.model.bench_result import Bench
    from masivo_stream.model.day_totals import TotalsVerification
    from masivo_stream.model.parts import WrittenPart
    from masivo_stream.model.pause import PauseAnswer
    from masivo_stream.model.plan import Plan
    from masivo_stream.model.resolution import Resolution
    from masivo_stream.model.settings import LogSettings
    from masivo_stream.model.summary import Summary
    from masivo_stream.model.verification import Verification
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder


def print_json(document: object, code: int = ExitCode.COMPLETE, *, question: bool = False) -> int:
    """Print one JSON document, in UTF-8 whatever the locale; return the exit code, as `answer` does."""

    def write() -> None:
        sys.stdout.flush()
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document)) + b"\n")

    return answer(write, code, question=question)


def show_summary(summary: "Summary", *, json: bool, question: bool = False) -> int:
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


def show_pause(found: "PauseAnswer", *, json: bool) -> int:
    """Print whether a run is paused now; return the exit code."""
    if json:
        return print_json(found, question=True)
    from masivo_stream.core.next_steps import resume_command
    from masivo_stream.observe.pause_text import describe_pause

    if isinstance(found.paused, UnsetType):
        lines = ["resumed" if found.changed else "it was not paused"]
        if not found.owner:
            lines.append("no process is at work: the command that started the run continues it")
    else:
        what = describe_pause(found.paused.since.timestamp(), found.paused.by)
        lines = [what if found.changed else f"it was paused already: {what}"]
        lines.append(
            f"at work: {found.owner}: it sends nothing new within a second"
            if found.owner
            else "no process is at work: the next one waits"
        )
        lines.append(f"resume with: {resume_command(found.state_dir)}")
    text = "\n".join(lines)
    return answer(lambda: sys.stdout.write(f"{text}\n"), question=True)


def show_part(written: "WrittenPart", *, json: bool) -> int:
    """Print that a part was validated; return the exit code."""
    if json:
        return print_json(written, question=True)
    again = f" ({written.again:,} faulty or odd ones are validated again with all parts)" if written.again else ""
    text = (
        f"part {written.part} of {written.parts}: {written.lines:,} lines{again}; the answer has {written.bytes:,}"
        f" bytes{' and was there already' if written.known else ''}: {written.answer}"
    )
    return answer(lambda: sys.stdout.write(f"{text}\n"), question=True)


def show_plan(plan: "Plan") -> int:
    """Print a plan for people; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.plan_table import print_plan

    return answer(lambda: print_plan(Output(), plan), plan.summary.exit_code, question=True)


def show_resolution(found: "Resolution") -> int:
    """Print what was decided, and what is still in doubt; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.resolution_list import print_resolution

    return answer(lambda: print_resolution(Output(), found), found.exit_code)


def show_verification(found: "Verification", *, json: bool) -> int:
    """Print what was read back, for people or for programs; return the exit code."""
    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.verification_table import print_verification

    return answer(lambda: print_verification(Output(), found), found.exit_code, question=True)


def show_totals(found: "TotalsVerification", *, json: bool) -> int:
    """Print how totals compare by day, for people or for programs; return the exit code."""
    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.totals_list import print_totals

    return answer(lambda: print_totals(Output(), found), found.exit_code, question=True)


def show_check(found: "AccountCheck", *, json: bool) -> int:
    """Print what a check of the account found, for people or for programs; return the exit code."""
    if json:
        return print_json(found, found.exit_code, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.check_table import print_check

    return answer(lambda: print_check(Output(), found), found.exit_code, question=True)


def show_bench(found: "Bench") -> int:
    """Print the results of a benchmark for people; return the exit code."""
    from masivo_stream.cli.console import Output
    from masivo_stream.observe.bench_table import print_bench

    return answer(lambda: print_bench(Output(), found), question=True)


_OUTWEIGHED = frozenset({ExitCode.COMPLETE, ExitCode.DEAD_LETTERS})
"""Exit codes that matter less than an answer that was lost."""


_ASK_AGAIN = "fix the cause, then start the same command again: it changes nothing"
_ASK_STATUS = "the work is done and noted: masivo-stream status shows the outcome"


def answer(write: Callable[[], object], code: int = ExitCode.COMPLETE, *, question: bool = False) -> int:
    """Write the answer of a command on standard output; its work is done by then. A `question` has changed nothing.

    Returns:
        `code`, also if nothing reads the output any more (`| head`). If the output cannot be written, the code of a
        full disk, unless `code` says that something worse needs attention.
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
    """Flush standard output, or drop what is left: the interpreter must not complain about it when it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        forget_output()


def forget_output() -> None:
    """Redirect standard output to nowhere, so that the interpreter does not complain about it when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class LateLog:
    """A log that is opened for its first line: structlog imports rich, and a run without a line needs neither."""

    def __init__(self, *, level: str, form: Literal["auto", "json", "console"]) -> None:
        """Write lines of `level` or above; the arguments are those of `configure_log`."""
        self._level, self._form = level, form

    def debug(self, event: str, **fields: object) -> None:
        """Write a detail that helps to find a problem."""
        if self._level == "debug":
            self._opened.debug(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Write that something happened as expected."""
        if self._level in {"debug", "info"}:
            self._opened.info(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what a person should know."""
        if self._level != "error":
            self._opened.warning(event, **fields)

    @cached_property
    def _opened(self) -> "FilteringBoundLogger":
        from masivo_stream.edges.log import configure_log

        return configure_log(level=self._level, form=self._form)


def write_error(line: str) -> None:
    """Write to standard error, as it is at this moment: the progress display replaces it while it shows."""
    sys.stderr.write(line)


def shows_sentences(log: "LogSettings", *, terminal: bool) -> bool:
    """Return whether warnings are shown as sentences: on a terminal, unless settings ask for log lines or details."""
    return terminal and log.log_format == "auto" and log.log_level in {"info", "warning"}


@contextmanager
def watching(
    log: "LogSettings", *, quiet: bool, warnings_only: bool = False, builder: "SnapshotBuilder | None" = None
) -> "Iterator[Observer]":
    """Yield an observer that shows progress and warnings on a terminal, and writes log lines elsewhere.

    On a terminal, too, it writes log lines if the settings ask for their format or for details. `builder` is notified,
    too, and its snapshot is what is shown; without it a new one is made.
    """
    from masivo_stream.flow.observer import Observers
    from masivo_stream.observe.log_observer import LogObserver, SampleLog
    from masivo_stream.observe.snapshot_builder import SnapshotBuilder

    builder = builder or SnapshotBuilder()
    terminal = sys.stderr.isatty() and not quiet
    # On a terminal the progress display replaces the line per batch.
    level = "warning" if (terminal or warnings_only) and log.log_level == "info" else log.log_level
    late = LateLog(level=level, form=log.log_format)
    observers = Observers([builder, LogObserver(late, builder.snapshot), SampleLog(late)])
    if shows_sentences(log, terminal=terminal):
        from masivo_stream.observe.terminal_warnings import TerminalWarnings

        observers = Observers([builder, TerminalWarnings(write_error)])
    if not terminal:
        yield observers
        return

    from rich.console import Console

    from masivo_stream.observe.terminal_progress import TerminalProgress

    with TerminalProgress(Console(stderr=True), builder.snapshot):  # while it shows, lines go above it
        yield observers
