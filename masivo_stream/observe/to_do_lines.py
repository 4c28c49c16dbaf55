"""What a person must do, in a line, and its commands: for the progress, `status`, and the beginning of a summary."""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.status import Status
from masivo_stream.model.summary import KindSummary, Summary

_STOPPED: dict[int, str] = {
    ExitCode.INPUT: "correct the export, then start again",
    ExitCode.OUTAGE: "start again when the cause is gone",
    ExitCode.DENIED: "correct the cause, then start again",
}


def to_do_line(summary: Summary) -> str:
    """Return what waits for a person after a run, the most urgent first; empty if nothing does."""
    paused = isinstance(summary, Status) and summary.paused is not UNSET
    given_up = sum(summary.fault_groups.given_up.values())
    counts = _counts(summary.kinds, given_up=given_up)
    found = ", ".join(filter(None, ("resume" if paused else "", _go_on(summary), *counts)))
    return f"to do: {found}" if found else ""


def _go_on(summary: Summary) -> str:
    """Return what makes a run that was stopped go on; empty if it has ended, or if it is not to go on as it is."""
    if summary.over_budget is not UNSET:
        return ""
    return "start again" if summary.outcome == "interrupted" else _STOPPED.get(summary.exit_code, "")


def _counts(kinds: Mapping[str, KindSummary], *, given_up: int = 0) -> Iterator[str]:
    """Yield how many records wait for a person."""
    doubtful = sum(figures.in_doubt for figures in kinds.values())
    dead = sum(figures.dead for figures in kinds.values()) - given_up
    if doubtful:
        yield f"{doubtful:,} in doubt"
    if dead > 0:
        yield f"{dead:,} dead letter{'s' if dead != 1 else ''}"


def to_do_lines(snapshot: RunSnapshot) -> Iterator[tuple[str, str]]:
    """Yield the line about a run at work, and its commands, each with its style."""
    kinds = {phase.kind.value: phase.figures for phase in snapshot.phases}
    found = ", ".join(_counts(kinds))
    if not found or snapshot.outcome:
        return
    yield (
        f"to do when the run has ended: {found}",
        "red" if any(figures.in_doubt for figures in kinds.values()) else "yellow",
    )
    for step in snapshot.to_do:
        if step.command:
            yield f"  {printable(step.command)}", "dim"
