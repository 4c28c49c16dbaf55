"""The plan: what a migration would take, and what would not be sent. Its JSON form is what `plan --json` prints."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from masivo_stream.model.contract import Kind, ReferenceSort
from masivo_stream.model.examples import SkipExample
from masivo_stream.model.references import ReferenceFinding, ReferenceList
from masivo_stream.model.summary import Summary


class DeadReason(Struct, frozen=True, kw_only=True):
    """Records that would become dead letters for one reason, and the position of the first one."""

    reason: str
    records: int
    file: str
    line: int
    field: str
    message: str
    """About the first one; quotes nothing of the record."""
    remedy: str
    offset: int = 0


class KindPlan(Struct, frozen=True, kw_only=True):
    """One kind's part of the plan: what would be sent, and what would not."""

    records: int
    items: int
    requests: int
    requests_lower_bound: int
    seconds: dict[str, float]
    """What this kind adds, by account as in `Plan`. The kinds' seconds add up to the plan's."""
    finished_at: datetime
    """When its last request leaves, at the earliest."""
    limited_by_bytes: int = 0
    """Requests that `max_body_bytes` keeps from being full."""
    dead_letters: list[DeadReason] = []
    """The most frequent reason first."""
    skipped: list[SkipExample] = []
    """By reason, each with the position of the first record."""


class PlannedCanary(Struct, frozen=True, kw_only=True):
    """A record that `migrate --canary` sends before all others, in a request of its own."""

    kind: Kind
    file: str
    line: int
    items: int


class CanaryCost(Struct, frozen=True, kw_only=True):
    """What a canary would add to a plan without one, at most. Its reads, about ten, come on top."""

    requests: int
    seconds: dict[str, float]
    """By account, as in `Plan`."""


class WindowLeft(Struct, frozen=True, kw_only=True):
    """How much of one configured window is used now."""

    scope: str
    """`migration`, or `general` for all calls together."""
    window: str
    used: int


class QuotaLeft(Struct, frozen=True, kw_only=True):
    """What is known about the account's quota on this machine."""

    known: bool
    """Whether the account's quota could be read. If not, the plan takes it to be unused."""
    unreadable: str = ""
    """Why it could not be read, if a key was given."""
    windows: list[WindowLeft] = []
    held_seconds: float = 0.0
    """How long the server asks to wait, from now (429)."""


class PlannedReferences(Struct, frozen=True, kw_only=True):
    """What the exports name by id, and what of that the account does not have, if that is known."""

    lines: int = 0
    """Valid lines."""
    looked_at: int = 0
    """Those of them that were looked at: all, or a part of a large export. The uses are of these lines."""
    by_sort: dict[ReferenceSort, ReferenceList] = {}
    findings: tuple[ReferenceFinding, ...] = ()
    catalogue_file: str = ""
    """The catalogue that they were compared with; empty without one."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a migration of these exports would take."""

    schema: int = 1
    summary: Summary
    kinds: dict[str, KindPlan]
    records: int
    items: int
    requests: int
    requests_lower_bound: int
    seconds: dict[str, float]
    """From the first request to the last, by account: `configured`, `prod`, `dev`. Each with its quota unused."""
    windows: dict[str, list[str]]
    """The windows of these accounts; those over all calls together end with the word `all`."""
    quota: QuotaLeft
    starts_at: datetime
    """When the first request may leave if the migration starts now."""
    finished_at: datetime
    """When the last one leaves at the earliest, at the configured limits and with what is left of the quota."""
    warnings: list[str]
    time_zone: str = ""
    """Whose clocks the hours of the configured windows are on; empty if none has hours."""
    references: PlannedReferences = PlannedReferences()
    suggests_check: bool = False
    """Whether the account could say what it has (`check`): a key is given, and no catalogue."""
    canary: list[PlannedCanary] = []
    """The records that are sent first, if the settings ask for a canary. Their requests and seconds are counted."""
    suggests_canary: bool = False
    """Whether there is so much to send that a canary first (`migrate --canary`) is worth its time."""
    canary_cost: CanaryCost | UnsetType = UNSET
    """What the suggested canary would cost."""
