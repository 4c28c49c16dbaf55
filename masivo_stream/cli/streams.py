"""The three standard streams, as whoever starts us leaves them: closed, full, or of another encoding.

Nothing else may get their numbers: a journal that is opened as descriptor 1 would be written to by the next `print`.
What is said on standard error is lost where it cannot be written; that never ends a migration, nor changes its exit
code. What was asked for on standard output and cannot be written is an error (`cli.output`).
"""

import os
import sys
from typing import TextIO


class Unfailing:
    """A text stream of which nothing is expected: what it cannot write is lost."""

    def __init__(self, stream: TextIO) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose it."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: closed
            return len(text)

    def flush(self) -> None:
        """Hand on what was written, or lose it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> object:
        """Be that stream in all else."""
        return getattr(self._stream, name)


def settle_streams() -> None:
    """Make the standard streams what the program relies on."""
    for number in (0, 1, 2):
        _occupy(number)
    if sys.stdout is None:
        # Opened for reading alone, so that writing to it fails as it does for everybody else.
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    elif hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale without lines to draw tables with
    stream = sys.stderr if sys.stderr is not None else os.fdopen(2, "w", encoding="utf-8", closefd=False)
    sys.stderr = Unfailing(stream)


def _occupy(number: int) -> None:
    """Keep a descriptor from being given to a file of ours, where it was closed by whoever started us."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)  # the lowest that is free, which is this one
