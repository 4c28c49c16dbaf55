"""What a notification says while a run goes on: what has happened, and what to do about it, if anything."""

from msgspec import Struct

from masivo_stream.model.moments import rough_duration
from masivo_stream.model.notices import Notice, Paused, Resumed
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.observe.attention import Occasion
from masivo_stream.observe.end_lines import clock_time
from masivo_stream.observe.pause_text import describe_pause


class AttentionWords(Struct, frozen=True, kw_only=True):
    """The sentences of a notification. No person is named."""

    message: str = ""
    hint: str = ""
    command: str = ""


def words_for(occasion: Occasion, notice: Notice | None, snapshot: RunSnapshot) -> AttentionWords:
    """Return the words for an occasion that came with a notice; `snapshot` is the run at that moment."""
    match occasion, notice:
        case ("attention", "in_doubt"), _:
            return _in_doubt(snapshot)
        case ("attention", "paused"), Paused(since=since, command=command):
            message = f"{describe_pause(since, '')}: nothing is sent until the run is resumed"
            return AttentionWords(message=message, command=command)
        case ("cleared", "paused"), Resumed(seconds=seconds):
            return AttentionWords(message=f"resumed after {rough_duration(seconds)}: the run goes on")
        case ("attention", "outage"), _:
            return _outage(snapshot)
        case ("cleared", "outage"), _:
            return AttentionWords(message="there are answers again: the run goes on")
        case _:
            return AttentionWords()


def _in_doubt(snapshot: RunSnapshot) -> AttentionWords:
    counts = {phase.kind: phase.figures.in_doubt for phase in snapshot.phases if phase.figures.in_doubt}
    of = ", ".join(f"{count:,} of {kind}" for kind, count in counts.items())
    are = "record is" if sum(counts.values()) == 1 else "records are"
    return AttentionWords(
        message=f"{sum(counts.values()):,} {are} in doubt ({of}): they may or may not have been applied",
        hint="the run goes on without them; when it has ended, see what is known about them, then decide",
        command=next((step.command for step in snapshot.to_do if " resolve" in step.command), ""),
    )


def _outage(snapshot: RunSnapshot) -> AttentionWords:
    outage = snapshot.outage
    why = next((f": {warning.text}" for warning in reversed(snapshot.warnings) if warning.again_at is not None), "")
    since = "" if outage is None else f" since {clock_time(snapshot, outage.since)}"
    until = "" if outage is None or outage.until is None else f" until {clock_time(snapshot, outage.until)}"
    return AttentionWords(
        message=f"there has been no answer{since}{why}",
        hint=f"the run tries again by itself{until}: nothing is to do, unless the cause is on this side",
    )
