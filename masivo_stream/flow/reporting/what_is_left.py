"""How much of a run is left, by its journal: records that were not read yet, and the share that has its outcome."""

from collections.abc import Mapping

import msgspec

from masivo_stream.core.accounting.forecast import forecast, share_done
from masivo_stream.edges.journal import JournalReader
from masivo_stream.model.contract import CONTRACTS, Kind
from masivo_stream.model.forecast import KindLeft
from masivo_stream.model.summary import KindSummary, Summary


def find_left(journal: JournalReader, kinds: Mapping[str, KindSummary]) -> dict[str, KindLeft] | None:
    """Return by kind what is left of a run's exports; None if that is not known for each kind.

    Args:
        journal: the run's.
        kinds: the figures of its kinds.
    """
    expected = journal.expected()
    found: dict[str, KindLeft] = {}
    for kind in Kind:
        sources = journal.sources(kind)
        if not sources:
            continue
        if journal.read_all(kind):
            found[kind.value] = KindLeft(unread=0, requests=0, exact=True)
            continue
        consumed, known = journal.consumed(kind), expected.get(kind.value)
        read = sum(consumed[each.number][0] - each.offset for each in sources if each.number in consumed)
        figures = kinds.get(kind.value, KindSummary())
        whole = None if known is None else known.expected
        left = forecast(CONTRACTS[kind], figures, bytes_read=read, size=0, expected=whole)
        if left is None:
            return None
        found[kind.value] = left
    return found


def add_what_is_left(journal: JournalReader, summary: Summary) -> Summary:
    """Return a summary that says how much of the run is left."""
    left = find_left(journal, summary.kinds)
    if left is None:
        return summary
    return msgspec.structs.replace(
        summary,
        share=share_done(summary.kinds.values(), sum(each.unread for each in left.values())),
        unread={kind: each.unread for kind, each in left.items()},
        unread_exact=all(each.exact for each in left.values()),
    )
