"""Read `fleet.toml`: the accounts of a fleet, each with its key, its exports and its settings.

    [settings.limits]               # for all accounts: the sections of config.example.toml, below `settings`
    limit = ["1/5s", "1000/h"]

    [[accounts]]
    name = "north"
    key_file = "keys/north"         # or key_variable; without both, MASIVO_API_KEY_NORTH
    customers = ["north/customers-*.ndjson.gz"]
    state_dir = "state/north"       # the default is fleet-state/north
    settings.upload.uploaders = 2   # for this account only

An account's own table counts before the common one; variables such as MASIVO_BASE_URL count for all accounts, and
before both. Paths are relative to the working directory, as in every other command.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.edges.config import read_toml, settings_of
from masivo_stream.edges.export.source import STDIN
from masivo_stream.edges.secret import API_KEY_VARIABLE, Credentials, load_credentials
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.model.settings import Settings

STATE_DIRS = "fleet-state"
"""The directory of the state directories that have no name of their own."""

MOST_AT_ONCE = 1000
_OPERATION = "read the fleet file"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?\Z")
_OF_THE_FLEET = ("state_dir", "monitor", "log_level", "log_format")
"""Settings that cannot be given for one account below `settings`."""


class _AccountTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    key_file: str = ""
    key_variable: str = ""
    state_dir: str = ""
    customers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    settings: dict[str, Any] = {}


class _FleetTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    accounts: tuple[_AccountTable, ...]
    at_once: int = MOST_AT_ONCE
    settings: dict[str, Any] = {}


class FleetAccount(Struct, frozen=True, kw_only=True):
    """One account of a fleet."""

    name: str
    settings: Settings
    customers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    credentials: Callable[[], Credentials]
    """Returns the key. It is read late, because a missing one must not stop the other accounts."""


class Fleet(Struct, frozen=True, kw_only=True):
    """A fleet file."""

    file: str
    settings: Settings
    """Of the fleet itself: log and monitor."""
    accounts: tuple[FleetAccount, ...]
    at_once: int
    """How many accounts are worked on at the same time."""

    def only(self, names: Iterable[str]) -> "Fleet":
        """Return the fleet with the accounts that are named; with all if none is.

        Raises:
            ConfigurationError: there is no account of a name.
        """
        wanted = [*names]
        known = {each.name: each for each in self.accounts}
        for name in wanted:
            if name not in known:
                raise _wrong(f"has no account {name}", self.file, f"its accounts are: {', '.join(known)}")
        chosen = tuple(each for each in self.accounts if each.name in wanted)
        return msgspec.structs.replace(self, accounts=chosen or self.accounts)


def load_fleet(
    file: str, *, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None, config: str | None = None
) -> Fleet:
    """Return the fleet of a file. `flags` and the settings file `config` count for all accounts.

    Raises:
        ConfigurationError: the file cannot be read, or something in it does not fit.
    """
    table = _convert(read_toml(file), file)
    if not table.accounts:
        raise _wrong("names no account", file, "add a table [[accounts]] for each")
    if not 1 <= table.at_once <= MOST_AT_ONCE:
        raise _wrong("at_once is out of range", file, f"name a number from 1 to {MOST_AT_ONCE}")
    _check_accounts(table.accounts, file)
    keys = {_variable(each) for each in table.accounts}
    common = [(read_toml(config), config)] if config else []
    common.append((table.settings, f"{file}: settings"))
    plain = {name: value for name, value in environment.items() if name not in keys}
    own = {name: value for name, value in plain.items() if name != "MASIVO_STATE_DIR"}
    accounts = []
    for each in table.accounts:
        tables = [*common, (each.settings, _place(file, each.name))]
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        settings = settings_of(tables, environment=own, flags={"state_dir": _state_dir(each), **given})
        accounts.append(_make_account(each, settings, environment, _place(file, each.name)))
    return Fleet(
        file=file,
        settings=settings_of(common, environment=own, flags=flags),
        accounts=tuple(accounts),
        at_once=table.at_once,
    )


def _make_account(table: _AccountTable, settings: Settings, environment: Mapping[str, str], place: str) -> FleetAccount:
    def read_key() -> Credentials:
        if table.key_file:
            return load_credentials({}, api_key_file=table.key_file)
        variable = _variable(table)
        if not environment.get(variable):
            raise ConfigurationError(
                "there is no API key",
                operation="read the secrets",
                place=place,
                hint=f"set {variable}, or write key_file = the path of a file (mode 0600) that holds the key",
            )
        return load_credentials({API_KEY_VARIABLE: environment[variable]})

    return FleetAccount(
        name=table.name,
        settings=settings,
        customers=table.customers,
        events=table.events,
        transactions=table.transactions,
        credentials=read_key,
    )


def _check_accounts(accounts: Iterable[_AccountTable], file: str) -> None:
    names: set[str] = set()
    directories: dict[Path, str] = {}
    for each in accounts:
        place = _place(file, each.name)
        if not _NAME.match(each.name):
            raise _wrong("is no name of an account", place, "use up to 64 letters, digits, - and _")
        if each.name.lower() in names:
            raise _wrong("has an account of this name twice", place, "give each account a name of its own")
        names.add(each.name.lower())
        directory = Path(_state_dir(each)).absolute()
        if directory in directories:
            raise _wrong(
                f"has the state directory of {directories[directory]}",
                place,
                "give each account a state_dir of its own",
            )
        directories[directory] = each.name
        _check_account(each, place)


def _check_account(table: _AccountTable, place: str) -> None:
    if table.key_file and table.key_variable:
        raise _wrong("names a key file and a variable", place, "name only one of them")
    if {STDIN, "/dev/stdin"}.intersection((*table.customers, *table.events, *table.transactions)):
        raise _wrong("reads standard input", place, "write the export to a file: a fleet has several accounts")
    for section, values in table.settings.items():
        for name in values if isinstance(values, dict) else ():
            if name in _OF_THE_FLEET:
                hint = "write state_dir in [[accounts]]" if name == "state_dir" else "write it below [settings]"
                raise _wrong(f"cannot have {name} of its own", f"{place} settings.{section}", hint)


def _state_dir(table: _AccountTable) -> str:
    return table.state_dir or f"{STATE_DIRS}/{table.name}"


def _variable(table: _AccountTable) -> str:
    return table.key_variable or f"{API_KEY_VARIABLE}_{table.name.upper().replace('-', '_')}"


def _place(file: str, name: str) -> str:
    return f"{file}: account {name}"


_AT = re.compile(r" - at `\$(?P<path>.*)`\Z")


def _convert(content: object, file: str) -> _FleetTable:
    try:
        return msgspec.convert(content, _FleetTable)
    except msgspec.ValidationError as error:
        text = str(error)
        path = found["path"].lstrip(".") if (found := _AT.search(text)) is not None else ""
        why = _AT.sub("", text).replace("Object", "it")
        raise _wrong(
            f"does not fit: {why}", f"{file}: {path}" if path else file, "docs/fleets.md shows a fleet file"
        ) from None


def _wrong(what: str, place: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation=_OPERATION, place=place, hint=hint)
