"""What a process is started with, for reports: settings without secrets, and versions.

Headers are named, not quoted; a URL is shown without what is before its `@` and after its `?`.
"""

import platform
import re
import sqlite3
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

import msgspec

from masivo_stream import __version__
from masivo_stream.core.redact import named
from masivo_stream.model.report import Facts
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Invocation
from masivo_stream.model.window import Window

_LIBRARIES = ("aiohttp", "anyio", "msgspec", "zstandard")
_BEFORE_AT = re.compile(r"(?<=://)[^/?#]*@")
_QUERY = re.compile(r"(?<=[^?]\?)\S+")


def gather(settings: Settings, invocation: Invocation, began_at: datetime) -> Facts:
    """Return what a report shows of what a process was started with."""
    return Facts(
        began_at=began_at.isoformat(timespec="seconds"),
        invocation=Invocation(again=_showable(invocation.again), options=_showable(invocation.options)),
        settings={name: _spell(value) for name, value in _values(settings)},
        changed=tuple(
            name
            for (name, own), (_, default) in zip(_values(settings), _values(Settings()), strict=True)
            if own != default
        ),
        versions=_versions(),
    )


def mask_url(text: str) -> str:
    """Remove user, password and query from a URL; other text stays as it is."""
    text = named(text)
    return _QUERY.sub("***", _BEFORE_AT.sub("***@", text)) if "://" in text else text


def _showable(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a command, or nothing if one of them cannot be shown as it is."""
    return tuple(map(mask_url, words)) if all(named(word) == word for word in words) else ()


def _values(settings: Settings) -> list[tuple[str, object]]:
    """Return every setting by its dotted name."""
    sections = [(section.name, getattr(settings, section.name)) for section in msgspec.structs.fields(settings)]
    return [
        (f"{name}.{leaf.name}", getattr(section, leaf.name))
        for name, section in sections
        for leaf in msgspec.structs.fields(section)
    ]


def _spell(value: object) -> str:
    """Return a setting as a person writes it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(str(each) if isinstance(each, Window) else mask_url(str(each)) for each in value) or "none"
        case dict():
            return ", ".join(f"{name}: ***" for name in value) or "none"
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
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
