"""Find the sets of records that must still hold a culprit, from the refused batches in a journal.

A refused batch holds a culprit until one of its records is a dead letter because it was refused. The isolation that was
looking for the culprit sent smaller parts, and each was noted before it left. So the smallest refused part without a
known culprit, less the records that have an outcome by now, is where the isolation was when its process ended, and
where the next process continues. A batch may reach back before the checkpoint: every record there has an outcome,
although no row says so any more.
"""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.progress import Covered, Reference, Suspects
from masivo_stream.model.results import Position

Item = tuple[int, int, int]
"""Source, line, and index in the record."""


class Culprit(Struct, frozen=True):
    """A record, or items of one (None: all of them), that is a dead letter because it was refused."""

    source: int
    line: int
    indexes: tuple[int, ...] | None


class RefusedBatch(Struct, frozen=True):
    """A refused batch, as the journal knows it."""

    id: str
    status: int
    references: list[Reference]


def suspects(
    refused: Iterable[RefusedBatch], covered: Covered, culprits: Iterable[Culprit], checkpoint: Position
) -> list[Suspects]:
    """Return the sets with which isolation continues; no two of them have an item in common.

    Args:
        refused: the refused batches.
        covered: the records from `checkpoint` on that have an outcome.
        culprits: the dead letters among them that were refused.
        checkpoint: the position before which every record has an outcome.
    """
    found: list[Suspects] = []
    taken: set[Item] = set()
    found_before: dict[tuple[int, int], list[Culprit]] = {}
    for culprit in culprits:
        found_before.setdefault((culprit.source, culprit.line), []).append(culprit)
    for batch in sorted(refused, key=lambda batch: len(batch.references)):
        items = {item for reference in batch.references for item in _items(reference)}
        if items & taken or any(_has_culprit(reference, found_before) for reference in batch.references):
            continue
        left = tuple(each for each in batch.references if not _has_outcome(each, covered, checkpoint))
        alone = len(batch.references) == 1
        # A single record of a larger batch was never refused alone, it is only left over: it travels with others again.
        if len(left) > 1 or (left and alone):
            found.append(Suspects(batch.id, batch.status, left))
            taken |= items
    return found


def _items(reference: Reference) -> Iterable[Item]:
    return ((reference.source, reference.line, index) for index in reference.indexes or range(reference.items))


def _has_culprit(reference: Reference, found_before: dict[tuple[int, int], list[Culprit]]) -> bool:
    return any(
        culprit.indexes is None or reference.indexes is None or not set(culprit.indexes).isdisjoint(reference.indexes)
        for culprit in found_before.get((reference.source, reference.line), ())
    )


def _has_outcome(reference: Reference, covered: Covered, checkpoint: Position) -> bool:
    if (reference.source, reference.line) < (checkpoint.source, checkpoint.line):
        return True
    known = covered.get((reference.source, reference.line), frozenset())
    return known is None or any(index in known for index in reference.indexes or range(reference.items))
