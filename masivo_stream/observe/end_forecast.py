"""Forecast when a run ends, from its notices, and say why the end moves. Moments are of the monotonic clock."""

from collections import deque
from collections.abc import Sequence

from masivo_stream.core.pacing.moved_end import OTHERS, SLOW, Causes, EndWatch
from masivo_stream.core.pacing.seen_pace import LATEST, typical_gap
from masivo_stream.core.pacing.shared_pace import Left, OtherLeft, slots_until_done, turns_of
from masivo_stream.model.contract import Kind
from masivo_stream.model.notices import (
    BatchDeparted,
    BatchSent,
    Notice,
    OtherRuns,
    QuotaCorrected,
    QuotaUsed,
    Resumed,
    SettingsReread,
    Visible,
)
from masivo_stream.model.snapshot import MovedEnd, requests_left
from masivo_stream.observe.checks_pace import ChecksPace
from masivo_stream.observe.current_wait import CurrentWait
from masivo_stream.observe.outage import OutageWatch
from masivo_stream.observe.phases import Phases
from masivo_stream.observe.quota_windows import QuotaWindows

_STALE = 1.0
"""Seconds for which a forecast is used again, if nothing that it depends on has changed."""

_SHOWS = 10.0
"""Seconds that the effects of a kind usually take to show before the next one begins, and a sample at the end."""

_ENOUGH_BESIDE = 20
"""Departures that say something of the pace if other runs use the account: turns are not as regular as windows are."""

_MOST_REFUSED = 10
"""Refusals in a row beyond which no end is promised. One bad record in a batch of 1000 is found with fewer."""

_REFUSED = "no finishing time while the API refuses every request"
_UNMEASURED = "no finishing time yet: a sample of the exports is being read"
_UNKNOWN = "no finishing time: how much the exports hold is not known"

Ends = tuple[float | None, float | None]
"""When the last request leaves, of the kind at work and of the run; None if it cannot be forecast."""


class EndForecast:
    """Feed it notices after `phases` and `waits`; it feeds its windows itself."""

    def __init__(self, began: float, phases: Phases, waits: CurrentWait) -> None:
        """Begin with the run."""
        self._phases, self._waits = phases, waits
        self.windows = QuotaWindows()
        self._outage, self._end = OutageWatch(), EndWatch(began)
        self._departures: deque[float] = deque(maxlen=LATEST)
        self.others: tuple[OtherLeft, ...] = ()
        """What other runs on the account have left to send."""
        self._first: tuple[OtherLeft, ...] = ()
        """The same when they were seen first."""
        self._sent = self._taken = 0
        """Requests of this run since then; and of other runs before."""
        self._refused = self._in_a_row = 0
        """Refused requests: all of them, and those since the last one with another answer."""
        self._latencies: deque[float] = deque(maxlen=LATEST)
        """Seconds of the latest answers."""
        self._shows = _SHOWS
        """Seconds that the effects of a kind take to show: what the last wait took."""
        self._checks = ChecksPace()
        self._held = self._visible = self._paused = 0.0
        """Seconds for which the server let nothing through, effects were waited for, and the run was paused."""
        self._made: tuple[object, float, Ends] = (None, 0.0, (None, None))
        """What the forecast depends on, when it was made, and the ends."""

    def feed(self, notice: Notice, now: float) -> None:
        """Take in a notice that comes at `now`."""
        self._outage.feed(notice, now)
        self._checks.feed(notice, now)
        match notice:
            case QuotaUsed():
                self.windows.feed(notice, now)
            case BatchDeparted():
                self._departures.append(now)
                self._sent += 1
            case BatchSent(outcome=outcome, seconds=seconds):
                refused = outcome.startswith("refused")
                self._refused += refused
                self._in_a_row = self._in_a_row + 1 if refused else 0
                self._latencies.append(seconds)
            case OtherRuns(left=left):
                if len(left) != len(self.others):
                    self._taken += sum(self._taken_since())
                    self._departures.clear()  # the pace is another one from now on
                    self._first, self._sent = left, 0
                self.others = left
            case QuotaCorrected(seconds=seconds):
                self._held += seconds
            case Resumed(seconds=seconds):
                self._paused += seconds
            case SettingsReread(changed=changed) if changed:
                self._end.settings_changed()
            case Visible(seconds=seconds, confirmed=confirmed):
                self._visible += seconds
                self._shows = seconds if confirmed else self._shows
            case _:
                pass

    def look(self, now: float, shift: float) -> Ends:
        """Return the ends, and note whether that of the run has moved; `shift` makes a moment one of the wall clock."""
        ends = self._forecast(now, shift)
        left = self._requests_left()
        if ends[1] is not None and left:
            self._end.look(now, ends[1], self._causes(now, left, ends[1]))
        return ends

    @property
    def moved(self) -> MovedEnd | None:
        """When and why the end has moved last."""
        return self._end.moved

    @property
    def away_since(self) -> float | None:
        """Since when there is no answer; None while there is."""
        return self._outage.since if self._outage.what else None

    @property
    def no_end(self) -> str:
        """Why no end is forecast, if a person should know."""
        if self._waits.stopping or self._waits.paused is not None:
            return ""
        if self._outage.what:
            return self._outage.what
        if self._in_a_row > _MOST_REFUSED:
            return _REFUSED
        if not self._phases.known or self._phases.left is not None:
            return ""
        return _UNKNOWN if self._phases.measured else _UNMEASURED

    def _requests_left(self) -> int:
        return sum(requests for _, requests in self._phases.left or ())

    def _forecast(self, now: float, shift: float) -> Ends:
        if self._waits.stopping or self._waits.paused is not None or self._outage.what:
            return None, None
        if self._in_a_row > _MOST_REFUSED:
            return None, None
        present, left = self._phases.present, self._phases.left
        own = None if present is None else requests_left(present)
        begin = max(now, self._waits.visible_until or now, now + self._checks.left(now))
        waits = begin > now, self._phases.waits
        depends_on = (present and present.kind, own, left, self.windows.version, *waits, self.others)
        was, made, ends = self._made
        if was != depends_on or now - made > _STALE:
            ends = (
                self._last_departure([(present.kind, own)], now, begin, shift) if present is not None and own else None,
                self._last_departure(left, now, begin, shift) if left is not None else None,
            )
            if ends[1] is not None and self.windows.known:
                ends = ends[0], ends[1] + self._shows * (self._phases.waits + self._phases.reads_back)
            self._made = (depends_on, now, ends)
        return ends

    def _last_departure(self, left: Sequence[tuple[Kind, int]], now: float, begin: float, shift: float) -> float | None:
        """Return when the last of these requests leaves; None if nothing is known of the pace."""
        few = self.others and self.windows.known and len(self._departures) < _ENOUGH_BESIDE
        gap = None if few or self.windows.timed else typical_gap([*self._departures])  # another hour has another pace
        if not sum(number for _, number in left) or (gap is None and not self.windows.known):
            return None
        slots = self._slots(left)
        seen_pace = begin + (gap or 0.0) * sum(number for _, number in slots) / (1 + len(self.others))
        return (
            max(seen_pace, self.windows.last_departure(slots, now, begin, shift)) if self.windows.known else seen_pace
        )

    def _causes(self, now: float, left: int, ends_at: float) -> Causes:
        """Return what may have moved the end until now."""
        sent = sum(phase.figures.requests for phase in self._phases.snapshots)
        return Causes(
            seconds={
                "the exports are checked as a whole, before anything is sent": self._checks.seconds(now),
                SLOW: (sent + left) * self._waits_for_answers(),
                "there was no answer for a while": self._outage.seconds(now),
                "the server let no request through for a while": self._held,
                "effects take their time to show": self._visible,
                "the run was paused": self._paused,
            },
            requests={
                "refused requests are sent again in parts, to find the bad records": self._refused,
                "the exports take another number of requests than estimated": left + sent - self._refused,
                OTHERS: self._taken + sum(self._taken_since()) + self._slots_of_others(left),
            },
            each=(ends_at - now) / left,
        )

    def _waits_for_answers(self) -> float:
        """Return for how many seconds a request usually waits because of answers."""
        present = self._phases.present
        if present is None or not self._latencies or self.others:
            return 0.0
        return min(self.windows.lag(present.kind, [*self._departures]), max(self._latencies))

    def _slots_of_others(self, left: int) -> int:
        """Return how many slots other runs will take until this one is done."""
        return sum(number for _, number in self._slots(self._phases.left or [])) - left

    def _slots(self, left: Left) -> list[tuple[Kind, int]]:
        """Return the slots that leave until these requests have left."""
        turns = [turns_of(taken, self._sent) for taken in self._taken_since()]
        return slots_until_done(left, self.others, by_kind=self.windows.by_kind, turns=turns)

    def _taken_since(self) -> list[int]:
        """Return how many requests each other run has sent since it was seen first, by what it has left."""
        return [
            sum(max(0, (first.get(kind) or 0) - number) for kind, number in now.items() if number is not None)
            for first, now in zip(self._first, self.others, strict=True)
        ]
