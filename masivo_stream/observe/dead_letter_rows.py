"""The dead letters of a run as rows of one table: kind, field and cause, how many, and where the first one is.

A kind whose dead letters are in no group (they were deleted from their file) has a row for each reason instead.
"""

from collections.abc import Sequence

from msgspec import Struct

from masivo_stream.model.examples import Example
from masivo_stream.model.fault_groups import FaultGroup
from masivo_stream.model.report import Report

MOST_GROUPS = 30
"""Groups that are shown."""


class DeadLetterRow(Struct, frozen=True, kw_only=True):
    """Dead letters of a kind with the same fault."""

    kind: str
    records: int
    field: str
    cause: str
    reason: str
    place: str
    """File and line of the first one; empty if it is not known."""
    offset: int | None = None


class DeadLetterTable(Struct, frozen=True, kw_only=True):
    """The rows, and what is not among them."""

    rows: tuple[DeadLetterRow, ...]
    more: int
    """Further groups."""
    ungrouped: dict[str, int]
    """By kind, dead letters that are in no row."""
    remedies: dict[str, str]
    """What to do, by reason."""


def make_dead_letter_table(report: Report) -> DeadLetterTable:
    """Return the table of a report: the groups in their order, then the reasons of kinds without a group."""
    groups = report.fault_groups
    shown = groups.listed[:MOST_GROUPS]
    grouped = groups.dead_letters
    examples = [found for found in report.examples if found.kind not in grouped]
    counted = {name: sum(figures.reasons.values()) for name, figures in report.kinds.items()}
    return DeadLetterTable(
        rows=(*map(_row_of_group, shown), *map(_row_of_example, examples)),
        more=len(groups.listed) - len(shown) + groups.left_out,
        ungrouped={name: count - grouped[name] for name, count in counted.items() if count > grouped.get(name, count)},
        remedies=_remedies([*shown, *examples]),
    )


def _row_of_group(group: FaultGroup) -> DeadLetterRow:
    return DeadLetterRow(
        kind=group.kind,
        records=group.records,
        field=group.field,
        cause=group.cause,
        reason=group.reason,
        place=group.place,
        offset=group.offset,
    )


def _row_of_example(found: Example) -> DeadLetterRow:
    return DeadLetterRow(
        kind=found.kind,
        records=found.letters,
        field=found.field,
        cause="",
        reason=found.reason,
        place=found.place,
        offset=found.offset,
    )


def _remedies(found: Sequence[FaultGroup | Example]) -> dict[str, str]:
    return {each.reason: each.remedy for each in found if each.remedy}
