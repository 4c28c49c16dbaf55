"""Commands of a run that was started elsewhere: ready to be pasted here, for its state directory as it is named now.

The commands of a run name paths as the process was given them. Another working directory makes nonsense of the relative
ones, and a state directory that was moved since has another name: with the old one, a new run would begin.
"""

from collections.abc import Callable, Iterable, Iterator
from posixpath import join, normpath

import msgspec
from msgspec import Struct

from masivo_stream.model.summary import Invocation

_STATE_DIR = "--state-dir"
_PATHS = frozenset(
    {
        *("--customers", "--events", "--transactions", "--from", "--parts"),
        *("--config", "--fleet", "--api-key-file", "--ca-file"),
    }
)
"""Flags whose values are paths; all values up to the next flag."""
_FLEET = ("masivo-stream", "fleet", "migrate")
"""This command takes the fleet's file by its place, and no state directory: the file names them."""
_STDIN = frozenset({"-", "/dev/stdin"})


class Here(Struct, frozen=True, kw_only=True):
    """Where a person is."""

    directory: str
    """The working directory; empty if it is not known."""
    state_dir: str
    """The state directory, as it is named here."""
    exists: Callable[[str], bool]
    """Returns whether a path or pattern finds something."""


def commands_here(invocation: Invocation, state_dir: str, here: Here) -> Invocation:
    """Return an invocation as it works here; `state_dir` is the state directory as that process was given it.

    In another working directory, paths become absolute. If a relative one finds something only here, it stays: then
    the exports were moved along.
    """
    began = invocation.directory or here.directory
    elsewhere = began != here.directory
    moved = _absolute(began, state_dir) != _absolute(here.directory, here.state_dir)
    if not elsewhere and not moved:
        return invocation
    again, options = (
        tuple(_replace(words, began if elsewhere else "", here)) for words in (invocation.again, invocation.options)
    )
    fleet = again[: len(_FLEET)] == _FLEET
    return msgspec.structs.replace(
        invocation,
        again=again if fleet or not again or _STATE_DIR in again else (*again, _STATE_DIR, here.state_dir),
        options=options if _STATE_DIR in options else (*options, _STATE_DIR, here.state_dir),
    )


def _replace(words: Iterable[str], began: str, here: Here) -> Iterator[str]:
    """Yield words with the state directory as it is named here, and with other paths seen from here."""
    flag = ""
    for at, word in enumerate(words):
        if word.startswith("--"):
            flag = word
            yield word
        elif flag == _STATE_DIR:
            yield here.state_dir
        elif began and (flag in _PATHS or (not flag and at == len(_FLEET))):
            yield _seen_from(word, began, here)
        else:
            yield word


def _seen_from(path: str, began: str, here: Here) -> str:
    if path in _STDIN or "://" in path:
        return path
    there = join(began, path)  # also of a pattern, or of a file with an account's name after a colon
    return path if here.exists(path) and not here.exists(there) else there


def _absolute(directory: str, path: str) -> str:
    return normpath(join(directory, path))
