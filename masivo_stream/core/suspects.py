"""Which records must hold a culprit still, by what a journal knows of batches that were refused.

A refused batch holds a culprit until one of its records is a dead letter for having been refused. The isolation that
was looking for it sent smaller parts, each noted before it left; so the smallest refused part that has no culprit yet,
less what was accepted since, is where it stood when its process ended, and where the next one goes on.
"""

from collections.abc import Iterable

from msgspec import Struct

from masivo_stream.model.progress import Covered, Reference, Suspects

Place = tuple[int, int]


class RefusedBatch(Struct, frozen=True):
    """A refused batch, as a journal knows it."""

    id: str
    status: int
    references: list[Reference]


def suspects(refused: Iterable[RefusedBatch], covered: Covered, culprits: set[Place]) -> list[Suspects]:
    """Return the sets that isolation is to go on with; none of them has a record in common with another one.

    `covered` are records that have a fate, `culprits` the places of those whose fate is to have been refused.
    """
    found: list[Suspects] = []
    taken: set[Place] = set()
    for batch in sorted(refused, key=lambda batch: len(batch.references)):
        places = {(reference.source, reference.line) for reference in batch.references}
        if places & culprits or places & taken:
            continue
        left = tuple(reference for reference in batch.references if not _has_a_fate(reference, covered))
        alone = len(batch.references) == 1
        # One that is left by elimination has not been refused in any smaller company: it travels with others.
        if len(left) > 1 or (left and alone):
            found.append(Suspects(batch.id, batch.status, left))
            taken |= places
    return found


def _has_a_fate(reference: Reference, covered: Covered) -> bool:
    known = covered.get((reference.source, reference.line), frozenset())
    return known is None or any(index in known for index in reference.indexes or range(reference.items))
