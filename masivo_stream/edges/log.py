"""The log: structlog to standard error, readable on a terminal, JSON lines elsewhere.

Content cannot forge a line: JSON escapes control characters, and for the terminal they are escaped here. Secrets and
addresses do not reach the log; anything that still looks like one is masked.
"""

import logging
import sys
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from masivo_stream.core.redact import MASK, is_secret, mask, printable


def configure_log(
    *, level: str, form: Literal["auto", "json", "console"], stream: TextIO | None = None
) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that writes to `stream` (standard error)."""
    stream = stream or sys.stderr
    terminal = stream is not None and stream.isatty()
    console = form == "console" or (form == "auto" and terminal)
    renderer: Any = structlog.dev.ConsoleRenderer(colors=terminal) if console else structlog.processors.JSONRenderer()
    processors = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _clean,
        renderer,
    ]
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )
    return logger


class _Lines:
    """Write lines to a stream that may break: a migration goes on when no process reads its log any more."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to `stream`; None if standard error is closed."""
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write a line, or lose it."""
        if self._stream is not None:
            with suppress(OSError, ValueError):  # ValueError: closed
                self._stream.write(line + "\n")
                self._stream.flush()

    debug = info = warning = error = msg


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: MASK if is_secret(key) else _cleaned(value) for key, value in event.items()}


def _cleaned(value: object) -> object:
    """Return a value with every text in it on one line, and with everything that looks like a secret masked."""
    match value:
        case str():
            return printable(mask(value))
        case dict():
            return {
                _cleaned(key): MASK if isinstance(key, str) and is_secret(key) else _cleaned(each)
                for key, each in value.items()
            }
        case list() | tuple():
            return [_cleaned(each) for each in value]
        case _:
            return value
