"""What a person must do, in a line, and its commands: for the progress, `status`, and the beginning of a summary."""

from collections.abc import Iterator, Mapping

from msgspec import UNSET

from masivo_stream.core.next_steps import canary_refused
from masivo_stream.core.redact import printable
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.summary import KindSummary, Summary


def to_do_line(summary: Summary) -> str:
    """Return what waits for a person after a run, the most urgent first; empty if nothing does."""
    given_up = sum(summary.fault_groups.given_up.values())
    found = ", ".join((*_go_on(summary), *_counts(summary.kinds, given_up=given_up)))
    return f"to do: {found}" if found else ""


def _go_on(summary: Summary) -> Iterator[str]:
    """Yield what makes a run that was stopped go on, if it is not that its dead letters are corrected."""
    stopped = summary.outcome in {"interrupted", "stopped"} and summary.exit_code != ExitCode.BUG
    if stopped and summary.next_steps and summary.over_budget is UNSET and not canary_refused(summary):
        yield printable(summary.next_steps[0].text.partition(":")[0])


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
