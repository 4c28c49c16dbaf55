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
from masivo_stream.core.next_steps import open_steps
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.memory import resident_bytes
from masivo_stream.model.notices import (
    AccountKnown,
    BatchDeparted,
    BatchSent,
    LoopStalled,
    Notice,
    RunEnded,
    RunStarted,
)
from masivo_stream.model.ports import Clock
from masivo_stream.model.snapshot import Anomaly, MovedEnd, OutageShown, RunSnapshot, RunWarning
from masivo_stream.model.summary import Invocation, NextStep, Summary
from masivo_stream.observe.current_wait import CurrentWait
from masivo_stream.observe.end_forecast import EndForecast
from masivo_stream.observe.phases import Phases
from masivo_stream.observe.warning_counts import WarningCounts, counted

MOST_ANOMALIES = 50
"""Anomalies kept, for a person who opens the monitor later."""


class SnapshotBuilder:
    """An observer that gives a snapshot of the run at any time."""

    def __init__(self, clock: Clock | None = None, *, resident: Callable[[], int] = resident_bytes) -> None:
        """Begin now, by `clock`; `resident` returns this process's memory in bytes."""
        self._clock, self._resident = clock or SystemClock(), resident
        self._began = self._clock.now()
        self._phases, self._waits = Phases(), CurrentWait()
        self._forecast = EndForecast(self._began, self._phases, self._waits)
        self._time_line = TimeLine(self._began)
        self._past_warnings: deque[RunWarning] = deque(maxlen=MOST_ANOMALIES)
        self._in_flight = self._throttled = 0
        self._stall = 0.0
        self._started, self._account = RunStarted(kinds=()), ""
        self._summary: Summary | None = None
        self._lock = Lock()
        self._warnings = WarningCounts()

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        with self._lock:
            self._take_in(notice)

    def _take_in(self, notice: Notice) -> None:
        now = self._clock.now()
        self._phases.feed(notice)
        self._waits.feed(notice, now)
        self._forecast.feed(notice, now)
        self._warnings.feed(notice, now)
        self._past_warnings.extend(self._warnings.take())
        match notice:
            case RunStarted():
                self._started = notice
                self._account = notice.account or self._account
            case AccountKnown(account=account):
                self._account = account
            case BatchDeparted(in_flight=in_flight):
                self._in_flight = in_flight
            case BatchSent():
                self._in_flight = notice.in_flight
                self._throttled += notice.outcome == "throttled"
                self._time_line.add(now, _sent(notice))
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
        phase_ends, run_ends = self._forecast.look(now, shift)
        left = self._phases.left
        requests_left = None if left is None else sum(requests for _, requests in left)
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
            windows=self._forecast.windows.uses(now, shift),
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
            account=self._account,
            to_do=self._to_do(),
            warnings=tuple(_later(warning, shift) for warning in self._warnings.lasting),
            about=not self._phases.exact,
            no_end=self._forecast.no_end if run_ends is None else "",
            outage=self._outage(shift),
            moved=_shifted(self._forecast.moved, shift),
            share=self._phases.share,
            unread=self._phases.unread,
            requests_left=requests_left,
            other_runs=len(self._forecast.others),
        )

    def _anomalies(self, shift: float) -> tuple[Anomaly, ...]:
        """Return the latest causes of warnings, what lasts among them."""
        found = sorted((*self._past_warnings, *self._warnings.lasting), key=lambda warning: warning.at)
        return tuple(
            Anomaly(at=warning.at + shift, event=warning.event, text=counted(warning))
            for warning in found[-MOST_ANOMALIES:]
        )

    def _outage(self, shift: float) -> OutageShown | None:
        since, limit = self._forecast.away_since, self._started.outage_limit
        if since is None or self._summary is not None:
            return None
        return OutageShown(since=since + shift, until=since + shift + limit if limit else None)

    def _to_do(self) -> tuple[NextStep, ...]:
        """Return what a person has to do, by the figures of this moment."""
        if self._summary is not None:
            return self._summary.next_steps
        kinds = {phase.kind.value: phase.figures for phase in self._phases.snapshots}
        return open_steps(kinds, Invocation(options=self._started.options), self._started.state_dir)


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
