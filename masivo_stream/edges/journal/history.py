"""How a run went, as its journal knows it: told to reports. Every answer is of bounded size, whatever the run's."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from masivo_stream.core.accounting.time_line import cut
from masivo_stream.edges.journal import statements as say
from masivo_stream.edges.journal.read import JournalReader
from masivo_stream.edges.journal.statements import ACCEPTED, IN_DOUBT, REFUSED, RESENDING
from masivo_stream.model.contract import Kind
from masivo_stream.model.progress import Doubt
from masivo_stream.model.report import DecisionNote, Facts, KindTimes
from masivo_stream.model.snapshot import Point

# Julian days hold a moment to 0.05 ms (SQLite docs, "Date And Time Functions"). What was found to be there by reading
# back was sent and settled in one moment: that was no request. A batch that was settled by a person was settled late,
# and one that was tried again was first sent earlier: neither tells how long an answer took.
_TIME_LINE = f"""
SELECT kind, CAST((sent - ?) / ? AS INTEGER) AS stretch, SUM(requests),
  SUM(CASE state WHEN '{ACCEPTED}' THEN records ELSE 0 END), SUM(CASE state WHEN '{ACCEPTED}' THEN items ELSE 0 END),
  SUM(bytes * requests), SUM(state = '{REFUSED}'), AVG(latency), MAX(latency)
FROM (
  SELECT kind, state, records, items, bytes, (julianday(sent_at) - 2440587.5) * 86400.0 AS sent,
    NOT (COALESCE(why, '') != '' AND sent_at = settled_at) AS requests,
    CASE WHEN attempts = 1 AND (state = '{REFUSED}' OR (state = '{ACCEPTED}' AND COALESCE(why, '') = ''))
      THEN MAX(0.0, (julianday(settled_at) - julianday(sent_at)) * 86400.0) END AS latency
  FROM batches
) GROUP BY kind, stretch ORDER BY kind, stretch
"""  # noqa: S608 - names of states, ours
_TIMES = """
SELECT kind, MIN(sent_at), MAX(CASE COALESCE(why, '') WHEN '' THEN COALESCE(settled_at, sent_at) ELSE sent_at END),
  COUNT(*), SUM(state = ?) FROM batches GROUP BY kind
"""


class JournalHistory(JournalReader):
    """Questions about what was."""

    def times(self) -> dict[str, KindTimes]:
        """Return by kind when its requests were on their way; kinds that sent none are left out."""
        found = {
            kind: KindTimes(first_at=first, last_at=last, batches=batches, refused=refused)
            for kind, first, last, batches, refused in self._ask(_TIMES, (REFUSED,))
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
        for kind, stretch, requests, accepted, items, size, refused, latency, slowest in self._ask(
            _TIME_LINE, (first, length)
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
        of_them = f"FROM batches WHERE state IN ('{IN_DOUBT}', '{RESENDING}')"
        rows = self._ask(
            f"SELECT id, kind, records, items, attempts, sent_at, why, refs {of_them} ORDER BY seq LIMIT ?",
            (most,),
        )
        count = self._one(f"SELECT COUNT(*) {of_them}")[0]
        return [(Doubt(batch, Kind(kind), *facts), list(_spans(refs))) for batch, kind, *facts, refs in rows], count

    def dead_place(self, kind: Kind, reason: str) -> tuple[int, int] | None:
        """Return source and line of a record that is a dead letter for `reason`."""
        row = self._ask(
            "SELECT of_source, of_line FROM dead WHERE kind = ? AND reason = ? AND taken IS NOT 2 LIMIT 1",
            (kind, reason),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def decisions(self, most: int) -> tuple[list[DecisionNote], int]:
        """Return the last decisions of persons, oldest first, and how many there are in all."""
        rows = self._ask("SELECT at, what, batch, detail FROM notes ORDER BY rowid DESC LIMIT ?", (most,))
        count = self._one("SELECT COUNT(*) FROM notes")[0]
        return [
            DecisionNote(at=at, what=what, batch=batch, detail=detail) for at, what, batch, detail in rows[::-1]
        ], count

    def facts(self) -> Facts:
        """Return what the last process was started with; nothing is known where an earlier version began the run."""
        row = self._ask("SELECT value FROM meta WHERE name = 'facts'").fetchone()
        try:
            return Facts() if row is None else msgspec.json.decode(row[0], type=Facts)
        except ValueError:
            return Facts()


def _spans(refs: bytes | None) -> Iterator[tuple[int, int, int]]:
    """Yield source, first and last line of what a batch holds."""
    lines: dict[int, tuple[int, int]] = {}
    for reference in say.read_references(refs) if refs is not None else ():
        low, high = lines.get(reference.source, (reference.line, reference.line))
        lines[reference.source] = (min(low, reference.line), max(high, reference.line))
    for source, (low, high) in lines.items():
        yield source, low, high


def _seconds(at: str) -> float:
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
