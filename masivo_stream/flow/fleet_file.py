"""Read `fleet.toml`: the accounts of a fleet, each with its key, its exports and its settings.

    [settings.limits]               # for all accounts: the sections of config.example.toml, below `settings`
    limit = ["1/5s", "1000/h"]

    [[accounts]]
    name = "north"
    key_file = "keys/north"         # or key_variable; without both, MASIVO_API_KEY_NORTH
    customers = ["north/customers-*.ndjson.gz"]   # events and transactions likewise
    from = "prepared/north"         # or a directory that `prepare` has written
    state_dir = "state/north"       # the default is fleet-state/north
    settings.upload.uploaders = 2   # for this account only

An account's own table counts before the common one; variables such as MASIVO_BASE_URL count for all accounts, and
before both. Paths are relative to the working directory, as in every other command.
"""

import difflib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from msgspec import Struct

from masivo_stream.core.next_steps import pause_command
from masivo_stream.core.reading.object_urls import is_url, shown_url
from masivo_stream.edges.config import leaves, read_toml, settings_of
from masivo_stream.edges.export.source import STDIN
from masivo_stream.edges.secret import API_KEY_VARIABLE, Credentials, load_credentials, name_quota, origin_of
from masivo_stream.flow.identity.account_binding import identify_account
from masivo_stream.flow.look_up import read_small
from masivo_stream.model.errors import ConfigurationError, MasivoStreamError
from masivo_stream.model.notices import Notice, SettingsReread
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
    from_: str = msgspec.field(default="", name="from")
    customers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    parts: str = ""
    settings: dict[str, Any] = {}


class _FleetTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    accounts: tuple[_AccountTable, ...]
    at_once: int = MOST_AT_ONCE
    settings: dict[str, Any] = {}


class FleetAccount(Struct, frozen=True, kw_only=True):
    """One account of a fleet."""

    name: str
    place: str
    """The fleet file and the account, for errors."""
    settings: Settings
    directory: str = ""
    """A directory with exports, as `prepare` writes it."""
    customers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    parts: str = ""
    """A directory or folder with answers of parts; empty without any."""
    key: str
    """The file or the variable that holds the key."""
    has_key: bool
    """Whether the key is in a file, or its variable is set."""
    credentials: Callable[[], Credentials]
    """Returns the key. It is read late, because a missing one must not stop the other accounts."""


class Fleet(Struct, frozen=True, kw_only=True):
    """A fleet file."""

    file: str
    settings: Settings
    """Of the fleet itself: log and monitor."""
    accounts: tuple[FleetAccount, ...]
    """Those to work on."""
    known: tuple[FleetAccount, ...]
    """All accounts of the file: their keys are compared, too."""
    at_once: int
    """How many accounts are worked on at the same time."""

    def only(self, names: Iterable[str]) -> "Fleet":
        """Return the fleet with the accounts that are named; with all if no name is given.

        Raises:
            ConfigurationError: there is no account of a name.
        """
        wanted = [*names]
        known = {each.name: each for each in self.accounts}
        for name in wanted:
            if name not in known:
                raise _wrong(
                    f"the fleet file has no account {name}", self.file, f"its accounts are: {', '.join(known)}"
                )
        chosen = tuple(each for each in self.accounts if each.name in wanted)
        return msgspec.structs.replace(self, accounts=chosen or self.accounts)


def load_fleet(
    file: str, *, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None, config: str = ""
) -> Fleet:
    """Return the fleet of a file or a URL. `flags` and the settings file `config` count for all accounts.

    Raises:
        ConfigurationError: the file cannot be read, or something in it does not fit.
    """
    if not is_url(file) and not _exists(file):
        path, _, name = file.rpartition(":")
        if path and _exists(path):
            raise _wrong("the fleet file does not exist", file, f"write the account as {path} --only {name}")
        hint = "check the path of the fleet file, and the working directory"
        raise _wrong("the fleet file does not exist", file, hint)
    content, file = _read_file(file)
    table = _read_table(content, file)
    _check_accounts(table.accounts, file)
    keys = {_variable(each) for each in table.accounts}
    common = [_read_file(config)] if config else []
    common.append((table.settings, f"{file}: settings"))
    own = {name: value for name, value in environment.items() if name not in keys}
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    accounts = []
    for each in table.accounts:
        tables = [*common, (each.settings, f"{_place(file, each.name)}: settings")]
        settings = settings_of(tables, environment=own, flags={"state_dir": _state_dir(each), **given})
        settings = _publish_apart(settings, each)
        accounts.append(_make_account(each, settings, environment, _place(file, each.name)))
    _check_keys(table.accounts, accounts)
    return Fleet(
        file=file,
        settings=settings_of(common, environment=own, flags=given),
        accounts=tuple(accounts),
        known=tuple(accounts),
        at_once=table.at_once,
    )


def _publish_apart(settings: Settings, table: _AccountTable) -> Settings:
    """Let each account publish into a folder with its name, unless its own table names one."""
    state, own = settings.state, table.settings.get("state")
    if not state.publish or (isinstance(own, dict) and own.get("publish") == state.publish):
        return settings
    folder = f"{state.publish.rstrip('/')}/{table.name}"
    return msgspec.structs.replace(settings, state=msgspec.structs.replace(state, publish=folder))


def _make_account(table: _AccountTable, settings: Settings, environment: Mapping[str, str], place: str) -> FleetAccount:
    variable = _variable(table)

    def read_key() -> Credentials:
        if table.key_file:
            return _read_key_file(table.key_file, place)
        if not environment.get(variable):
            raise ConfigurationError(
                f"there is no API key: {variable} is {'empty' if variable in environment else 'not set'}",
                operation="read the secrets",
                place=place,
                hint=f"set {variable}, or write key_file = the path of a file (mode 0600) that holds the key",
            )
        try:
            return load_credentials({API_KEY_VARIABLE: environment[variable]})
        except ConfigurationError as error:
            error.place = f"{place}: {variable}"
            raise

    return FleetAccount(
        name=table.name,
        place=place,
        settings=settings,
        directory=table.from_,
        customers=table.customers,
        events=table.events,
        transactions=table.transactions,
        parts=table.parts,
        key=_shown_key_file(table.key_file) if table.key_file else variable,
        has_key=bool(table.key_file or environment.get(variable)),
        credentials=read_key,
    )


def _read_key_file(name: str, place: str) -> Credentials:
    try:
        return load_credentials({}, api_key_file=name)
    except ConfigurationError as error:
        if error.place != name:  # it may be the key itself
            error.place = f"{place}: key_file"
            error.hint = (
                "write the path of a file (mode 0600) that holds nothing but the key; the key itself does not belong in"
                " the fleet file"
            )
        raise


def _shown_key_file(name: str) -> str:
    """Return the name of a key file; a name that may be the key itself is not shown."""
    return name if os.sep in name or _exists(name) else "key_file"


def _exists(name: str) -> bool:
    """Return whether there is a file of this name, and it can be found: `Path.exists` raises if it is too long."""
    return os.path.exists(name)  # noqa: PTH110 - see above


def find_shared_keys(fleet: Fleet) -> dict[str, ConfigurationError]:
    """Return an error for each account whose key another account of the file has, too: they would be one account.

    Keys that cannot be read are left out: that is reported when the turn of their account comes.
    """
    opened: dict[str, list[FleetAccount]] = {}
    for account in fleet.known:
        try:
            name = name_quota(identify_account(account.settings, account.credentials()))
        except MasivoStreamError:
            continue
        opened.setdefault(name, []).append(account)
    chosen = {each.name for each in fleet.accounts}
    return {
        account.name: ConfigurationError(
            f"this account has the same key as {next(each.name for each in same if each is not account)}",
            operation="read the secrets",
            place=account.place,
            hint="give each account its own key; exports of the same account belong in one table",
        )
        for same in opened.values()
        for account in same
        if len(same) > 1 and account.name in chosen
    }


class FleetFileAgain:
    """Reads a fleet file again while its accounts are at work: once for each SIGHUP, not once for each account."""

    def __init__(
        self, fleet: Fleet, read: Callable[[], Fleet], *, hang_ups: Callable[[], int], notify: Callable[[Notice], None]
    ) -> None:
        """Read it by `read`, which waits for the disk; `hang_ups` returns how many times SIGHUP has come.

        `notify` is called if the file has other accounts, keys or exports, which count from the next start on.
        """
        self._read, self._hang_ups, self._notify = read, hang_ups, notify
        self._accounts = _beside_settings(fleet)
        self._lock = Lock()
        self._read_for = 0
        self._found: Fleet | MasivoStreamError = fleet

    def settings_of(self, account: FleetAccount) -> Settings:
        """Return the settings that the file has for an account now. Called in a thread.

        Raises:
            ConfigurationError: the file cannot be read, something in it does not fit, or the account is gone.
        """
        with self._lock:
            come = self._hang_ups()  # before the file is read: what changes afterwards has a SIGHUP of its own
            if come != self._read_for:
                self._found = self._read_again()
                self._read_for = come
            found = self._found
        if isinstance(found, MasivoStreamError):
            raise found
        known = {each.name: each.settings for each in found.accounts}
        if account.name not in known:
            raise _wrong(
                f"the fleet file no longer has the account {account.name}, which goes on as it is",
                found.file,
                f"write its table again, or let it send nothing: {pause_command(account.settings.state.state_dir)}",
            )
        return known[account.name]

    def _read_again(self) -> Fleet | MasivoStreamError:
        try:
            found = self._read()
        except MasivoStreamError as error:
            return error
        if _beside_settings(found) != self._accounts:
            self._notify(SettingsReread(left=("accounts",)))
        return found


def _beside_settings(fleet: Fleet) -> list[tuple[object, ...]]:
    """Return what a fleet file has of its accounts beside their settings."""
    return [
        (each.name, each.key, each.directory, each.customers, each.events, each.transactions, each.parts)
        for each in fleet.known
    ]


# What is checked before anything else: the fleet is not begun if its file is wrong.


def _check_accounts(accounts: Iterable[_AccountTable], file: str) -> None:
    names: set[str] = set()
    directories: dict[str, str] = {}
    around: dict[str, str] = {}
    for each in accounts:
        place = _place(file, each.name)
        if not _NAME.match(each.name):
            raise _wrong("this is no name of an account", place, "use up to 64 letters, digits, - and _")
        if each.name.lower() in names:
            raise _wrong("the file has this name twice", place, "give each account a name of its own")
        names.add(each.name.lower())
        directory = os.path.realpath(_state_dir(each))
        if directory in directories:
            raise _wrong(
                f"the account has the state directory of {directories[directory]}: {_state_dir(each)}",
                f"{place}: state_dir",
                "give each account a state_dir of its own",
            )
        _check_apart(each, Path(directory), directories, around, place)
        directories[directory] = each.name
        around.update(dict.fromkeys(map(str, Path(directory).parents), each.name))
        _check_account(each, place)


def _check_apart(
    table: _AccountTable, directory: Path, others: Mapping[str, str], around: Mapping[str, str], place: str
) -> None:
    """Check that no state directory is inside another: what copies or deletes one would do that to both.

    `others` has the directories of the accounts before, `around` those that these are in, each with its account.
    """
    inside = next((others[str(parent)] for parent in directory.parents if str(parent) in others), "")
    if name := inside or around.get(str(directory)):
        raise _wrong(
            f"the state directory is {'inside' if inside else 'around'} that of {name}: {_state_dir(table)}",
            f"{place}: state_dir",
            f"write directories that are beside each other; without state_dir, it is {STATE_DIRS}/NAME",
        )


def _check_account(table: _AccountTable, place: str) -> None:
    if table.key_file and table.key_variable:
        raise _wrong("the account names a key file and a variable", f"{place}: key_variable", "name only one of them")
    if table.key_variable and (not _VARIABLE.match(table.key_variable) or _LIKE_A_KEY.match(table.key_variable)):
        raise _wrong(
            "key_variable is not the name of a variable",
            f"{place}: key_variable",
            "write the name of the variable that holds the key; the key itself does not belong in the fleet file",
        )
    for kind in ("customers", "events", "transactions"):
        if {STDIN, "/dev/stdin"}.intersection(getattr(table, kind)):
            hint = "write the export to a file: a fleet has several accounts"
            raise _wrong("the account reads standard input", f"{place}: {kind}", hint)
    if not (table.from_ or table.customers or table.events or table.transactions):
        raise _wrong(
            "the account names no export",
            place,
            "add customers, events or transactions, or from = the directory of prepare",
        )
    _check_own_settings(table.settings, f"{place}: settings", _OF_THE_FLEET)


def _check_own_settings(settings: Mapping[str, Any], place: str, others: Collection[str]) -> None:
    for section, values in settings.items():
        for name in values if isinstance(values, dict) else ():
            if name in others:
                hint = "write state_dir in [[accounts]]" if name == "state_dir" else "write it below [settings]"
                raise _wrong(f"this table cannot have {name}", f"{place}: [{section}] {name}", hint)


def _check_keys(tables: Iterable[_AccountTable], accounts: Iterable[FleetAccount]) -> None:
    """Check that no two accounts at one address take their key from the same place."""
    found: dict[tuple[str, str], str] = {}
    for table, account in zip(tables, accounts, strict=True):
        source = os.path.realpath(table.key_file) if table.key_file else account.key
        name = found.setdefault((source, origin_of(account.settings.api.base_url)), account.name)
        if name != account.name:
            field = "key_file" if table.key_file else "key_variable"
            raise _wrong(
                f"the account has the key of {name}: {account.key}",
                f"{account.place}: {field}",
                f"name its own key as {field}; exports of the same account belong in one table",
            )


def _state_dir(table: _AccountTable) -> str:
    return table.state_dir or f"{STATE_DIRS}/{table.name}"


def _variable(table: _AccountTable) -> str:
    return table.key_variable or f"{API_KEY_VARIABLE}_{table.name.upper().replace('-', '_')}"


def _place(file: str, name: object, number: int = 0) -> str:
    """Return the place of an account: its name, or its number if it has no name."""
    return f"{file}: account {name if isinstance(name, str) and name else number}"


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LIKE_A_KEY = re.compile(r"[0-9A-Fa-f]{16,}\Z|(?=[A-Za-z_]*[0-9])(?=[^a-z]*[a-z])[A-Za-z0-9]{24,}\Z")
"""A text that would be a name, but is a key: hexadecimal digits, or a long mix of a-z, A-Z and 0-9."""

_HOLDS_A_KEY = re.compile(r"(?i)(?:\w*_)?(?:api_?)?(?:key|token|secret|password)\Z")
"""Names under which a key is written into the file by mistake."""

_AT = re.compile(r" - at `\$(?:\.accounts\[(?P<number>\d+)\])?\.?(?P<path>.*)`\Z")


def _read_file(name: str) -> tuple[dict[str, Any], str]:
    """Return the content of a file or an object, and its name for errors."""
    if is_url(name):
        return read_toml(shown_url(name), read_small(name)), shown_url(name)
    return read_toml(name), name


def _read_table(content: Mapping[str, Any], file: str) -> _FleetTable:
    accounts = content.get("accounts")
    if not accounts:
        raise _wrong(
            "the fleet file names no account",
            file,
            "add a table [[accounts]] for each; docs/fleets.md shows a fleet file",
        )
    _check_names(content, _FleetTable, file)
    for number, each in enumerate(accounts if isinstance(accounts, list) else (), 1):
        if isinstance(each, dict):
            _check_names(each, _AccountTable, _place(file, each.get("name"), number))
    table = _convert(content, file)
    if not 1 <= table.at_once <= MOST_AT_ONCE:
        raise _wrong(
            f"at_once is out of range: {table.at_once}", f"{file}: at_once", f"use a number from 1 to {MOST_AT_ONCE}"
        )
    _check_own_settings(table.settings, f"{file}: settings", ("state_dir",))
    return table


def _check_names(table: Mapping[str, Any], struct: type[Struct], place: str) -> None:
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    for name in table:
        if name not in known:
            if _HOLDS_A_KEY.match(name):
                hint = "write the key into a file (mode 0600), and its path as key_file in the account's table"
                raise _wrong("a key does not belong in the fleet file", f"{place}: {name}", hint)
            close = difflib.get_close_matches(name, known, 1)
            if not close and struct is _AccountTable and name in leaves():
                hint = f"write it as settings.{name}"
            else:
                hint = f"did you mean {close[0]}?" if close else f"the known names are: {', '.join(known)}"
            raise _wrong("this field is not known here", f"{place}: {name}", hint)


def _convert(content: Mapping[str, Any], file: str) -> _FleetTable:
    try:
        return msgspec.convert(content, _FleetTable)
    except msgspec.ValidationError as error:
        text, place, hint = str(error), file, "docs/fleets.md shows a fleet file"
        if (found := _AT.search(text)) is not None:
            if found["number"] is not None:
                table = content["accounts"][int(found["number"])]
                name = table.get("name") if isinstance(table, dict) else None
                place = _place(file, name, int(found["number"]) + 1)
                if found["path"] in _LISTS and isinstance(table, dict) and isinstance(table[found["path"]], str):
                    hint = f'write a list: {found["path"]} = ["{shown_url(table[found["path"]])}"]'
            place += f": {found['path']}" if found["path"] else ""
        why = _AT.sub("", text).replace("Object", "it")
        raise _wrong(f"this does not fit: {why}", place, hint) from None


_LISTS = ("customers", "events", "transactions")


def _wrong(what: str, place: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation=_OPERATION, place=place, hint=hint)
