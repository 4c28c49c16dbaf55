"""Lines for a terminal: they end at words, and never within a command that a person may paste."""

import os
import re
import sys
import textwrap

_COMMAND = re.compile(r"masivo-stream [a-z]+(?: --?[a-z][a-z-]*(?:[= ][^\s,;:()-][^\s,;()]*)?)*")
_KEPT = "\0"
"""In the place of a blank of a command, so that no line ends there."""


def terminal_width() -> int:
    """Return how many columns standard error has; 0 if it is no terminal, and lines are as long as they are."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 0
    except (OSError, ValueError):  # closed, or not a file
        return 0


def wrap(text: str, indent: str, width: int) -> str:
    """Return a text in lines that end at words; `indent` begins all but the first. With a width of 0, as it is."""
    if width <= len(indent) or len(text) <= width:
        return text
    kept = _COMMAND.sub(lambda match: match[0].replace(" ", _KEPT), text)
    lines = textwrap.wrap(
        kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return "\n".join(lines).replace(_KEPT, " ")
