"""What `check` finds: the account, what it has, what the exports name, and where these do not fit together."""

import enum

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.contract import ReferenceSort
from masivo_stream.model.experiments import TriedAccount
from masivo_stream.model.plan import QuotaLeft
from masivo_stream.model.references import Catalogue, ReferenceFinding, ReferenceList


class AccountType(enum.StrEnum):
    """The vendor's two types of accounts. Which one it is follows from the limits, if it does at all."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"
    UNKNOWN = "unknown"


class ServerQuota(Struct, frozen=True, kw_only=True):
    """What the last answer's headers say about the window of all calls; None for what they do not say."""

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


class CheckedAccount(Struct, frozen=True, kw_only=True):
    """The account that the key or the token opens."""

    address: str
    """Scheme, host and port of the API."""
    fingerprint: str
    """The beginning of the account's fingerprint: of what its tokens name, else of the key or the ready token."""
    named_by_token: bool
    """Whether a token named the account. If not, another key of the same account has another fingerprint."""
    type: AccountType
    type_reason: str
    """From what the type follows."""
    server_quota: ServerQuota
    quota: QuotaLeft
    """What this machine has used of the configured windows."""
    requests: int
    """Sent for this check."""
    unread: dict[str, str] = {}
    """What could not be read, and why."""


class AccountCheck(Catalogue, frozen=True, kw_only=True):
    """The result of `check`. Its JSON form is a catalogue as well: the lists of what the account has are its fields."""

    schema: int = 1
    exit_code: int
    account: CheckedAccount | UnsetType = UNSET
    """Absent without a key."""
    catalogue_file: str = ""
    """The file that was compared with; empty without one."""
    references: dict[ReferenceSort, ReferenceList]
    """What the exports name, by sort; empty if no export is named."""
    findings: list[ReferenceFinding]
    warnings: list[str]
    tried: TriedAccount | UnsetType = UNSET
    """What was tried in the account, and what that has left there; absent if nothing was."""
