"""The three standard streams, which may be closed, full, or of another encoding when the program starts.

No other file may get their numbers: a journal that is opened as descriptor 1 would be written to by the next `print`.
What cannot be written to standard error is lost; that never ends a migration, nor changes its exit code. An answer that
cannot be written to standard output is an error (`cli.output`).
"""

import os
import sys
from typing import TextIO


class Unfailing:
    """A text stream that never fails: what it cannot write is lost."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, or lose it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: closed
            return len(text)

    def flush(self) -> None:
        """Pass on what was written, or lose it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> object:
        """Behave like the stream in everything else."""
        return getattr(self._stream, name)


def settle_streams() -> None:
    """Make the standard streams safe to use."""
    for number in (0, 1, 2):
        _occupy(number)
    if sys.stdout is None:
        # Opened for reading only, so that writing to it fails, as it does in other programs.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    elif hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a locale without the characters of a table
    stream = sys.stderr if sys.stderr is not None else os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.stderr = Unfailing(stream)


def _occupy(number: int) -> None:
    """Occupy a descriptor that was closed when the program started, so that no file of ours gets it."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)  # takes the lowest free number, which is this one
