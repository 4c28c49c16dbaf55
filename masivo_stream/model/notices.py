"""Notices: what the flow announces while it works. Observers (log, progress, metrics) read nothing else.

No notice holds a value of a record: positions, counts, ids of batches, durations.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.forecast import Expected
from masivo_stream.model.mending import DeadLetterCounts
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.model.window import Window


class Ahead(Struct, frozen=True, kw_only=True):
    """A kind that a run is to migrate, and how far it has come when the run begins."""

    kind: Kind
    files: int
    size: int
    """Bytes of text in its exports; 0 if that is not known (compressed, standard input)."""
    bytes_read: int = 0
    """How many of them earlier processes have read."""
    figures: KindSummary = KindSummary()


class RunStarted(Struct, frozen=True, kw_only=True):
    """A run begins: these kinds, in this order."""

    kinds: tuple[Ahead, ...]
    target: str = ""
    """Scheme, host and port of the API."""
    account: str = ""
    """The beginning of the account's fingerprint."""
    options: tuple[str, ...] = ()
    """Flags that every command about this run needs. They hold no secret."""
    state_dir: str = ""
    """Where the run's state is."""
    outage_limit: float = 0.0
    """Seconds without an answer after which the run stops; 0 if that is not known."""
    reads_back: bool = False
    """Whether a sample is read back at the end."""


class AccountKnown(Struct, frozen=True, kw_only=True):
    """A token shows which account it is. A run that begins does not know it, unless it is given a token."""

    account: str
    """The beginning of the account's fingerprint."""


class ExportsMeasured(Struct, frozen=True, kw_only=True):
    """What the exports of a run hold in all. Sent when it begins, and again when the checks have counted them."""

    kinds: dict[Kind, Expected]
    """Kinds of which nothing is known are left out."""


class RunEnded(Struct, frozen=True, kw_only=True):
    """A run is over, one way or another."""

    summary: Summary


class ObjectAwaited(Struct, frozen=True, kw_only=True):
    """Object storage did not answer as it should, and is asked again in some seconds."""

    url: str
    """Without anything secret."""
    why: str
    seconds: float


class ChecksStarted(Struct, frozen=True, kw_only=True):
    """The exports of a run are checked as a whole, before anything is sent."""

    files: int
    size: int
    """Bytes of the files on disk."""


class ChecksEnded(Struct, frozen=True, kw_only=True):
    """They are checked."""

    findings: dict[str, int]
    """How many there are, by check."""
    errors: int
    """How many of them are errors."""
    seconds: float
    known: bool
    """Whether an earlier process has found this, of the same exports."""
    wrong: dict[str, int] = {}
    """The errors, by check."""
    held: dict[str, int] = {}
    """Records that are held back for these errors, by kind; records of which only items are held back do not count."""


class KindStarted(Struct, frozen=True, kw_only=True):
    """The reading of a kind's exports begins."""

    kind: Kind
    files: int
    size: int
    """Bytes of the files on disk; 0 if that is not known (standard input)."""


class SlotAwaited(Struct, frozen=True, kw_only=True):
    """A request waits for the account's windows."""

    seconds: float
    """Until it may leave, by what is known now."""
    why: str = ""
    """The window with hours that makes it wait longest, with its time zone; empty if none does."""


class ScopeUse(Struct, frozen=True, kw_only=True):
    """What this and other runs have used of one scope's windows."""

    scope: str
    windows: tuple[Window, ...]
    ages: tuple[float, ...]
    """How many seconds ago the requests left that still count, the oldest first."""
    foreign: tuple[int, ...]
    """For each window, requests that the server counts in addition."""
    held: float = 0.0
    """Seconds for which no request leaves, whatever the windows allow."""
    time_zone: str = ""
    """Whose clocks the hours of windows are on; empty if no window has hours."""
    lag: float = 0.0
    """By how many seconds requests of earlier runs left later than the windows allowed; 0.0 if that is not known."""


class QuotaUsed(Struct, frozen=True, kw_only=True):
    """A part of the account's windows was used. Sent at most five times a second."""

    scopes: tuple[ScopeUse, ...]


class BatchDeparted(Struct, frozen=True, kw_only=True):
    """A request is about to leave."""

    kind: Kind
    batch: str
    in_flight: int
    """Requests in flight, this one included."""


class BatchSent(Struct, frozen=True, kw_only=True):
    """A request was answered, or failed."""

    kind: Kind
    batch: str
    records: int
    items: int
    size: int
    outcome: str
    seconds: float
    remark: str = ""
    in_flight: int = 0
    """Requests in flight, without this one."""
    attempt: int = 1
    """The attempt's number in this process, from 1."""
    status: int = 0
    """The status of the answer; 0 without one."""
    waited: float = 0.0
    """Seconds for which the request waited until the limits let it leave."""


class BatchWaits(Struct, frozen=True, kw_only=True):
    """A batch will be sent again after a wait."""

    kind: Kind
    batch: str
    why: str
    seconds: float


class RecordIsolated(Struct, frozen=True, kw_only=True):
    """An entry was found that made the API refuse its batch."""

    kind: Kind
    batch: str
    file: str
    line: int
    status: int


class LimitLearned(Struct, frozen=True, kw_only=True):
    """The server does not take bodies as large as the one that was sent (413)."""

    kind: Kind
    max_body_bytes: int


class QuotaCorrected(Struct, frozen=True, kw_only=True):
    """The server reports that a window is used up, but by our own count a part of it was left."""

    seconds: float
    """Until a request may leave again."""
    foreign: int
    """Requests that only the server knows of: another program uses the account."""


class CanaryChosen(Struct, frozen=True, kw_only=True):
    """A run sends these records before all others, and goes on only if they arrive as they were sent."""

    places: tuple[tuple[Kind, str, int], ...]
    """Kind, file and line of each."""


class CanarySeen(Struct, frozen=True, kw_only=True):
    """What one of these records shows."""

    kind: Kind
    file: str
    line: int
    outcome: str
    seen: str
    different: tuple[str, ...] = ()
    seconds: float | None = None


class CanaryEnded(Struct, frozen=True, kw_only=True):
    """The canary is over: the run goes on if it `passed`, and stops if not."""

    passed: bool
    learnt: tuple[str, ...]
    """One sentence each."""


class WaitingVisible(Struct, frozen=True, kw_only=True):
    """A kind was accepted, and the run waits for its effects before the next kind begins."""

    kind: Kind
    seen: int
    probes: int
    next_probe: float
    canary: float = 0.0
    """Of a canary, the seconds that it has to show; it is read back again and again."""


class Visible(Struct, frozen=True, kw_only=True):
    """A kind's effects show, or their time is over: then `confirmed` is false, since they were not seen."""

    kind: Kind
    seconds: float
    confirmed: bool


class IdsUnreadable(Struct, frozen=True, kw_only=True):
    """None of the customers accepted last could be read back, and all their ids need escaping. The run goes on."""

    kind: Kind
    ids: int
    """How many were read back, or cannot be."""
    seconds: float
    """How much time they had to show."""


class ReadBackAwaited(Struct, frozen=True, kw_only=True):
    """A refused request's records may have been applied by an attempt without an answer, so they are read back."""

    kind: Kind
    number: int
    """The read-back's number in this run."""
    records: int
    seconds: float
    """Until the effects of that attempt must show. The wait is shorter if they show before."""


class ReadBack(Struct, frozen=True, kw_only=True):
    """The records of such a request were read back."""

    kind: Kind
    number: int
    records: int
    found: int
    """How many of them are there. These count as accepted; the others are sent again or isolated."""
    seconds: float


class Progressed(Struct, frozen=True, kw_only=True):
    """How far a kind has come. Sent at most about once a second."""

    kind: Kind
    figures: KindSummary
    bytes_read: int
    """Bytes of text of its exports that this process or an earlier one has read."""


class KindEnded(Struct, frozen=True, kw_only=True):
    """The work on a kind is done, or was stopped."""

    kind: Kind
    figures: KindSummary
    bytes_read: int = 0
    """As in `Progressed`."""


class Stopping(Struct, frozen=True, kw_only=True):
    """The run stops: no new request leaves, and those in flight are drained."""

    why: str
    in_flight: int
    drain_time: float = 0.0
    """The longest time, in seconds, that these may take."""


class Paused(Struct, frozen=True, kw_only=True):
    """A person has paused the run: nothing new is sent until it is resumed."""

    since: float
    """Unix seconds."""
    by: str
    """User and host."""
    command: str
    """The command that ends the pause."""
    in_flight: int = 0
    """Requests under way, which end as usual."""


class Resumed(Struct, frozen=True, kw_only=True):
    """The pause is over."""

    seconds: float
    """For how long this process has sent nothing."""


class SettingChange(Struct, frozen=True, kw_only=True):
    """One setting of a run at work that was changed."""

    name: str
    old: str
    new: str


class SettingsReread(Struct, frozen=True, kw_only=True):
    """The settings were read again (SIGHUP)."""

    changed: tuple[SettingChange, ...] = ()
    left: tuple[str, ...] = ()
    """Names of settings that are changed, and that count only from the next start on."""


class SettingsUnread(Struct, frozen=True, kw_only=True):
    """The settings could not be read again: nothing was changed."""

    why: str
    place: str
    hint: str


WorkUnit = Literal["bytes", "records", "requests", "parts"]


class WorkProgressed(Struct, frozen=True, kw_only=True):
    """A step of work that sends nothing goes on. Sent at most five times a second, and when it is done."""

    step: str
    """What is done, in words: `validating`."""
    done: int
    of: int
    """0 if that is not known."""
    unit: WorkUnit
    hindered: str = ""
    """Why it does not go on at present; empty if it does."""


class NotifyFailed(Struct, frozen=True, kw_only=True):
    """A notification was not delivered. The run goes on."""

    to: str
    """Origin of the URL, or name of the program; nothing secret."""
    why: str


class TracingFailed(Struct, frozen=True, kw_only=True):
    """Spans of this run are not, or not all, in the collector. Sent once; the run goes on."""

    why: str
    spans: int = 0
    """How many were lost."""


class SecondPassed(Struct, frozen=True):
    """Another second of the run has passed, whatever it does or waits for."""


class MinutePassed(Struct, frozen=True):
    """Another minute of the run has passed."""


class LoopStalled(Struct, frozen=True, kw_only=True):
    """One task kept the event loop busy for longer than any before in this run."""

    seconds: float


class AccountShared(Struct, frozen=True, kw_only=True):
    """Other runs on this machine use the same account, and share its quota."""


class OtherRuns(Struct, frozen=True, kw_only=True):
    """What other runs on this machine have left to send to the account: every few seconds as long as there are any."""

    left: tuple[Mapping[Kind, int | None], ...]
    """For each of them, requests by kind; None if their number is not known."""


class AccountUnguarded(Struct, frozen=True, kw_only=True):
    """Another run could send the same export to the same account unnoticed: the shared directory cannot be used."""

    shared_dir: str
    why: str


class PurchasesUnguarded(Struct, frozen=True, kw_only=True):
    """Purchases that were sent cannot be noted or looked up: a later run, or this one, may send some a second time."""

    why: str


class ExportOverlaps(Struct, frozen=True, kw_only=True):
    """An export begins with the same lines as another one that the account has: records in both would count twice."""

    kind: Kind
    file: str
    other: str
    """The path of that one when it was sent."""
    lines: int
    """How many lines are known to be the same."""
    bytes: int
    """How many bytes are known to be the same, if that is more than these lines; else 0."""


class ProxyUnused(Struct, frozen=True, kw_only=True):
    """The API could not be reached, and the environment names a proxy that this run does not use."""

    variable: str
    proxy: str
    """Its URL without secrets."""


class RetryPlanned(Struct, frozen=True, kw_only=True):
    """What a retry is about to do with a kind's dead letters, before it takes them."""

    kind: Kind
    counts: DeadLetterCounts


class DeadLettersTaken(Struct, frozen=True, kw_only=True):
    """A retry has taken a kind's dead letters. `ignored`: the file with the lines that name none of them, if any."""

    kind: Kind
    letters: int
    mended: int
    ignored: str = ""


class CustomersAsked(Struct, frozen=True, kw_only=True):
    """Customers are read back after a revert. Sent at the beginning, every ten seconds, and at the end."""

    asked: int
    of: int
    """How many are to be read back at most."""
    gone: int
    wait: float = 0.0
    """Seconds until the first one is read back."""


class TakenBack(Struct, frozen=True, kw_only=True):
    """A kind's records that a revert took back are an input of the run again."""

    kind: Kind
    records: int
    items: int


class TotalsProgressed(Struct, frozen=True, kw_only=True):
    """Totals by day are compared. Sent before the first request, every ten seconds, and at the end."""

    days: int
    """Days that are compared by now."""
    of: int
    """Days that were chosen."""
    all_days: int
    """Days on which the run has transactions."""
    requests: int
    """Requests sent for them by now."""
    requests_needed: int
    """As counted before the first one."""


class MonitorListens(Struct, frozen=True, kw_only=True):
    """The monitor is being served. `exposed`: to other machines as well."""

    url: str
    exposed: bool


class MonitorFailed(Struct, frozen=True, kw_only=True):
    """An answer of the monitor failed. Sent once for each path and type of error. The run goes on."""

    path: str
    error: str
    """The error's type; its text might quote a record."""


Notice = (
    RunStarted
    | AccountKnown
    | ExportsMeasured
    | ObjectAwaited
    | ChecksStarted
    | ChecksEnded
    | KindStarted
    | SlotAwaited
    | QuotaUsed
    | BatchDeparted
    | BatchSent
    | BatchWaits
    | RecordIsolated
    | LimitLearned
    | QuotaCorrected
    | CanaryChosen
    | CanarySeen
    | CanaryEnded
    | WaitingVisible
    | Visible
    | IdsUnreadable
    | ReadBackAwaited
    | ReadBack
    | Progressed
    | KindEnded
    | Stopping
    | AccountShared
    | OtherRuns
    | AccountUnguarded
    | ExportOverlaps
    | PurchasesUnguarded
    | ProxyUnused
    | RetryPlanned
    | DeadLettersTaken
    | CustomersAsked
    | TakenBack
    | TotalsProgressed
    | Paused
    | Resumed
    | SettingsReread
    | SettingsUnread
    | NotifyFailed
    | TracingFailed
    | WorkProgressed
    | SecondPassed
    | MinutePassed
    | LoopStalled
    | RunEnded
    | MonitorListens
    | MonitorFailed
)
