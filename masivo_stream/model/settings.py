"""All settings, each with its default and its reason. Numbers of the target API are in `model.contract`.

A setting has one name everywhere: in TOML (in its section), as an environment variable (`MASIVO_` and the name in
capitals), as a flag (with dashes) and here. So names are unique over all sections. Times are seconds, sizes bytes.

Secrets are not settings: they come from `MASIVO_API_KEY`, `MASIVO_TOKEN` or a key file (`edges.secret`).
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from masivo_stream.model import contract
from masivo_stream.model.max_dead import MaxDead
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
    """From connecting to the end of the answer. Generous, because a request that is cut off leaves a batch in doubt."""
    connect_timeout: Seconds = 10.0
    ca_file: str = ""
    """PEM file of certificate authorities to trust instead of the system's."""
    proxy: str = ""
    """URL of an HTTP proxy. Proxies named by environment variables are not used."""


class LimitSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account's rate windows."""

    limit: tuple[Window, ...] = field(default_factory=lambda: _windows(contract.MIGRATION_WINDOWS_PROD))
    """For the migration endpoints. An empty list means no limit, which the vendor's hosts do not allow. Windows with
    hours hold only then, and the others always; if all have hours, the default's windows always hold."""
    scope: Literal["account", "endpoint"] = "account"
    """Whether `limit` counts the migration endpoints together, as the vendor says, or each on its own (agreed so)."""
    general_limit: tuple[Window, ...] = ()
    """For all calls together: batches, reverts, token calls, read-backs."""
    time_zone: str = ""
    """Whose clocks the hours of these windows are on, as an IANA name. Empty: those of this machine."""
    longest_hold: Seconds = 3660.0
    """The longest wait that a 429 may ask for: an hour's window and a minute. A longer one stops the run."""


class UploadSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How batches are made and sent."""

    uploaders: Annotated[int, Meta(ge=1, le=256)] = 2
    """Requests in flight. Two, so that a slow answer does not delay the next request."""
    hand_off: Count = 2
    """Batches that wait between packing and sending. If there are more, reading stops."""
    workers: Annotated[int, Meta(ge=0, le=64)] = 0
    """Processes that work: this one, and others that validate lines for it. 0: as many as are useful, which is one if
    the extension proves lines, or if a limit paces requests, else as many as there are cores."""
    look_ahead: Annotated[int, Meta(ge=1, le=4096)] = 16
    """How many batches' worth of transactions are held back to find combinations that fill a request. Bounds memory.

    As much of events may be held back if two records of one customer may not be in one request.
    """
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_000_000_000)] = contract.MAX_BODY_BYTES
    isolation_budget: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1000
    """Refused requests of a kind before a run stops (exit 7): with that many bad records, the export itself is wrong.
    At the vendor's limits they take 83 minutes. 0: no budget. Each process has its own."""
    drain_time: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """How long requests in flight may take to finish after a stop signal."""


class RetrySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a request is sent again, if it was certainly not applied, or if sending it twice is harmless."""

    first_delay: Seconds = 1.0
    longest_delay: Seconds = 60.0
    outage_limit: Seconds = 3600.0
    """An API that has not answered for this long stops the run (exit 6)."""


class ValidationSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How strictly records are validated."""

    unknown_fields: Literal["pass", "reject"] = "pass"
    discounted_value: Literal["required", "optional"] = "required"
    """The vendor's OpenAPI document requires it on an order, the guide's example leaves it out."""
    duplicate_purchase: Literal["auto", "reject", "warn", "allow"] = "auto"
    """What to do with an event whose customer has an earlier one of the same `purchase_id`. `auto`: the same event
    becomes a dead letter, a different one is sent with a warning. `reject`: either one becomes a dead letter. `warn`:
    either one is sent with a warning. `allow`: there is no check. No page says that the vendor recognises duplicates.
    """
    transaction_types: Literal["all", "guide"] = "all"
    """The six types of the vendor's page for transactions, or the two that the guide shows. Real ledgers have
    expirations: with two types only, their balances do not add up."""
    max_line_bytes: Annotated[int, Meta(ge=1024, le=1_000_000_000)] = 16 * 1024 * 1024
    """Longer lines become dead letters. Bounds memory."""
    remember_ids: Count = 600_000
    """How many customer ids, emails, and purchases of events are remembered to find duplicates. If there are more, the
    oldest are forgotten. 13 bytes for each id and email, 16 to 32 for a purchase: a process stays below 90 MiB."""
    max_dead: tuple[MaxDead, ...] = ()
    """The error budget: dead letters that a run may make before it stops (exit 6), of all kinds or of one, as numbers
    or as percentages of the records read. Empty: no budget."""
    skip_checks: tuple[str, ...] = ()
    """Names of checks over all files that are not made (`CheckName`), or `all`. What they would hold back is sent. Some
    cannot be left out by name, because it could not arrive (`findings.ALWAYS_MADE`)."""


class VisibleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wait between two kinds until the effects of the earlier one show."""

    visible_probes: Annotated[int, Meta(ge=0, le=100)] = 3
    """Customers to read back: those accepted last, since queues work in order. 0: no customer is read back, and the
    next kind begins at once, at your own risk: records that need the earlier kind may be refused."""
    visible_timeout: Seconds = 900.0
    """"A few minutes" in the vendor's guide, three times over. Then the run stops (exit 6)."""
    first_probe: Seconds = 2.0
    longest_probe: Seconds = 60.0
    """The pause between two reads doubles from `first_probe` up to this."""
    evidence_probes: Annotated[int, Meta(ge=1, le=1000)] = 10
    """Records of a batch in doubt that `resolve` reads back."""
    events_settle: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """How long to wait for effects that cannot be read back (events without a purchase, customers whose ids all need
    escaping), and for customers of an unanswered request that are refused when they are sent again."""


class VerifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The records that are read back during a migration, and at its end."""

    canary: bool = False
    """Whether a run first sends one record of each kind, all of one customer, and goes on only if the account shows
    them as they were sent. Costs a request of each kind, about ten reads, and the time until they show."""

    sample: Annotated[int, Meta(ge=0, le=1000)] = 3
    """Records of each kind to read back. Few, because each takes requests from the account's general limit. 0: none."""


class SourceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How exports are read."""

    check_export: Literal["samples", "full"] = "samples"
    """How a restart checks that an export is still the one that was read: by size, times and samples, or by reading
    that part again completely. If size or time of change differ, it is always read."""
    block_bytes: Annotated[int, Meta(ge=4096, le=64 * 1024 * 1024)] = 1024 * 1024
    """Large enough for few changes of thread, small enough not to block the event loop."""
    pure_python: bool = False
    """Validate without the extension in C that proves most lines valid at once, if it was built. The results are the
    same."""


class StateSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a run keeps its state."""

    state_dir: str = "masivo-state"
    shared_dir: str = ""
    """Where runs on this machine coordinate: only one sends an export to an account, and all share the account's quota.
    Empty: `masivo-stream` under `$XDG_STATE_HOME` or `~/.local/state`."""
    publish: str = ""
    """A folder in object storage (`s3://BUCKET/FOLDER`, `gs://`, `az://`) to which dead letters, lists of skipped
    records and the report are copied when a run ends. Empty: nowhere."""
    remember_purchases: Annotated[int, Meta(ge=0, le=10_000_000_000)] = 100_000_000
    """How many sent purchases are remembered there, of all accounts, in 12 bytes each: a later run that has one of them
    in another export notices it. 0: purchases are neither remembered nor looked for."""


class SchedulerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Dask scheduler whose workers validate the parts of exports."""

    scheduler: str = ""
    """`local` starts one with its workers here; else `tls://HOST:PORT`, or `tcp://` on this machine. Empty: none."""
    scheduler_timeout: Seconds = 60.0
    """How long to wait for a scheduler that does not answer, or that has no workers."""
    task_timeout: Seconds = 3600.0
    """How long a worker may take for a part, from its begin: a packed export of 100 GB is one part."""


class LogSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log of a run."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: readable on a terminal, else JSON."""


class MonitorSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The web page and the metrics of a run at work."""

    monitor: str = ""
    """Where they are served, as `HOST:PORT`; a port alone means this machine's loopback. Empty: they are not served."""


class NotifySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notifications: when a run has ended, has stopped, or needs a person."""

    notify: str = ""
    """A URL that gets a POST with a JSON document. Its path and query are treated as a secret. Empty: none."""
    notify_command: str = ""
    """A command that gets the document on its standard input; started without a shell. Empty: none."""
    notify_after: Seconds = 600.0
    """How long an outage lasts before it is reported: short ones pass by themselves."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section. Inner objects take the section or the value that they need, not all of this."""

    api: ApiSettings = ApiSettings()
    limits: LimitSettings = field(default_factory=LimitSettings)
    upload: UploadSettings = UploadSettings()
    retry: RetrySettings = RetrySettings()
    validation: ValidationSettings = ValidationSettings()
    visible: VisibleSettings = VisibleSettings()
    verify: VerifySettings = VerifySettings()
    source: SourceSettings = SourceSettings()
    state: StateSettings = StateSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    log: LogSettings = LogSettings()
    monitor: MonitorSettings = MonitorSettings()
    notify: NotifySettings = NotifySettings()


def _windows(texts: tuple[str, ...]) -> tuple[Window, ...]:
    return tuple(parse_window(text) for text in texts)
