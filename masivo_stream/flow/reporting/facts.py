"""What a process is started with, for reports: settings without secrets, and versions.

Headers are named, not quoted; a URL is shown without what is before its `@` and after its `?`.
"""

import platform
import re
import sqlite3
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec
from msgspec import Struct

from masivo_stream import __version__
from masivo_stream.core.redact import named
from masivo_stream.model.next_step import Invocation
from masivo_stream.model.report import Facts
from masivo_stream.model.settings import Settings
from masivo_stream.model.window import Window

_LIBRARIES = ("aiohttp", "anyio", "msgspec", "zstandard")
_BEFORE_AT = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"(?<=[^?]\?)\S+")


def gather(settings: Settings, invocation: Invocation, began_at: datetime) -> Facts:
    """Return what a report shows of what a process was started with."""
    own, default = _write(settings), _write(Settings())
    return Facts(
        began_at=began_at.isoformat(timespec="seconds"),
        invocation=Invocation(again=_showable(invocation.again), options=_showable(invocation.options)),
        settings=own,
        changed=tuple(name for name, value in own.items() if value != default.get(name)),
        versions=_versions(),
    )


def mask_url(text: str) -> str:
    """Remove user, password and query from a URL; other text stays as it is."""
    text = named(text)
    return _QUERY.sub("***", _BEFORE_AT.sub("***@", text)) if "://" in text else text


def _showable(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a command, or nothing if one of them cannot be shown as it is."""
    return tuple(map(mask_url, words)) if all(named(word) == word for word in words) else ()


def _write(settings: Settings) -> dict[str, str]:
    """Return every setting as a person would write it."""
    found: dict[str, str] = {}
    for section in msgspec.structs.fields(settings):
        values: Struct = getattr(settings, section.name)
        for leaf in msgspec.structs.fields(values):
            found[f"{section.name}.{leaf.name}"] = _spell(getattr(values, leaf.name))
    return found


def _spell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(str(each) if isinstance(each, Window) else mask_url(str(each)) for each in value) or "none"
        case dict():
            return ", ".join(f"{name}: ***" for name in value) or "none"
        case float():
            return f"{value:g}"
        case _:
            return mask_url(str(value))


def _versions() -> dict[str, str]:
    found = {
        "masivo-stream": __version__,
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # for example if all is frozen into one file
            continue
    return found
