"""The snapshot of a run under way: everything that people and monitors are shown, in one value. Its JSON form is fixed.

`observe.snapshot_builder` makes it from notices. It holds no value of a record, only counts, positions, moments and
names of kinds and reasons. Moments are Unix seconds (float, UTC), durations seconds, sizes bytes.
"""

from typing import Literal

from msgspec import Struct

from masivo_stream.model.contract import Kind
from masivo_stream.model.summary import KindSummary, NextStep

KindState = Literal["ahead", "working", "visible", "done", "left"]
"""Not begun · reading and sending · accepted, waiting for its effects · done · left when the run was stopped."""

Waiting = Literal["nothing", "slot", "visible", "retry", "read_back", "paused", "drain", "done"]
"""What the run waits for at this moment: nothing (it works), the account's next slot, effects to become visible, a
batch's next try, reading back customers of a refused batch, a person who resumes it, requests in flight before it
stops; or it is done."""


class WindowUse(Struct, frozen=True, kw_only=True):
    """One rate window of one scope, and how much of it is used, by our own count."""

    scope: str
    """`migration`, `migration/<kind>` or `general`."""
    limit: int
    seconds: float
    used: int
    """Requests that count in it now."""
    free_at: float | None = None
    """When the next slot is free; None if a slot is free now."""
    hours: str = ""
    """The hours of the day in which it holds, with their time zone; empty if it always holds. In a pause, `limit` is
    0."""
    in_force: bool = True
    """Whether it holds now."""


class KindSnapshot(Struct, frozen=True, kw_only=True):
    """One kind."""

    kind: Kind
    state: KindState = "ahead"
    figures: KindSummary = KindSummary()
    size: int = 0
    """Bytes of text in its exports; 0 if that is not known (compressed, standard input)."""
    bytes_read: int = 0
    requests_needed: int | None = None
    """Requests that the whole export will take, estimated from what was read of it; None if nothing is known yet."""
    ends_at: float | None = None
    """When the last of them leaves at the account's limits, for the kind at work; None if that is not known."""
    probes: tuple[int, int] | None = None
    """Probes seen and sent, while the run waits for effects."""
    unread: int | None = None
    """Records that were not read yet; None if nothing is known of them."""
    exact: bool = False
    """Whether `unread` is counted, not estimated."""


def requests_left(phase: KindSnapshot) -> int | None:
    """Return the requests still to be sent for a kind; None if that is not known."""
    return None if phase.requests_needed is None else max(0, phase.requests_needed - phase.figures.requests)


class Wait(Struct, frozen=True, kw_only=True):
    """What the run waits for."""

    what: Waiting = "nothing"
    until: float | None = None
    text: str = ""
    """The same for people, without the time left: `next slot`, which is shown as `next slot in 3.2 s`."""


class PauseShown(Struct, frozen=True, kw_only=True):
    """A pause that a person has asked for."""

    since: float
    by: str
    """User and host; empty if that is not known."""
    command: str
    """The command that ends it."""


class OutageShown(Struct, frozen=True, kw_only=True):
    """The API, or object storage, does not answer at this moment."""

    since: float
    until: float | None = None
    """When the run gives up, if there is no answer before; None if that is not known."""


class Anomaly(Struct, frozen=True, kw_only=True):
    """What a person should know of, once for each cause."""

    at: float
    """When it came last."""
    event: str
    """The name of its log event."""
    text: str


class RunWarning(Struct, frozen=True, kw_only=True):
    """What a person should know of, for one cause, counted while it repeats."""

    first_at: float
    at: float
    """When it came last."""
    event: str = ""
    """The name of its log event."""
    text: str
    """A sentence, without ids of batches."""
    times: int = 1
    again_at: float | None = None
    """When it is tried again."""


class MovedEnd(Struct, frozen=True, kw_only=True):
    """The forecast end of the run has moved by more than a tenth of the run, and why."""

    at: float
    """When that showed."""
    was: float
    """The end as it was forecast before."""
    now: float
    why: str


class Point(Struct, frozen=True, kw_only=True):
    """A stretch of the run's time line."""

    at: float
    """When it began."""
    seconds: float
    requests: int = 0
    accepted: int = 0
    """Records."""
    items: int = 0
    bytes_sent: int = 0
    refused: int = 0
    throttled: int = 0
    latency: float | None = None
    """Mean seconds from departure to answer; None if nothing was answered."""
    slowest: float | None = None


class RunSnapshot(Struct, frozen=True, kw_only=True):
    """The run."""

    schema: int = 1
    version: str
    began: float
    now: float
    phases: tuple[KindSnapshot, ...]
    wait: Wait = Wait()
    windows: tuple[WindowUse, ...] = ()
    in_flight: int = 0
    ends_at: float | None = None
    """When the run is done: the last request has left at the account's limits, and a sample is read back; None if that
    cannot be forecast."""
    throttled: int = 0
    stall: float = 0.0
    """Longest time for which one task kept the event loop busy, in seconds."""
    resident: int = 0
    """Resident memory of this process."""
    anomalies: tuple[Anomaly, ...] = ()
    """The latest ones, oldest first."""
    time_line: tuple[Point, ...] = ()
    """Oldest first. The stretches get longer as the run does, so that their number stays bounded."""
    outcome: str = ""
    """How the run ended; empty while it works."""
    paused: PauseShown | None = None
    """The pause that a person has asked for; None if the run is not paused."""
    target: str = ""
    """Where the records go: scheme, host and port of the API."""
    account: str = ""
    """The beginning of the account's fingerprint."""
    about: bool = False
    """Whether `ends_at` and what is left are estimates; they are not once all exports are read."""
    no_end: str = ""
    """That no end is forecast, and why, if a person should know; empty with `ends_at`."""
    outage: OutageShown | None = None
    """The outage that lasts; None while everything answers."""
    moved: MovedEnd | None = None
    """When and why the forecast end has moved last."""
    warnings: tuple[RunWarning, ...] = ()
    """What lasts at this moment: an outage, refusals. The oldest first."""
    to_do: tuple[NextStep, ...] = ()
    """What a person has to do about records in doubt and dead letters: when the run has ended, while it is at work. Of
    a run that has ended, all its next steps."""
    share: float | None = None
    """The share of all records that have their outcome, from 0 to 1; None if that is not known."""
    unread: int | None = None
    """Records that were not read yet, of all kinds; None if that is not known for each of them."""
    requests_left: int | None = None
    """Requests still to be sent, of all kinds; None if that is not known for each of them."""
    other_runs: int = 0
    """Other runs at work on the account, on this machine: `ends_at` counts on what they have left to send."""
