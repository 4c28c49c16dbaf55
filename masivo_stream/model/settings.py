"""Every setting of ours, with its default and its reason. Numbers of the target API stand in `contract`.

A leaf has one name everywhere: in TOML (under its section), as an environment variable (`MASIVO_` and the name in
capitals), as a flag (with dashes) and here. So leaf names are unique over all sections. Times are seconds, sizes bytes.

Secrets are no settings: they come from `MASIVO_API_KEY`, `MASIVO_TOKEN` or a key file (`edges.secret`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from masivo_stream.model import contract
from masivo_stream.model.window import Window, parse_window

Seconds = Annotated[float, Meta(gt=0, le=86_400 * 31)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class ApiSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API is, and how long one request may take."""

    base_url: str = contract.BASE_URL
    auth_url: str = ""
    """Full URL of the token call; empty: `/auth/authorize` under the base URL."""
    headers: dict[str, str] = {}
    """Added to every API call; not for `Authorization` or `x-api-key`."""
    request_timeout: Seconds = 60.0
    """From connecting to the end of the answer. Generous: a cut request is a batch in doubt."""
    connect_timeout: Seconds = 10.0
    ca_file: str = ""
    """PEM file of certificate authorities to trust instead of the system's."""
    proxy: str = ""
    """URL of an HTTP proxy; the environment's proxies are not used unasked."""


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account's rate windows."""

    limit: tuple[Window, ...] = field(default_factory=lambda: _windows(contract.MIGRATION_WINDOWS_PROD))
    """For the migration endpoints. An empty list is no limit; refused for the vendor's hosts."""
    scope: Literal["account", "endpoint"] = "account"
    """Whether `limit` counts the migration endpoints together, as the vendor says, or each on its own (agreed so)."""
    general_limit: tuple[Window, ...] = ()
    """For all calls together: batches, reverts, tokens, read-backs."""
    longest_hold: Seconds = 3660.0
    """The longest wait a server may ask for with a 429 (an hour's window and a minute); longer stops the run."""


class UploadSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How batches are made and sent."""

    uploaders: Annotated[int, Meta(ge=1, le=256)] = 2
    """Requests in flight. Two, so that one slow answer does not hold up the next slot."""
    hand_off: Count = 2
    """Batches that wait between packing and sending; back-pressure beyond."""
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    """Processes that work: this one, and others that judge lines for it; 0: as many as there is use for. That is one
    where a limit paces requests, else as many as there are cores."""
    look_ahead: Annotated[int, Meta(ge=1, le=4096)] = 16
    """Batches' worth of transactions held back to find combinations that fill a request exactly; bounds memory.

    Of events, as much may be held back where records of one customer may not stand in one request.
    """
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_000_000_000)] = contract.MAX_BODY_BYTES
    isolation_budget: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1000
    """Refused requests of a kind before a run stops (exit 7): so many culprits are a fault to be mended where it
    was made. At the vendor's limits they take 83 minutes. 0 is no budget; each process has its own."""
    drain_time: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """How long requests in flight may finish after a stop signal."""


class RetrySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a request is repeated that certainly, or harmlessly, can be."""

    first_delay: Seconds = 1.0
    longest_delay: Seconds = 60.0
    outage_limit: Seconds = 3600.0
    """An API that has not answered for this long stops the run (exit 6)."""


class ValidationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How strictly records are judged."""

    unknown_fields: Literal["pass", "reject"] = "pass"
    discounted_value: Literal["required", "optional"] = "required"
    """The vendor's OpenAPI document requires it on an order, the guide's example leaves it out."""
    duplicate_purchase: Literal["auto", "reject", "warn", "allow"] = "auto"
    """What becomes of an event whose customer has an earlier one of the same `purchase_id`: `auto` makes a dead letter
    of it if it is the same event, and warns if it is another one; `reject` makes dead letters of both, `warn` sends
    both with a warning, `allow` does not look. No page of the vendor's says that a repeat is recognised."""
    transaction_types: Literal["all", "guide"] = "all"
    """The six types of the vendor's page for transactions, or the two that the guide shows. Real ledgers have
    expirations: with two types alone their balances do not close."""
    max_line_bytes: Annotated[int, Meta(ge=1024, le=1_000_000_000)] = 16 * 1024 * 1024
    """Longer lines become dead letters; bounds memory."""
    remember_ids: Count = 600_000
    """Customer ids, emails, and purchases of events, remembered to catch repeats; beyond it the oldest are forgotten.
    13 bytes each of the first two, 16 to 32 of a purchase: with them a process stays below 80 MiB."""


class VisibleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wait between two kinds, until the earlier one's effects show."""

    visible_probes: Annotated[int, Meta(ge=0, le=100)] = 3
    """Customers read back; the last ones accepted, since queues work in order. 0: nothing is read and nothing is waited
    for, the next kind begins at once, at your own risk: what presupposes the earlier one may be refused."""
    visible_timeout: Seconds = 900.0
    """"A few minutes" in the vendor's guide, three times over. Then the run stops (exit 6)."""
    first_probe: Seconds = 2.0
    longest_probe: Seconds = 60.0
    """Pause between probes: doubled from the first to this."""
    evidence_probes: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Records of a batch in doubt that `resolve` reads back."""
    events_settle: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """How long effects are given to show where nothing can be read back: events without a purchase, customers whose ids
    all need escaping; and customers of an unanswered request that are refused when they are sent again."""


class VerifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The small look at the end of a migration."""

    sample: Annotated[int, Meta(ge=0, le=1000)] = 3
    """Records of each kind that are read back; few, since it costs requests of the account's general limit. 0: none."""


class SourceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How exports are read."""

    check_export: Literal["samples", "full"] = "samples"
    """How a restart makes sure that an export is still the one that was read: by size, times and samples, or by reading
    all of that part again. Where size or time of change differ it is read in any case."""
    block_bytes: Annotated[int, Meta(ge=4096, le=64 * 1024 * 1024)] = 1024 * 1024
    """Large enough to make the hop to the reader's thread cheap, small enough to keep the event loop free."""


class StateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run keeps what it knows."""

    state_dir: str = "masivo-state"
    shared_dir: str = ""
    """Where runs on this machine meet: no two send one export to one account, and all on an account share its quota.
    Empty: `masivo-stream` under `$XDG_STATE_HOME` or `~/.local/state`."""


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told while it runs."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: readable on a terminal, JSON elsewhere."""


class MonitorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web page and the metrics beside a run."""

    monitor: str = ""
    """Where they are served, as `HOST:PORT`; a bare port is this machine's loopback. Empty: not at all."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. Below the door (`cli`, `migrate`) travel leaves, not this."""

    api: ApiSettings = ApiSettings()
    limits: LimitSettings = field(default_factory=LimitSettings)
    upload: UploadSettings = UploadSettings()
    retry: RetrySettings = RetrySettings()
    validation: ValidationSettings = ValidationSettings()
    visible: VisibleSettings = VisibleSettings()
    verify: VerifySettings = VerifySettings()
    source: SourceSettings = SourceSettings()
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()
    monitor: MonitorSettings = MonitorSettings()


def _windows(texts: tuple[str, ...]) -> tuple[Window, ...]:
    return tuple(parse_window(text) for text in texts)
