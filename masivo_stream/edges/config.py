"""Load the settings: flag before environment before file before default. An error names the place of what is wrong.

The environment's variables are `MASIVO_` and a leaf's name. An unknown `MASIVO_…` variable is no error, because
orchestrators set some of their own (Kubernetes: `MASIVO_SANDBOX_SERVICE_HOST`); one that is nearly a setting's name is.
"""

import difflib
import ipaddress
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import inspect

from masivo_stream.core.reading.object_urls import is_folder_url, is_url
from masivo_stream.core.redact import named
from masivo_stream.model import contract
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.hours import cover_the_day
from masivo_stream.model.max_dead import MaxDead, parse_max_deads
from masivo_stream.model.settings import LimitSettings, NotifySettings, Settings, StateSettings
from masivo_stream.model.window import Window, parse_timed_windows

PREFIX = "MASIVO_"
_OTHER_VARIABLES = frozenset({"MASIVO_API_KEY", "MASIVO_TOKEN", "MASIVO_CONFIG"})
_OF_FLEETS = "MASIVO_API_KEY_"
"""The variables that hold the keys of a fleet's accounts begin like this."""
_OPERATION = "read the settings"
_RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "transfer-encoding",
        "x-api-key",
    }
)
_NEARLY = 0.85

# Marks of files that are not TOML: other tools have formats of their own, and each needs another change.
_SECTIONS = "sections and values as in config.example.toml"

_YAML = re.compile(r"(?m)\A(?:---|#[^\n]*\n|\s)*[A-Za-z_]\w*:(?:\s|\Z)")
_VARIABLES = re.compile(r"(?m)^\s*(?:export\s+)?MASIVO_[A-Z_]+\s*=")
_BARE = re.compile(r"(?m)^\s*[a-z_]+\s*=\s*(?![\s\"'\[{0-9+\-]|true\b|false\b|inf\b|nan\b)[^\s]")
_SEMICOLON = re.compile(r"(?m)^\s*;")


def load_settings(
    file: str | None = None,
    *,
    content: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings; `flags` maps leaf names to values, None for a flag that was not given.

    `content`: what is in `file`, if that is no file on this machine.

    Raises:
        ConfigurationError: an unknown name, a value that does not fit, values that do not fit together.
    """
    tables = [(read_toml(file, content), file)] if file else []
    return settings_of(tables, environment=environment, flags=flags)


def settings_of(
    tables: Sequence[tuple[Mapping[str, Any], str]],
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of tables that are read already, each with its place for errors; the last one counts.

    Raises:
        ConfigurationError: as `load_settings` does.
    """
    tree: dict[str, dict[str, Any]] = {section: {} for section in _LEAVES}
    places: dict[str, str] = {}
    for table, where in tables:
        _merge(tree, table, where)
        places |= {name: where for values in table.values() for name in values}
    _merge_environment(tree, environment or {})
    for name, value in (flags or {}).items():
        if value is not None:
            section = _section_of(name)
            tree[section][name] = _convert(section, name, value, f"--{name.replace('_', '-')}", lax=True)
    settings = msgspec.convert(tree, Settings)
    try:
        _check(settings)
    except ConfigurationError as error:
        name = error.place.removeprefix("[api] ")
        given = name in tree[_section_of(name)]
        place = _place_of(name, places.get(name, ""), environment or {}, flags or {}) if given else ""
        raise ConfigurationError(
            str(error), operation=error.operation, place=place or error.place, hint=error.hint
        ) from None
    return settings


def _place_of(name: str, file: str, environment: Mapping[str, str], flags: Mapping[str, Any]) -> str:
    """Return where a setting was given: the flag counts first, then the variable, then the file."""
    if flags.get(name) is not None:
        return f"--{name.replace('_', '-')}"
    variable = PREFIX + name.upper()
    if variable in environment:
        return variable
    return f"{file}: [{_section_of(name)}] {name}" if file else ""


def leaves() -> dict[str, dict[str, inspect.Field]]:
    """Return every setting by section and name, as msgspec describes it."""
    return _LEAVES


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_vendor(url: str) -> bool:
    """Return whether a URL's host is one of the vendor's."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host == contract.VENDOR_DOMAIN or host.endswith("." + contract.VENDOR_DOMAIN)


def _read_leaves() -> dict[str, dict[str, inspect.Field]]:
    root = inspect.type_info(Settings)
    if not isinstance(root, inspect.StructType):
        raise TypeError("Settings is a struct")
    return {
        section.name: {leaf.name: leaf for leaf in section.type.fields}
        for section in root.fields
        if isinstance(section.type, inspect.StructType)
    }


_LEAVES = _read_leaves()


def _section_of(leaf: str) -> str:
    for section, names in _LEAVES.items():
        if leaf in names:
            return section
    close = difflib.get_close_matches(leaf, [name for names in _LEAVES.values() for name in names], 1)
    raise _wrong(
        "is not a setting", f"flag {leaf}", f"did you mean {close[0]}?" if close else "see config.example.toml"
    )


def read_toml(file: str, content: bytes | None = None) -> dict[str, Any]:
    """Return the content of a TOML file; `content` is what is in it, if it is no file on this machine.

    Raises:
        ConfigurationError: it cannot be read, or is something else; the hint names what it seems to be.
    """
    found = b""
    try:
        found = Path(file).read_bytes() if content is None else content
        text = found.decode("utf-8-sig")  # some editors begin with a byte order mark
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        if isinstance(error, UnicodeDecodeError) and found.startswith((b"\xff\xfe", b"\xfe\xff")) and found[2:]:
            raise _wrong("is UTF-16 text", file, "save it as UTF-8") from None
        raise _wrong(f"cannot be read: {why}", file, "check the path given with --config") from error
    import tomllib  # noqa: PLC0415 - few commands have a file

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # besides TOMLDecodeError: numbers too long, lists too deep
        what, hint = _explain(text)
        raise _wrong(f"is not TOML{what}: {error}", file, hint) from error


def _explain(text: str) -> tuple[str, str]:
    """Return what a text is instead of TOML (an addition to that sentence), and what to write instead."""
    if text.lstrip().startswith(("{", "[{")):
        try:
            msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return "", "see config.example.toml"
        return " but JSON", f"write {_SECTIONS}"
    if "\0" in text:
        return " but a binary file, or UTF-16 text", "save it as UTF-8"
    if "\r" in text and "\n" not in text:
        return ", because its lines end in a carriage return alone", "save it with line feeds"
    if _VARIABLES.search(text):
        return " but a list of environment variables", (
            "set these variables in the environment (in a shell: `set -a; . FILE; set +a`), or write " + _SECTIONS
        )
    if _YAML.match(text):
        return " but YAML", f"write {_SECTIONS}"
    if _SEMICOLON.search(text):
        return " but an INI file", "begin comments with #, and put text in quotes; see config.example.toml"
    if _BARE.search(text):
        return "", 'put text in quotes, for example base_url = "https://api.example.com"; see config.example.toml'
    return "", "see config.example.toml"


def _merge(tree: dict[str, dict[str, Any]], given: Mapping[str, Any], file: str) -> None:
    for section, values in given.items():
        if section not in _LEAVES:
            raise _stray(section, values, file)
        if not isinstance(values, dict):
            raise _wrong(f"[{section}] is a section, not a value", file, "see config.example.toml")
        for name, value in values.items():
            place = f"{file}: [{section}] {name}"
            if name not in _LEAVES[section]:
                raise _wrong("is not a setting", place, _nearest(name, _LEAVES[section], section))
            tree[section][name] = _convert(section, name, value, place, lax=False)


def _stray(name: str, value: object, file: str) -> ConfigurationError:
    """Return the error for an unknown section: it may be a setting outside of one, or the name of a variable."""
    leaf = name.removeprefix(PREFIX).lower()
    for section, names in _LEAVES.items():
        if leaf in names and not isinstance(value, dict):
            return _wrong(f"has {name} outside a section", file, f"write {leaf} below [{section}]")
    if name in _OTHER_VARIABLES or name.lower() in _LEAVES:
        hint = f"set {name} in the environment" if name in _OTHER_VARIABLES else f"write [{name.lower()}]"
        return _wrong(f"has no section [{name}]", file, hint)
    return _wrong(f"has no section [{name}]", file, _nearest(name, _LEAVES))


def _merge_environment(tree: dict[str, dict[str, Any]], environment: Mapping[str, str]) -> None:
    names = {PREFIX + leaf.upper(): (section, leaf) for section, found in _LEAVES.items() for leaf in found}
    for variable, text in environment.items():
        if variable in names:
            section, leaf = names[variable]
            tree[section][leaf] = _convert(section, leaf, text, variable, lax=True)
        elif variable.startswith(PREFIX) and variable not in _OTHER_VARIABLES and not variable.startswith(_OF_FLEETS):
            close = difflib.get_close_matches(variable, [*names, *_OTHER_VARIABLES], 1, _NEARLY)
            if close:
                raise _wrong("is not a setting", variable, f"did you mean {close[0]}?")


def _convert(section: str, name: str, value: object, place: str, *, lax: bool) -> object:
    """Return `value` in its setting's type; `lax` reads text as numbers (flags and environment are text)."""
    kind = _LEAVES[section][name].type
    try:
        if isinstance(kind, inspect.VarTupleType):
            return _LISTS.get(name, _windows)(value)
        if isinstance(kind, inspect.DictType) and isinstance(value, str):
            value = _pairs(value)
        return msgspec.convert(value, _annotation(section, name), strict=not lax)
    except (msgspec.ValidationError, ValueError) as error:
        # Not `from error`: it may quote the value.
        why = "it is empty" if isinstance(value, str) and not value.strip() else _sentence(error)
        raise _wrong(f"does not fit: {why}", place, _default_hint(section, name)) from None


def _annotation(section: str, name: str) -> Any:  # noqa: ANN401 - any annotation a setting may have
    section_type = type(getattr(Settings(), section))
    return next(field.type for field in msgspec.structs.fields(section_type) if field.name == name)


def _pairs(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",") if part]
    if not all(equals for _, equals, _ in parts):
        raise ValueError("expected NAME=VALUE, several separated by commas")
    return {name: value for name, _, value in parts}


def _windows(value: object) -> tuple[Window, ...]:
    """Read `"1/5s,1000/h"`, `["1/5s", "08:00-20:00 1/30s"]`, `"none"` or `[]`."""
    match value:
        case str():
            return parse_timed_windows(value)
        case list() | tuple() if all(isinstance(part, str) for part in value):
            parts = [str(part) for part in value]
            return parse_timed_windows(",".join(parts)) if parts else ()
        case _:
            raise ValueError('expected a list of windows such as ["1/5s", "1000/h"]')


def _migration_windows(value: object) -> tuple[Window, ...]:
    """Read windows; if all of them have hours, the default's windows hold as well, unless one is `none`."""
    found = _windows(value)
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    without = any(str(part).strip().lower() == "none" for part in parts)
    if found and not without and all(window.hours is not None for window in found):
        return (*LimitSettings().limit, *found)
    return found


def _budgets(value: object) -> tuple[MaxDead, ...]:
    """Read `"100,customers=0.5%"`, `["100", "customers=0.5%"]`, `100`, `"none"` or `[]`."""
    match value:
        case bool():
            pass
        case str() | int():
            return parse_max_deads(str(value))
        case list() | tuple() if all(isinstance(part, str | int) and not isinstance(part, bool) for part in value):
            return parse_max_deads(",".join(map(str, value))) if value else ()
    raise ValueError('expected a list of budgets such as ["100", "customers=0.5%"]')


def _names(value: object) -> tuple[str, ...]:
    """Read `"no_balance,email_case"`, `["no_balance", "email_case"]`, `"none"` or `[]`."""
    match value:
        case str():
            return () if value.strip() == "none" else tuple(part.strip() for part in value.split(","))
        case list() | tuple() if all(isinstance(part, str) for part in value):
            return tuple(map(str, value))
    raise ValueError('expected a list of names such as ["no_balance", "email_case"]')


_LISTS = {"limit": _migration_windows, "max_dead": _budgets, "skip_checks": _names}
"""How settings are read that are lists of something else than windows."""


def _sentence(error: Exception) -> str:
    """Return msgspec's sentence without its quoted value: a secret may have been put in the wrong place."""
    text = str(error)
    return "expected one of the listed words" if text.startswith("Invalid enum value") else text


def _default_hint(section: str, name: str) -> str:
    default = getattr(getattr(Settings(), section), name)
    if isinstance(default, tuple):
        default = ",".join(str(window) for window in default) or "none"
    elif isinstance(default, dict):
        default = ",".join(f"{key}={value}" for key, value in default.items())
    field, shown, values = _LEAVES[section][name].type, repr(default), list[str]()
    if isinstance(default, bool):
        shown, values = str(default).lower(), ["true", "false"]
    elif isinstance(field, inspect.LiteralType):
        values = [str(value) for value in field.values]
    words = f", one of {', '.join(values)}" if values else ""
    return f"the default is {shown}{words}; see config.example.toml"


def _nearest(name: str, names: Mapping[str, object], section: str = "") -> str:
    variable = PREFIX + name.upper()
    if variable in _OTHER_VARIABLES:
        return f"set {variable} in the environment"
    for other, leaf_names in _LEAVES.items():  # first: a correct name is not a slip of another one
        if section and name in leaf_names:
            return f"it belongs in section [{other}]"
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"the known names are: {', '.join(names)}"


def _check(settings: Settings) -> None:
    """Check the settings together, and the values that a type alone cannot check."""
    api = settings.api
    _check_url("base_url", api.base_url)
    if api.auth_url:
        _check_url("auth_url", api.auth_url)
    if api.proxy and not _is_proxy(api.proxy):
        raise _wrong("is not an http:// URL", "proxy", "write the proxy like http://proxy.example:3128")
    for name, value in api.headers.items():
        if name.lower() in _RESERVED_HEADERS:
            raise _wrong(f"cannot set {name}", "[api] headers", "the client sets this header itself")
        if not (name.isascii() and name.replace("-", "").isalnum() and value.isprintable()):
            raise _wrong(
                "has characters that no header can have",
                "[api] headers",
                "use letters, digits and - for the name, and printable text for the value",
            )
    if is_vendor(api.base_url) and all(window.hours is not None for window in settings.limits.limit):
        raise _wrong(
            '"none" is not for the vendor\'s hosts',
            "limit",
            "give the account's limits, for example 1/5s,1000/h",
        )
    _check_hours(settings.limits)
    _check_notify(settings.notify)
    _check_places(settings.state)
    if settings.retry.first_delay > settings.retry.longest_delay:
        raise _wrong("is longer than longest_delay", "first_delay", "lower first_delay, or raise longest_delay")


_AS_IN_A_SHELL = "write the path of a program and its arguments as in a shell; for more than that, give a script"


def _check_notify(notify: NotifySettings) -> None:
    """Check who is notified. What is given is not shown: the path of such a URL is often its password."""
    parts = _split(notify.notify) if notify.notify else None
    if notify.notify and (parts is None or parts.scheme not in ("http", "https")):
        raise _wrong("is not a URL", "notify", "write it like https://hooks.example.com/PATH")
    if not notify.notify_command:
        return
    try:
        words = shlex.split(notify.notify_command)
    except ValueError as error:
        raise _wrong("has a quote that is not closed", "notify_command", _AS_IN_A_SHELL) from error
    if not words or shutil.which(words[0]) is None:
        # Only a path is shown: any other word, `TOKEN=…` or a URL may be a password in the wrong place.
        shown = bool(words) and "/" in words[0] and not {"=", ":", "@"} & set(words[0])
        raise _wrong(
            f"begins with {named(words[0])}, which cannot be started" if shown else "begins with no program",
            "notify_command",
            _AS_IN_A_SHELL,
        )


def _check_zone(name: str) -> None:
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415 - few commands have a time zone

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not a path in the data, a directory there, not there
        close = difflib.get_close_matches(name, available_timezones(), 1, 0.7)
        hint = f"did you mean {close[0]}?" if close else "write an IANA name, such as Europe/Madrid or UTC"
        raise _wrong("is no time zone", "time_zone", hint) from None


def _check_hours(limits: LimitSettings) -> None:
    """Check that the time zone is known, and that the pauses of a day leave some time to send."""
    if limits.time_zone:
        _check_zone(limits.time_zone)
    pauses = {
        place: [window.hours for window in windows if not window.limit and window.hours is not None]
        for place, windows in (("limit", limits.limit), ("general_limit", limits.general_limit))
    }
    if cover_the_day([hours for found in pauses.values() for hours in found]):
        raise _wrong(
            "pauses all day, so nothing would ever be sent",
            "limit" if pauses["limit"] else "general_limit",
            "leave some hours of the day without a pause, or stop the run with masivo-stream pause",
        )


def _check_places(state: StateSettings) -> None:
    """Check where a run keeps its state, and where it copies its results to."""
    if not state.state_dir:
        raise _wrong("is empty", "state_dir", "name a directory; the default is masivo-state")
    for name, directory in (("state_dir", state.state_dir), ("shared_dir", state.shared_dir)):
        if is_url(directory):
            raise _wrong("is a URL", name, "name a directory on this machine; --publish copies the results to a URL")
    if state.publish and not is_folder_url(state.publish):
        raise _wrong(
            "is not the URL of a bucket", "publish", "write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://…/FOLDER"
        )


def _check_url(name: str, url: str) -> None:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        raise _wrong("is not a URL", name, "write it like " + contract.BASE_URL)
    if parts.username is not None or parts.password is not None:
        raise _wrong("holds credentials", name, "put the key into MASIVO_API_KEY")
    if parts.query or parts.fragment:
        raise _wrong("has a query or a fragment", name, f"write it like {_bare(parts)}")
    if parts.scheme != "https" and not is_loopback(url):
        raise _wrong("is not encrypted", name, "use https:// (http:// is for this machine only)")


def _is_proxy(url: str) -> bool:
    parts = _split(url)
    return parts is not None and parts.scheme == "http"


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; None if it has no host, or is no URL. `urlsplit` alone drops line breaks without a word."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # `port` raises on nonsense
    except ValueError:
        return None
    return parts if host else None


def _bare(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _wrong(what: str, place: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{place} {what}", operation=_OPERATION, place=place, hint=hint)
