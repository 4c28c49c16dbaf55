"""Which records must hold a culprit still, by what a journal knows of batches that were refused.

A refused batch holds a culprit until one of its records is a dead letter for having been refused. The isolation that
was looking for it sent smaller parts, each noted before it left; so the smallest refused part that has no culprit yet,
less what has a fate since, is where it stood when its process ended, and where the next one goes on. A batch may reach
back behind the checkpoint: whatever lies there has a fate, and no row tells of it any more.
"""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.progress import Covered, Reference, Suspects
from masivo_stream.model.results import Position

Item = tuple[int, int, int]
"""Source, line, and index in the record."""


class Culprit(Struct, frozen=True):
    """A dead letter for having been refused: a record, or items of one (None: all of them)."""

    source: int
    line: int
    indexes: tuple[int, ...] | None


class RefusedBatch(Struct, frozen=True):
    """A refused batch, as a journal knows it."""

    id: str
    status: int
    references: list[Reference]


def suspects(
    refused: Iterable[RefusedBatch], covered: Covered, culprits: Iterable[Culprit], checkpoint: Position
) -> list[Suspects]:
    """Return the sets that isolation is to go on with; none of them has an item in common with another one.

    `covered` are records from `checkpoint` on that have a fate, `culprits` those whose fate is to have been refused.
    """
    found: list[Suspects] = []
    taken: set[Item] = set()
    blamed: dict[tuple[int, int], list[Culprit]] = {}
    for culprit in culprits:
        blamed.setdefault((culprit.source, culprit.line), []).append(culprit)
    for batch in sorted(refused, key=lambda batch: len(batch.references)):
        items = {item for reference in batch.references for item in _items(reference)}
        if items & taken or any(_is_blamed(reference, blamed) for reference in batch.references):
            continue
        left = tuple(each for each in batch.references if not _has_a_fate(each, covered, checkpoint))
        alone = len(batch.references) == 1
        # One that is left by elimination has not been refused in any smaller company: it travels with others.
        if len(left) > 1 or (left and alone):
            found.append(Suspects(batch.id, batch.status, left))
            taken |= items
    return found


def _items(reference: Reference) -> Iterable[Item]:
    return ((reference.source, reference.line, index) for index in reference.indexes or range(reference.items))


def _is_blamed(reference: Reference, blamed: dict[tuple[int, int], list[Culprit]]) -> bool:
    return any(
        culprit.indexes is None or reference.indexes is None or not set(culprit.indexes).isdisjoint(reference.indexes)
        for culprit in blamed.get((reference.source, reference.line), ())
    )


def _has_a_fate(reference: Reference, covered: Covered, checkpoint: Position) -> bool:
    if (reference.source, reference.line) < (checkpoint.source, checkpoint.line):
        return True
    known = covered.get((reference.source, reference.line), frozenset())
    return known is None or any(index in known for index in reference.indexes or range(reference.items))
