"""How far a run is, when it is done, and what is left: lines for people, the same in the progress and in `status`.

Times are local ones, with the name of the zone.
"""

from datetime import datetime
from typing import Protocol

from masivo_stream.core.accounting.forecast import percent
from masivo_stream.model.moments import rough_duration, utc
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.observe.pause_text import describe_pause


class Dated(Protocol):
    """A snapshot of a run or of a fleet."""

    @property
    def now(self) -> float:
        """When it was made."""
        ...


_LONG = 4 * 3600.0
"""If more seconds than these are left, the end is shown without its seconds."""

_MOVED = 900.0
"""Seconds for which it is said that the end has moved."""

_STOPPING = (
    "Ctrl-C again ends at once: requests in flight are then in doubt.",
    "In both cases the same command continues from here.",
)


def ending_lines(snapshot: RunSnapshot) -> tuple[str, ...]:
    """Return how far the run is, and when it will end; while it stops, what a second Ctrl-C does."""
    if snapshot.wait.what == "drain":
        return _STOPPING
    done = "" if snapshot.share is None else f"{percent(snapshot.share)} % done"
    if snapshot.paused is not None:
        paused = describe_pause(snapshot.paused.since, snapshot.paused.by)
        return "; ".join(filter(None, (done, paused))), f"resume with: {snapshot.paused.command}"
    if snapshot.no_end:
        return ("; ".join(filter(None, (done, snapshot.no_end))), *_outage(snapshot))
    if snapshot.ends_at is not None:
        about = "about " if snapshot.about else ""
        left = f"{about}{left_until(snapshot, snapshot.ends_at)} left, until {clock_time(snapshot, snapshot.ends_at)}"
        return (", ".join(filter(None, (done, left))), *_beside_others(snapshot), *_moved(snapshot))
    for phase in snapshot.phases:
        if phase.ends_at is not None:
            until = f"until {clock_time(snapshot, phase.ends_at)}"
            left = f"{left_until(snapshot, phase.ends_at)} left, {until}; the next kinds are not read yet"
            return (f"{phase.kind}: {left}",)
    return (done,) if done else ()


def _beside_others(snapshot: RunSnapshot) -> tuple[str, ...]:
    if not snapshot.other_runs:
        return ()
    others = "another run uses" if snapshot.other_runs == 1 else f"{snapshot.other_runs} other runs use"
    return (
        f"{others} this account: what {'it has' if snapshot.other_runs == 1 else 'they have'} left to send is counted",
    )


def _outage(snapshot: RunSnapshot) -> tuple[str, ...]:
    """Return since when there is no answer, until when the run goes on, and that a person need do nothing."""
    outage = snapshot.outage
    if outage is None:
        return ()
    until = "" if outage.until is None else f" until {clock_time(snapshot, outage.until)}"
    return (f"no answer since {clock_time(snapshot, outage.since)}; it tries again by itself{until}",)


def _moved(snapshot: RunSnapshot) -> tuple[str, ...]:
    moved = snapshot.moved
    if moved is None or snapshot.now - moved.at > _MOVED:
        return ()
    was, now = clock_time(snapshot, moved.was), clock_time(snapshot, moved.now)
    return (f"the end has moved from {was} to {now}: {moved.why}",)


def unread_line(snapshot: RunSnapshot) -> str:
    """Return how many records were not read yet, and their share of all; empty if nothing is left, or known."""
    if not snapshot.unread:
        return ""
    about = "" if all(phase.exact for phase in snapshot.phases) else "about "
    every = snapshot.unread + sum(phase.figures.read for phase in snapshot.phases)
    return f"not read yet  {about}{snapshot.unread:,} records, {share_of(snapshot.unread, every)}"


def waiting_line(snapshot: RunSnapshot) -> str:
    """Return what the run waits for, and how long."""
    wait, flying = snapshot.wait, snapshot.in_flight
    in_flight = f"{flying} request{'s' if flying != 1 else ''} in flight" if flying else ""
    if wait.what == "paused":  # the first line says so
        return in_flight
    if wait.what == "nothing":
        return wait.text or in_flight or "working"
    if wait.what == "done":
        return "done"
    left = "" if wait.until is None else f" {rough_duration(max(0.0, wait.until - snapshot.now))}"
    between = "" if wait.what == "drain" else " in"
    return f"{wait.text}{between}{left}" if left else wait.text


def share_of(part: int, whole: int) -> str:
    """Return a part in percent: 100 only if it is all, 0 only if it is nothing."""
    if 0 < part * 100 < whole:
        return "less than 1 %"
    return f"{percent(part / whole) if whole else 0} %"


def left_until(snapshot: RunSnapshot, moment: float) -> str:
    """Return how long it takes until a moment."""
    return rough_duration(max(0.0, moment - snapshot.now))


def clock_time(snapshot: Dated, moment: float) -> str:
    """Write a moment in local time: with its day if that is not today, without seconds if it is hours away."""
    then, now = local(moment), local(snapshot.now)
    day = "" if then.date() == now.date() else f"{then:%a %d %b} "
    clock = f"{then:%H:%M}" if moment - snapshot.now > _LONG else f"{then:%H:%M:%S}"
    return f"{day}{clock} {then:%Z}"


def local(moment: float) -> datetime:
    """Return a moment in local time; in UTC if it is too far away for a local date."""
    date = utc(moment)
    try:
        return date.astimezone()
    except (OverflowError, ValueError):
        return date
