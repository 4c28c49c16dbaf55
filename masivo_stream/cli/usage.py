"""What is wrong with a command line, and what to write instead.

No value is quoted that may be a secret: of an unknown flag only the name is shown.
"""

import difflib
import shlex
from collections.abc import Iterable
from pathlib import Path

from cyclopts import CycloptsError, UnknownOptionError, UnusedCliTokensError
from cyclopts.exceptions import UnknownCommandError

_KEY_FLAGS = frozenset({"--api-key", "--key", "--token"})
_SECRETS = "set MASIVO_API_KEY, or put the key into a file (mode 0600) and name that with --api-key-file"


def explain(error: CycloptsError, command: str, commands: Iterable[str]) -> tuple[str, str]:
    """Return what is wrong, and a hint."""
    lists = f"{f'masivo-stream {command}'.strip()} --help lists them all"
    match error:
        case UnknownOptionError():
            flag = (error.token.keyword or "").partition("=")[0]
            if flag in _KEY_FLAGS:
                return "secrets are not accepted on the command line, where others can see them", _SECRETS
            known = [name for argument in error.argument_collection for name in argument.names]
            return f"{flag}: no such flag", _nearest(flag, known, lists)
        case UnknownCommandError() if error.unused_tokens:
            name = error.unused_tokens[0]
            return f"{name}: no such command", _nearest(name, commands, lists)
        case UnusedCliTokensError() if error.unused_tokens:
            word = error.unused_tokens[0]
            # `pause STATE` takes a state directory without its flag.
            meant = f"--state-dir {shlex.quote(word)}" if Path(word).is_dir() else ""
            return f"{word}: this word belongs to no flag", _suggest(meant, lists)
        case _:
            return str(error), lists


def _nearest(name: str, known: Iterable[str], lists: str) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return _suggest(close[0] if close else "", lists)


def _suggest(meant: str, lists: str) -> str:
    return f"did you mean {meant}? ({lists})" if meant else lists
