"""How deeply JSON may be nested, on a Python whose readers do not say.

Up to Python 3.11, a text that is nested more deeply than Python calls may be ends in `RecursionError`. On later ones,
C code has a limit of its own, and since 3.14 the size of the thread's stack decides, in each reader at another depth: a
line that validation accepts could not be read again elsewhere. There the same error is raised here, before such a text
is read.
"""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

MOST = 900
"""Levels. Some less than the limit of Python's calls, 1000, which is the bound where the readers have one."""

_BEYOND = 1100


def _readers_count() -> bool:
    """Return whether msgspec refuses a text that is nested more deeply than Python calls may be."""
    try:
        msgspec.json.decode(b"[" * _BEYOND + b"]" * _BEYOND)
    except RecursionError:
        return True
    return False


READERS_COUNT = _readers_count()
"""Whether the readers have the bound of Python's calls, on the Python that runs this."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?')
_BRACKET = re.compile(rb"[\[{]+|[\]}]+")

ValueT = TypeVar("ValueT")


def bounded(read: Callable[[bytes], ValueT], *, counted: bool = READERS_COUNT) -> Callable[[bytes], ValueT]:
    """Return `read`, and if it does not count levels itself, with a check before it."""
    if counted:
        return read

    def checked(body: bytes) -> ValueT:
        check_nesting(body, counted=False)
        return read(body)

    return checked


def check_nesting(body: bytes, *, counted: bool = READERS_COUNT) -> None:
    """Check that a JSON text is not nested too deeply, if its reader does not.

    Raises:
        RecursionError: it is.
    """
    # Few texts have that many brackets at all, and to count bytes is fast.
    if not counted and body.count(b"[") + body.count(b"{") > MOST and _depth(body) > MOST:
        raise RecursionError("nested too deeply")


def _depth(body: bytes) -> int:
    """Return how many levels are open at most, outside of strings."""
    depth = deepest = 0
    for found in _BRACKET.finditer(_STRING.sub(b"", body)):
        some = found[0]
        if some[0] in b"[{":
            depth += len(some)
            deepest = max(deepest, depth)
        else:
            depth -= len(some)
    return deepest
