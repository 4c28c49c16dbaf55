"""Build the snapshot of a run under way from its notices. The progress display and the monitor read nothing else.

A notice costs microseconds: it only changes a few figures. A `RunSnapshot` is made when it is requested. Moments are
kept in the time of the monotonic clock, and converted to the wall clock in each snapshot, since the wall clock may be
set meanwhile. A snapshot may be requested from another thread, so a lock protects the figures.
"""

from collections import deque
from collections.abc import Callable
from threading import Lock

from msgspec.structs import replace

from masivo_stream import __version__
from masivo_stream.core.accounting.time_line import Sent, TimeLine
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.memory import resident_bytes
from masivo_stream.model.notices import BatchDeparted, BatchSent, LoopStalled, Notice, QuotaUsed, RunEnded, RunStarted
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import Anomaly, RunSnapshot
from masivo_stream.observe.anomalies import anomaly
from masivo_stream.observe.current_wait import CurrentWait
from masivo_stream.observe.phases import Phases, requests_left
from masivo_stream.observe.quota_windows import QuotaWindows

MOST_ANOMALIES = 50
"""Anomalies kept, for a person who opens the monitor later."""

_STALE = 1.0
"""Seconds for which a forecast is used again, if nothing that it depends on has changed."""


class SnapshotBuilder:
    """An observer that gives a snapshot of the run at any time."""

    def __init__(self, clock: Clock | None = None, *, resident: Callable[[], int] = resident_bytes) -> None:
        """Begin now, by `clock`; `resident` returns this process's memory in bytes."""
        self._clock, self._resident = clock or SystemClock(), resident
        self._began = self._clock.now()
        self._phases, self._waits, self._windows = Phases(), CurrentWait(), QuotaWindows()
        self._time_line = TimeLine(self._began)
        self._anomalies: deque[tuple[float, str, str]] = deque(maxlen=MOST_ANOMALIES)
        self._in_flight = self._throttled = 0
        self._stall = 0.0
        self._outcome = self._target = self._account = ""
        self._lock = Lock()
        self._forecast_made: tuple[object, float, tuple[float | None, float | None]] = (None, 0.0, (None, None))
        """What the forecast depends on, when it was made, and the ends: of the kind at work, and of the run."""

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        with self._lock:
            self._take_in(notice)

    def _take_in(self, notice: Notice) -> None:
        now = self._clock.now()
        self._phases.feed(notice)
        self._waits.feed(notice, now)
        if (found := anomaly(notice)) is not None:
            self._anomalies.append((now, *found))
        match notice:
            case RunStarted(target=target, account=account):
                self._target, self._account = target, account
            case QuotaUsed():
                self._windows.feed(notice, now)
            case BatchDeparted(in_flight=in_flight):
                self._in_flight = in_flight
            case BatchSent():
                self._in_flight = notice.in_flight
                self._throttled += notice.outcome == "throttled"
                self._time_line.add(now, _sent(notice))
            case LoopStalled(seconds=seconds):
                self._stall = max(self._stall, seconds)
            case RunEnded(summary=summary):
                self._outcome = summary.outcome
                self._in_flight = 0
            case _:
                pass

    def snapshot(self) -> RunSnapshot:
        """Return the snapshot of the run at this moment."""
        with self._lock:
            return self._snapshot()

    def _snapshot(self) -> RunSnapshot:
        now = self._clock.now()
        shift = self._clock.wall().timestamp() - now
        phase_ends, run_ends = self._forecast(now, shift)
        present = self._phases.present
        phases = [
            replace(phase, ends_at=_moved(phase_ends, shift)) if phase is present else phase
            for phase in self._phases.snapshots
        ]
        return RunSnapshot(
            version=__version__,
            began=self._began + shift,
            now=now + shift,
            phases=tuple(phases),
            wait=self._waits.wait(now, shift),
            windows=self._windows.uses(now, shift),
            in_flight=self._in_flight,
            ends_at=_moved(run_ends, shift),
            throttled=self._throttled,
            stall=self._stall,
            resident=self._resident(),
            anomalies=tuple(Anomaly(at=at + shift, event=event, text=text) for at, event, text in self._anomalies),
            time_line=self._time_line.points(shift),
            outcome=self._outcome,
            target=self._target,
            account=self._account,
        )

    def _forecast(self, now: float, shift: float) -> tuple[float | None, float | None]:
        """Return when the last request leaves, of the kind at work and of the run; None if it cannot be forecast."""
        present, left = self._phases.present, self._phases.left
        if present is None or not self._windows.known or self._waits.stopping:
            return None, None
        own = requests_left(present)
        depends_on = (present.kind, own, left, self._windows.version)
        was, made, ends = self._forecast_made
        if was != depends_on or now - made > _STALE:
            ends = (
                self._windows.last_departure(present.kind, own, now, shift) if own else None,
                self._windows.last_departure(present.kind, left, now, shift) if left else None,
            )
            self._forecast_made = (depends_on, now, ends)
        return ends


def _moved(moment: float | None, shift: float) -> float | None:
    return None if moment is None else moment + shift


def _sent(notice: BatchSent) -> Sent:
    accepted = notice.outcome == "accepted"
    return Sent(
        requests=int(notice.outcome != "unreachable"),
        accepted=notice.records if accepted else 0,
        items=notice.items if accepted else 0,
        bytes_sent=notice.size if notice.outcome != "unreachable" else 0,
        refused=int(notice.outcome.startswith("refused")),
        throttled=int(notice.outcome == "throttled"),
        latency=None if notice.outcome in {"unreachable", "in doubt"} else notice.seconds,
    )
