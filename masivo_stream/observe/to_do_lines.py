"""What a person must do, in a line, and its commands: for the progress, `status`, and the beginning of a summary."""

from collections.abc import Iterator, Mapping

from masivo_stream.core.redact import printable
from masivo_stream.model.snapshot import RunSnapshot
from masivo_stream.model.summary import KindSummary


def to_do_line(kinds: Mapping[str, KindSummary], *, at_work: bool = False) -> str:
    """Return how many records wait for a person; empty if no record does.

    Args:
        kinds: figures by kind.
        at_work: the run is under way, so the person waits, too.
    """
    what = (("in doubt", "in_doubt"), ("dead letters", "dead"))
    found = ", ".join(words for name, field in what if (words := _count(kinds, name, field)))
    when = " when the run has ended" if at_work else ""
    return f"to do{when}: {found}" if found else ""


def _count(kinds: Mapping[str, KindSummary], name: str, field: str) -> str:
    number = sum(getattr(figures, field) for figures in kinds.values())
    return f"{number:,} {name.removesuffix('s') if number == 1 else name}" if number else ""


def to_do_lines(snapshot: RunSnapshot) -> Iterator[tuple[str, str]]:
    """Yield the line about a run at work, and its commands, each with its style."""
    kinds = {phase.kind.value: phase.figures for phase in snapshot.phases}
    line = to_do_line(kinds, at_work=True)
    if not line or snapshot.outcome:
        return
    yield line, "red" if any(figures.in_doubt for figures in kinds.values()) else "yellow"
    for step in snapshot.to_do:
        if step.command:
            yield f"  {printable(step.command)}", "dim"
