"""Flags that several commands share. A flag has the name of its setting; its help states the default."""

import os
from dataclasses import Field, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from cyclopts import Parameter

from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.edges.secret import Credentials
    from masivo_stream.flow.exports import Exports
    from masivo_stream.flow.fleet_file import Fleet, FleetAccount
    from masivo_stream.flow.identity.account_binding import Confirmations
    from masivo_stream.model.settings import Settings

Switch = Parameter(negative="", show_default=False)
Paths = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]


@Parameter(name="*")
@dataclass(kw_only=True)
class ExportFlags:
    """Which exports to read."""

    customers: Paths = None
    "Customers exports: files (.ndjson, .gz, .zst), s3://, gs://, az://, https:// URLs, globs, or - for standard input."
    events: Paths = None
    "Events exports, likewise."
    transactions: Paths = None
    "Transactions exports, likewise."
    from_: Annotated[str | None, Parameter(name="--from")] = None
    "Directory or s3:// folder with customers.ndjson, events.ndjson and transactions.ndjson, as prepare writes them."

    def named(self) -> "Exports":
        """Return the exports that were named."""
        from masivo_stream.flow.exports import Exports, exports_in

        check_not_empty(self.from_, "--from")
        found = exports_in(self.from_) if self.from_ is not None else Exports()
        return Exports(
            customers=(*found.customers, *map(_stdin, self.customers or ())),
            events=(*found.events, *map(_stdin, self.events or ())),
            transactions=(*found.transactions, *map(_stdin, self.transactions or ())),
        )


@Parameter(name="*")
@dataclass(kw_only=True)
class DividedExportFlags(ExportFlags):
    """Which exports to read, and what other machines found in them."""

    parts: str | None = None
    "Directory or folder in object storage with the answers of validate --part: they are taken up. Default: none."

    def named(self) -> "Exports":
        """Return the exports that were named."""
        from msgspec.structs import replace

        check_not_empty(self.parts, "--parts")
        return replace(super().named(), parts=self.parts or "")


def check_not_empty(value: str | None, flag: str) -> None:
    """Check that a flag that names a place does not name none: an empty path would be the working directory.

    Raises:
        ConfigurationError: it is empty.
    """
    if value is not None and not value.strip():
        raise ConfigurationError(
            "the name is empty",
            operation="read the command",
            place=flag,
            hint="name a directory; a variable of the shell that is not set leaves nothing",
        )


def check_here(path: str | None, flag: str) -> None:
    """Check that what is written is written to this machine, and not into a directory that is called like a URL.

    Raises:
        ConfigurationError: it is a URL.
    """
    from masivo_stream.core.reading.object_urls import is_url, shown_url

    if path is not None and is_url(path):
        raise ConfigurationError(
            f"{shown_url(path)} is not on this machine",
            operation="read the command",
            place=flag,
            hint="name a file or directory on this machine, and copy it when it is written",
        )


@Parameter(name="*")
@dataclass(kw_only=True)
class CommonFlags:
    """What every command accepts."""

    config: str | None = None
    "TOML file with settings; config.example.toml has them all. MASIVO_CONFIG can name it too."
    fleet: str | None = None
    "Take settings, key and state directory of this account of a fleet file."
    log_level: str | None = None
    "debug, info, warning or error."
    log_format: str | None = None
    "auto, json or console."
    json: Annotated[bool, Switch] = False
    "Print one JSON document on standard output, and nothing else there."
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative="", show_default=False)] = False
    "Log errors only, and show no progress."
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"), negative="", show_default=False)] = False
    "Log one line per batch on a terminal too, and the details that help to find a problem."


@Parameter(name="*")
@dataclass(kw_only=True)
class ValidationFlags:
    """How records are validated and packed."""

    state_dir: str | None = None
    "Directory for dead letters and the state of the run. Default: masivo-state."
    unknown_fields: str | None = None
    "pass or reject fields that the API does not know. Default: pass."
    discounted_value: str | None = None
    "Whether every order must have discounted_value: required or optional. Default: required."
    duplicate_purchase: str | None = None
    "If an earlier event of the customer has the same purchase_id: auto, reject, warn or allow. Default: auto."
    transaction_types: str | None = None
    "all (the six types of the API reference) or guide (the two of the migration guide). Default: all."
    max_line_bytes: int | None = None
    "Longer lines become dead letters."
    max_body_bytes: int | None = None
    "Largest request body."
    max_dead: Annotated[list[str] | None, Parameter(negative="")] = None
    "Error budget: stop at more dead letters than 100, 0.5% or customers=10, repeatable. Default: none."
    skip_checks: Annotated[list[str] | None, Parameter(negative="")] = None
    "Name of a check over all files that is not made (the API decides then), or all; repeatable. See docs/checks.md."
    workers: int | None = None
    "Processes that share the work. Default: one; without the extension in C one per core, if no limit paces requests."


@Parameter(name="*")
@dataclass(kw_only=True)
class SchedulerFlags:
    """Which workers validate."""

    scheduler: str | None = None
    "Dask scheduler whose workers validate: local, tls://HOST:PORT, or tcp:// on this machine. Default: none."


@Parameter(name="*")
@dataclass(kw_only=True)
class SendingFlags:
    """How requests are sent."""

    base_url: str | None = None
    "URL of the API."
    auth_url: str | None = None
    "Full URL of the token call. Default: /auth/authorize under the base URL."
    api_key_file: str | None = None
    "File (mode 0600) that holds the API key. Without it, MASIVO_API_KEY or MASIVO_TOKEN counts."
    limit: Annotated[list[str] | None, Parameter(negative="")] = None
    'Rate window: 1/5s, 250/h, or "08:00-20:00 1/30s"; repeatable; "none" for no limit. Default: 1/5s and 1000/h.'
    general_limit: Annotated[list[str] | None, Parameter(negative="")] = None
    "Rate window over all calls together, repeatable. Default: none."
    time_zone: str | None = None
    "Whose clocks the hours of limits are on, such as Europe/Madrid. Default: this machine's."
    uploaders: int | None = None
    "Most requests in flight at once."
    request_timeout: float | None = None
    "Timeout of one request, in seconds."
    connect_timeout: float | None = None
    "Timeout of a connection attempt, in seconds."
    drain_time: float | None = None
    "Seconds in which requests in flight may finish after a stop signal."
    outage_limit: float | None = None
    "Seconds without an answer after which the run stops."
    visible_timeout: float | None = None
    "Longest time, in seconds, to wait until migrated customers can be read back."
    events_settle: float | None = None
    "Seconds to wait for migrated events if nothing shows that they were applied."
    ca_file: str | None = None
    "PEM file of certificate authorities to trust."
    proxy: str | None = None
    "URL of an HTTP proxy."

    def credentials(self, common: CommonFlags) -> "Credentials":
        """Return the API key or token: the named file's, that of the fleet's account, or the environment's."""
        from masivo_stream.edges.secret import load_credentials

        if common.fleet and not self.api_key_file:
            return _fleet_credentials(common.fleet, common)
        return load_credentials(os.environ, api_key_file=self.api_key_file)

    def credentials_if_any(self, common: CommonFlags) -> "Credentials | None":
        """Return the API key or token; None if neither is set."""
        from masivo_stream.edges.secret import API_KEY_VARIABLE, TOKEN_VARIABLE

        named = self.api_key_file or os.environ.get(API_KEY_VARIABLE) or os.environ.get(TOKEN_VARIABLE)
        return self.credentials(common) if named or common.fleet else None


@Parameter(name="*")
@dataclass(kw_only=True)
class AccountFlags:
    """What only you can know about accounts."""

    same_account: Annotated[bool, Switch] = False
    "Confirm that this is the account that the run has sent to, with a new key or address."

    def confirmed(self) -> "Confirmations":
        """Return what is confirmed."""
        from masivo_stream.flow.identity.account_binding import Confirmations

        return Confirmations(same_account=self.same_account)


@Parameter(name="*")
@dataclass(kw_only=True)
class ConfirmationFlags(AccountFlags):
    """What only you can know about accounts and exports."""

    moved: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None
    "OLD=NEW: the export that the run knows as OLD is at NEW now. Repeatable. Needed if its content does not show it."

    def confirmed(self) -> "Confirmations":
        """Return what is confirmed."""
        from masivo_stream.flow.identity.account_binding import Confirmations

        return Confirmations(same_account=self.same_account, moved=tuple(self.moved or ()))


@Parameter(name="*")
@dataclass(kw_only=True)
class RunFlags:
    """How a run is watched, and what it does when everything is sent."""

    no_verify: Annotated[bool, Switch] = False
    "Read nothing back at the end. Default: 3 records of each kind, which costs about 10 requests."
    publish: str | None = None
    "Folder in object storage, such as s3://BUCKET/FOLDER, for a copy of dead letters and report. Default: none."
    notify: str | None = None
    "URL that gets a POST at the end, at a stop, and if the run needs a person. MASIVO_NOTIFY keeps it out of ps."
    notify_command: str | None = None
    "Command that gets the same JSON on its standard input; started without a shell."
    monitor: str | None = None
    "HOST:PORT, or a port of this machine (0: any free port), for a status page, metrics and probes. Default: none."


@Parameter(name="*")
@dataclass(kw_only=True)
class CanaryFlags:
    """How a run begins."""

    canary: Annotated[bool | None, Parameter(negative="--no-canary", show_default=False)] = None
    "First send one record of each kind, and go on only if the account shows them as sent. Default: --no-canary."


class FlagGroup(Protocol):
    """Flags that are settings: a dataclass with their names."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def exports_from(exports: ExportFlags, common: CommonFlags) -> "Exports":
    """Return the exports that were named; without any, those of the account that `--fleet FILE:NAME` names."""
    if not common.fleet or exports.customers or exports.events or exports.transactions or exports.from_ is not None:
        return exports.named()
    from msgspec.structs import replace

    from masivo_stream.flow.commands.fleet import exports_of

    named, found = exports.named(), exports_of(_account(common.fleet, common))
    return replace(found, parts=named.parts or found.parts)


def settings_from(common: CommonFlags, *groups: FlagGroup | None) -> "Settings":
    """Load the settings from flags, environment and file. From then on, waits for exports are in the log."""
    settings = _load_settings(common, *groups)
    _log_waits(settings)
    return settings


def _log_waits(settings: "Settings") -> None:
    """Have each wait for object storage before a run written to the log: a minute of silence looks like a hang."""
    from masivo_stream.edges.objects.waits import ON_WAIT

    def write(url: str, why: str, seconds: float) -> None:
        from masivo_stream.cli.output import LateLog

        log = LateLog(level=settings.log.log_level, form=settings.log.log_format)
        log.warning("object_awaited", url=url, why=why, seconds=round(seconds, 3))

    ON_WAIT.set(write)


def _load_settings(common: CommonFlags, *groups: FlagGroup | None) -> "Settings":
    from masivo_stream.edges.config import load_settings

    flags = read_flags(common, *groups)
    if common.fleet:
        return _account(common.fleet, common, flags).settings
    config = config_file(common)
    if "://" not in config:
        return load_settings(config, environment=os.environ, flags=flags)
    from masivo_stream.core.reading.object_urls import shown_url
    from masivo_stream.flow.look_up import read_small

    return load_settings(shown_url(config), content=read_small(config), environment=os.environ, flags=flags)


def read_flags(common: CommonFlags, *groups: FlagGroup | None) -> dict[str, Any]:
    """Return the settings that these flags give; None for a flag that was not given."""
    flags: dict[str, Any] = {"log_level": common.log_level, "log_format": common.log_format}
    for group in groups:
        for field in fields(group) if group is not None else ():
            flags[field.name] = getattr(group, field.name)
    flags.pop("api_key_file", None)
    if flags.pop("no_verify", False):
        flags["sample"] = 0
    for name in ("limit", "general_limit", "max_dead", "skip_checks"):
        if flags.get(name) is not None:
            flags[name] = ",".join(flags[name])
    if common.quiet and common.verbose:
        raise ConfigurationError(
            "--quiet and --verbose contradict each other", operation="read the command", hint="use only one of them"
        )
    if common.quiet or common.verbose:
        flags["log_level"] = "error" if common.quiet else "debug"
    return flags


def config_file(common: CommonFlags) -> str:
    """Return the settings file that is named; empty without one."""
    return common.config or os.environ.get("MASIVO_CONFIG") or ""


def _fleet(named: str, common: CommonFlags, flags: dict[str, Any] | None = None) -> "Fleet":
    """Return the fleet of `--fleet FILE:NAME`, with the account that it names."""
    from masivo_stream.flow.fleet_file import load_fleet

    file, colon, name = named.rpartition(":")
    if not colon or not file or not name:
        raise ConfigurationError(
            "no account is named",
            operation="read the command",
            place="--fleet",
            hint="write it as --fleet FILE:NAME",
        )
    found = load_fleet(file, environment=os.environ, flags=flags, config=config_file(common))
    return found.only([name])


def _account(named: str, common: CommonFlags, flags: dict[str, Any] | None = None) -> "FleetAccount":
    """Return the account that `--fleet FILE:NAME` names."""
    return _fleet(named, common, flags).accounts[0]


def _fleet_credentials(named: str, common: CommonFlags) -> "Credentials":
    """Return the key of the account that `--fleet FILE:NAME` names.

    Raises:
        ConfigurationError: there is no key, or another account of the file has the same one.
    """
    from masivo_stream.flow.fleet_file import find_shared_keys

    fleet = _fleet(named, common)
    found = fleet.accounts[0].credentials()
    for error in find_shared_keys(fleet).values():
        raise error
    return found


def _stdin(path: str) -> str:
    return "-" if path == "/dev/stdin" else path
