"""The program: finds the command, and turns every outcome into an exit code and a message with a hint."""

import os
import resource
import signal
import sys
import threading
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from masivo_stream import __version__
from masivo_stream.cli.collector import leave_everything, spare_imports
from masivo_stream.cli.overview import ABOUT, COMMANDS, answer
from masivo_stream.cli.streams import settle_streams
from masivo_stream.model.errors import ExitCode, Interrupted, MasivoStreamError

if TYPE_CHECKING:
    from cyclopts import App

EXPORT_FLAGS = ("--customers", "--events", "--transactions")

_SWITCH_INTERVAL = 0.0002
"""Seconds for which a thread keeps Python's global lock if another one waits for it. Python's own 5 ms are twice what
proving a block of lines takes: the thread that proves them would wait longer than it works (bench/README.md)."""


_INTERRUPTED = {
    **dict.fromkeys(("validate", "plan", "check"), "interrupted: nothing was sent"),
    **dict.fromkeys(("migrate", "retry"), "interrupted: the same command continues from here"),
}
"""What Ctrl-C leaves. While a migration sends, it stops in an orderly way instead, and has a summary."""


def build_app(command: str = "") -> "App":
    """Return the parser. Only `command` is imported; the other commands are listed by name."""
    from cyclopts import App

    app = App(
        name="masivo-stream",
        help=ABOUT,
        version=__version__,
        help_format="markdown",
        suppress_keyboard_interrupt=False,  # `run` says that a command was interrupted
    )
    for name, summary in COMMANDS.items():
        module = name.replace("-", "_")
        if name == command:
            app.command(getattr(import_module(f"masivo_stream.cli.{module}"), module), name=name)
        else:
            app.command(f"masivo_stream.cli.{module}:{module}", name=name, help=summary)
    return app


def main() -> NoReturn:
    """Run the command of `sys.argv`. Always ends with one of the documented exit codes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # memory holds personal data and tokens
    sys.setswitchinterval(_SWITCH_INTERVAL)
    spare_imports()
    settle_streams()
    signal.signal(signal.SIGTERM, _terminated)  # as PID 1, the kernel ignores it without a handler
    try:
        code = run(sys.argv[1:])
    except SystemExit as ended:  # of `_terminated`
        code = ended.code if isinstance(ended.code, int) else ExitCode.TERMINATED
    leave_everything()
    if threading.active_count() > 1:  # a read of object storage that is not wanted any more: it may take two minutes
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _terminated(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(ExitCode.TERMINATED)


def run(arguments: list[str]) -> int:
    """Run one command; return its exit code."""
    try:
        code = copy_context().run(_answer, arguments)  # what a command sets ends with it
        sys.stdout.flush()
    except MasivoStreamError as error:
        _complain(str(error), error.place, error.hint, operation_of(error, arguments))
        return error.exit_code
    except KeyboardInterrupt:
        what = _INTERRUPTED.get(_command(arguments), "interrupted")
        print(what, file=sys.stderr)  # noqa: T201 - the program's own output
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `generate | head`: the reader has seen enough
        from masivo_stream.cli.output import forget_output

        forget_output()
        return ExitCode.COMPLETE
    except OSError as error:  # for example a full disk behind standard output
        from masivo_stream.cli.output import release_output
        from masivo_stream.model.short_disk import remedy_of

        release_output()
        _complain(
            f"cannot continue: {error.strerror or error}",
            str(error.filename or ""),
            remedy_of(error, "fix the cause, then start again"),
        )
        return ExitCode.OUTAGE
    except Exception:  # noqa: BLE001 - the last resort: a bug becomes exit code 1, with its traceback
        import traceback

        traceback.print_exc()
        _complain(
            "this is a bug in masivo-stream",
            "",
            "please report the traceback above; first check whether its last line quotes a record",
        )
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.COMPLETE


def _answer(arguments: list[str]) -> object:
    """Print help or version, or run the named command and return what it returned."""
    if (text := answer(arguments)) is not None:
        print(text)  # noqa: T201 - the program's own output
        return ExitCode.COMPLETE

    from cyclopts import CycloptsError

    from masivo_stream.cli.help import asks_for_help, help_of

    command = _command(arguments)
    if command and (asked := asks_for_help(arguments[1:])):
        print(help_of(build_app(command), command, short=asked == "-h"))  # noqa: T201 - the program's own output
        return ExitCode.COMPLETE
    try:
        return build_app(command)(
            _standard_input(arguments), exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        from masivo_stream.cli.usage import explain

        what, hint = explain(error, command, COMMANDS)
        _complain(what, "", hint, "read the command")
        return ExitCode.CONFIGURATION


def _standard_input(arguments: list[str]) -> list[str]:
    """Replace `-` after an export flag by /dev/stdin: the parser would take it for an option."""
    named, rewritten = False, []
    for argument in arguments:
        named = argument in EXPORT_FLAGS or (named and (argument == "-" or not argument.startswith("-")))
        rewritten.append("/dev/stdin" if named and argument == "-" else argument)
    return rewritten


def operation_of(error: MasivoStreamError, arguments: list[str]) -> str:
    """Return what an error ended; a signal ends the command, whichever it is."""
    return _command(arguments) if isinstance(error, Interrupted) else error.operation


def _command(arguments: list[str]) -> str:
    return arguments[0] if arguments and arguments[0] in COMMANDS else ""


def _complain(what: str, place: str, hint: str, operation: str = "") -> None:
    from masivo_stream.cli.lines import terminal_width, wrap
    from masivo_stream.core.redact import mask, printable

    width = terminal_width()
    print(wrap(f"error: {printable(mask(what))}", "  ", width), file=sys.stderr)  # noqa: T201 - the program's own output
    for name, text in (("while", operation), ("where", place), ("hint", hint)):
        if text:
            line = f"  {name}: {printable(text)}"
            # A place is one word, whatever blanks the name of a file has.
            shown = line if name == "where" else wrap(line, " " * len(f"  {name}: "), width)
            print(shown, file=sys.stderr)  # noqa: T201 - the same
