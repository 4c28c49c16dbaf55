"""How a run went, for reports. Every answer is of bounded size, however long the run was."""

from collections.abc import Iterator
from datetime import UTC, datetime

from masivo_stream.core.accounting.time_line import cut
from masivo_stream.edges.journal.read import NOTES, Query, read_note
from masivo_stream.edges.journal.schema import TRIED_AGAIN, read_references
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Doubt
from masivo_stream.model.report import DecisionNote, KindTimes
from masivo_stream.model.snapshot import Point
from masivo_stream.model.states import BatchState, SettledBy

# Julian days hold a moment to 0.05 ms (SQLite docs, "Date And Time Functions").
# 1. What was found by reading back was no request.
# 2. Only an answer to a first attempt shows how long an answer takes: a batch that was tried again was sent earlier.
_TIME_LINE = f"""
SELECT kind, CAST((sent - ?) / ? AS INTEGER) AS stretch, SUM(requests),
  SUM(CASE state WHEN '{BatchState.ACCEPTED}' THEN records ELSE 0 END),
  SUM(CASE state WHEN '{BatchState.ACCEPTED}' THEN items ELSE 0 END),
  SUM(bytes * requests), SUM(state = '{BatchState.REFUSED}'), AVG(latency), MAX(latency)
FROM (
  SELECT kind, state, records, items, bytes, (julianday(sent_at) - 2440587.5) * 86400.0 AS sent,
    settled_by IS NOT '{SettledBy.READ_BACK}' AS requests,
    CASE WHEN attempts = 1 AND settled_by = '{SettledBy.ANSWER}'
      THEN MAX(0.0, (julianday(settled_at) - julianday(sent_at)) * 86400.0) END AS latency
  FROM batches
) GROUP BY kind, stretch ORDER BY kind, stretch
"""  # noqa: S608 - names of states, ours

# A doubt is noted, and decided by a person, long after the batch was on the wire.
_TIMES = f"""
SELECT kind, MIN(sent_at),
  MAX(CASE WHEN settled_by = '{SettledBy.ANSWER}' OR state = '{BatchState.UNANSWERED}'
    THEN COALESCE(settled_at, sent_at) ELSE sent_at END),
  COUNT(*), SUM(state = '{BatchState.REFUSED}') FROM batches GROUP BY kind
"""  # noqa: S608 - names of states, ours

_DOUBTS = f"FROM batches WHERE state IN ('{BatchState.IN_DOUBT}', '{BatchState.RESENDING}')"


class JournalHistory:
    """Questions about the course of a run. Each raises `ConfigurationError` if the file is damaged."""

    def __init__(self, query: Query) -> None:
        """Use `open_journal`."""
        self._query = query

    def times(self) -> dict[str, KindTimes]:
        """Return by kind when its requests were on their way; kinds without requests are left out."""
        found = {
            kind: KindTimes(first_at=first, last_at=last, batches=batches, refused=refused)
            for kind, first, last, batches, refused in self._query.all(_TIMES)
        }
        return {kind.value: found[kind.value] for kind in Kind if kind.value in found}

    def time_line(self) -> dict[str, tuple[Point, ...]]:
        """Return what was sent by kind and stretch of time."""
        times = self.times().values()
        if not times:
            return {}
        begin = min(_seconds(each.first_at) for each in times)
        first, length = cut(begin, max(_seconds(each.last_at) for each in times))
        found: dict[str, list[Point]] = {}
        for kind, stretch, requests, accepted, items, size, refused, latency, slowest in self._query.all(
            _TIME_LINE, first, length
        ):
            point = Point(
                at=first + stretch * length,
                seconds=length,
                requests=requests,
                accepted=accepted,
                items=items,
                bytes_sent=size,
                refused=refused,
                latency=latency,
                slowest=slowest,
            )
            found.setdefault(kind, []).append(point)
        return {kind.value: tuple(found[kind.value]) for kind in Kind if kind.value in found}

    def doubts(self, most: int) -> tuple[list[tuple[Doubt, list[tuple[int, int, int]]]], int]:
        """Return the first batches in doubt, each with source, first and last line, and how many there are in all."""
        rows = self._query.all(
            f"SELECT id, kind, records, items, attempts, sent_at, why, refs {_DOUBTS} ORDER BY seq LIMIT ?", most
        )
        count = self._query.one(f"SELECT COUNT(*) {_DOUBTS}")[0]
        return [(Doubt(batch, Kind(kind), *facts), list(_spans(refs))) for batch, kind, *facts, refs in rows], count

    def dead_place(self, kind: Kind, reason: str) -> tuple[int, int] | None:
        """Return source and line of a record that is a dead letter for `reason`."""
        row = self._query.first(
            "SELECT of_source, of_line FROM dead WHERE kind = ? AND reason = ? AND taken IS NOT ? LIMIT 1",
            *(kind, reason, TRIED_AGAIN),
        )
        return None if row is None else (row[0], row[1])

    def decisions(self, most: int) -> tuple[list[DecisionNote], int]:
        """Return the last notes of what was decided and done, oldest first, and how many there are in all."""
        notes = map(read_note, reversed(self._query.all(f"{NOTES} ORDER BY rowid DESC LIMIT ?", most)))
        count = self._query.one("SELECT COUNT(*) FROM notes")[0]
        return [DecisionNote(at=note.at, what=note.kind, batch=note.batch, detail=note.words) for note in notes], count


def _spans(refs: bytes | None) -> Iterator[tuple[int, int, int]]:
    """Yield source, first and last line of what a batch holds."""
    lines: dict[int, tuple[int, int]] = {}
    for reference in read_references(refs) if refs is not None else ():
        low, high = lines.get(reference.source, (reference.line, reference.line))
        lines[reference.source] = (min(low, reference.line), max(high, reference.line))
    for source, (low, high) in lines.items():
        yield source, low, high


def _seconds(at: str) -> float:
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
