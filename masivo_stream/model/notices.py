"""Notices: what the flow announces while it works. Subscribers (log, progress, later metrics) read nothing else.

No notice holds a value of a record: positions, counts, ids of batches, durations.
"""

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.summary import KindSummary, Summary
from masivo_stream.model.window import Window


class Ahead(Struct, frozen=True, kw_only=True):
    """A kind that a run is to migrate, as it stands when the run begins."""

    kind: Kind
    files: int
    size: int
    """Bytes of text in its exports; 0 where that is not known (compressed, standard input)."""
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


class RunEnded(Struct, frozen=True, kw_only=True):
    """A run is over, one way or another."""

    summary: Summary


class KindStarted(Struct, frozen=True, kw_only=True):
    """A kind's export begins to be read."""

    kind: Kind
    files: int
    size: int
    """Bytes in the files as they lie on disk; 0 where that is not known (standard input)."""


class SlotAwaited(Struct, frozen=True, kw_only=True):
    """A request waits for the account's windows."""

    seconds: float
    """Until it may leave, as far as that is known."""


class ScopeUse(Struct, frozen=True, kw_only=True):
    """What is used of one scope's windows, whoever used it."""

    scope: str
    windows: tuple[Window, ...]
    ages: tuple[float, ...]
    """How many seconds ago requests departed that count still, the oldest first."""
    foreign: tuple[int, ...]
    """By window: requests the server counts beside them."""
    held: float = 0.0
    """Seconds for which nothing departs, whatever the windows say."""


class QuotaUsed(Struct, frozen=True, kw_only=True):
    """Something was used of the account's windows: sent at most five times a second."""

    scopes: tuple[ScopeUse, ...]


class BatchDeparted(Struct, frozen=True, kw_only=True):
    """A request is about to leave."""

    kind: Kind
    batch: str
    in_flight: int
    """Requests under way, with this one."""


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
    """Requests under way, without this one."""


class BatchWaits(Struct, frozen=True, kw_only=True):
    """A batch will be sent again after a while."""

    kind: Kind
    batch: str
    why: str
    seconds: float


class RecordIsolated(Struct, frozen=True, kw_only=True):
    """One entry was found for which its batch was refused."""

    kind: Kind
    batch: str
    file: str
    line: int
    status: int


class LimitLearned(Struct, frozen=True, kw_only=True):
    """The server takes no bodies as large as we sent (413)."""

    kind: Kind
    max_body_bytes: int


class QuotaCorrected(Struct, frozen=True, kw_only=True):
    """The server says that nothing is left of a window for a while in which, by our account, something was."""

    seconds: float
    """Until something is left again."""
    foreign: int
    """Requests it counts there that we know nothing of: someone else uses the account."""


class WaitingVisible(Struct, frozen=True, kw_only=True):
    """A kind was accepted; its effects are awaited before the next kind begins."""

    kind: Kind
    seen: int
    probes: int
    next_probe: float


class Visible(Struct, frozen=True, kw_only=True):
    """A kind's effects show. `confirmed` is false where nothing could be read back and only time passed."""

    kind: Kind
    seconds: float
    confirmed: bool


class IdsUnreadable(Struct, frozen=True, kw_only=True):
    """None of the customers accepted last could be read back, and their ids all need escaping: the run goes on."""

    kind: Kind
    ids: int
    """How many were asked for, or could not be."""
    seconds: float
    """How long they were given to show."""


class ReadBackAwaited(Struct, frozen=True, kw_only=True):
    """A request was refused whose records may have been applied by an attempt without an answer: they are read back."""

    kind: Kind
    number: int
    """Of the read-back, in this run."""
    records: int
    seconds: float
    """Until what that attempt has applied must show; less if it does before."""


class ReadBack(Struct, frozen=True, kw_only=True):
    """Such records were read back."""

    kind: Kind
    number: int
    records: int
    found: int
    """How many of them are there: they count as accepted, the others are sent again or isolated."""
    seconds: float


class Progressed(Struct, frozen=True, kw_only=True):
    """Where a kind stands: sent at most about once a second."""

    kind: Kind
    figures: KindSummary
    bytes_read: int
    """Bytes of text before the place up to which its exports were read, by this process or an earlier one."""


class KindEnded(Struct, frozen=True, kw_only=True):
    """A kind's export is done, or was left."""

    kind: Kind
    figures: KindSummary
    bytes_read: int = 0
    """As in `Progressed`."""


class Stopping(Struct, frozen=True, kw_only=True):
    """The run is being stopped in order."""

    why: str
    in_flight: int
    drain_time: float = 0.0
    """Seconds for which those are awaited at most."""


class MinutePassed(Struct, frozen=True):
    """The run has been at work for another minute, whatever it did."""


class LoopStalled(Struct, frozen=True, kw_only=True):
    """The event loop was not free for others for longer than ever before in this run."""

    seconds: float


class AccountShared(Struct, frozen=True, kw_only=True):
    """Other runs on this machine are at work on the same account: they share its quota."""


class AccountUnguarded(Struct, frozen=True, kw_only=True):
    """Nothing keeps another run from sending the same export to the same account: runs cannot meet."""

    shared_dir: str
    why: str


class ExportOverlaps(Struct, frozen=True, kw_only=True):
    """An export begins as another one does that the account has got: what is in both counts twice."""

    kind: Kind
    file: str
    other: str
    """Where that one stood when it was sent."""
    lines: int
    """How many lines are known to be the same."""
    bytes: int
    """How many bytes are, where that is known to be more; else 0."""


class ProxyUnused(Struct, frozen=True, kw_only=True):
    """The API could not be reached, and the environment names a proxy that is not used unasked."""

    variable: str
    proxy: str
    """Its URL without secrets."""


class DeadLettersTaken(Struct, frozen=True, kw_only=True):
    """A retry has taken a kind's dead letters. `ignored`: the file with lines that name none of this run, if any."""

    kind: Kind
    letters: int
    mended: int
    ignored: str = ""


class CustomersAsked(Struct, frozen=True, kw_only=True):
    """After a revert customers are read back: told as it begins, every ten seconds, and as it ends."""

    asked: int
    of: int
    """How many there are to ask for, at most."""
    gone: int
    wait: float = 0.0
    """Seconds until the first one is asked for."""


class TakenBack(Struct, frozen=True, kw_only=True):
    """What a revert took back of a kind is an input of the run again."""

    kind: Kind
    records: int
    items: int


class MonitorListens(Struct, frozen=True, kw_only=True):
    """The monitor answers. `exposed`: also to other machines."""

    url: str
    exposed: bool


class MonitorFailed(Struct, frozen=True, kw_only=True):
    """An answer of the monitor failed; told once for each place and kind of error. The run goes on."""

    path: str
    error: str
    """The error's type; its text might quote anything."""


Notice = (
    RunStarted
    | KindStarted
    | SlotAwaited
    | QuotaUsed
    | BatchDeparted
    | BatchSent
    | BatchWaits
    | RecordIsolated
    | LimitLearned
    | QuotaCorrected
    | WaitingVisible
    | Visible
    | IdsUnreadable
    | ReadBackAwaited
    | ReadBack
    | Progressed
    | KindEnded
    | Stopping
    | AccountShared
    | AccountUnguarded
    | ExportOverlaps
    | ProxyUnused
    | DeadLettersTaken
    | CustomersAsked
    | TakenBack
    | MinutePassed
    | LoopStalled
    | RunEnded
    | MonitorListens
    | MonitorFailed
)
