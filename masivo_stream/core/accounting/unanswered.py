"""Records whose request went without an answer: they may have been applied, and they are sent again.

That happens to customers only: their ids are unique, so a second request is harmless. If the API then refuses a
customer that it has already, the refusal must not make a dead letter of a customer who arrived: `flow.pipeline.refused`
reads the customer back first. Requests may have been applied as a whole; but only the answer for the one customer shows
which of several requests was applied, and who was in the account before.

The effects of an attempt show `events_settle` seconds after it ended, at the latest. That time passes once for an
attempt, whatever is refused meanwhile, and however many bad records there are.
"""

from collections.abc import Iterable, Mapping

from masivo_stream.model.batch import Batch
from masivo_stream.model.progress import Resume
from masivo_stream.model.results import Entry

_Line = tuple[int, int]


class Unanswered:
    """Which records were on the wire without an answer, and when that attempt ended, by the run's clock."""

    def __init__(self) -> None:
        """Begin with no record."""
        self._batches: set[str] = set()
        self._since: dict[_Line, float] = {}
        """When the last attempt that carried a record ended, by source and line of the record."""
        self._had_time: set[_Line] = set()
        """Records that were given time to show, and did not."""

    def resume(self, known: Resume, ended: Mapping[str, float]) -> None:
        """Go on with what an earlier process knew; `ended`: when the last attempt of each batch did."""
        for batch, lines in known.unanswered.items():
            self._note(batch, lines, ended[batch])

    def add(self, batch: Batch, since: float) -> None:
        """Note that a batch may have been applied, by an attempt that ended at `since`."""
        self._note(batch.id, {_line(entry) for entry in batch.entries}, since)

    def _note(self, batch: str, lines: set[_Line], since: float) -> None:
        self._batches.add(batch)
        self._had_time -= lines
        for line in lines:
            self._since[line] = max(since, self._since.get(line, since))

    def settle(self, entries: Iterable[Entry], batch: str = "") -> None:
        """Forget entries that have an outcome now, and the batch that carried them."""
        if self._since:
            self._batches.discard(batch)
            for line in map(_line, entries):
                self._since.pop(line, None)
                self._had_time.discard(line)

    def __contains__(self, batch: str) -> bool:
        """Return whether a batch with this id may have been applied."""
        return batch in self._batches

    def among(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied."""
        if not self._since:
            return []
        return [entry for entry in entries if _line(entry) in self._since]

    def fresh(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that may have been applied and were not given time to show yet."""
        return [entry for entry in self.among(entries) if _line(entry) not in self._had_time]

    def since(self, entries: Iterable[Entry]) -> float | None:
        """Return when the last attempt ended that may have applied one of the entries, None if there was no attempt."""
        return max((self._since[_line(entry)] for entry in self.among(entries)), default=None)

    def had_time(self, entries: Iterable[Entry]) -> None:
        """Note that the entries were given time to show: a second wait would show nothing new."""
        self._had_time.update(map(_line, entries))


def _line(entry: Entry) -> _Line:
    return entry.source, entry.line
