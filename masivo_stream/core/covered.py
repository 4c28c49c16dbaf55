"""Which records have a fate already, as a journal's rows tell it: a restart does not take them up again."""

from collections.abc import Iterable

from masivo_stream.model.progress import Covered, Reference


def cover(settled: Iterable[Reference], dead: Iterable[tuple[int, int, tuple[int, ...] | None]]) -> Covered:
    """Join what batches settled and what became dead letters (source, line, item indexes or None for all)."""
    found: dict[tuple[int, int], set[int] | None] = {}
    for reference in settled:
        whole = reference.items == reference.record_items
        _add(found, (reference.source, reference.line), None if whole else reference.indexes)
    for source, line, indexes in dead:
        _add(found, (source, line), indexes)
    return {key: None if items is None else frozenset(items) for key, items in found.items()}


def _add(found: dict[tuple[int, int], set[int] | None], key: tuple[int, int], indexes: Iterable[int] | None) -> None:
    known = found.setdefault(key, set())
    if indexes is None:
        found[key] = None
    elif known is not None:
        known.update(indexes)
