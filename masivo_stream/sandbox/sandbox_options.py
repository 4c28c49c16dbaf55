"""The options of a sandbox, each with its reason. The numbers of the API are in `model.contract`."""

import datetime as dt
import ipaddress
from typing import Literal

from msgspec import Struct, structs

from masivo_stream.model import contract
from masivo_stream.model.window import Window, parse_window, parse_windows
from masivo_stream.sandbox.fault_types import Fault

MEMORY = ":memory:"
"""SQLite's name of a store that is not a file."""

MOST_ACCOUNTS = 1000


class SandboxLimits(Struct, frozen=True, kw_only=True):
    """The rate windows of the emulated account; an empty tuple means no limit."""

    migration: tuple[Window, ...] = ()
    """Over all migration calls together, including the revert (resources/resource-limits)."""
    general: tuple[Window, ...] = ()
    """Over every call, including tokens and reads (resources/resource-limits)."""


class DayRule(Struct, frozen=True, kw_only=True):
    """By which days the account lists transactions: the vendor's page does not say (transactions/get)."""

    by_creation: bool = False
    """By the day on which they were created, not issued."""
    zone: float = 0.0
    """Seconds that the days' time zone is ahead of UTC."""


class SandboxOptions(Struct, frozen=True, kw_only=True):
    """The options of one sandbox.

    Raises:
        ValueError: the host is not loopback and `allow_remote` is not set; or there are not 1 to 1000 accounts.
    """

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    port_file: str = ""
    """The file into which `serve` writes the port once it listens; empty for none."""
    store: str = MEMORY
    """A file keeps effects, ledger and tokens when the process ends; rate windows start empty again."""
    limits: SandboxLimits = SandboxLimits()
    visible_after: float = 2.0
    """Seconds from the 201 to the effect. The guide says minutes at worst; for a trial, seconds are enough."""
    token_lifetime: float = contract.TOKEN_LIFETIME_SECONDS
    discounted_value: Literal["required", "optional"] = "required"
    """Whether an order without `discounted_value` is refused: the vendor's pages disagree."""
    days: DayRule = DayRule()
    """*Decision:* days of `issued_at` in UTC; the other ones are there to try what a client makes of them."""
    refusals: Literal["whole", "partial"] = "whole"
    """Whether a refusal by the account's rules refuses the whole request, or the good entries in it take effect."""
    same_purchase: Literal["counts", "ignored"] = "counts"
    """Whether an event counts again if its customer has one with the same `purchase_id`."""
    email_case: Literal["counts", "ignored"] = "counts"
    """Whether emails that differ only in upper and lower case are two emails."""
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    """Seed of the random numbers for faults with a rate or a jitter."""
    api_key: str = contract.SANDBOX_API_KEY
    accounts: int = 1
    """Accounts in one process, each with a key (`contract.sandbox_key`), a store and rate windows of its own."""
    allow_remote: bool = False
    """Whether other machines may reach it: by an address other than loopback, and by other names in `Host`."""
    max_body_bytes: int = contract.MAX_BODY_BYTES
    keepalive_timeout: float = 5.0
    """Seconds for which an idle connection stays open: the default of Node's HTTP server, to reproduce its races."""
    request_log: int = 1000
    """Summaries of requests kept for `/__sandbox/requests`."""

    def __post_init__(self) -> None:
        if not (self.allow_remote or is_loopback(self.host)):
            raise ValueError(
                f"the sandbox listens on this machine only, not on {self.host}: its key is public, so it takes data"
                " from anyone; add --allow-remote if you mean it"
            )
        if not 1 <= self.accounts <= MOST_ACCOUNTS:
            raise ValueError(f"{self.accounts} accounts: a sandbox has 1 to {MOST_ACCOUNTS}")

    def of_account(self, number: int) -> "SandboxOptions":
        """Return the options of one of several accounts; they are numbered from 1."""
        if number == 1:
            return self
        store = self.store if self.store == MEMORY else f"{self.store}.{number}"
        return structs.replace(self, api_key=contract.sandbox_key(number), store=store, seed=self.seed + number - 1)


def parse_limits(text: str) -> SandboxLimits:
    """Read `none`, `dev` or `prod` (the published limits), or windows for the migration calls: `1/5s,1000/h`.

    Raises:
        ValueError: the text is none of these.
    """
    match text.strip().lower():
        case "dev":
            return SandboxLimits(
                migration=tuple(map(parse_window, contract.MIGRATION_WINDOWS_DEV)),
                general=tuple(map(parse_window, contract.GENERAL_WINDOWS_DEV)),
            )
        case "prod":
            return SandboxLimits(migration=tuple(map(parse_window, contract.MIGRATION_WINDOWS_PROD)))
        case windows:
            return SandboxLimits(migration=parse_windows(windows))


def parse_days(text: str) -> DayRule:
    """Read a time zone such as `-05:00`, or `created`.

    Raises:
        ValueError: the text is neither.
    """
    if text == "created":
        return DayRule(by_creation=True)
    try:
        zone = dt.datetime.fromisoformat(f"2000-01-01T00:00:00{text}").utcoffset()
    except ValueError:
        zone = None
    if zone is None:
        raise ValueError(f"days: expected a time zone such as -05:00, or created, not {text}")
    return DayRule(zone=zone.total_seconds())


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without port, can only mean this machine."""
    name = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
