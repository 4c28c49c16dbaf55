"""Build the snapshot of a run under way from its notices. The progress display and the monitor read nothing else.

A notice costs microseconds: it only changes a few figures. A `RunSnapshot` is made when it is requested. Moments are
kept in the time of the monotonic clock, and converted to the wall clock in each snapshot, since the wall clock may be
set meanwhile. A snapshot may be requested from another thread, so a lock protects the figures.
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from msgspec.structs import replace

from masivo_stream import __version__
from masivo_stream.core.accounting.time_line import Sent, TimeLine
from masivo_stream.core.next_steps import open_steps
from masivo_stream.core.pacing.moved_end import Causes, EndWatch
from masivo_stream.core.pacing.seen_pace import LATEST, typical_gap
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.memory import resident_bytes
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import (
    BatchDeparted,
    BatchSent,
    LoopStalled,
    Notice,
    QuotaCorrected,
    QuotaUsed,
    Resumed,
    RunEnded,
    RunStarted,
    SettingsReread,
    Visible,
)
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import Anomaly, MovedEnd, RunSnapshot, RunWarning
from masivo_stream.model.summary import Invocation, NextStep, Summary
from masivo_stream.observe.current_wait import CurrentWait
from masivo_stream.observe.outage import OutageWatch
from masivo_stream.observe.phases import Phases, requests_left
from masivo_stream.observe.quota_windows import QuotaWindows
from masivo_stream.observe.warning_counts import WarningCounts, counted

MOST_ANOMALIES = 50
"""Anomalies kept, for a person who opens the monitor later."""

_STALE = 1.0
"""Seconds for which a forecast is used again, if nothing that it depends on has changed."""

_UNMEASURED = "no finishing time yet: a sample of the exports is being read"
_UNKNOWN = "no finishing time: how much the exports hold is not known"

_SHOWS = 10.0
"""Seconds that the effects of a kind usually take to show before the next one begins."""


class SnapshotBuilder:
    """An observer that gives a snapshot of the run at any time."""

    def __init__(self, clock: Clock | None = None, *, resident: Callable[[], int] = resident_bytes) -> None:
        """Begin now, by `clock`; `resident` returns this process's memory in bytes."""
        self._clock, self._resident = clock or SystemClock(), resident
        self._began = self._clock.now()
        self._phases, self._waits, self._windows = Phases(), CurrentWait(), QuotaWindows()
        self._time_line = TimeLine(self._began)
        self._past_warnings: deque[RunWarning] = deque(maxlen=MOST_ANOMALIES)
        self._in_flight = self._throttled = 0
        self._stall = 0.0
        self._started = RunStarted(kinds=())
        self._summary: Summary | None = None
        self._lock = Lock()
        self._forecast_made: tuple[object, float, tuple[float | None, float | None]] = (None, 0.0, (None, None))
        """What the forecast depends on, when it was made, and the ends: of the kind at work, and of the run."""
        self._warnings = WarningCounts()
        self._outage, self._end = OutageWatch(), EndWatch(self._began)
        self._departures: deque[float] = deque(maxlen=LATEST)
        self._refused = 0
        self._held = self._visible = self._paused = 0.0
        """Seconds for which the server let nothing through, effects were waited for, and the run was paused."""

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        with self._lock:
            self._take_in(notice)

    def _take_in(self, notice: Notice) -> None:  # noqa: C901 - one case a notice
        now = self._clock.now()
        self._phases.feed(notice)
        self._waits.feed(notice, now)
        self._outage.feed(notice, now)
        self._warnings.feed(notice, now)
        self._past_warnings.extend(self._warnings.take())
        match notice:
            case RunStarted():
                self._started = notice
            case QuotaUsed():
                self._windows.feed(notice, now)
            case BatchDeparted(in_flight=in_flight):
                self._in_flight = in_flight
                self._departures.append(now)
            case BatchSent():
                self._in_flight = notice.in_flight
                self._throttled += notice.outcome == "throttled"
                self._refused += notice.outcome.startswith("refused")
                self._time_line.add(now, _sent(notice))
            case QuotaCorrected(seconds=seconds):
                self._held += seconds
            case Resumed(seconds=seconds):
                self._paused += seconds
            case SettingsReread(changed=changed) if changed:
                self._end.settings_changed()
            case Visible(seconds=seconds):
                self._visible += seconds
            case LoopStalled(seconds=seconds):
                self._stall = max(self._stall, seconds)
            case RunEnded(summary=summary):
                self._summary = summary
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
        left = self._phases.left
        requests_left = None if left is None else sum(requests for _, requests in left)
        if run_ends is not None and requests_left:
            self._end.look(now, run_ends, self._causes(now, requests_left, run_ends))
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
            anomalies=self._anomalies(shift),
            time_line=self._time_line.points(shift),
            outcome="" if self._summary is None else self._summary.outcome,
            paused=self._waits.paused,
            target=self._started.target,
            account=self._started.account,
            to_do=self._to_do(),
            warnings=tuple(_later(warning, shift) for warning in self._warnings.lasting),
            about=not self._phases.exact,
            no_end=self._no_end() if run_ends is None else "",
            moved=_shifted(self._end.moved, shift),
            share=self._phases.share,
            unread=self._phases.unread,
            requests_left=requests_left,
        )

    def _forecast(self, now: float, shift: float) -> tuple[float | None, float | None]:
        """Return when the last request leaves, of the kind at work and of the run; None if it cannot be forecast."""
        if self._waits.stopping or self._waits.paused is not None or self._outage.what:
            return None, None
        present, left = self._phases.present, self._phases.left
        own = None if present is None else requests_left(present)
        begin = max(now, self._waits.visible_until or now)
        depends_on = (present and present.kind, own, left, self._windows.version, begin > now, self._phases.waits)
        was, made, ends = self._forecast_made
        if was != depends_on or now - made > _STALE:
            ends = (
                self._last_departure([(present.kind, own)], now, begin, shift) if present is not None and own else None,
                self._last_departure(left, now, begin, shift) if left is not None else None,
            )
            if ends[1] is not None and self._windows.known:
                ends = ends[0], ends[1] + _SHOWS * self._phases.waits
            self._forecast_made = (depends_on, now, ends)
        return ends

    def _last_departure(self, left: Sequence[tuple[Kind, int]], now: float, begin: float, shift: float) -> float | None:
        """Return when the last of these requests leaves; None if nothing is known of the pace."""
        gap = None if self._windows.timed else typical_gap([*self._departures])  # another hour has another pace
        requests = sum(number for _, number in left)
        if not requests or (gap is None and not self._windows.known):
            return None
        own_pace = begin + (gap or 0.0) * requests
        return max(own_pace, self._windows.last_departure(left, now, begin, shift)) if self._windows.known else own_pace

    def _anomalies(self, shift: float) -> tuple[Anomaly, ...]:
        """Return the latest causes of warnings, what lasts among them."""
        found = sorted((*self._past_warnings, *self._warnings.lasting), key=lambda warning: warning.at)
        return tuple(
            Anomaly(at=warning.at + shift, event=warning.event, text=counted(warning))
            for warning in found[-MOST_ANOMALIES:]
        )

    def _to_do(self) -> tuple[NextStep, ...]:
        """Return what a person has to do, by the figures of this moment."""
        if self._summary is not None:
            return self._summary.next_steps
        kinds = {phase.kind.value: phase.figures for phase in self._phases.snapshots}
        return open_steps(kinds, Invocation(options=self._started.options), self._started.state_dir)

    def _no_end(self) -> str:
        """Return why there is no forecast, if a person should know."""
        if self._waits.stopping or self._waits.paused is not None:
            return ""
        if self._outage.what:
            return self._outage.what
        if not self._phases.known or self._phases.left is not None:
            return ""
        return _UNKNOWN if self._phases.measured else _UNMEASURED

    def _causes(self, now: float, left: int, ends_at: float) -> Causes:
        """Return what may have moved the end until now."""
        sent = sum(phase.figures.requests for phase in self._phases.snapshots)
        return Causes(
            seconds={
                "there was no answer for a while": self._outage.seconds(now),
                "the server let no request through for a while": self._held,
                "effects take their time to show": self._visible,
                "the run was paused": self._paused,
            },
            requests={
                "refused requests are sent again in parts, to find the bad records": self._refused,
                "the exports take another number of requests than estimated": left + sent - self._refused,
            },
            each=(ends_at - now) / left,
        )


def _moved(moment: float | None, shift: float) -> float | None:
    return None if moment is None else moment + shift


def _later(warning: RunWarning, shift: float) -> RunWarning:
    again_at = _moved(warning.again_at, shift)
    return replace(warning, first_at=warning.first_at + shift, at=warning.at + shift, again_at=again_at)


def _shifted(moved: MovedEnd | None, shift: float) -> MovedEnd | None:
    return None if moved is None else replace(moved, at=moved.at + shift, was=moved.was + shift, now=moved.now + shift)


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
