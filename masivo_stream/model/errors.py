"""The error tree, sorted by what the reader can do, and the exit codes.

An error has the operation, the place and a hint as attributes; its message is one sentence. Errors of libraries are
translated once, at their edge. A bad record is not an error: see `model.results.Rejected`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `--version` and `--help` need the errors, and nothing that takes as long to import as msgspec
    from masivo_stream.model.max_dead import OverBudget


class ExitCode(enum.IntEnum):
    """How a command ended. The README has the same table."""

    COMPLETE = 0
    BUG = 1
    CONFIGURATION = 2
    DEAD_LETTERS = 3
    IN_DOUBT = 4
    INPUT = 5
    OUTAGE = 6
    DENIED = 7
    INTERRUPTED = 130
    TERMINATED = 143


class MasivoStreamError(Exception):
    """Root of all errors this library raises on purpose.

    Attributes:
        operation: what was being done, such as "read the settings".
        place: where: file, line, offset, field, batch; empty if there is no such place.
        hint: what to do next.
        exit_code: the exit code of the command.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, operation: str, place: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.operation = operation
        self.place = place
        self.hint = hint


class ConfigurationError(MasivoStreamError):
    """A flag, a setting, a secret or the state directory is wrong and has to be corrected."""

    exit_code = ExitCode.CONFIGURATION


class InputError(MasivoStreamError):
    """The export cannot be trusted: unreadable, truncated, changed."""

    exit_code = ExitCode.INPUT


class UnreachableExportError(InputError):
    """The object storage that an export is in does not answer for longer than we wait. Start again later."""

    exit_code = ExitCode.OUTAGE


class OutageError(MasivoStreamError):
    """For longer than we wait, the API could not be reached, or the quota was used up. Start again later."""

    exit_code = ExitCode.OUTAGE


class DeniedError(MasivoStreamError):
    """The API refuses: the key, the permission or the address is wrong."""

    exit_code = ExitCode.DENIED


class StorageError(MasivoStreamError):
    """Our own files cannot be written (disk full, read-only). Nothing is sent that cannot be noted."""

    exit_code = ExitCode.OUTAGE


class WorkerError(MasivoStreamError):
    """A process that validates lines for us was lost, or cannot be started. Outcomes are kept; start again."""

    exit_code = ExitCode.OUTAGE


class BudgetError(MasivoStreamError):
    """More dead letters than the error budget (`max_dead`) allows. Everything is noted; a larger budget goes on.

    Attributes:
        over: what exceeds which budget.
    """

    exit_code = ExitCode.OUTAGE

    def __init__(self, message: str, over: OverBudget, *, operation: str, hint: str) -> None:
        super().__init__(message, operation=operation, hint=hint)
        self.over = over


class CanaryError(MasivoStreamError):
    """What was sent first did not arrive as it was sent, so the rest was not sent. Start again to look again."""

    exit_code = ExitCode.OUTAGE


class BugError(MasivoStreamError):
    """This program is wrong: the figures do not close, or the server calls a request malformed."""


class Interrupted(MasivoStreamError):  # noqa: N818 - the wish of a person or an orchestrator, not an error
    """A signal asked the run to stop.

    Attributes:
        signal: its name.
    """

    def __init__(self, name: str, exit_code: ExitCode) -> None:
        super().__init__(f"stopped by {name}", operation="migrate", hint="start again with the same command")
        self.signal = name
        self.exit_code = exit_code
