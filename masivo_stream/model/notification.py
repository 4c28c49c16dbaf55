"""What is sent when a run has ended, has stopped, or needs a person. Its JSON form is fixed; docs/operating.md has it.

It holds counts, names of kinds and settings, and the sentences of the summary: no value of a record, no id, no secret.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

NotifiedEvent = Literal["ended", "stopped", "attention", "cleared", "fleet_ended"]
"""The run went through · it stopped before its end · it goes on and a person should look · that is over · all
accounts of a fleet have ended."""


class KindFigures(Struct, frozen=True, kw_only=True):
    """Records of one kind."""

    read: int
    accepted: int
    dead: int
    skipped: int
    in_doubt: int
    pending: int
    requests: int


class EndedAccount(Struct, frozen=True, kw_only=True):
    """How one account of a fleet has ended."""

    account_name: str
    exit_code: int
    message: str = ""


class Notification(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One message."""

    schema: int = 1
    event: NotifiedEvent
    reason: str
    """`complete`, `dead_letters`, `in_doubt`, `paused`, `outage`, `max_dead`, `canary`, `interrupted`, or the exit code
    by its name: `input`, `denied`, `configuration`, `bug`."""
    at: str
    """RFC 3339, in UTC."""
    state_dir: str
    host: str
    version: str
    target: str = ""
    """Scheme, host and port of the API."""
    account: str = ""
    """The beginning of the account's fingerprint."""
    exit_code: int | UnsetType = UNSET
    """Only if the run has ended or stopped."""
    message: str = ""
    hint: str = ""
    command: str = ""
    """The next command, if there is one."""
    kinds: dict[str, KindFigures] = {}
    fleet: str | UnsetType = UNSET
    """The fleet file; only in a fleet."""
    account_name: str | UnsetType = UNSET
    """The account's name in it; only of an account of a fleet."""
    accounts: tuple[EndedAccount, ...] | UnsetType = UNSET
    """Only of `fleet_ended`, in the sequence of the fleet file. `kinds` are then the sums."""
